// Who is logged in, as far as this page knows. The session itself is a cookie
// that scripts cannot read; the hall's word decides.
import { ref, shallowRef } from 'vue';

import { me as askMe, logout } from '../api';
import type { Me } from '../api';
import { call } from '../shared/hall';
import { Problem } from '../shared/problem';

export const me = shallowRef<Me>();
// ended tells that a session was there and is no more.
export const ended = ref(false);

let asked: Promise<Me | undefined> | undefined;

// who asks the hall once who is logged in; undefined if nobody.
export async function who(): Promise<Me | undefined> {
  asked ??= call(askMe()).then(entered, (thrown: unknown) => {
    if (thrown instanceof Problem && thrown.code === 'login-needed') {
      return undefined;
    }
    asked = undefined; // no answer: asked again next time
    throw thrown;
  });
  return asked;
}

// again asks the hall anew: a session may have ended since.
export async function again(): Promise<Me | undefined> {
  asked = undefined;
  return who();
}

// entered takes over what the hall says of whoever is logged in.
export function entered(m: Me): Me {
  me.value = m;
  asked = Promise.resolve(m);
  ended.value = false;
  return m;
}

// gone forgets who was logged in.
export function gone(how: 'left' | 'ended'): void {
  ended.value = how === 'ended' && me.value !== undefined;
  me.value = undefined;
  asked = Promise.resolve(undefined);
}

// leave logs out.
export async function leave(): Promise<void> {
  await call(logout());
  gone('left');
}
