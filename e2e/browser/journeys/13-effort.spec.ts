// What a renewal costs a person: clicks, and seconds of waiting besides typing.
import type { Clerk } from '../acts/clerk';
import type { Clicks } from '../world/clicks';
import { test } from '../world/test';

test('a renewal, logged in with one’s own password', async ({ clerk, clicks }) => {
  await clerk.openLogIn();
  await counted('own password', clicks, async () => {
    await clerk.logIn();
    await clerk.begin('renew');
    await clerk.allowSite();
    await clerk.provePhone();
    await finish(clerk);
  });
});

test.describe('first visit', () => {
  test.use({ newcomer: true });

  test('a renewal, with the first password', async ({ clerk, clicks }) => {
    await clerk.openLogIn();
    await counted('first password', clicks, async () => {
      await clerk.logInFirst();
      await clerk.begin('renew');
      await clerk.allowSite();
      await finish(clerk);
    });
  });
});

async function finish(clerk: Clerk): Promise<void> {
  await clerk.agree();
  await clerk.enterPIN();
  await clerk.seesResult('renew');
}

async function counted(name: string, clicks: Clicks, act: () => Promise<void>): Promise<void> {
  const start = Date.now();
  await act();
  console.log(`      ${name}: log-in to done in ${((Date.now() - start) / 1000).toFixed(1)} s and ${clicks.made} clicks`);
}
