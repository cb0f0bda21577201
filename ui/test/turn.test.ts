import { describe, expect, it } from 'vitest';
import { effectScope, nextTick } from 'vue';

import { type Turn, useTurn } from '../portal/service/turn';

// Locks as browsers have them, as far as turns need: one holder a name, a
// queue, and stealing.
class Locks {
  private holder: { reject: (e: Error) => void } | undefined;
  private readonly queue: (() => void)[] = [];

  async request(_name: string, options: LockOptions, hold: (lock: Lock | null) => unknown): Promise<void> {
    if (options.steal) {
      this.holder?.reject(new DOMException('stolen', 'AbortError'));
      this.holder = undefined;
    } else if (this.holder && options.ifAvailable) {
      await hold(null);
      return;
    } else if (this.holder) {
      await new Promise<void>((resolve, reject) => {
        this.queue.push(resolve);
        options.signal?.addEventListener('abort', () => {
          this.queue.splice(this.queue.indexOf(resolve), 1);
          reject(new DOMException('aborted', 'AbortError'));
        });
      });
    }
    await new Promise<void>((resolve, reject) => {
      const mine = (this.holder = { reject });
      void Promise.resolve(hold({} as Lock)).then(() => {
        if (this.holder === mine) {
          this.holder = undefined;
          this.queue.shift()?.();
        }
        resolve();
      });
    });
  }
}

const settled = async () => {
  for (let i = 0; i < 10; i++) {
    await nextTick();
  }
};

function tab(locks: Locks): { turn: Turn; close: () => void } {
  const scope = effectScope();
  const turn = scope.run(() => useTurn('c1', locks as unknown as LockManager)) as Turn;
  return { turn, close: () => scope.stop() };
}

describe('turns at a case', () => {
  it('let one tab work at a time, and the next when it is closed', async () => {
    const locks = new Locks();
    const first = tab(locks);
    await settled();
    const second = tab(locks);
    await settled();
    expect([first.turn.mine.value, second.turn.mine.value]).toEqual([true, false]);
    first.close();
    await settled();
    expect(second.turn.mine.value).toBe(true);
  });

  it('can be taken over, and come back', async () => {
    const locks = new Locks();
    const first = tab(locks);
    await settled();
    const second = tab(locks);
    await settled();
    second.turn.take();
    await settled();
    expect([first.turn.mine.value, second.turn.mine.value]).toEqual([false, true]);
    second.close();
    await settled();
    expect(first.turn.mine.value).toBe(true);
  });

  it('are everybody’s where the browser has no locks', () => {
    const scope = effectScope();
    expect(scope.run(() => useTurn('c1', undefined as unknown as LockManager))?.mine.value).toBe(true);
  });
});
