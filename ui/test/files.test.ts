import { describe, expect, it } from 'vitest';

import { parts } from '../portal/help/answer';
import { policyFiles } from '../portal/help/policy';
import { topics } from '../portal/help/topics';
import { csv } from '../shared/table/csv';
import zh from '../locale/zh-CN.json';

describe('tables for spreadsheets', () => {
  it('begin with the mark of UTF-8 and end lines as RFC 4180 has it', () => {
    expect(csv([['卡号', '名称'], ['1', '二']])).toBe('\uFEFF卡号,名称\r\n1,二\r\n');
  });

  it.each([
    ['a,b', '"a,b"'],
    ['say "yes"', '"say ""yes"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    [' =1+1', "' =1+1"],
    ['+86', "'+86"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['＝1+1', "'＝1+1"],
    ['\t=1', `"'\t=1"`],
    ['\r=1', `"'\r=1"`],
    ['123456789012', '"\t123456789012"'], // would be rounded
    ['12e45', '"\t12e45"'], // would be a number
    ['2026-12-14', '2026-12-14'],
    ['12', '12'],
  ])('hold %j as %j', (text, cell) => {
    expect(csv([[text]])).toBe(`\uFEFF${cell}\r\n`);
  });
});

describe('policy files', () => {
  const files = policyFiles('https://ca.example:8443');
  const text = (id: string) => files.find((f) => f.id === id)?.text ?? '';

  it('name the portal for Chrome and Edge on Windows, under both policies', () => {
    expect(text('windows').match(/"8083"="https:\/\/ca\.example:8443"\r\n/g)).toHaveLength(4);
    expect(text('windows')).toContain('[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Edge\\LoopbackNetworkAllowedForUrls]\r\n');
    expect(text('windows').startsWith('Windows Registry Editor Version 5.00\r\n\r\n')).toBe(true);
  });

  it('name it for Chromium on Linux, and its host for Firefox', () => {
    expect(JSON.parse(text('linux'))).toEqual({ LocalNetworkAccessAllowedForUrls: ['https://ca.example:8443'], LoopbackNetworkAllowedForUrls: ['https://ca.example:8443'] });
    expect(JSON.parse(text('firefox'))).toEqual({ policies: { LocalNetworkAccess: { SkipDomains: ['ca.example'] } } });
  });

  it('hold nothing but the origin, whatever the portal calls itself', () => {
    expect(policyFiles('https://ca.example:8443/"\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]')).toEqual(files);
  });
});

describe('questions', () => {
  it('all have an answer', () => {
    const texts = zh as Record<string, string>;
    for (const topic of Object.values(topics).flat()) {
      expect([topic, Boolean(texts[`help.q.${topic}`]), parts(texts[`help.a.${topic}`] ?? '').length > 0]).toEqual([topic, true, true]);
    }
  });

  it('are answered in paragraphs and steps', () => {
    expect(parts('First.\n- one\n- two\nLast.')).toEqual([{ text: 'First.' }, { steps: ['one', 'two'] }, { text: 'Last.' }]);
  });
});
