// The way to the keys of this PC, for as long as a page is shown: found and
// followed by itself, and found again when it was lost.
import { type Agent, type Ask, follow, type Following, type Happening, type Key, type Presence } from '@certhall/page';
import { computed, type ComputedRef, onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';

import { hall, originList } from '../../api';
import { call, ours } from '../hall';
import { Problem } from '../problem';
import { told } from './problems';

export interface Desk {
  presence: ShallowRef<Presence | { state: 'looking' }>;
  keys: ComputedRef<Key[]>;
  // asking is what the agent asks the person in its own window, while it does.
  asking: ShallowRef<Ask | undefined>;
  // problem is why the keys cannot be reached; undefined while they can, or are looked for.
  problem: ComputedRef<Problem | undefined>;
  // seek looks for the agent anew; allowed tells that the browser may ask now.
  seek(allowed?: boolean): void;
  // use works with the agent. It throws Problem: agent-away where it is not there.
  use<T>(work: (agent: Agent, following: Following) => Promise<T>, following: Following): Promise<T>;
  // until resolves as soon as the agent is there and its keys are as wanted.
  until(wanted: (keys: Key[]) => boolean, signal: AbortSignal): Promise<void>;
}

export function useDesk(): Desk {
  const presence: Desk['presence'] = shallowRef({ state: 'looking' });
  const asking = shallowRef<Ask>();
  let stop = new AbortController();

  function hear(h: Happening): void {
    asking.value = h.event === 'ask' ? h : undefined;
    if (h.event === 'ask') {
      openWindow(h);
    }
  }

  async function seek(allowed = false): Promise<void> {
    stop.abort();
    const mine = (stop = new AbortController());
    presence.value = { state: 'looking' };
    try {
      const ports = await call(hall()).then((h) => h.agent_ports, () => undefined);
      const list = () => call(originList()).then((l) => l.list);
      for await (const p of follow({ prompt: allowed, originList: list, on: hear, signal: mine.signal, ...(ports ? { ports } : {}) })) {
        if (presence.value.state === 'pairing') {
          asking.value = undefined;
        }
        presence.value = p;
      }
    } catch (thrown) {
      if (!mine.signal.aborted) {
        throw thrown;
      }
    }
  }

  async function use<T>(work: (agent: Agent, following: Following) => Promise<T>, { on, signal }: Following): Promise<T> {
    if (presence.value.state !== 'here') {
      throw ours('agent-away');
    }
    try {
      return await work(presence.value.agent, { signal, on: (h) => { hear(h); on?.(h); } });
    } catch (thrown) {
      throw told(thrown);
    } finally {
      asking.value = undefined;
    }
  }

  function until(wanted: (keys: Key[]) => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const left = () => end(() => reject(signal.reason));
      const unwatch = watch(presence, () => presence.value.state === 'here' && wanted(presence.value.keys) && end(resolve));
      const end = (how: () => void) => {
        signal.removeEventListener('abort', left);
        unwatch();
        how();
      };
      signal.addEventListener('abort', left);
      if (signal.aborted) {
        left();
      } else if (presence.value.state === 'here' && wanted(presence.value.keys)) {
        end(resolve);
      }
    });
  }

  void seek();
  onScopeDispose(() => stop.abort());
  return {
    presence,
    asking,
    use,
    until,
    seek: (allowed) => void seek(allowed),
    keys: computed(() => (presence.value.state === 'here' ? presence.value.keys : [])),
    problem: computed(() => ('problem' in presence.value ? (told(presence.value.problem) as Problem) : undefined)),
  };
}

// openWindow opens the agent's window where the browser lets a page do so
// unasked: shortly after the person's click. Only the agent's own address.
export function openWindow(ask: Ask): void {
  if (ask.window && isLocal(ask.window) && navigator.userActivation?.isActive) {
    showWindow(ask.window);
  }
}

// showWindow opens the agent's window on the person's click.
export function showWindow(address: string): void {
  if (isLocal(address)) {
    window.open(address, '_blank', 'popup,noopener,width=460,height=620');
  }
}

function isLocal(address: string): boolean {
  return /^http:\/\/127\.0\.0\.1:\d+\/ui(#|$)/.test(address);
}
