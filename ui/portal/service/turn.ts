// One tab at a time works on a case: the server would bear two, but the person
// would be asked twice. Whoever waits goes on when the other tab is closed.
import { onScopeDispose, type ShallowRef, shallowRef } from 'vue';

export interface Turn {
  // mine tells whether this tab works on the case; undefined until that is known.
  mine: ShallowRef<boolean | undefined>;
  // take takes the case over from the other tab.
  take(): void;
}

export function useTurn(id: string, locks: LockManager | undefined = navigator.locks): Turn {
  const mine = shallowRef<boolean>();
  const name = `certhall.case.${id}`;
  const left = new AbortController();
  let queued = new AbortController();
  let release = () => {};

  // hold keeps the lock until the page is left or another tab takes it.
  function hold(lock: Lock | null): Promise<void> | undefined {
    mine.value = lock !== null;
    return lock ? new Promise((resolve) => (release = resolve)) : undefined;
  }

  async function request(options: LockOptions): Promise<void> {
    try {
      await locks?.request(name, options, hold);
    } catch {
      if (!options.signal?.aborted) {
        mine.value = false; // taken over
      }
    }
    if (mine.value === false && !left.signal.aborted && !options.signal?.aborted) {
      queued = new AbortController();
      void request({ signal: queued.signal });
    }
  }

  onScopeDispose(() => {
    left.abort();
    queued.abort();
    release();
  });
  if (locks) {
    void request({ ifAvailable: true });
  } else {
    mine.value = true; // a browser without locks: the server's care is enough
  }
  return {
    mine,
    take() {
      queued.abort();
      void request({ steal: true });
    },
  };
}
