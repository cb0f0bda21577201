// Buying for many certificates, and using what was bought key after key.
import type { Container, Key } from '@certhall/page';
import { describe, expect, it } from 'vitest';

import type { CartLine, HeldCertificate, InvoiceRequest, OrderedLine } from '../api';
import { buyable, parted } from '../portal/cart/cart';
import { invoiceErrors, sendable } from '../portal/orders/invoice';
import { nextOf, open, pairOf, sumOf, type Task, taskOf } from '../portal/orders/tasks';
import { validTaxNumber } from '../portal/orders/taxNumber';
import { moving } from '../portal/orders/useOrder';

const held = (over: Partial<HeldCertificate> = {}): HeldCertificate => ({
  actions: ['renew'], days_left: 20, enc_serial: '', key_number: 'HT-1', key_serial: 'K1', not_after: '2026-12-14T00:00:00Z', not_before: '2025-12-14T00:00:00Z',
  organisation: 'O', project: 'p', serial: 'a', state: 'expiring', subject: 'S', ...over,
});

describe('what can be bought', () => {
  it.each([
    [held(), true],
    [held({ actions: [] }), false],
    [held({ case: { case: 'c', service: 'renew', stage: 1 } }), false],
    [held({ entitlement: 'e' }), false], // bought
    [held({ order: 'o' }), false], // and to be paid
  ])('is what waits for nothing else (%#)', (c, can) => expect(buyable(c)).toBe(can));

  it('is not held up by what cannot', () => {
    const line = (serial: string, problem?: string) => ({ serial, ...(problem ? { problem: { code: problem } } : {}) }) as CartLine;
    const { open: yes, shut } = parted([line('a'), line('b', 'too-early'), line('c')]);
    expect([yes.map((l) => l.serial), shut.map((l) => l.serial)]).toEqual([['a', 'c'], ['b']]);
  });
});

const line = (over: Partial<OrderedLine> = {}): OrderedLine => ({
  brand: '', entitlement: 'e1', key_number: 'HT-1', names: {}, organisation: 'O', price: 1, project: 'p', serial: 'old', service: 'renew', state: 'open', subject: 'S', subtotal: 1,
  type: '', years: 1, certificate: held({ serial: 'a' }), ...over,
});
const without: Partial<OrderedLine> = { certificate: undefined as never };

describe('a line as a task', () => {
  it.each([
    [line(), 'open'],
    [line({ certificate: held({ case: { case: 'c1', service: 'renew', stage: 2 }, actions: [] }) }), 'begun'],
    [line({ certificate: held({ actions: [] }) }), 'shut'],
    [line(without), 'others'],
    [line({ state: 'spent', case: 'c1' }), 'done'],
    [line({ state: 'refunding' }), 'refunding'],
    [line({ state: 'refunded', ...without }), 'refunded'],
  ])('stands so (%#)', (l, state) => expect(taskOf(l).state).toBe(state));

  it('is done as what the certificate wants now', () => {
    expect(taskOf(line({ certificate: held({ actions: ['repair'] }) })).service).toBe('repair'); // it expired since
    expect(taskOf(line({ certificate: held({ actions: ['repair'], case: { case: 'c', service: 'renew', stage: 1 } }) })).service).toBe('renew');
    expect(taskOf(line()).serial).toBe('a'); // not the one it was bought for
  });

  it('knows its key by the pair, and by what its case has made', () => {
    expect(pairOf(taskOf(line()))).not.toHaveProperty('case');
    expect(pairOf(taskOf(line({ certificate: held({ case: { case: 'c', service: 'renew', stage: 4 } }) }))).case).toBe('c');
  });
});

describe('key after key', () => {
  const task = (id: string, state: Task['state'] = 'open'): Task => ({ ...taskOf(line({ entitlement: id, certificate: held({ serial: id }) })), state });
  const key = (...serials: string[]) => ({ serial: serials.join(), label: '', others: 0, containers: serials.map((serial) => ({ serial, parts: [] as string[] }) as unknown as Container) }) as Key;
  const none = new Set<string>();
  const all = [task('a'), task('b'), task('c', 'begun'), task('d', 'done'), task('e', 'shut')];

  it('asks for the first where no key fits', () => {
    expect(nextOf(all, [], none)?.id).toBe('a');
    expect(nextOf(all, [key('else')], none)?.id).toBe('a');
  });

  it('takes whichever key comes, and on it what was begun', () => {
    expect(nextOf(all, [key('b')], none)?.id).toBe('b');
    expect(nextOf(all, [key('b', 'c')], none)?.id).toBe('c');
  });

  it('lets what was put aside, is done, or cannot be done hold up nothing', () => {
    expect(nextOf(all, [key('a', 'd', 'e')], new Set(['a']))?.id).toBe('b');
    expect(nextOf(all, [], new Set(['a', 'b', 'c']))).toBeUndefined();
  });

  it('adds up', () => {
    expect(sumOf([...all, task('f', 'refunding'), task('g', 'refunded'), task('h', 'others')])).toEqual({ done: 1, left: 5, back: 2 });
    expect(all.filter(open).length).toBe(3);
  });
});

describe('an order', () => {
  it.each([
    ['unpaid', [], true],
    ['closing', [], true],
    ['paid', [], false],
    ['paid', ['done', 'dropped', 'failed'], false],
    ['paid', ['done', 'sent'], true],
    ['closed', ['wanted'], true], // paid too late
  ] as const)('is asked for again while it moves (%#)', (standing, refunds, moves) => {
    expect(moving({ standing, refunds: refunds.map((s) => ({ standing: s }) as never) })).toBe(moves);
  });
});

describe('an invoice', () => {
  it.each([
    ['91350100M000100Y43', true],
    ['91350100M000100Y44', false],
    ['91350100I000100Y43', false], // no such letter
    ['11010519491231002X', true], // a person's number
    ['110105194912310021', false],
    ['123456789012345', true], // fifteen digits of old
    ['12345', false],
  ])('needs a tax number that can be one: %s', (n, valid) => expect(validTaxNumber(n)).toBe(valid));

  const asked: InvoiceRequest = { holder: 'organisation', title: ' O ', tax_number: '91350100 m000100y43', mail: 'a@b.cn' };
  it('says what is missing beside each field', () => {
    expect(invoiceErrors(asked)).toEqual({});
    expect(Object.keys(invoiceErrors({ holder: 'organisation', title: '', tax_number: '', mail: 'a@b' }))).toEqual(['invoice-title', 'invoice-tax', 'invoice-mail']);
    expect(Object.keys(invoiceErrors({ holder: 'person', title: 'P', mail: 'a@b.cn' }))).toEqual([]);
    const empty = invoiceErrors({ holder: 'organisation', title: 'O', tax_number: ' ', mail: ' ' });
    const wrong = invoiceErrors({ holder: 'organisation', title: 'O', tax_number: '123', mail: 'a@b' });
    expect(empty['invoice-tax']).not.toEqual(wrong['invoice-tax']);
    expect(empty['invoice-mail']).not.toEqual(wrong['invoice-mail']);
  });

  it('is asked for as it is written', () => {
    expect(sendable(asked)).toEqual({ holder: 'organisation', title: 'O', tax_number: '91350100M000100Y43', mail: 'a@b.cn' });
    expect(sendable({ ...asked, holder: 'person' })).not.toHaveProperty('tax_number');
  });
});
