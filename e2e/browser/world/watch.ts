// What the browser complains about while a journey runs: nobody may see it.
import type { BrowserContext } from '@playwright/test';

// Chromium itself reports every answer from 400 on and every connection that
// fails; pages cannot keep it from doing so, and journeys provoke both.
const answers = /^Failed to load resource: /;

/**
 * Collects console errors, uncaught exceptions and violations of the content
 * security policy of all pages of a context, except those `expected`.
 */
export function watch(context: BrowserContext, expected: RegExp[]): string[] {
  const complaints: string[] = [];
  const note = (text: string): void => {
    if (!answers.test(text) && !expected.some((pattern) => pattern.test(text))) {
      complaints.push(text);
    }
  };
  context.on('console', (message) => {
    if (message.type() === 'error' || /Content.Security.Policy/i.test(message.text())) {
      note(`${message.text()} (${message.page()?.url()})`);
    }
  });
  context.on('weberror', (error) => note(String(error.error().stack)));
  return complaints;
}
