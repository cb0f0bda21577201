import { describe, expect, it } from 'vitest';

import { home, target } from '../portal/redirect';

describe('where to go after log-in', () => {
  it.each(['/dashboard', '/certificates?q=HT&page=2', '/cases/k7h2m9', '/help#browser', '/service/renew?serial=0a', '/loginless'])('goes to %s', (path) => {
    expect(target(path)).toBe(path);
  });

  it.each([
    undefined,
    null,
    '',
    ['/certificates', '/cases'],
    'certificates',
    'https://evil.example/',
    'javascript:alert(1)',
    '//evil.example',
    '/\\evil.example',
    '/certificates\\..\\..',
    '/\t/evil.example',
    '/certificates\n',
    '/login?redirect=%2Flogin',
    '/login',
    '/password',
  ])('does not go to %j', (wanted) => {
    expect(target(wanted)).toBe(home);
  });
});
