// From the home page as in the manual: project and brand, key, phone, payment,
// the one chance. The page is closed where money is in it, and nothing is lost.
import { examine } from '../world/look';
import { expect, test } from '../world/test';

const offer = '医疗保障项目-海泰KEY';

test.use({ newcomer: true });

test('what can be had, before one begins', async ({ clerk, page }) => {
  await page.goto('/');
  await clerk.sees('证书续费，在网上办');
  await examine(page, 'front');
  await page.getByRole('link', { name: clerk.words.front.renew }).click();
  await clerk.sees('选择需要续费的项目和品牌证书');
  await examine(page, 'offers');
  await page.getByRole('link', { name: offer }).click();
  await clerk.sees(`${offer}-续费`);
  await clerk.reads('每年 ¥200.00');
  await examine(page, 'offer');
  await page.getByRole('link', { name: '品牌', exact: true }).click();
  await expect(page.getByRole('heading', { name: '明华KEY' })).toBeVisible();
  await examine(page, 'brands');
});

test('free: from the home page to the end', async ({ clerk, page }) => {
  await clerk.beginAtHome('renew', '政府采购项目-海泰KEY');
  await clerk.allowSite();
  await clerk.chooseCertificate('renew');
  await clerk.enterPIN();
  await clerk.provePhone();
  await clerk.agree();
  await clerk.seesResult('renew');
  await clerk.reads('免费项目');
  await expect(page.getByText('通过')).toHaveCount(2);
});

test('paid: taken back, closed before and after paying, gone on with', { tag: '@waits' }, async ({ clerk, page, context }) => {
  test.setTimeout(150_000); // the second code is a minute away
  await clerk.beginAtHome('renew', offer);
  await clerk.allowSite();
  await page.getByRole('radio', { name: /政府采购项目/ }).first().check(); // another than was chosen
  await clerk.chooseCertificate('renew');
  await clerk.reads('钥匙里的证书不是您选择的那一种');
  await examine(page, 'start-unlike');
  await clerk.press('换一张证书');
  await page.getByRole('radio', { name: offer }).first().check();
  await clerk.chooseCertificate('renew');
  await clerk.enterPIN();
  await clerk.sendCode();
  await clerk.enterCode();

  await page.getByLabel(/数量/).selectOption('2');
  await clerk.press('支付 ¥400.00');
  await clerk.reads('请在');
  await examine(page, 'case-order');
  await clerk.press('已支付，刷新');
  await clerk.reads('还没有收到付款结果');
  await clerk.press('取消订单');
  await clerk.reads('要取消这张订单吗');
  await clerk.press('取消订单');
  await clerk.reads('订单已取消，没有扣款');
  await examine(page, 'case-order-cancelled');

  await clerk.order();
  await expect(page.getByRole('img', { name: /二维码/ })).toBeVisible();
  const trial = await page.getByRole('link', { name: clerk.words.payHere }).getAttribute('href');
  await page.close(); // and pays all the same
  const phone = await context.newPage();
  await phone.goto(trial ?? '');
  await phone.getByRole('button').first().click();
  await expect(phone.getByRole('status')).toContainText('✓');
  await phone.close();

  const back = clerk.at(await context.newPage());
  await back.beginAtHome('renew', offer);
  await back.chooseCertificate('renew');
  await expect(back.button(back.words.sendToPhone)).toBeVisible({ timeout: 60_000 }); // a code a minute
  await back.sendCode(); // whoever opens it anew with the key proves the phone
  await back.enterCode();
  await back.reads('订单支付成功');
  await back.confirm();
  await back.seesResult('renew');
  await back.reads('¥200.00');
  await examine(back.page, 'receipt-paid');
});
