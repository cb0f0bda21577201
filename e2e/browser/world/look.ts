// Looks at a page as a picture and as a screen reader would.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

import { build } from './places';

const sizes = { desktop: { width: 1366, height: 768 }, phone: { width: 390, height: 844 } };

/**
 * Examines a page: no violation of WCAG A and AA, nothing wider than a phone,
 * and a picture for each of the two sizes in the language the page is shown in:
 * build/screenshots/NAME-{desktop,phone}-{zh,en}.png.
 */
export async function examine(page: Page, name: string): Promise<void> {
  await accessible(page);
  const before = page.viewportSize();
  const language = (await page.locator('html').getAttribute('lang'))?.slice(0, 2);
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect.soft(tooWide, `${name} at ${size}: pixels to scroll sideways`).toBeLessThanOrEqual(0);
    await page.screenshot({ path: build('screenshots', `${name}-${size}-${language}.png`), fullPage: true, animations: 'disabled' });
  }
  if (before) {
    await page.setViewportSize(before);
  }
}

/** Asserts that axe finds nothing on the page. */
export async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const found = violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.html}\n  ${n.failureSummary}`).join('\n')}`);
  expect.soft(found, `accessibility of ${page.url()}`).toEqual([]);
}
