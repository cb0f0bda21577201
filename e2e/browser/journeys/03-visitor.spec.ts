// Without an account: the key is all that is needed, and the registered
// handler's phone.
import { examine } from '../world/look';
import { expect, test } from '../world/test';

test.use({ newcomer: true });

test('a visitor renews with his key', async ({ clerk, page }) => {
  await clerk.beginAsVisitor('renew');
  await clerk.allowSite();
  await expect(clerk.button('延期这张证书')).toBeVisible();
  await examine(page, 'start-visitor');
  const open = await page.getByRole('radio').count();
  await clerk.chooseCertificate('renew');
  await clerk.enterPIN();

  await expect(clerk.button('发送验证码')).toBeVisible();
  await clerk.reads(/138\*+0001/); // nobody learns the number from the key
  await examine(page, 'case-phone');
  await clerk.sendCode();
  await clerk.reads('验证码已发送到');
  await examine(page, 'case-code');
  await clerk.enterCode();
  await clerk.agree();

  await clerk.seesResult('renew'); // one PIN a case: not asked for again
  await expect(page.getByText('通过')).toHaveCount(2);

  // the old certificate is still on the key: shown as such, and not proposed
  await clerk.beginAsVisitor('renew');
  await page.getByText('已不能再办理的证书').click();
  await expect(page.getByRole('listitem').filter({ hasText: '已被新证书替换' })).toHaveCount(1);
  await expect(page.getByRole('radio')).toHaveCount(open);
  await examine(page, 'start-visitor-after');
});
