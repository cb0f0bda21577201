// Renewals through real libraries: SM2 through libsoftkey's C interface, RSA
// and P-256 through SoftHSM's. The library's process crashes while the key is
// written; the two lamps tell what is there. And log-ins with keys that are not SM2's.
import { Agent } from '../world/agent';
import { Founded } from '../world/founding';
import { Hall } from '../world/hall';
import { type Kind, Library } from '../world/library';
import { examine } from '../world/look';
import { atOrder } from '../world/strike';
import { expect, test as base } from '../world/test';

const test = base.extend<{ kind: Kind; library: Library }>({
  kind: ['skf', { option: true }],

  library: async ({ kind }, use) => {
    const library = await Library.new(kind);
    await use(library);
    await library.remove();
  },

  hall: async ({ library }, use) => {
    const founded = await Founded.withKeys(library.flags);
    const hall = await Hall.open(await founded.copy(), founded.site);
    await use(hall);
    await hall.close();
    await founded.remove();
  },

  agent: async ({ hall, library }, use) => {
    const agent = new Agent(hall.dir, hall.site.agentPort, [library.flag]);
    await agent.start();
    await use(agent);
    await agent.stop();
  },
});

const journeys: { kind: Kind; certificates: string[]; parts: number; decryption: string }[] = [
  { kind: 'skf', certificates: ['HT-2026-0006'], parts: 4, decryption: '通过' },
  { kind: 'pkcs11', certificates: ['HT-2026-0006', 'HT-2026-0007'], parts: 3, decryption: '无需测试：单证书没有加密证书' },
];

for (const { kind, certificates, parts, decryption } of journeys) {
  test.describe(kind, () => {
    test.use({ kind });

    test('a renewal through the library', async ({ clerk, page, library }) => {
      await clerk.logInFirst();
      for (const number of certificates) {
        const line = page.getByRole('row').filter({ hasText: number });
        await expect(async () => { // the hall hears of new certificates one after the other
          await page.goto('/#/certificates');
          await page.reload();
          await expect(line).toBeVisible({ timeout: 3_000 });
        }).toPass();
        await line.getByRole('link', { name: /^延期/ }).click();
        if (number === certificates[0]) {
          await clerk.allowSite();
        }
        await clerk.agree();
        await clerk.enterPIN('00000000');
        await clerk.enterPIN(library.pin);
        const crashed = await atOrder(page, ['install'], async (order) => {
          const strip = page.getByRole('region', { name: '钥匙和证书的状态' });
          await expect(strip.getByText(`写入 1/${parts}`).first()).toBeVisible(); // the new lamp
          await expect(strip.getByText(/可用至/).first()).toBeVisible(); // the old one
          await library.crash();
          await order.continue();
        });
        await crashed('install');
        await clerk.enterPIN(library.pin); // another process knows no PIN
        await clerk.seesResult('renew');
        await expect(page.getByText('通过')).toHaveCount(kind === 'skf' ? 2 : 1);
        await clerk.reads(decryption);
        await examine(page, `receipt-${kind}`);
        await page.unrouteAll();
      }
    });
  });
}

test.describe('pkcs11', () => {
  test.use({ kind: 'pkcs11' });
  test.setTimeout(240_000);

  test('an RSA and a P-256 certificate let in whose phone is lost', async ({ clerk, page, context, hall, keys, library }) => {
    await clerk.logInFirst();
    await keys.unplug(); // the two of the library are left
    for (const [nth, phone] of ['13900000007', '13900000008'].entries()) {
      await context.clearCookies();
      await page.goto('/#/login');
      await page.reload();
      await page.getByRole('link', { name: '手机号码已停用' }).click();
      await clerk.field('新手机号码').fill(phone);
      await clerk.press('获取验证码');
      await clerk.field('新手机收到的验证码').fill(await hall.code(phone));
      await clerk.press('下一步：用钥匙确认');
      if (nth === 0) {
        await clerk.allowSite();
      }
      await expect(page.getByRole('radio')).toHaveCount(2);
      await page.getByRole('radio').nth(nth).check();
      await clerk.press('用证书确认');
      if (nth === 0) {
        await clerk.enterPIN(library.pin);
      }
      await clerk.sees('管理首页');
    }
  });
});
