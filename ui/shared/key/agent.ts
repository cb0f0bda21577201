// The way to the keys of this PC, for as long as a page is shown: found and
// followed by itself, and found again when it was lost.
import { type Agent, type Ask, browser, follow, type Following, type Happening, isAgentProblem, type Key, type Presence } from '@certhall/page';
import { computed, type ComputedRef, onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';

import { hall, originList } from '../../api';
import { call, ours } from '../hall';
import { Problem } from '../problem';
import { rememberAsked } from './asked';
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
  // whenFree is use, but waits for a key that is used elsewhere: it is tried
  // again and again until the signal ends it.
  whenFree<T>(work: (agent: Agent, following: Following) => Promise<T>, following: Following): Promise<T>;
  // busy is what it waits for, while it does.
  busy: ShallowRef<Busy | undefined>;
  // until resolves as soon as the agent is there and its keys are as wanted.
  until(wanted: (keys: Key[]) => boolean, signal: AbortSignal): Promise<void>;
}

// Asking: opened tells that the window stands open. Its address is good once;
// where it is closed without an answer the agent asks anew.
export type Asking = Ask & { opened: boolean };

// Busy: the key is used elsewhere, and is tried again at this time, or at once
// when the person says so.
export interface Busy {
  problem: Problem;
  at: number;
  again(): void;
}

const busyPause = 5_000;

export function useDesk(): Desk {
  const busy = shallowRef<Busy>();
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
    if (allowed) {
      rememberAsked();
    }
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

  async function whenFree<T>(work: (agent: Agent, following: Following) => Promise<T>, following: Following): Promise<T> {
    for (;;) {
      try {
        return await use(work, following);
      } catch (thrown) {
        if (!(thrown instanceof Problem) || thrown.code !== 'key-busy') {
          throw thrown;
        }
        await pause(thrown, following.signal);
      }
    }
  }

  async function pause(problem: Problem, signal?: AbortSignal): Promise<void> {
    const over = new AbortController();
    const slept = browser.sleep(busyPause, signal ? AbortSignal.any([signal, over.signal]) : over.signal);
    busy.value = { problem, at: Date.now() + busyPause, again: () => over.abort() };
    await slept
      .catch((thrown: unknown) => {
        if (!over.signal.aborted) {
          throw thrown;
        }
      })
      .finally(() => (busy.value = undefined));
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
    whenFree,
    busy,
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
