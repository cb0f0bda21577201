// What every journey starts with: a hall with its authority, the user's PC with
// the agent and the demo's key, a clerk, and a browser that may not complain.
import { type BrowserContext, expect, test as base } from '@playwright/test';

import { Clerk } from '../acts/clerk';
import { words } from '../acts/words';
import { Agent } from './agent';
import { Clicks } from './clicks';
import { Founded } from './founding';
import { Hall } from './hall';
import { Keys } from './keys';
import { watch } from './watch';

interface Options {
  /** Whether the handler has never logged in; else he has a password of his own. */
  newcomer: boolean;
  /** Whether the agent runs from the start. */
  agentRuns: boolean;
}

interface World {
  hall: Hall;
  agent: Agent;
  keys: Keys;
  clerk: Clerk;
  clicks: Clicks;
  /** Complaints of the browser that a journey provokes: it adds them here. */
  expected: RegExp[];
  /** Opens the browser of somebody else, or of the same person on another PC. */
  anotherBrowser: () => Promise<BrowserContext>;
  quiet: undefined;
}

interface Worker {
  founded: Founded;
  settled: Founded;
}

export const test = base.extend<Options & World, Worker>({
  newcomer: [false, { option: true }],
  agentRuns: [true, { option: true }],

  founded: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the fixtures wanted from the pattern
    async ({}, use) => {
      const founded = await Founded.new();
      await use(founded);
      await founded.remove();
    },
    { scope: 'worker' },
  ],

  settled: [
    async ({ founded, browser }, use) => {
      const settled = await founded.after(async (hall) => {
        const page = await browser.newPage({ baseURL: hall.origin, locale: 'zh-CN', ignoreHTTPSErrors: true });
        await new Clerk(page, words.zh, hall).logInFirst();
        await page.close();
      });
      await use(settled);
      await settled.remove();
    },
    { scope: 'worker' },
  ],

  hall: async ({ founded, settled, newcomer }, use) => {
    const state = newcomer ? founded : settled;
    const hall = await Hall.open(await state.copy(), state.site);
    await use(hall);
    await hall.close();
  },

  keys: async ({ hall }, use) => use(new Keys(hall.dir)),

  agent: [
    async ({ hall, agentRuns }, use) => {
      const agent = new Agent(hall.dir, hall.site.agentPort);
      if (agentRuns) {
        await agent.start();
      }
      await use(agent);
      await agent.stop();
    },
    { auto: true },
  ],

  baseURL: async ({ hall }, use) => use(hall.origin),

  clerk: async ({ page, hall, locale }, use) => use(new Clerk(page, locale?.startsWith('en') ? words.en : words.zh, hall)),

  clicks: async ({ context }, use) => use(await Clicks.in(context)),

  // eslint-disable-next-line no-empty-pattern -- Playwright reads the fixtures wanted from the pattern
  expected: async ({}, use) => use([]),

  quiet: [
    async ({ context, expected }, use) => {
      const complaints = watch(context, expected);
      await use(undefined);
      expect(complaints, 'complaints of the browser').toEqual([]);
    },
    { auto: true },
  ],

  anotherBrowser: async ({ browser, baseURL, contextOptions, locale, expected }, use) => {
    const opened: { context: BrowserContext; complaints: string[] }[] = [];
    await use(async () => {
      const context = await browser.newContext({ ...contextOptions, ...(baseURL ? { baseURL } : {}), ...(locale ? { locale } : {}) });
      opened.push({ context, complaints: watch(context, expected) });
      return context;
    });
    for (const { context, complaints } of opened) {
      await context.close();
      expect(complaints, 'complaints of another browser').toEqual([]);
    }
  },
});

export { expect };
