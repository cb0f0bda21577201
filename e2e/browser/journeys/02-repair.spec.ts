// On a phone-sized screen, in English, logged in by text message: an expired
// certificate is repaired.
import type { Page } from '@playwright/test';

import { handler } from '../acts/clerk';
import { accessible, examine } from '../world/look';
import { expect, test } from '../world/test';

test.use({ newcomer: true, locale: 'en-US', viewport: { width: 390, height: 844 } });

test('log-in by text message, then a repair', async ({ clerk, page }) => {
  await clerk.openLogIn();
  await page.getByRole('tab', { name: 'Text message' }).click();
  await examine(page, 'login-code');
  await isEnglish(page);
  await clerk.logInByCode(handler.phone);
  await examine(page, 'home');
  await isEnglish(page);

  await clerk.begin('repair');
  const pairing = await clerk.asked('pair');
  await examine(pairing, 'agent-pair');
  await isEnglish(pairing);
  await clerk.allowSite();

  await expect(page.getByRole('button', { name: 'Pay ¥200.00' })).toBeVisible();
  await examine(page, 'case-offer');
  await isEnglish(page);
  await clerk.order();
  await expect(page.getByRole('img', { name: /¥200\.00/ })).toBeVisible();
  await examine(page, 'case-pay');
  await isEnglish(page);
  await clerk.pay();
  await clerk.reads('¥200.00');
  await examine(page, 'case-confirm');
  await isEnglish(page);
  await clerk.confirm('repair');
  const pin = await clerk.asked('pin');
  await examine(pin, 'agent-pin');
  await isEnglish(pin);
  await examine(page, 'case-pin');
  await isEnglish(page);
  await clerk.enterPIN();

  await clerk.seesResult('repair');
  await expect(page.getByText('Passed')).toHaveCount(2);
  await expect(clerk.button('Test again')).toBeVisible();
  await examine(page, 'receipt-repair');
  await isEnglish(page);

  // in the dark, too
  await page.emulateMedia({ colorScheme: 'dark' });
  await accessible(page);
});

/** Names, and what an authority says of itself, stay as they are; all else is in the language of the page. */
async function isEnglish(page: Page): Promise<void> {
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  const names = /演示证书认证机构|示例医疗器械有限公司|海泰KEY（演示）|政府采购项目|医疗保障项目|演示环境没有客服|中文/g;
  const text = (await page.locator('body').innerText()).replaceAll(names, '');
  expect(text.match(/.*[\p{Script=Han}，。：“].*/gu) ?? []).toEqual([]);
}
