// The very first page: light, and readable even where no script runs.
import { expect, test } from '../world/test';

test.use({ agentRuns: false });

test('the first page is light', async ({ page }) => {
  const network = await page.context().newCDPSession(page);
  let bytes = 0;
  network.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await network.send('Network.enable');

  await page.goto('/#/login?redirect=%2Fdashboard');
  await expect(page.getByRole('button', { name: '登录', exact: true })).toBeVisible();
  await page.waitForLoadState('networkidle');

  console.log(`      first load: ${Math.round(bytes / 1024)} KiB`);
  expect(bytes, 'bytes over the wire, headers included').toBeLessThan(300_000);
});

test.describe('in Internet Explorer', () => {
  test.use({ userAgent: 'Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko', javaScriptEnabled: false });

  test('a page without scripts names the browsers that work', async ({ page }) => {
    await page.goto('/');
    await expect(page.getByText('Edge').first()).toBeVisible();
    await expect(page.getByText('Chrome').first()).toBeVisible();
    await expect(page.locator('script')).toHaveCount(0);
  });
});
