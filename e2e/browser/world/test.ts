// What every journey starts with: a hall with its authority, the user's PC with
// the agent and the demo's key, and a browser that may not complain.
import { type BrowserContext, type BrowserContextOptions, expect, test as base } from '@playwright/test';

import { Agent } from './agent';
import { Clicks } from './clicks';
import { Founded } from './founding';
import { Hall } from './hall';
import { Keys } from './keys';
import { watch } from './watch';

interface Options {
  /** Complaints of the browser that a journey provokes. */
  expectedComplaints: RegExp[];
  /** Whether the agent runs from the start. */
  agentRuns: boolean;
}

interface World {
  hall: Hall;
  agent: Agent;
  keys: Keys;
  clicks: Clicks;
  /** Opens the browser of somebody else, or of the same person on another PC. */
  anotherBrowser: (options?: BrowserContextOptions) => Promise<BrowserContext>;
  quiet: undefined;
}

interface Worker {
  founded: Founded;
}

export const test = base.extend<Options & World, Worker>({
  expectedComplaints: [[], { option: true }],
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

  hall: async ({ founded }, use) => {
    const hall = await Hall.open(await founded.copy(), founded.site);
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

  clicks: async ({ context }, use) => use(await Clicks.in(context)),

  quiet: [
    async ({ context, expectedComplaints }, use) => {
      const complaints = watch(context, expectedComplaints);
      await use(undefined);
      expect(complaints, 'complaints of the browser').toEqual([]);
    },
    { auto: true },
  ],

  anotherBrowser: async ({ browser, baseURL, locale, viewport, timezoneId, expectedComplaints }, use) => {
    const opened: { context: BrowserContext; complaints: string[] }[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({
        ...(baseURL ? { baseURL } : {}),
        ...(locale ? { locale } : {}),
        ...(timezoneId ? { timezoneId } : {}),
        viewport,
        ...options,
      });
      opened.push({ context, complaints: watch(context, expectedComplaints) });
      return context;
    });
    for (const { context, complaints } of opened) {
      await context.close();
      expect(complaints, 'complaints of another browser').toEqual([]);
    }
  },
});

export { expect };
