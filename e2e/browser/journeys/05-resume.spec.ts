// The page is closed at every step; the case goes on from the dashboard, on
// this PC or on another.
import { atReply, lost, type Operation } from '../world/strike';
import { expect, test } from '../world/test';

test('closed at each step, gone on with from the dashboard', async ({ clerk, context }) => {
  let now = clerk;
  /** Closes the page and comes back in a new one; there the reply of `next` will be lost. */
  const comeBack = async (next?: Operation): Promise<() => Promise<void>> => {
    const page = await context.newPage();
    const closed = await atReply(page, next ? [next] : [], lost);
    await now.page.close();
    now = clerk.at(page);
    await now.resume();
    return async () => next && closed(next);
  };

  await now.logIn();
  await now.begin('renew');
  await test.step('1 读取证书信息', async () => {
    await now.asked('pair');
    const read = await comeBack('identify');
    await now.allowSite();
    await read();
    await comeBack();
  });
  await test.step('2 短信验证', async () => {
    await expect(now.button('发送验证码')).toBeVisible();
    await comeBack();
    await now.sendCode();
    await now.reads('验证码已发送到');
    await comeBack();
    await now.enterCode();
    await expect(now.button('提交')).toBeVisible();
    await comeBack();
    await now.press('提交');
    await now.reads('订单支付成功');
    await comeBack();
  });
  await test.step('3 初始化证书', async () => {
    await now.confirm();
    await now.asked('pin');
    const prepared = await comeBack('prepare'); // asked once a case: not again
    await now.enterPIN();
    await prepared();
  });
  await test.step('4 执行延期', async () => {
    const installed = await comeBack('install');
    await installed();
    const acknowledged = await comeBack('acknowledge');
    await acknowledged();
    await comeBack();
  });
  await now.seesResult('renew');
  await expect(now.page.getByText('通过')).toHaveCount(2);
});

test('begun on one PC, finished on another', async ({ clerk, page, anotherBrowser }) => {
  await clerk.logIn();
  await clerk.begin('renew');
  await clerk.allowSite();
  const untold = await atReply(page, ['install'], lost);
  await clerk.provePhone();
  await clerk.agree();
  await clerk.enterPIN();
  await untold('install');
  await page.close();

  const elsewhere = clerk.at(await (await anotherBrowser()).newPage());
  await elsewhere.logIn();
  await elsewhere.resume();
  await elsewhere.seesResult('renew');
});
