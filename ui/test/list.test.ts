import { beforeAll, describe, expect, it } from 'vitest';

import type { HeldCertificate } from '../api';
import { daysText, grouped } from '../portal/certificates/certificate';
import { arrange, entries, search, shown, sortingOf, turned } from '../portal/certificates/list';
import { todos } from '../portal/home/todo';
import { speak } from '../shared/i18n';

let made = 0;
function certificate(more: Partial<HeldCertificate> = {}): HeldCertificate {
  made++;
  return {
    serial: `0a${made}`, enc_serial: `0b${made}`, subject: '示例公司', organisation: '91310000MA1K35XE0X', project: 'medical-insurance',
    key_number: `HT-2026-${made}`, key_serial: 'SK1', not_before: '2026-01-01T00:00:00Z', not_after: '2027-01-01T00:00:00Z',
    days_left: 300, state: 'valid', actions: [], ...more,
  };
}

const numbers = (list: HeldCertificate[]) => list.map((c) => c.key_number);

describe('searching', () => {
  const list = entries([
    certificate({ key_number: 'HT-2026-0002', subject: '内蒙古华远建设工程' }),
    certificate({ key_number: 'HT-2026-0010', subject: 'Société Générale' }),
    certificate({ key_number: 'HT-2025-0002', subject: '内蒙古人民医院' }),
  ]);

  it.each([
    ['', 3],
    ['2026', 2],
    ['ht20260002', 1],
    ['ＨＴ－２０２６－００１０', 1], // full width
    ['societe GENERALE', 1],
    ['内蒙古 医院', 1],
    ['医院 内蒙古', 1],
    ['medical', 3],
    ['没有', 0],
  ])('%j finds %i', (typed, count) => {
    expect(search(list, typed)).toHaveLength(count);
  });

  it('is right for 5,000', () => {
    const many = entries(Array.from({ length: 5000 }, (_, i) => certificate({ key_number: `N-${i}` })));
    expect(numbers(search(many, 'n-4999'))).toEqual(['N-4999']);
  });
});

describe('sorting', () => {
  const list = [
    certificate({ key_number: 'A-10', subject: '张', not_after: '2026-03-01T00:00:00Z', state: 'valid' }),
    certificate({ key_number: 'A-9', subject: '安', not_after: '2026-01-01T00:00:00Z', state: 'revoked' }),
    certificate({ key_number: 'a-11', subject: '李', not_after: '2026-02-01T00:00:00Z', state: 'expired' }),
  ];

  it.each([
    ['', ['a-11', 'A-10', 'A-9']], // revoked last
    ['key_number', ['A-9', 'A-10', 'a-11']],
    ['-key_number', ['a-11', 'A-10', 'A-9']],
    ['subject', ['A-9', 'a-11', 'A-10']], // 安 李 张
    ['not_after', ['A-9', 'a-11', 'A-10']],
    ['state', ['a-11', 'A-10', 'A-9']],
    ['nonsense', ['a-11', 'A-10', 'A-9']],
  ])('by %j', (by, want) => {
    expect(numbers(arrange(entries(list), sortingOf(by)).map((e) => e.certificate))).toEqual(want);
  });

  it('goes up, down and back with every press', () => {
    expect(turned(undefined, 'state')).toBe('state');
    expect(turned(sortingOf('state'), 'state')).toBe('-state');
    expect(turned(sortingOf('-state'), 'state')).toBe('');
    expect(turned(sortingOf('-state'), 'subject')).toBe('subject');
  });
});

describe('narrowing', () => {
  it('counts ends within thirty days as soon, later ones apart', () => {
    const at = (days_left: number) => certificate({ days_left, state: 'expiring' });
    expect([0, 30, 31].map((d) => shown('soon', at(d)))).toEqual([true, true, false]);
    expect([30, 31].map((d) => shown('later', at(d)))).toEqual([false, true]);
  });

  it('takes a case that can be gone on with as something to do', () => {
    expect(shown('todo', certificate({ case: { case: 'k', service: 'renew', stage: 2 } }))).toBe(true);
    expect(shown('todo', certificate())).toBe(false);
  });
});

describe('days', () => {
  beforeAll(() => speak('zh-CN'));

  it.each([
    [20, 'expiring', '剩余 20 天'],
    [0, 'expiring', '今天到期'],
    [0, 'expired', '今天已到期'],
    [-40, 'expired', '已过期 40 天'],
  ] as const)('%i, %s: %s', (days_left, state, text) => {
    expect(daysText({ days_left, state })).toBe(text);
  });

  it('groups serials by four', () => {
    expect(grouped('0a1b2c3d4e')).toBe('0A1B 2C3D 4E');
    expect(grouped('0a1b')).toBe('0A1B');
  });
});

describe('what there is to do', () => {
  const soon = (days_left: number) => certificate({ days_left, state: 'expiring', actions: ['renew'] });
  const over = () => certificate({ days_left: -1, state: 'expired', actions: ['repair'] });

  it('begins with unfinished cases, then what ended, then what ends', () => {
    const list = [certificate(), soon(80), soon(20), over(), certificate({ state: 'suspended' }), { ...over(), case: { case: 'k', service: 'repair', stage: 2 } }];
    expect(todos(list).map((x) => x.what)).toEqual(['case', 'expired', 'soon', 'later', 'suspended']);
  });

  it('takes what was ordered and bought before what could be', () => {
    const inOrder = (order: string) => ({ ...soon(20), order });
    const found = todos([over(), inOrder('o1'), inOrder('o2'), inOrder('o1'), { ...soon(80), entitlement: 'e' }, { ...certificate({ state: 'suspended' }), entitlement: 'f' }]);
    expect(found.map((x) => [x.what, x.certificates.length])).toEqual([['unpaid', 2], ['unpaid', 1], ['bought', 1], ['expired', 1], ['suspended', 1]]);
  });

  it('tells two of a kind one by one, more as a number', () => {
    expect(todos([soon(1), soon(2)]).map((x) => x.certificates.length)).toEqual([1, 1]);
    expect(todos([soon(1), soon(2), soon(3)]).map((x) => x.certificates.length)).toEqual([3]);
  });

  it('is nothing where nothing can be done', () => {
    expect(todos([certificate(), certificate({ state: 'expired', days_left: -900 }), certificate({ state: 'revoked' })])).toEqual([]);
  });
});
