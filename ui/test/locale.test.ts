import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import en from '../locale/en.json';
import zh from '../locale/zh-CN.json';

const keys = Object.keys(zh);

function sources(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) {
      return sources(path);
    }
    return /\.(vue|ts)$/.test(name) ? [readFileSync(path, 'utf8')] : [];
  });
}

const text = [...sources('portal'), ...sources('shared')].join('\n');

describe('locale files', () => {
  it('have the same keys, sorted', () => {
    expect(Object.keys(en)).toEqual(keys);
    expect(keys).toEqual([...keys].sort());
  });

  it('have the same values to fill in', () => {
    const holes = (s: string) => [...new Set(s.match(/\{\w+\}/g) ?? [])].sort();
    for (const key of keys) {
      expect([key, holes((en as Record<string, string>)[key] ?? '')]).toEqual([key, holes((zh as Record<string, string>)[key] ?? '')]);
    }
  });

  it('have no bare @, which begins a link to another text', () => {
    const bare = keys.filter((key) => [zh, en].some((texts) => (texts as Record<string, string>)[key]?.replaceAll("{'@'}", '').includes('@')));
    expect(bare).toEqual([]);
  });

  it('have every text that the pages name', () => {
    const named = [...text.matchAll(/\bt\(\s*'([^']+)'/g)].map((m) => m[1] ?? '');
    expect(named.filter((key) => !keys.includes(key))).toEqual([]);
  });

  it('have no text that nothing names', () => {
    // a key built from parts is named by its beginning: `step.${name}`
    const beginnings = [...text.matchAll(/`([\w.-]+\.)\$\{/g)].map((m) => m[1] ?? '');
    const unused = keys.filter((key) => !text.includes(`'${key}'`) && !beginnings.some((b) => key.startsWith(b)));
    expect(unused).toEqual([]);
  });
});
