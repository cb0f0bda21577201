// The way to the keys of this PC, for as long as a page is shown: found and
// followed by itself, and found again when it was lost.
import { type Agent, type Ask, follow, type Following, type Happening, isAgentProblem, type Key, type Presence } from '@certhall/page';
import { computed, type ComputedRef, onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';

import { hall, originList } from '../../api';
import { call, ours } from '../hall';
import { Problem } from '../problem';
import { told } from './problems';

export interface Desk {
  presence: ShallowRef<Presence | { state: 'looking' }>;
  keys: ComputedRef<Key[]>;
  // asking is what the agent asks the person in its own window, while it does.
  asking: ShallowRef<Asking | undefined>;
  // open shows that window, on the person's click.
  open(): void;
  // problem is why the keys cannot be reached; undefined while they can, or are looked for.
  problem: ComputedRef<Problem | undefined>;
  // seek looks for the agent anew; allowed tells that the browser may ask now.
  seek(allowed?: boolean): void;
  // use works with the agent. It throws Problem: agent-away where it is not there.
  use<T>(work: (agent: Agent, following: Following) => Promise<T>, following: Following): Promise<T>;
  // until resolves as soon as the agent is there and its keys are as wanted.
  until(wanted: (keys: Key[]) => boolean, signal: AbortSignal): Promise<void>;
}

// Asking: opened tells that the window stands open. Its address is good once;
// where it is closed without an answer the agent asks anew.
export type Asking = Ask & { opened: boolean };

export function useDesk(): Desk {
  const presence: Desk['presence'] = shallowRef({ state: 'looking' });
  const asking = shallowRef<Asking>();
  let stop = new AbortController();

  function hear(h: Happening): void {
    const closed = asking.value !== undefined; // without an answer: who closed it opens it again
    asking.value = h.event === 'ask' ? { ...h, opened: false } : undefined;
    if (!closed && navigator.userActivation?.isActive) {
      open(); // shortly after the person's click the browser lets a page do so
    }
  }

  function open(): void {
    const { value: ask } = asking;
    if (ask && !ask.opened) {
      asking.value = { ...ask, opened: openWindow(ask.window) };
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
      if (isAgentProblem(thrown, 'pairing-needed')) {
        void seek();
      }
      throw told(thrown);
    } finally {
      asking.value = undefined;
    }
  }

  // What a page that nobody sees last heard may be long past: it waits.
  function until(wanted: (keys: Key[]) => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (signal.aborted) {
          end(() => reject(signal.reason));
        } else if (document.visibilityState === 'visible' && presence.value.state === 'here' && wanted(presence.value.keys)) {
          end(resolve);
        }
      };
      const unwatch = watch(presence, look);
      const end = (how: () => void) => {
        signal.removeEventListener('abort', look);
        document.removeEventListener('visibilitychange', look);
        unwatch();
        how();
      };
      signal.addEventListener('abort', look);
      document.addEventListener('visibilitychange', look);
      look();
    });
  }

  void seek();
  onScopeDispose(() => stop.abort());
  return {
    presence,
    asking,
    open,
    use,
    until,
    seek: (allowed) => void seek(allowed),
    keys: computed(() => (presence.value.state === 'here' ? presence.value.keys : [])),
    problem: computed(() => ('problem' in presence.value ? (told(presence.value.problem) as Problem) : undefined)),
  };
}

// openWindow opens the agent's window, and no other address; it tells whether
// the browser let it. The agent's page cuts the way back to its opener itself.
function openWindow(address = ''): boolean {
  if (!/^http:\/\/127\.0\.0\.1:\d+\/ui(#|$)/.test(address)) {
    return false;
  }
  const opened = window.open(address, '_blank', 'popup,width=460,height=620');
  if (opened) {
    opened.opener = null;
  }
  return opened !== null;
}
