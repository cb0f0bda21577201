// From log-in to the result without a mouse; what has the focus is to be seen.
import type { Locator } from '@playwright/test';

import { handler } from '../acts/clerk';
import { enter, typeInto } from '../acts/keyboard';
import { expect, test } from '../world/test';

test('log-in to result by keyboard alone', async ({ clerk, page, clicks, hall, keys }) => {
  await clerk.openLogIn();
  await typeInto(page, clerk.field('用户名或手机号'), handler.name);
  await typeInto(page, clerk.field('密码'), handler.ownPassword);
  await page.keyboard.press('Enter');
  await clerk.sees('管理首页');

  await enter(page, page.getByRole('link', { name: clerk.words.begin.renew }).first());
  const byKey = (button: Locator) => enter(page, button);
  const pairing = await clerk.asked('pair', byKey);
  await enter(pairing, pairing.getByRole('button', { name: '允许' }));

  await enter(page, clerk.button('发送验证码'));
  await typeInto(page, clerk.field('短信验证码'), await hall.code(handler.phone));
  await page.keyboard.press('Enter');

  await enter(page, clerk.button('提交'));
  await enter(page, clerk.button('确认续费'));
  await expect(clerk.button('确定')).toBeFocused(); // the dialog asks one question
  await page.keyboard.press('Enter');

  const pin = await clerk.asked('pin', byKey);
  await typeInto(pin, pin.getByLabel('PIN'), await keys.pin());
  await pin.keyboard.press('Enter');

  await clerk.seesResult('renew');
  await enter(page, page.getByRole('link', { name: '返回管理首页' }));
  await clerk.sees('管理首页');
  expect(clicks.made).toBe(0);
});
