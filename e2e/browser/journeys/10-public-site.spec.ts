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

test('checking the PC: explained, refused, by a policy, and mended', async ({ clerk, page, hall, expected }) => {
  expected.push(/Permission was denied for this request to access the `loopback`/); // which is how Chromium tells of it
  await page.goto('/#/check');
  await clerk.reads('浏览器马上会问您一次');
  await expect(page.getByRole('img', { name: /弹出一个小窗口/ })).toBeVisible();
  await examine(page, 'check-permission-explained');

  await allowLoopback(page, hall.origin, 'denied');
  await page.reload(); // nobody was asked here: it was decided elsewhere
  await clerk.reads('多半是单位的浏览器策略');
  await page.getByText('给电脑管理员的策略文件').click();
  await expect(page.getByText('LoopbackNetworkAllowedForUrls').first()).toBeVisible();
  await expect(page.getByText(hall.origin).first()).toBeVisible();
  await examine(page, 'check-policy');

  await allowLoopback(page, hall.origin, 'prompt');
  await clerk.press('继续，并选择“允许”'); // and the person says no
  await allowLoopback(page, hall.origin, 'denied');
  await clerk.reads('以前在这里选过“禁止”或“阻止”');
  await clerk.reads('点地址栏左边的图标');
  await examine(page, 'check-permission-refused');

  await allowLoopback(page, hall.origin, 'granted');
  await clerk.allowSite(); // without a reload
  await clerk.reads('找到 1 把钥匙');
});
