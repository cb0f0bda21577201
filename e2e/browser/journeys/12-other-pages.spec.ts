// The pages beside the services, in both languages.
import { handler } from '../acts/clerk';
import { examine } from '../world/look';
import { expect, test } from '../world/test';

const languages = [
  { locale: 'zh-CN', certificates: '我的证书', centre: '会员中心', updates: '我的更新', help: '常见问题', account: '个人信息', nothing: '没有这个页面', browsers: '可以使用的浏览器' },
  { locale: 'en-US', certificates: 'My certificates', centre: 'Member centre', updates: 'My updates', help: 'Help', account: 'Personal details', nothing: 'No such page', browsers: 'Supported browsers' },
];

for (const { locale, ...words } of languages) {
  test.describe(locale, () => {
    test.use({ locale });

    test('every other page', async ({ clerk, page }) => {
      await clerk.openLogIn();
      await examine(page, 'login');
      await clerk.logIn();
      await examine(page, 'home');

      const navigation = page.getByRole('navigation');
      await navigation.getByRole('link', { name: words.certificates }).click();
      await expect(page.getByRole('link', { name: 'HT-2026-0003' }).first()).toBeVisible();
      await examine(page, 'certificates');
      await page.getByRole('link', { name: 'HT-2026-0003' }).first().click();
      await expect(page.getByRole('heading', { level: 1, name: /HT-2026-0003/ })).toBeVisible();
      await examine(page, 'certificate');

      await navigation.getByRole('link', { name: words.centre }).click();
      await clerk.sees(words.updates);
      await examine(page, 'updates-none');

      await navigation.getByRole('link', { name: words.help }).click();
      await clerk.sees(words.help);
      await examine(page, 'help');

      await page.getByRole('button', { name: new RegExp(handler.name) }).click();
      await page.locator('#account').getByRole('link', { name: words.account }).click();
      await clerk.sees(words.account);
      await examine(page, 'profile');

      await page.goto('/#/nowhere');
      await clerk.sees(words.nothing);
      await examine(page, 'missing');

      await page.getByRole('link', { name: words.browsers }).click();
      await page.waitForURL(/browsers/);
      await examine(page, 'browsers');
    });
  });
}

test('unfinished and finished cases are listed with what to do', async ({ clerk, page }) => {
  await clerk.logIn();
  await clerk.begin('repair');
  await clerk.allowSite();
  await clerk.provePhone();
  await clerk.buy('repair');
  await clerk.enterPIN();
  await clerk.seesResult('repair');
  await page.goto('/#/dashboard');
  await clerk.begin('renew');
  await page.waitForURL(/cases/);
  await page.goto('/#/cases');
  await expect(page.getByRole('link', { name: '继续操作' })).toBeVisible();
  await expect(page.getByRole('link', { name: '查看回执' })).toBeVisible();
  await examine(page, 'updates');
});
