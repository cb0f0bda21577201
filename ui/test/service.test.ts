import type { Container, Key } from '@certhall/page';
import { describe, expect, it } from 'vitest';

import type { CaseView, Next } from '../api';
import { candidates, others } from '../portal/service/choose';
import { lineOf } from '../portal/service/receipt/span';
import { assurance, assuranceBefore, moneySure, stepsOf } from '../portal/service/steps';
import { i18n } from '../shared/i18n';
import { browserName } from '../shared/key/browser';

i18n.global.locale.value = 'zh-CN';
const now = Date.parse('2026-11-23T00:00:00Z');

function on(serial: string, end: string, authority = 'demo', complete = true): Container {
  return { name: serial, serial, not_after: end, authority, parts: [], complete };
}

const key = { serial: 'K1', label: 'key', others: 2 } as Key;
const full: Key = {
  ...key,
  containers: [on('fine', '2027-09-01'), on('gone', '2026-10-01'), on('near', '2026-12-01'), on('long-gone', '2025-10-01'), on('theirs', '2026-12-01', 'else'), on('half', '2026-12-01', 'demo', false)],
};

describe('the pairs to choose from', () => {
  it('has for renew what ends first on top', () => {
    expect(candidates([full], 'renew', 'demo', now).map((c) => c.serial)).toEqual(['near', 'fine', 'long-gone', 'gone']);
  });

  it('has for repair what ended last on top', () => {
    expect(candidates([full], 'repair', 'demo', now).map((c) => c.serial)).toEqual(['gone', 'long-gone', 'fine', 'near']);
  });

  it('counts those of other authorities', () => {
    expect(others([full], 'demo')).toBe(3);
  });
});

const view: CaseView = {
  case: 'c1', service: 'renew', state: 'open', step: 'phone', steps: [], stage: 2, serial: '0a', subject: 'S', organisation: 'O', project: 'p',
  key_number: 'HT-1', opened_at: '2026-11-23T00:00:00Z', not_after_old: '2026-12-14T00:00:00Z',
};

