// Three certificates in one order: paid once, done key after key; one is left in
// the middle and gone on with, one is not wanted any more and refunded.
import type { Clerk } from '../acts/clerk';
import { examine } from '../world/look';
import { expect, test } from '../world/test';

test.setTimeout(240_000);

/** Puts certificates into the cart and orders them. */
async function order(clerk: Clerk, numbers: readonly string[], amount: string): Promise<void> {
  const { page } = clerk;
  await page.goto('/#/certificates');
  for (const number of numbers) {
    await page.getByLabel(new RegExp(`^选中 ${number}`)).check();
  }
  await examine(page, 'certificates-chosen');
  await clerk.press('加入购物车');
  await clerk.reads(`已加入 ${numbers.length} 张`);
  await page.getByRole('link', { name: '去购物车' }).click();
  await clerk.sees('购物车');
  await clerk.reads('¥600.00');
  await page.getByLabel('HT-2026-0005 医疗保障项目-海泰KEY-续费，数量（年）').selectOption('2');
  await expect(clerk.button(`提交订单 ${amount}`)).toBeVisible();
  await examine(page, 'cart');
  await clerk.press(`提交订单 ${amount}`);
}

test('three certificates in one order', async ({ clerk, page, keys }) => {
  await clerk.logIn();
  await order(clerk, ['HT-2026-0004', 'HT-2026-0005', 'HT-2026-0002'], '¥800.00');

  await clerk.sees('待支付');
  await expect(page.getByRole('img', { name: /二维码/ })).toBeVisible();
  await examine(page, 'order-unpaid');
  await clerk.pay();
  await clerk.sees('订单支付成功');
  await examine(page, 'order-paid');

  const list = page.getByRole('list', { name: '续费进度' });
  const line = (number: string) => list.getByRole('listitem').filter({ hasText: number });

  await test.step('the key is asked for by its number, and seen when it is plugged in', async () => {
    await keys.unplug();
    await clerk.press('开始逐把续费（3 张）');
    await clerk.reads('确定[续费]吗');
    await examine(page, 'order-confirm');
    await page.getByRole('dialog').getByRole('button', { name: '确定', exact: true }).click();
    await clerk.allowSite();
    await clerk.reads('请插入证书卡号 HT-2026-0004 的钥匙');
    await examine(page, 'order-key-wanted');
    await keys.plugIn();
    await expect(line('HT-2026-0004')).toContainText('正在办理');
    await clerk.provePhone();
    await clerk.asked('pin');
    await examine(page, 'order-key-pin');
    await clerk.enterPIN();
    await clerk.reads('HT-2026-0004 续费成功');
  });

  await test.step('left in the middle, gone on with where it stands', async () => {
    await clerk.asked('pin'); // of the second; the phone is proved already
    await expect(line('HT-2026-0005')).toContainText('正在办理');
    await page.reload();
    await expect(line('HT-2026-0004')).toContainText('已续费');
    await clerk.press('暂停，以后继续');
    await clerk.reads('已暂停');
  });

  await test.step('the third is refunded', async () => {
    await clerk.press('不需要了，申请退款');
    await clerk.press('申请退款 ¥600.00');
    await clerk.reads('请填写退款原因');
    await page.getByRole('checkbox', { name: /HT-2026-0005/ }).uncheck();
    await clerk.field('退款原因').fill('不再使用');
    await examine(page, 'order-refund');
    await clerk.press('申请退款 ¥200.00');
    await expect(line('HT-2026-0002')).toContainText(/退款中|已退款/);
    await expect(line('HT-2026-0002')).toContainText('已退款', { timeout: 30_000 });
    await clerk.reads('款项已原路退回');
  });

  await test.step('the second is finished, and the order with it', async () => {
    await clerk.press('继续续费');
    await clerk.enterPIN();
    await clerk.reads('2 张证书续费成功');
    await clerk.reads('1 张已退款');
    await expect(list.getByRole('link', { name: /^查看回执/ })).toHaveCount(2);
    await examine(page, 'order-over');
  });

  await test.step('invoice and receipt', async () => {
    await clerk.press('申请电子发票');
    await clerk.field('税号').fill('91350100M000100Y44');
    await clerk.field('接收邮箱').fill('clerk@example.com');
    await clerk.press('申请电子发票');
    await expect(page.getByRole('alert')).toContainText('税号不对');
    await examine(page, 'order-invoice');
    await clerk.field('税号').fill('91350100M000100Y43');
    await clerk.press('申请电子发票');
    await clerk.reads('已申请，等待开具');
    await page.getByRole('link', { name: '查看收据' }).click();
    await clerk.sees('收据');
    await clerk.reads('退款后实收');
    await examine(page, 'order-receipt');
    const saved = page.waitForEvent('download');
    await clerk.press('下载 PDF');
    expect((await saved).suggestedFilename()).toMatch(/^收据-.*\.pdf$/);
    const printed = await page.pdf({ format: 'A4' });
    expect(printed.toString('latin1').match(/\/Type\s*\/Page\b/g)).toHaveLength(1);
  });
});
