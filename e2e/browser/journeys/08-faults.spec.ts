// Every fault that a clerk may meet: the page says how the key stands, what
// happened and the one thing to do, and goes on once that is done.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { handler } from '../acts/clerk';
import { Founded } from '../world/founding';
import { examine } from '../world/look';
import { oldAgent } from '../world/old-agent';
import { expect, test } from '../world/test';

const phoneStep = '发送验证码';

test.describe('the agent', () => {
  test.use({ agentRuns: false });

  test.beforeEach(async ({ clerk }) => {
    await clerk.logIn();
  });

  test('does not run', async ({ clerk, page, agent }) => {
    await clerk.begin('renew');
    await clerk.reads(clerk.words.oldStillWorks);
    await clerk.reads('没有找到证书助手');
    await examine(page, 'fault-no-agent');

    await agent.start(); // the page notices by itself
    await clerk.allowSite();
    await expect(clerk.button(phoneStep)).toBeVisible();
  });

  test('is too old', async ({ clerk, page, agent, hall }) => {
    const replace = await oldAgent(hall.site.agentPort);
    await clerk.begin('renew');
    await clerk.reads('证书助手的版本太旧');
    await examine(page, 'fault-old-agent');

    await replace();
    await agent.start();
    await clerk.allowSite();
    await expect(clerk.button(phoneStep)).toBeVisible();
  });

  test('does not know this site', async ({ clerk, page, agent, hall, expected }) => {
    expected.push(/blocked by CORS policy/); // which is how Chromium tells of a refusal
    const nobody = path.join(hall.dir, 'nobody');
    await mkdir(nobody);
    await agent.start({ trusting: nobody });
    await clerk.begin('renew');
    await clerk.reads('证书助手不认识本网站');
    await examine(page, 'fault-site-unlisted');

    await agent.stop();
    await agent.start();
    await clerk.allowSite();
    await expect(clerk.button(phoneStep)).toBeVisible();
  });

  test('was told to refuse this site', async ({ clerk, page, agent }) => {
    await agent.start();
    await clerk.begin('renew');
    await clerk.answer('pair', '拒绝');
    await clerk.reads('您没有允许这个网站使用钥匙');
    await examine(page, 'fault-site-refused');

    await clerk.press('再试一次');
    await clerk.allowSite();
    await expect(clerk.button(phoneStep)).toBeVisible();
  });
});

test.describe('the key', () => {
  test('is not plugged in, and is pulled out in the middle', async ({ clerk, page, keys }) => {
    await keys.unplug();
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.reads('没有插入办理这项业务的钥匙');
    await clerk.reads('HT-2026-0001');
    await examine(page, 'fault-no-key');

    await keys.plugIn(); // the page notices by itself
    await clerk.provePhone();
    await clerk.agree();
    const window = await clerk.asked('pin');
    await keys.unplug();
    await window.getByLabel('PIN').fill(await keys.pin());
    await window.getByRole('button', { name: '确定' }).click();
    await clerk.reads(clerk.words.oldStillWorks);
    await clerk.reads('没有插入办理这项业务的钥匙');

    await keys.plugIn();
    await clerk.enterPIN();
    await clerk.seesResult('renew');
  });

  test('is another one', async ({ clerk, page, keys }) => {
    await keys.unplug();
    await keys.plugInEmpty('采购部钥匙');
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.reads('插入的不是办理这项业务的钥匙');
    await clerk.reads('插入的是另一把钥匙');
    await examine(page, 'fault-wrong-key');

    await keys.plugIn();
    await expect(clerk.button(phoneStep)).toBeVisible();
  });

  test('is in use by another page', async ({ clerk, context }) => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    const pin = await clerk.asked('pin'); // the key waits for its owner

    const other = clerk.at(await context.newPage());
    await other.page.goto('/#/dashboard');
    await other.begin('repair');
    await other.reads('钥匙正被其他程序使用');
    await examine(other.page, 'fault-key-busy');

    await pin.bringToFront();
    await clerk.enterPIN();
    await clerk.seesResult('renew');
    await other.buy('repair'); // it went on by itself; the phone is proved
    await other.enterPIN();
    await other.seesResult('repair');
  });

  test('is in use by another program', async ({ clerk, keys }) => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    await clerk.asked('pin');
    const free = await keys.occupy();
    await clerk.enterPIN();
    await clerk.reads(clerk.words.oldStillWorks);
    await clerk.reads('钥匙正被其他程序使用');

    await free();
    await clerk.enterPIN(); // the page tries again by itself
    await clerk.seesResult('renew');
  });

  test('is full', async ({ clerk, page, keys }) => {
    await keys.fill();
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    await clerk.enterPIN();
    await clerk.reads('钥匙空间已满，旧证书仍然可用');
    await examine(page, 'fault-key-full');
  });

  test('belongs to another authority', async ({ clerk, page, keys }) => {
    const other = await Founded.new();
    await keys.unplug();
    await keys.plugInFrom(path.join(await other.copy(), 'keys', 'handler.softkey'));
    await other.remove();

    await clerk.beginAsVisitor('renew');
    await clerk.allowSite();
    await clerk.reads('这把钥匙上没有本机构的证书');
    await clerk.reads('还有 5 张其他机构的证书');
    await examine(page, 'fault-other-authority');
  });
});

