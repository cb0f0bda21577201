// Two tabs on one case, and two people with one key.
import { expect, test } from '../world/test';

test('two tabs: one works, the other waits or takes over', async ({ clerk, page, context }) => {
  await clerk.logIn();
  await clerk.begin('renew');
  await clerk.allowSite();
  await expect(clerk.button('发送验证码')).toBeVisible();

  const second = clerk.at(await context.newPage());
  await second.resume();
  await second.reads('已在另一个窗口办理');
  await second.press('改在这里办理');
  await clerk.reads('已在另一个窗口办理');
  await second.sendCode();
  await second.reads('验证码已发送到');
  await second.page.close();

  await page.bringToFront();
  await clerk.enterCode(); // the first tab goes on by itself where the second left off
  await clerk.agree();
  await clerk.enterPIN();
  await clerk.seesResult('renew');
});

test('a visitor with the key takes over what the handler began', async ({ clerk, page, anotherBrowser }) => {
  await clerk.logIn();
  await clerk.begin('renew');
  await clerk.allowSite();
  await expect(clerk.button('发送验证码')).toBeVisible();

  const visitor = clerk.at(await (await anotherBrowser()).newPage());
  await visitor.beginAsVisitor('renew');
  await visitor.chooseCertificate('renew');
  await visitor.enterPIN();
  await visitor.provePhone();
  await visitor.agree();
  await visitor.seesResult('renew');

  await page.reload(); // a handler sees all cases of his certificates
  await clerk.seesResult('renew');
});

test('the handler takes over what a visitor began', async ({ clerk, page, anotherBrowser }) => {
  await clerk.beginAsVisitor('renew');
  await clerk.allowSite();
  await clerk.chooseCertificate('renew');
  await clerk.enterPIN();
  await expect(clerk.button('发送验证码')).toBeVisible();

  const handler = clerk.at(await (await anotherBrowser()).newPage());
  await handler.logIn();
  await handler.resume();
  await handler.provePhone();
  await handler.agree();
  await handler.seesResult('renew');

  await page.reload(); // the case is the handler's now
  await clerk.reads('没有找到这个业务');
  await expect(page.getByRole('link', { name: '用钥匙办理' })).toBeVisible();
});
