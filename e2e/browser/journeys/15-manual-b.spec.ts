// 数字证书在线续费 from the home page to 续费成功, as the manual tells it: by
// somebody without an account, whom the hall has never heard of.
import type { Clerk } from '../acts/clerk';
import { Founded } from '../world/founding';
import { examine } from '../world/look';
import { expect, test as base } from '../world/test';

const test = base.extend<object, { founded: Founded }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the fixtures wanted from the pattern
  founded: [async ({}, use) => {
    const founded = await Founded.ofStrangers();
    await use(founded);
    await founded.remove();
  }, { scope: 'worker' }],
});

test.use({ newcomer: true });
test.setTimeout(240_000); // who logs in waits a minute for the second code

const phone = '13900000009';
const free = '政府采购项目-海泰KEY';
const paid = '医疗保障项目-海泰KEY';

/** Begins with the certificate that the page proposes, which is for what was chosen and is the one the lamps show. */
async function choose(clerk: Clerk, offer: string): Promise<void> {
  const proposed = clerk.page.getByRole('radio', { name: offer, checked: true });
  await expect(proposed).toBeVisible();
  const end = (await clerk.page.locator('label').filter({ has: proposed }).innerText()).match(/\d{4}-\d\d-\d\d/)?.[0] ?? '';
  await expect(clerk.page.getByRole('region', { name: '钥匙和证书的状态' })).toContainText(`可用至 ${end}`);
  await clerk.chooseCertificate('renew');
}

/** Proves the phone, which makes the account. */
async function prove(clerk: Clerk): Promise<void> {
  await clerk.field('手机号码').fill(phone);
  await clerk.press('发送验证码');
  await clerk.field('短信验证码').fill(await clerk.hall.code(phone));
  await clerk.press('验证并继续');
}

/** All up to the price list. */
async function toTheList(clerk: Clerk, offer: string): Promise<void> {
  await clerk.beginAtHome('renew', offer);
  await clerk.allowSite();
  await choose(clerk, offer);
  await clerk.enterPIN();
  await prove(clerk);
}

/** Logs in by a code to that phone, which gets one a minute: later than it was proved. */
async function logIn(clerk: Clerk): Promise<void> {
  await clerk.openLogIn();
  await clerk.page.getByRole('tab', { name: clerk.words.byCode }).click();
  await clerk.field(clerk.words.phone).fill(phone);
  await clerk.press(clerk.words.sendCode);
  const refused = clerk.page.getByText('刚刚发送过验证码');
  await expect(refused.or(clerk.page.getByText(/秒后可重新获取/)).first()).toBeVisible();
  if (await refused.isVisible()) {
    await clerk.page.getByRole('button', { name: /获取验证码$/ }).click({ timeout: 90_000 });
  }
  await clerk.enterLogInCode(phone);
  await clerk.sees(clerk.words.home);
}

async function seesCode({ page }: Clerk): Promise<string> {
  await expect(page.getByRole('img', { name: '微信支付二维码，¥200.00' })).toBeVisible();
  const [, number] = (await page.getByText(/^订单号 /).innerText()).split(' ');
  return number ?? '';
}

test('free of charge', { tag: '@waits' }, async ({ clerk, page, anotherBrowser }) => {
  await page.goto('/');
  await expect(page.getByRole('link', { name: /^证书续费/ })).toBeVisible();
  await examine(page, 'b-1-front');
  await page.getByRole('link', { name: /^证书续费/ }).click();
  await clerk.sees('选择需要续费的项目和品牌证书');
  await examine(page, 'b-2-offers');
  await page.getByRole('link', { name: free }).click();
  await expect(page.getByRole('link', { name: '开始续费' })).toBeVisible();
  await examine(page, 'b-3-offer');
  await page.getByRole('link', { name: '开始续费' }).click();
  await clerk.allowSite();
  await expect(page.getByRole('radio', { name: free, checked: true })).toBeVisible();
  await examine(page, 'b-4-key-read');
  await choose(clerk, free);
  await clerk.enterPIN();

  await expect(clerk.field('手机号码')).toBeVisible();
  await examine(page, 'b-5-phone');
  await prove(clerk);

  await expect(page.getByRole('cell', { name: `${free}-续费` })).toBeVisible();
  await expect(page.getByRole('cell', { name: '¥0.00' })).toHaveCount(2);
  await examine(page, 'b-6-list-free');
  await clerk.press('提交');
  await clerk.reads('订单支付成功');
  await clerk.reads('HT-2026-0001'); // the key was read by itself
  await clerk.press('确认续费');
  await clerk.sees('证书延期');
  await expect(page.getByRole('dialog')).toContainText('确定[续费]吗，本次购买只有一次[续费]机会！');
  await examine(page, 'b-7-confirm');
  await page.getByRole('dialog').getByRole('button', { name: '确定', exact: true }).click();
  await clerk.seesResult('renew');
  await examine(page, 'b-8-result');

  // the account exists, and sees what it did and nothing else
  const later = clerk.at(await (await anotherBrowser()).newPage());
  await logIn(later);
  await later.page.goto('/#/cases');
  await expect(later.page.getByRole('link', { name: /^查看回执/ })).toHaveCount(1);
  await examine(later.page, 'b-9-cases');
  await later.page.goto('/#/certificates');
  await later.reads('HT-2026-0001');
  await expect(later.page.getByText(/HT-2026-000[2-5]/)).toHaveCount(0);
});

