// 环境检测: whatever stands in the way on a PC is named with what to do, and the
// page goes on by itself once that is done.
import { type Page } from '@playwright/test';

import { handler } from '../acts/clerk';
import { examine } from '../world/look';
import { expect, test } from '../world/test';

const open = (page: Page) => page.goto('/#/check');

for (const { locale, ...words } of [
  { locale: 'zh-CN', check: '环境检测', well: '可以办理业务。有 1 项请留意', again: '重新检测', room: /还能再写 \d 张新证书/, found: '找到 1 把钥匙' },
  { locale: 'en-US', check: 'Check this PC', well: 'Services can be done here. One thing', again: 'Check again', room: /room for \d more certificates/, found: '1 found' },
]) {
  test.describe(locale, () => {
    test.use({ locale });

    test('all is well but that the key is new, and so it is when asked again by keyboard', async ({ clerk, page, keys }) => {
      await keys.unplug();
      await keys.plugInEmpty('采购部钥匙');
      await page.goto('/#/help');
      await page.getByRole('navigation').getByRole('link', { name: words.check }).click();
      await clerk.allowSite();
      await clerk.reads(words.well);
      await clerk.reads(words.room);
      await examine(page, 'check-fine');

      await clerk.button(words.again).focus();
      await page.keyboard.press('Enter');
      await clerk.reads(words.well);
      await clerk.reads(words.found);
    });
  });
}

test('what is wrong leads to where it is mended', async ({ clerk, page }) => {
  await open(page);
  await clerk.allowSite();
  await clerk.reads('有 1 项需要处理');
  await clerk.reads(/已到期，过期 \d+ 天/);
  await examine(page, 'check-expired');
  await page.getByRole('link', { name: '办理证书修复' }).click();
  await clerk.sees('证书修复');
});

test.describe('no agent', () => {
  test.use({ agentRuns: false });

  test('is said with how to start it, and noticed when it starts', async ({ clerk, page, agent }) => {
    await open(page);
    await clerk.reads('没有找到证书助手');
    await clerk.reads('从开始菜单打开“证书助手”');
    await examine(page, 'check-no-agent');

    await agent.start();
    await clerk.allowSite();
    await clerk.reads('找到 1 把钥匙');
  });
});

test('no key: it is noticed when it is plugged in', async ({ clerk, page, keys }) => {
  await keys.unplug();
  await open(page);
  await clerk.allowSite();
  await clerk.reads('没有找到钥匙');
  await clerk.reads('换一个 USB 口试试');
  await examine(page, 'check-no-key');

  await keys.plugIn();
  await clerk.reads('找到 1 把钥匙');
  await clerk.reads(/能读取，PIN 可试 6 次/);
});

test('a locked key', async ({ clerk, page, keys }) => {
  await keys.spoil(0);
  await open(page);
  await clerk.allowSite();
  await clerk.reads('PIN 已锁定');
  await clerk.reads('不要再试');
  await examine(page, 'check-locked');
});

test('a certificate that was renewed is no fault', async ({ clerk, page }) => {
  await clerk.logIn();
  await clerk.begin('renew');
  await clerk.allowSite();
  await clerk.provePhone();
  await clerk.agree();
  await clerk.enterPIN();
  await clerk.seesResult('renew');
  await clerk.reads('请拔出钥匙'); // the old one is put away
  await open(page);
  await clerk.reads(/的旧证书，已由新证书接替/);
  await expect(page.getByText('已吊销')).toBeHidden();
});

test('a busy key is waited for with a countdown', async ({ clerk, page, context }) => {
  const other = clerk.at(await context.newPage());
  await other.beginAsVisitor('renew');
  await other.allowSite();
  await other.chooseCertificate('renew');
  const pin = await other.asked('pin'); // the key waits for its owner

  await page.bringToFront();
  await open(page);
  await clerk.reads('正被另一个程序使用');
  await clerk.reads(/空出来就自动再查；[1-5] 秒后再试一次/);
  await examine(page, 'check-busy');

  await pin.getByRole('button', { name: '取消' }).click();
  await clerk.reads(/能读取，PIN 可试 6 次/); // without a press
  await expect(page.getByText('空出来就自动再查')).toBeHidden();
});

test('who holds the key is named', async ({ clerk, page, keys }) => {
  const free = await keys.occupy();
  await open(page);
  await clerk.allowSite();
  await clerk.reads(/（进程 \d+）正占用钥匙/);
  await examine(page, 'check-held');
  await free();
  await clerk.press('重新检测');
  await clerk.reads('没有其他程序占用钥匙或端口');
});

test('the report can be copied, and tells nothing that is nobody’s business', async ({ clerk, page, context, keys }) => {
  await context.grantPermissions(['clipboard-write']);
  await clerk.logIn();
  await open(page);
  await clerk.allowSite();
  await clerk.reads('有 1 项需要处理');
  await clerk.press('复制检测报告');
  await expect(page.getByText('已复制')).toBeVisible();
  await page.getByRole('navigation').getByRole('link', { name: '常见问题' }).click();
  await page.getByRole('searchbox').press('Control+V'); // lines become one
  const report = await page.getByRole('searchbox').inputValue();
  expect(report).toContain('环境检测报告');
  expect(report).toMatch(/✗ \[certificate-expired\]/);
  expect(report).toMatch(/✓ \[key-fine\] .*HT20260001/); // help begins with the key's number
  for (const secret of [handler.phone, await keys.pin(), handler.ownPassword, handler.name + ' ']) {
    expect(report).not.toContain(secret);
  }
  expect(report).not.toMatch(/(?<![0-9a-f])1[3-9]\d{9}(?![0-9a-f])/);
  expect(report).not.toMatch(/(?<![0-9a-f])\d{17}[\dX](?![0-9a-f])/);
  expect(report).not.toMatch(/Bearer|token|\/keys\b/);
});
