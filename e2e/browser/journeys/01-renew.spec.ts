// A clerk's first visit: logs in with the first password, chooses one of his
// own and renews the certificate that is about to end.
import { handler } from '../acts/clerk';
import { yearsLater } from '../acts/dates';
import { examine } from '../world/look';
import { atOrder } from '../world/strike';
import { expect, test } from '../world/test';

test.use({ newcomer: true });

test('first log-in, then a renewal', async ({ clerk, page }) => {
  await clerk.openLogIn();
  await expect(clerk.button('登录')).toBeVisible();
  await examine(page, 'login');

  await clerk.enterPassword(handler.firstPassword);
  await clerk.reads('这是首次密码');
  await examine(page, 'login-first-password');
  await clerk.enterLogInCode(handler.phone);

  await clerk.sees('设置登录密码');
  await examine(page, 'set-password');
  await clerk.choosePassword();

  const line = page.getByRole('listitem').filter({ hasText: 'HT-2026-0001' });
  const end = (await line.innerText()).match(/\d{4}-\d\d-\d\d/)?.[0] ?? '';
  await examine(page, 'home');
  await clerk.begin('renew');

  const pairing = await clerk.asked('pair');
  await expect(pairing.getByText(clerk.hall.origin, { exact: true })).toBeVisible();
  await examine(pairing, 'agent-pair');
  await examine(page, 'case-pairing');
  await clerk.allowSite();

  await expect(clerk.button('提交')).toBeVisible();
  await expect(page.getByRole('cell', { name: '¥0.00', exact: true })).toHaveCount(2);
  await examine(page, 'case-offer-free');
  await clerk.press('提交');
  await clerk.reads('订单支付成功');
  await examine(page, 'case-confirm');
  await clerk.confirm();

  const pin = await clerk.asked('pin');
  await expect(pin.getByText('海泰KEY（演示） HT20260001')).toBeVisible();
  await expect(pin.getByText('还可以试 6 次')).toBeVisible();
  await examine(pin, 'agent-pin');
  await examine(page, 'case-pin');
  const writing = await atOrder(page, ['install'], async (order) => {
    await clerk.reads('写入 1/4'); // the new certificate's lamp fills part by part
    await examine(page, 'case-writing');
    await order.continue();
  });
  await clerk.enterPIN();
  await writing('install');

  await clerk.seesResult('renew');
  await clerk.reads(`新证书有效期至 ${yearsLater(end, 1)}`);
  await clerk.reads(`${yearsLater(end, -1)} 至 ${end}`);
  await clerk.reads('请拔出钥匙，再重新插入');
  await expect(page.getByText('通过')).toHaveCount(2);
  await expect(page.getByText('回执号')).toBeVisible();
  await expect(clerk.button('再测一次')).toBeVisible();
  await examine(page, 'receipt-renew');

  await page.getByRole('link', { name: '返回管理首页' }).click();
  await clerk.sees('管理首页');
  await clerk.reads('HT-2026-0004'); // which ends next
  await expect(line).toHaveCount(0);
});