test('at a price', async ({ clerk, page }) => {
  await toTheList(clerk, paid);
  await expect(page.getByRole('cell', { name: '¥200.00' })).toHaveCount(2);
  await expect(page.getByRole('radio', { name: '微信支付' })).toBeChecked();
  await examine(page, 'b-6-list-paid');
  await page.getByRole('button', { name: '支付 ¥200.00' }).click();
  await seesCode(clerk);
  await examine(page, 'b-6-code');
  const mobile = await clerk.scan();
  await examine(mobile, 'b-6-mobile');
  await clerk.paysOn(mobile);
  await clerk.reads('订单支付成功');
  await examine(page, 'b-7-paid');
  await clerk.confirm();
  await clerk.seesResult('renew');
  await clerk.reads('¥200.00');
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('at a price, on a small screen', async ({ clerk }) => {
    await toTheList(clerk, paid);
    await clerk.buy('renew');
    await clerk.seesResult('renew');
  });
});

test('closed at each step: gone on with by key, then by log-in', { tag: '@waits' }, async ({ clerk, context }) => {
  let now = clerk;
  const comeBack = async (): Promise<void> => {
    const page = await context.newPage();
    await now.page.close();
    now = clerk.at(page);
  };
  await now.beginAtHome('renew', paid);
  await now.asked('pair');
  await comeBack();
  await now.beginAtHome('renew', paid);
  await now.allowSite();
  await choose(now, paid);
  await now.asked('pin');
  await comeBack();
  await now.beginAtHome('renew', paid);
  await choose(now, paid);
  await now.enterPIN();
  await expect(now.field('手机号码')).toBeVisible();
  await comeBack();
  await now.beginAtHome('renew', paid);
  await choose(now, paid);
  await prove(now);
  await expect(now.button('支付 ¥200.00')).toBeVisible();
  await comeBack();

  await logIn(now);
  await now.resume();
  await now.order();
  const order = await seesCode(now);
  await comeBack();
  await now.resume();
  expect(await seesCode(now)).toBe(order); // the same one
  const mobile = await now.scan();
  await comeBack();
  await now.paysOn(mobile); // while nobody looks
  await now.resume();
  await now.reads('订单支付成功');
  await comeBack();
  await now.resume();
  await now.confirm();
  await now.seesResult('renew');
});

test('what goes wrong with money is told, and mends itself', async ({ clerk, page, hall }) => {
  const bank = await hall.bank();
  await toTheList(clerk, paid);

  await test.step('the bank cannot be reached', async () => {
    await bank.upset('prepay', 'lose', { times: 100 });
    await clerk.order();
    await clerk.reads('暂时联系不上支付渠道');
    await clerk.reads('旧证书仍然可用');
    await clerk.reads('不会重复扣款');
    await examine(page, 'b-fault-channel');
    await bank.calm();
  });
  await test.step('the order is taken back, and another made', async () => {
    const first = await seesCode(clerk);
    await clerk.press('取消订单');
    await examine(page, 'b-cancel');
    await clerk.press('取消订单');
    await clerk.reads('订单已取消，没有扣款');
    await examine(page, 'b-cancelled');
    await clerk.order();
    expect(await seesCode(clerk)).not.toBe(first);
  });
  await test.step('no notice comes: the hall asks by itself', async () => {
    await bank.upset('notice', 'lose', { times: 100 });
    const order = await seesCode(clerk);
    await clerk.pay();
    await clerk.reads('订单支付成功');
    expect(await bank.pay(order)).toBe(false); // nobody pays twice
    expect(await bank.payments()).toBe(1);
  });
  await clerk.confirm();
  await clerk.seesResult('renew');
});
