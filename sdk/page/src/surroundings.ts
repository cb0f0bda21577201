// What a page has around it: replaced by tests.

/** Whether the browser lets this page reach programs on the person's PC. */
export type Permission = 'granted' | 'denied' | 'prompt' | 'unknown';

export interface Surroundings {
  fetch(url: string, init: RequestInit): Promise<Response>;
  permission(): Promise<Permission>;
  /** Resolves after ms, rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves as soon as the person can see the page. */
  visible(signal?: AbortSignal): Promise<void>;
  /** Resolves as soon as the person can not. */
  hidden(signal?: AbortSignal): Promise<void>;
  now(): number;
  /** The language of texts: the page's. */
  language(): string;
  remember(name: string, value: string | undefined): void;
  recall(name: string): string | undefined;
}

const memory = new Map<string, string>();

/** The browser's own. */
export const browser: Surroundings = {
  fetch: (url, init) => fetch(url, init),
  permission,
  sleep,
  visible: (signal) => shown('visible', signal),
  hidden: (signal) => shown('hidden', signal),
  now: () => Date.now(),
  language: () => document.documentElement.lang || navigator.language,
  remember(name, value) {
    try {
      if (value === undefined) {
        sessionStorage.removeItem(name);
      } else {
        sessionStorage.setItem(name, value);
      }
    } catch {
      // storage refused: until the page is left
      memory.delete(name);
      if (value !== undefined) {
        memory.set(name, value);
      }
    }
  },
  recall(name) {
    try {
      return sessionStorage.getItem(name) ?? undefined;
    } catch {
      return memory.get(name);
    }
  },
};

// The permission has had two names; browsers without it gate nothing. Pages
// that come from this PC themselves are never gated.
async function permission(): Promise<Permission> {
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)) {
    return 'granted';
  }
  for (const name of ['loopback-network', 'local-network-access']) {
    try {
      const answer = await navigator.permissions.query({ name: name as PermissionName });
      return answer.state;
    } catch {
      // a name this browser does not know
    }
  }
  return 'unknown';
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stopped = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stopped);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stopped, { once: true });
  });
}

function shown(state: DocumentVisibilityState, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (signal?.aborted || document.visibilityState === state) {
        document.removeEventListener('visibilitychange', look);
        signal?.removeEventListener('abort', look);
        if (signal?.aborted) {
          reject(signal.reason);
        } else {
          resolve();
        }
      }
    };
    document.addEventListener('visibilitychange', look);
    signal?.addEventListener('abort', look);
    look();
  });
}
