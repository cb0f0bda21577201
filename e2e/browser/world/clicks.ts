// Counts what a person presses: every touch of mouse or finger in any window.
import type { BrowserContext } from '@playwright/test';

export class Clicks {
  private count = 0;

  static async in(context: BrowserContext): Promise<Clicks> {
    const clicks = new Clicks();
    await context.exposeBinding('certhallPressed', () => {
      clicks.count++;
    });
    await context.addInitScript(() => {
      const { certhallPressed } = globalThis as unknown as { certhallPressed: () => void };
      addEventListener('pointerdown', () => certhallPressed(), { capture: true });
    });
    return clicks;
  }

  get made(): number {
    return this.count;
  }
}
