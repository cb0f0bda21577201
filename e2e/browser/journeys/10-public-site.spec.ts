// The portal as people reach it: a public site over HTTPS. There the browser
// lets the page reach this computer only with the person's permission.
import type { Browser } from '@playwright/test';

import { Founded } from '../world/founding';
import { examine } from '../world/look';
import { allowLoopback, publicly } from '../world/permission';
import { expect, test as base } from '../world/test';

const test = base.extend<object, { founded: Founded; browser: Browser }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the fixtures wanted from the pattern
  founded: [async ({}, use) => {
    const founded = await Founded.publicly();
    await use(founded);
    await founded.remove();
  }, { scope: 'worker' }],

  // what counts as public is said at the browser's start
  browser: [async ({ founded, playwright, launchOptions }, use) => {
    const browser = await playwright.chromium.launch({ ...launchOptions, args: [...(launchOptions.args ?? []), ...publicly(founded.site)] });
    await use(browser);
    await browser.close();
  }, { scope: 'worker' }],
});

test.use({
  newcomer: true,
  ignoreHTTPSErrors: true, // its certificate is of our own making
});

test('allowed: the question is explained before it comes, then all goes on', async ({ clerk, page, hall }) => {
  await clerk.beginAsVisitor('renew');
  await clerk.reads('浏览器马上会问您一次');
  await examine(page, 'permission-explained');

  await allowLoopback(page, hall.origin, 'granted'); // what the person answers
  await clerk.press('继续，并选择“允许”');
  await clerk.allowSite();
  await clerk.chooseCertificate('renew');
  await clerk.enterPIN();
  await clerk.provePhone();
  await clerk.agree();
  await clerk.seesResult('renew');
});

test('refused: the page says how to mend it, and notices when it is mended', async ({ clerk, page, hall }) => {
  await clerk.openLogIn();
  await allowLoopback(page, hall.origin, 'denied');
  await clerk.beginAsVisitor('renew');
  await clerk.reads('浏览器不允许本页面连接证书助手');
  await clerk.reads('点地址栏左边的图标');
  await examine(page, 'fault-permission-refused');

  await allowLoopback(page, hall.origin, 'granted');
  await clerk.allowSite(); // without a reload
  await expect(clerk.button('延期这张证书')).toBeVisible();
});
