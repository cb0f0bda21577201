// The browser journeys: the portal in Debian's Chromium against the real
// programs (bin/). `npm run journeys -w e2e/browser` runs them; pictures of
// every page come to lie in build/screenshots.
import { defineConfig } from '@playwright/test';

import { build } from './world/places';

export default defineConfig({
  testDir: 'journeys',
  outputDir: build('journeys'),
  // One after the other: each journey has a whole authority to itself, and two
  // of them would only fight for the processor. It also lets them share ports.
  // Those that mostly wait, for a minute to be over, do so beside the others.
  workers: 2,
  projects: [
    { name: 'journeys', grepInvert: /@waits/, workers: 1 },
    { name: 'waiting', grep: /@waits/, workers: 1 },
  ],
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    viewport: { width: 1366, height: 768 },
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    actionTimeout: 15_000,
    navigationTimeout: 15_000,
    screenshot: 'only-on-failure',
    // what the page was, step by step; filming it as well would take a tenth of the processor
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      executablePath: '/usr/bin/chromium',
      args: [
        // Chromium's sandbox does not run as root, as which many CI machines test
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-quic',
        '--no-first-run',
      ],
    },
  },
});