test.describe('the PIN', () => {
  test('is wrong, with the tries that are left', async ({ clerk, page }) => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    await clerk.enterPIN('00000000');
    const window = await clerk.asked('pin');
    await expect(window.getByText('PIN 不正确，请重新输入')).toBeVisible();
    await expect(window.getByText('还可以试 5 次')).toBeVisible();
    await examine(window, 'agent-pin-wrong');

    await window.getByRole('button', { name: '取消' }).click();
    await clerk.reads('您没有同意，这一步没有进行');
    await clerk.reads(clerk.words.oldStillWorks);
    await examine(page, 'fault-pin-cancelled');

    await clerk.press('再试一次');
    await clerk.enterPIN();
    await clerk.seesResult('renew');
  });

  test('has its last try', async ({ clerk, keys }) => {
    await keys.spoil(1);
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    await examine(await clerk.asked('lastTry'), 'agent-last-try');
    await clerk.answer('lastTry');
    await clerk.enterPIN();
    await clerk.seesResult('renew');
  });

  test('is locked', async ({ clerk, page, keys }) => {
    await keys.spoil(0);
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    await clerk.reads('钥匙已锁定');
    await clerk.reads('证书没有丢失，钥匙解锁后可以继续使用。');
    await examine(page, 'fault-pin-locked');
  });
});

test.describe('the hall', () => {
  test('is gone while the page waits for a person', async ({ clerk, page, hall }) => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await expect(clerk.button(phoneStep)).toBeVisible();
    await hall.kill();
    await clerk.press(phoneStep);
    await clerk.reads('连接不到证书大厅');
    await clerk.reads(clerk.words.oldStillWorks);
    await examine(page, 'fault-no-hall');

    await hall.reopen();
    await clerk.reads('验证码已发送到');
    await clerk.enterCode();
    await clerk.agree();
    await clerk.enterPIN();
    await clerk.seesResult('renew');
  });

  test('has ended the session', async ({ clerk, page, context }) => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await expect(clerk.button(phoneStep)).toBeVisible();
    await context.clearCookies();
    await clerk.press(phoneStep);
    await clerk.reads('登录已超时');
    await examine(page, 'login-session-ended');
    await clerk.enterPassword(handler.ownPassword);
    await clerk.sees('证书延期'); // back at the case
    await clerk.provePhone();
    await clerk.agree();
    await clerk.enterPIN();
    await clerk.seesResult('renew');
  });

  test('does not take the code', async ({ clerk, page }) => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.sendCode();
    await clerk.field('短信验证码').fill('12');
    await clerk.press('验证并继续');
    await clerk.reads('验证码不正确，还可以试 4 次');
    await examine(page, 'fault-code-wrong');

    await clerk.enterCode();
    await clerk.agree();
    await clerk.enterPIN();
    await clerk.seesResult('renew');
  });
});
