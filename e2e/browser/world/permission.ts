// The browser's permission to reach this computer (loopback-network), as the
// person gave it.
//
// Found with Chromium 156, headless:
// - A page of a public HTTPS site may not fetch from 127.0.0.1 while the
//   permission is `prompt` (nobody is there to be asked: the fetch fails at
//   once, the state stays `prompt`) or `denied`; nothing reaches the agent.
// - Browser.setPermission works when it is sent to the browser and names the
//   browser context; sent to a page it changes some other context, silently.
//   `permissions.query` and its change event follow it, so no policy file in
//   /etc/chromium is needed.
// - The setting lasts as long as the session that made it.
// - Playwright's grantPermissions knows `local-network-access` alone, which
//   grants all three names; it cannot deny.
// - Where a server is "public" is decided by --ip-address-space-overrides at
//   the browser's start: such a site wants a browser of its own.
import type { Page } from '@playwright/test';

import type { Site } from './hall';

/** Answers for the person whether pages of `origin` may reach this computer. */
export async function allowLoopback(page: Page, origin: string, setting: 'granted' | 'denied' | 'prompt'): Promise<void> {
  const browser = page.context().browser();
  if (!browser) {
    throw new Error('no browser');
  }
  const target = await page.context().newCDPSession(page);
  const { targetInfo } = await target.send('Target.getTargetInfo');
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.setPermission', {
    permission: { name: 'loopback-network' },
    setting,
    origin,
    ...(targetInfo.browserContextId ? { browserContextId: targetInfo.browserContextId } : {}),
  });
  await target.detach(); // not the session: its end would take the setting back
}

/** What Chromium is started with so that a site on this machine counts as a public one. */
export function publicly(site: Site): string[] {
  const { hostname } = new URL(site.https?.origin ?? '');
  return [`--ip-address-space-overrides=127.0.0.1:${site.port}=public`, `--host-resolver-rules=MAP ${hostname} 127.0.0.1`];
}
