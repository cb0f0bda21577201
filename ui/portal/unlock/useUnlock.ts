// A locked key from the request to the new PIN: what was asked for is the
// hall's to know, so the page can be left and come back to at any moment.
import { browser, type Key } from '@certhall/page';
import { computed, onScopeDispose, ref, type Ref, watch } from 'vue';

import { askUnlock, hall, reportUnlock, unlock as lookUnlock, unlocks, type UnlockView, withdrawUnlock } from '../../api';
import { type Act, useAct } from '../../shared/form/act';
import { call } from '../../shared/hall';
import type { Desk } from '../../shared/key/agent';
import { type Loaded, useLoaded } from '../../shared/loaded';

// pollPause is how long the page waits before it asks again how a request stands.
export const pollPause = 3_000;

// pending are the states in which something is still to come.
export const pending = (u: UnlockView | undefined) => u !== undefined && ['waiting', 'approved', 'answered'].includes(u.state);

export interface Unlocking {
  // keys are those plugged in, the locked ones first.
  keys: Readonly<Ref<Key[]>>;
  // key is the one that the page is about; undefined while none is there.
  key: Readonly<Ref<Key | undefined>>;
  choose: (serial: string) => void;
  // request is the last one for that key; without a key, the last that is open.
  request: Readonly<Ref<UnlockView | undefined>>;
  loaded: Loaded<UnlockView[]>;
  act: Act;
  ask: () => Promise<void>;
  withdraw: () => Promise<void>;
  unlock: () => Promise<void>;
}

// wanted is the serial of the key that the person comes for; "" for whichever is locked.
export function useUnlock(desk: Desk, wanted = ''): Unlocking {
  const left = new AbortController();
  onScopeDispose(() => left.abort());
  const act = useAct();
  const heard = ref<Record<string, UnlockView>>({}); // newer than the list
  const loaded = useLoaded(async () => (await call(unlocks())).unlocks);
  const chosen = ref(wanted);

  const keys = computed(() => [...desk.keys.value].sort((a, b) => Number(b.pin.locked) - Number(a.pin.locked)));
  const key = computed(() => keys.value.find((k) => k.serial === chosen.value) ?? keys.value[0]);
  const all = computed(() => {
    const list = (loaded.data.value ?? []).map((u) => heard.value[u.id] ?? u);
    const fresh = Object.values(heard.value).filter((u) => !list.some((l) => l.id === u.id));
    return [...fresh, ...list].sort((a, b) => b.made_at.localeCompare(a.made_at));
  });
  const request = computed(() => {
    const { value: k } = key;
    return k ? all.value.find((u) => u.key_serial === k.serial) : all.value.find(pending);
  });

  const hear = (u: UnlockView) => (heard.value = { ...heard.value, [u.id]: u });

  // Somebody else decides: the page asks again and again, as long as it is seen.
  async function follow(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      await browser.sleep(pollPause, signal);
      await browser.visible(signal);
      await call(lookUnlock({ path: { unlock: id } })).then(hear, () => undefined); // asked again
    }
  }
  watch(
    () => (['waiting', 'approved'].includes(request.value?.state ?? '') ? request.value?.id : undefined),
    (id, _, over) => {
      const end = new AbortController();
      over(() => end.abort());
      if (id) {
        follow(id, AbortSignal.any([left.signal, end.signal])).catch(() => undefined); // ended
      }
    },
    { immediate: true },
  );

  const ask = () =>
    act.run(async () => {
      const { value: k } = key;
      if (k) {
        const { authority } = await call(hall());
        const { message } = await desk.whenFree((agent, following) => agent.requestUnlock(k.serial, authority, following), { signal: left.signal });
        hear(await call(askUnlock({ body: { message, label: k.label } })));
      }
    });

  const withdraw = () =>
    act.run(async () => {
      if (request.value) {
        hear(await call(withdrawUnlock({ path: { unlock: request.value.id } })));
      }
    });

  const unlock = () =>
    act.run(async () => {
      const { value: u } = request;
      if (u?.message) {
        const order = u.message;
        const { message: report } = await desk.whenFree((agent, following) => agent.unlock(u.key_serial, order, following), { signal: left.signal });
        hear(await call(reportUnlock({ path: { unlock: u.id }, body: { message: report } })));
      }
    });

  return { keys, key, choose: (serial) => (chosen.value = serial), request, loaded, act, ask, withdraw, unlock };
}
