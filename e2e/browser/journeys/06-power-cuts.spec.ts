// The server or the agent dies at every step, as in a power cut; the page goes
// on by itself when it is back.
import type { Route } from '@playwright/test';

import type { Clerk } from '../acts/clerk';
import { atOrder, atReply, lost, type Operation, operations } from '../world/strike';
import { expect, test } from '../world/test';

/** What the person does so that the key comes to do an operation. */
async function lead(clerk: Clerk, operation: Operation): Promise<void> {
  if (operation === 'identify') {
    await clerk.allowSite();
  } else if (operation === 'prepare') {
    await clerk.provePhone();
    await clerk.agree();
    await clerk.enterPIN();
  }
}

test('the server dies before it hears what the key did', async ({ clerk, page, hall }) => {
  const dies = async (reply: Route): Promise<void> => {
    await hall.kill();
    await reply.continue();
  };
  await clerk.logIn();
  const died = await atReply(page, operations, dies);
  await clerk.begin('renew');
  for (const operation of operations) {
    await lead(clerk, operation);
    await died(operation);
    if (operation !== 'retire') { // then the case is done
      await clerk.reads('连接不到证书大厅');
      await clerk.reads(clerk.words.oldStillWorks);
    }
    await hall.reopen();
  }
  await clerk.seesResult('renew');
});

test('the server dies after it heard, before the page hears back', async ({ clerk, page, hall }) => {
  const dies = async (reply: Route): Promise<void> => {
    await reply.fetch();
    await hall.kill();
    await lost(reply);
  };
  await clerk.logIn();
  const died = await atReply(page, operations, dies);
  await clerk.begin('renew');
  for (const operation of operations) {
    await lead(clerk, operation);
    await died(operation);
    await hall.reopen();
  }
  await clerk.seesResult('renew');
  await expect(page.getByText('通过')).toHaveCount(2);
});

test('the agent dies at each step', async ({ clerk, page, agent }) => {
  const dies = async (order: Route): Promise<void> => {
    await agent.kill();
    await order.continue();
  };
  await clerk.logIn();
  const steps = ['prepare', 'install', 'acknowledge'] as const;
  const died = await atOrder(page, steps, dies);
  await clerk.begin('renew');
  await clerk.allowSite();
  await clerk.provePhone();
  await clerk.agree();
  for (const operation of steps) {
    if (operation !== 'prepare') {
      await clerk.enterPIN(); // a new run of the agent knows no PIN
    }
    await died(operation);
    await clerk.reads('没有找到证书助手');
    await clerk.reads(clerk.words.oldStillWorks);
    await agent.start();
    await clerk.allowSite();
  }
  await clerk.enterPIN();
  await clerk.seesResult('renew');
});

test('the agent dies while it works', async ({ clerk, page, agent }) => {
  const dies = async (order: Route): Promise<void> => {
    await order.continue();
    await agent.kill();
  };
  await clerk.logIn();
  const died = await atOrder(page, ['identify', 'install'], dies);
  await clerk.begin('renew');
  await clerk.allowSite();
  await died('identify');
  await agent.start();
  await clerk.allowSite();
  await clerk.provePhone();
  await clerk.agree();
  await clerk.enterPIN();
  await died('install');
  await agent.start();
  await clerk.allowSite();
  await clerk.enterPIN();
  await clerk.seesResult('renew');
});