describe('the four steps', () => {
  it('follow the stage', () => {
    expect(stepsOf(view, undefined, false).map((s) => s.state)).toEqual(['done', 'now', 'later', 'later']);
    expect(stepsOf(view, { ...view, stage: 4 } as Next, false).map((s) => s.state)).toEqual(['done', 'done', 'done', 'now']);
    expect(stepsOf(view, { ...view, stage: 4, state: 'done' } as Next, false).map((s) => s.state)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('leave out what is not known', () => {
    expect(stepsOf({ ...view, not_after_old: undefined } as unknown as CaseView, undefined, false)[0]?.facts.map((f) => f.label)).toEqual(['service.fact.subject', 'service.fact.number']);
  });

  it('tell how the phone was proved', () => {
    const proved = { ...view, stage: 3, phone: '138****0001' } as Next;
    const words = (v: CaseView, asked: boolean) => stepsOf(v, proved, asked)[1]?.done;
    expect(words(view, true)).toEqual({ text: 'service.step.2.proved', params: { phone: '138****0001' } });
    expect(words(view, false)).toEqual({ text: 'service.step.2.known', params: { phone: '138****0001' } });
    expect(words({ ...view, stage: 3 }, false)?.text).toBe('service.step.2.proved'); // how, is not known any more
    expect(stepsOf(view, undefined, false)[1]?.done.text).toBe('service.step.done');
  });
});

describe('what is said first when something failed', () => {
  const ended = { ...view, not_after_old: '2026-11-01T00:00:00Z' };
  it.each([
    [view, 'agent-lost', 'service.sure.old'],
    [ended, 'agent-lost', 'service.sure.kept'],
    [view, 'pin-locked', 'service.sure.locked'],
    [view, 'suspended', 'service.sure.held'],
    [view, 'revoked', undefined],
    [view, 'key-damaged', 'service.sure.issued'],
    [ended, 'key-damaged', undefined],
    [view, 'needs-reissue', 'service.sure.grace'],
  ])('is true (%#)', (v, code, text) => {
    expect(assurance(v, undefined, code, now)).toBe(text);
  });

  it('is of the new pair once it counts', () => {
    expect(assurance(view, { ...view, state: 'done' } as Next, 'key-removed', now)).toBe('service.sure.new');
  });
});

describe('what is said first where nothing has begun', () => {
  it.each([
    ['too-early', 'service.sure.old'],
    ['agent-absent', 'service.sure.kept'],
    ['too-late', 'service.sure.kept'],
    ['key-damaged', undefined],
    ['revoked', undefined],
  ])('of %s is true', (code, text) => {
    expect(assuranceBefore(code)).toBe(text);
  });
});

describe('the time line', () => {
  const dates = (not_before: string, not_after: string) => ({ sign_serial: '', enc_serial: '', subject: '', not_before, not_after });

  it('spans both pairs', () => {
    const line = lineOf(dates('2026-01-01', '2027-01-01'), dates('2026-07-02', '2028-01-01'), '2026-07-02');
    expect(line.old).toEqual({ start: 0, width: 50 });
    expect(line.fresh).toEqual({ start: 24.9, width: 75.1 });
    expect(line.now).toBe(24.9);
  });

  it('does without an old pair', () => {
    expect(lineOf(undefined, dates('2026-01-01', '2027-01-01'), '2025-01-01')).toEqual({ old: undefined, fresh: { start: 0, width: 100 }, now: 0 });
  });
});

describe('the browser', () => {
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36', 'chrome'],
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0', 'edge'],
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0 Safari/537.36 QIHU 360EE', 'qihoo'],
    ['Mozilla/5.0 (Windows NT 10.0; rv:150.0) Gecko/20100101 Firefox/150.0', 'firefox'],
    ['Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 'safari'],
  ])('%s', (agent, name) => {
    expect(browserName(agent)).toBe(name);
  });
});

describe('what was paid', () => {
  const bought = { order: 'O1', years: 2, paid: 40000, channel: 'wechat', paid_at: '2026-11-23T01:02:03Z' };
  const at = (next: Partial<Next>) => ({ ...view, ...next }) as Next;

  it('is told by the step it was paid in', () => {
    const step = stepsOf(view, at({ stage: 3, phone: '138****0001', bought }), true)[1];
    expect(step?.name).toBe('service.step.2.pay');
    expect(step?.done).toEqual({ text: 'service.step.2.paid', params: { phone: '138****0001', amount: '¥400.00' } });
    expect(step?.facts.map((f) => f.value)).toEqual(['¥400.00', 'O1', '2026-11-23 09:02']);
    expect(stepsOf(view, at({ stage: 3, phone: '1', bought: { ...bought, paid: 0 } }), true)[1]?.done.text).toBe('service.step.2.free');
  });

  it('is named while it is asked for', () => {
    const ask = { kind: 'pay' as const, phone: '', sent: false, resend_after_s: 0, tries_left: 0, pay: {} };
    expect(stepsOf(view, at({ ask }), true)[1]).toMatchObject({ state: 'now', name: 'service.step.2.pay', what: 'service.step.2.pay.what' });
    expect(stepsOf(view, undefined, true)[1]).toMatchObject({ name: 'service.step.2', what: 'service.step.2.what' });
  });

  it('is not lost, whatever fails', () => {
    const order = { order: 'O1', standing: 'unpaid' as const, total: 1, made_at: '', lines: [] };
    const ask = (pay: object) => at({ ask: { kind: 'pay', phone: '', sent: false, resend_after_s: 0, tries_left: 0, pay } });
    expect(moneySure(view, undefined)).toBe('');
    expect(moneySure(view, ask({ line: { price: 100 } }))).toBe('还没有扣款。');
    expect(moneySure(view, ask({ line: { price: 0 } }))).toBe('');
    expect(moneySure(view, ask({ order }))).toContain('不会重复扣款');
    expect(moneySure(view, at({ bought }))).toContain('¥400.00 有效');
    expect(moneySure({ ...view, state: 'closed', bought }, undefined)).toContain('没有用掉');
    expect(moneySure(view, at({ state: 'done', bought }))).toBe('');
  });
});
