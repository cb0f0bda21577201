// Faults that strike at a chosen moment of a case, for which no person could be
// quick enough: when the page carries an order to the key, or its reply back.
import { EventEmitter, once } from 'node:events';

import type { Page, Request, Route } from '@playwright/test';

/** What the key does in a renewal, in this order. */
export const operations = ['identify', 'prepare', 'install', 'acknowledge', 'retire'] as const;
export type Operation = (typeof operations)[number];

/** What happens to a request, and to whoever sends or awaits it. */
export type Strike = (route: Route) => Promise<void>;

/** Waits until an operation was struck. */
export type Struck = (operation: Operation) => Promise<void>;

/** Strikes once at each operation: when the page is about to give the key its order. */
export function atOrder(page: Page, at: readonly Operation[], strike: Strike): Promise<Struck> {
  return onceEach(page, at, ordered, strike);
}

/** Strikes once at each operation: when the page is about to tell the hall what the key did. */
export function atReply(page: Page, at: readonly Operation[], strike: Strike): Promise<Struck> {
  let last: Operation | undefined;
  page.on('request', (request) => {
    last = ordered(request) ?? last;
  });
  const replies = (request: Request): boolean => /\/api\/cases\/[^/]+\/next$/.test(request.url()) && Boolean(request.postDataJSON()?.reply);
  return onceEach(page, at, (request) => (replies(request) ? last : undefined), strike);
}

/** The request never arrives, or its answer does not. */
export const lost = (route: Route): Promise<void> => route.abort('connectionreset');

function ordered(request: Request): Operation | undefined {
  const path = new URL(request.url()).pathname;
  return operations.find((operation) => path === `/${operation}`);
}

async function onceEach(page: Page, at: readonly Operation[], moment: (r: Request) => Operation | undefined, strike: Strike): Promise<Struck> {
  const ahead = new Set(at);
  const strikes = new EventEmitter();
  const done = new Map(at.map((operation) => [operation, once(strikes, operation)]));
  await page.route('**', async (route) => {
    const operation = moment(route.request());
    if (operation && ahead.delete(operation)) {
      await strike(route);
      strikes.emit(operation);
    } else {
      await route.continue();
    }
  });
  return async (operation) => {
    await done.get(operation);
  };
}
