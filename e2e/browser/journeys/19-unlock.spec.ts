// A locked key: asked for in the portal, compared by telephone, decided by a
// reviewer, and opened again by a new PIN in the agent's own window.
import type { Page } from '@playwright/test';

import type { Clerk } from '../acts/clerk';
import { Reviewer } from '../acts/reviewer';
import { examine } from '../world/look';
import { expect, test } from '../world/test';

test.setTimeout(240_000);

/** The number that a window shows, and no page. */
async function numberIn(window: Page): Promise<string> {
  return (await window.getByText(/^\d{4}( \d{4}){4}$/).textContent()) ?? '';
}

/** Asks for the plugged-in key to be unlocked, and gives the number to read out. */
async function ask(clerk: Clerk): Promise<string> {
  await clerk.press('申请解锁');
  const number = await numberIn(await clerk.asked('unlock'));
  await clerk.answer('unlock');
  return number;
}

test('wrong PINs lock a key; it is unlocked, and the case goes on', async ({ clerk, page, hall }) => {
  const newPIN = '86427531';

  await test.step('locked in the middle of a renewal', async () => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await clerk.agree();
    await clerk.lock();
    await clerk.reads('钥匙已锁定');
    await page.getByRole('link', { name: '去解锁' }).click();
    await clerk.sees('解锁');
    await expect(clerk.button('申请解锁')).toBeVisible();
    await examine(page, 'unlock-locked');
  });

  const number = await test.step('asked for', async () => {
    await clerk.press('申请解锁');
    const window = await clerk.asked('unlock');
    await examine(window, 'agent-unlock-request');
    const number = await numberIn(window);
    await clerk.answer('unlock');
    await clerk.reads('已申请，等待审核');
    await examine(page, 'unlock-waiting');
    expect(await page.content()).not.toContain(number);
    return number;
  });

  await test.step('the number is shown again, by the agent alone', async () => {
    await clerk.press('显示编号');
    expect(await numberIn(await clerk.asked('unlock'))).toBe(number);
    await clerk.answer('unlock');
  });

  await test.step('approved, by the number that was read out', async () => {
    await new Reviewer(hall).approve(number);
    await clerk.reads('已批准，可以解锁'); // without a press
    await examine(page, 'unlock-answered');
  });

  await test.step('a new PIN', async () => {
    await clerk.press('解锁');
    const window = await clerk.asked('newPIN');
    await examine(window, 'agent-new-pin');
    await window.getByLabel('新 PIN').fill(newPIN);
    await window.getByLabel('再输入一次').fill('13579246');
    await window.getByRole('button', { name: '确定', exact: true }).click();
    await expect(window.getByText('两次输入不一致')).toBeVisible();
    await window.getByLabel('新 PIN').fill(newPIN);
    await window.getByLabel('再输入一次').fill(newPIN);
    await window.getByRole('button', { name: '确定', exact: true }).click();
    await clerk.reads('已解锁');
    await examine(page, 'unlock-done');
  });

  await test.step('the key signs', async () => {
    await page.getByRole('link', { name: /^继续操作/ }).click(); // the case that the lock had interrupted
    await clerk.enterPIN(newPIN);
    await clerk.seesResult('renew');
    await expect(page.getByText('通过')).toHaveCount(2);
  });
});

test('one that is refused can be asked for again', async ({ clerk, page, hall, keys }) => {
  await keys.spoil(0);
  await clerk.logIn();
  await page.goto('/#/unlock');
  await clerk.allowSite();
  const number = await ask(clerk);
  await clerk.reads('已申请，等待审核');
  await new Reviewer(hall).refuse('打登记的电话，接电话的人不知情');
  await clerk.reads('解锁申请未通过：打登记的电话，接电话的人不知情');
  await examine(page, 'unlock-refused');

  await clerk.press('重新申请');
  expect(await numberIn(await clerk.asked('unlock'))).toBe(number);
  await clerk.answer('unlock');
  await clerk.reads('已申请，等待审核');
});

test('one whose administrator’s PIN nobody has must be reissued', async ({ clerk, page, hall, keys }) => {
  await new Reviewer(hall).forget('HT20260001');
  await keys.spoil(0);
  await clerk.logIn();
  await page.goto('/#/unlock');
  await clerk.allowSite();
  await ask(clerk);
  await clerk.reads('不能解锁');
  await clerk.reads('请办理补办，换用新的');
  await expect(clerk.button('申请解锁')).toBeHidden(); // it would lead nowhere
  await examine(page, 'unlock-unknown');
});
