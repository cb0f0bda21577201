// Somebody else with an account of his own sees nothing of the handler's.
import { expect, test } from '../world/test';

const stranger = '13800000002';

test('other people’s cases and certificates answer like missing ones', async ({ clerk, page, anotherBrowser }) => {
  await clerk.logIn();
  await page.getByRole('link', { name: '我的证书' }).click();
  await page.getByRole('link', { name: /HT-2026-0001/ }).first().click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('HT-2026-0001');
  const certificate = page.url();
  await page.goto('/#/dashboard');
  await clerk.begin('renew');
  await page.waitForURL(/cases/);
  const started = page.url();

  const other = clerk.at(await (await anotherBrowser()).newPage());
  await other.logInByCode(stranger);
  await other.reads('您名下还没有证书');

  await other.page.goto(certificate);
  await other.reads('您名下没有这个证书');
  await other.page.goto(started);
  await other.reads('没有找到这个业务');
  await other.page.goto(started.replace(/\w$/, (last) => (last === '0' ? '8' : '0'))); // one that does not exist
  await other.reads('没有找到这个业务');
});
