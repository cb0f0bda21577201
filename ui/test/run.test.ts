import type { Operation } from '@certhall/page';
import { describe, expect, it } from 'vitest';

import { Run, type Situation, type Standing } from '../portal/service/run';
import type { Input, Next } from '../api';
import { Problem } from '../shared/problem';

const problem = (code: string, status?: number) => new Problem(code, { message: code, hint: '', ...(status ? { status } : {}) });

const base: Next = { case: 'c1', service: 'renew', state: 'open', step: 'identify', steps: [], stage: 1 };
const order = (operation: Operation, step = operation as string): Next => ({ ...base, step, operation, message: `order ${operation}` });
const wait: Next = { ...base, step: 'issue', wait: { after_ms: 200, reason: 'issuing' } };
const ask: Next = { ...base, step: 'phone', ask: { kind: 'code', phone: '138****0001', sent: false, resend_after_s: 0, tries_left: 5 } };
const offer: Next = {
  ...base, step: 'pay', stage: 2, ask: {
    kind: 'pay', phone: '', sent: false, resend_after_s: 0, tries_left: 0,
    pay: {
      years: [1, 2], line: {
        serial: '01', service: 'renew', years: 1, price: 20000, subtotal: 20000, project: 'P', brand: 'B', type: 'unit', names: { en: 'P-B' },
        subject: 's', organisation: 'o', key_number: 'HT-1',
      },
    },
  },
};
const unpaid: Next = {
  ...offer, ask: {
    kind: 'pay', phone: '', sent: false, resend_after_s: 0, tries_left: 0,
    pay: { order: { order: 'O1', standing: 'unpaid', total: 20000, made_at: '2026-12-14T01:00:00Z', lines: [] } },
  },
};
const done: Next = { ...base, state: 'done', step: 'done', stage: 4 };

// World is a hall that gives its answers one after another, and a key.
class World {
  readonly inputs: Input[] = [];
  readonly told: Standing[] = [];
  readonly slept: number[] = [];
  readonly carried: string[] = [];
  keys: (string | Problem)[] = [];
  ready = Promise.resolve();
  hold = false; // sleep until stopped
  sure = false; // the person has said that what was bought may begin
  seen = Promise.resolve(); // the page is seen
  left: Promise<void> = new Promise(() => undefined); // the page is not seen
  onTell: (s: Situation) => void = () => undefined;
  onNext: () => unknown = () => undefined; // while the hall is being asked
  readonly stop = new AbortController();
  readonly run = new Run({
    counter: {
      next: async (input) => {
        this.inputs.push(input);
        this.onNext();
        const answer = this.answers.shift() ?? done;
        if (answer instanceof Problem) {
          throw answer;
        }
        return answer;
      },
    },
    desk: {
      carry: async (operation) => {
        this.carried.push(operation);
        const outcome = this.keys.shift() ?? `reply ${operation}`;
        if (outcome instanceof Problem) {
          throw outcome;
        }
        return outcome;
      },
      ready: () => this.ready,
    },
    tell: (s) => {
      this.told.push(s);
      this.onTell(s.situation);
    },
    sleep: (ms, signal) => {
      this.slept.push(ms);
      return this.hold ? new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason))) : Promise.resolve();
    },
    visible: () => this.seen,
    hidden: () => this.left,
    now: () => 1000,
    sure: () => this.sure,
    noProgress: () => problem('no-progress'),
  });

  constructor(readonly answers: (Next | Problem)[]) {}

  go = () => this.run.go(this.stop.signal);
  kinds = () => this.told.map((s) => s.situation.kind);
  last = () => this.told[this.told.length - 1]?.situation;
}

describe('a run', () => {
  it('carries, asks, waits, and ends', async () => {
    const w = new World([order('identify'), ask, ask, order('prepare'), wait, order('install'), order('acknowledge'), done]);
    const answers = [{ send_code: true }, { code: '123456' }];
    w.onTell = (s) => s.kind === 'ask' && queueMicrotask(() => w.run.answer(answers.shift() ?? {}));
    await w.go();
    expect(w.inputs).toEqual([
      {}, { reply: 'reply identify' }, { answer: { send_code: true } }, { answer: { code: '123456' } }, { reply: 'reply prepare' }, {},
      { reply: 'reply install' }, { reply: 'reply acknowledge' },
    ]);
    expect(w.slept).toEqual([200]);
    expect(w.last()).toEqual({ kind: 'ended' });
  });

  it('tells what was wrong with an answer', async () => {
    const w = new World([{ ...ask, problem: { code: 'code-wrong', message: 'no', hint: 'again' } }]);
    w.onTell = (s) => s.kind === 'ask' && w.stop.abort('left');
    await expect(w.go()).rejects.toBe('left');
    expect(w.last()).toMatchObject({ kind: 'ask', problem: { code: 'code-wrong', said: { message: 'no.' } } });
  });

  it('drops a reply that came late', async () => {
    const w = new World([order('prepare'), problem('out-of-turn', 409), done]);
    await w.go();
    expect(w.inputs).toEqual([{}, { reply: 'reply prepare' }, {}]);
  });

  it('brings the same reply again when the hall is back', async () => {
    const away = problem('hall-unreachable');
    const w = new World([order('prepare'), away, away, problem('internal', 500), problem('sealed', 503), done]);
    await w.go();
    expect(w.inputs.slice(1)).toEqual(Array(5).fill({ reply: 'reply prepare' }));
    expect(w.slept).toEqual([1000, 2000, 4000, 8000]);
    expect(w.told.find((s) => s.situation.kind === 'retry')?.situation).toEqual({ kind: 'retry', problem: away, at: 2000 });
  });

  it('tries the hall at once when the person says so', async () => {
    const w = new World([problem('hall-unreachable'), done]);
    w.hold = true;
    w.onTell = (s) => s.kind === 'retry' && queueMicrotask(() => w.run.again());
    await w.go();
    expect(w.last()).toEqual({ kind: 'ended' });
  });

  it('stops at a refusal, and goes on when the person says so', async () => {
    const w = new World([order('prepare'), order('prepare'), done]);
    w.keys = [problem('pin-locked')];
    w.onTell = (s) => s.kind === 'stopped' && queueMicrotask(() => w.run.again());
    await w.go();
    expect(w.kinds()).toContain('stopped');
    expect(w.inputs).toEqual([{}, {}, { reply: 'reply prepare' }]);
  });

  it('stops where the hall says that something stands in the way', async () => {
    const w = new World([{ ...base, problem: { code: 'suspended' } }, done]);
    w.onTell = (s) => s.kind === 'stopped' && queueMicrotask(() => w.run.again());
    await w.go();
    expect(w.kinds()).toEqual(['asking-hall', 'stopped', 'asking-hall', 'ended']);
  });

  it.each(['agent-lost', 'key-removed', 'key-missing', 'key-wrong', 'agent-away', 'pairing-needed'])('goes on by itself after %s', async (code) => {
    const w = new World([order('install'), order('install'), done]);
    w.keys = [problem(code)];
    let plug = () => {};
    w.ready = new Promise((resolve) => (plug = resolve));
    w.onTell = (s) => s.kind === 'key-wanted' && plug();
    await w.go();
    expect(w.carried).toEqual(['install', 'install']);
    expect(w.inputs[1]).toEqual({}); // what came of the order is the hall's to say
  });

  it('waits for a busy key', async () => {
    const w = new World([order('install'), order('install'), done]);
    w.keys = [problem('key-busy')];
    await w.go();
    expect(w.slept).toEqual([5000]);
    expect(w.carried).toEqual(['install', 'install']);
  });

  it('sees that it goes in circles', async () => {
    const w = new World(Array.from({ length: 100 }, () => order('prepare')));
    w.onTell = (s) => s.kind === 'stopped' && w.stop.abort('seen');
    await expect(w.go()).rejects.toBe('seen');
    expect(w.last()).toMatchObject({ kind: 'stopped', problem: { code: 'no-progress' } });
    expect(w.carried.length).toBe(64);
  });

  it('is a success though an errand after it failed', async () => {
    const retire = { ...done, operation: 'retire' as const, message: 'order retire' };
    const w = new World([retire]);
    w.keys = [problem('key-removed')];
    await w.go();
    expect(w.last()).toMatchObject({ kind: 'ended', leftover: { code: 'key-removed' } });
  });

  it('waits without a flicker', async () => {
    const w = new World([wait, wait, order('install'), done]);
    await w.go();
    expect(w.kinds()).toEqual(['asking-hall', 'wait', 'wait', 'at-key', 'asking-hall', 'ended']);
  });

  it('looks at an order that stands until it is paid', async () => {
    const w = new World([offer, unpaid, unpaid, order('prepare'), done]);
    w.onTell = (s) => s.kind === 'ask' && w.inputs.length === 1 && queueMicrotask(() => w.run.answer({ pay: { years: 1, total: 20000 } }));
    await w.go();
    expect(w.inputs).toEqual([{}, { answer: { pay: { years: 1, total: 20000 } } }, {}, {}, { reply: 'reply prepare' }]);
    expect(w.slept).toEqual([2000, 2000]);
    expect(w.kinds()).toEqual(['asking-hall', 'ask', 'asking-hall', 'ask', 'ask', 'at-key', 'asking-hall', 'ended']);
  });

  it('asks for no payment while nobody sees the page, and at once when somebody does', async () => {
    const w = new World([unpaid, done]);
    w.hold = true; // the pause itself never ends
    let come = () => {};
    w.seen = new Promise((resolve) => (come = resolve));
    let leave = () => {};
    w.left = new Promise((resolve) => (leave = resolve));
    w.onTell = (s) => s.kind === 'ask' && queueMicrotask(leave);
    const ended = w.go();
    await new Promise(setImmediate); // all that can happen has happened
    expect(w.inputs).toEqual([{}]);
    come();
    await ended;
    expect(w.inputs).toEqual([{}, {}]);
  });

  it('takes an order back when the person says so', async () => {
    const w = new World([unpaid, done]);
    w.hold = true;
    w.onTell = (s) => s.kind === 'ask' && queueMicrotask(() => w.run.answer({ pay: { cancel: true } }));
    await w.go();
    expect(w.inputs).toEqual([{}, { answer: { pay: { cancel: true } } }]);
  });

  it('keeps what the person says while an order is looked at', async () => {
    const w = new World([unpaid, unpaid, done]);
    w.onNext = () => w.inputs.length === 2 && w.run.answer({ pay: { cancel: true } });
    await w.go();
    expect(w.inputs).toEqual([{}, {}, { answer: { pay: { cancel: true } } }]);
  });

  it('ends with a case that came to nothing', async () => {
    const w = new World([{ ...base, state: 'refused', wait: { after_ms: 200, reason: 'closing' }, problem: { code: 'too-early' } }, { ...base, state: 'refused', problem: { code: 'too-early' } }]);
    await w.go();
    expect(w.kinds()).toEqual(['asking-hall', 'wait', 'ended']);
  });

  it('ends when the page is left', async () => {
    const w = new World([order('prepare')]);
    w.keys = [problem('agent-lost')];
    w.ready = new Promise(() => undefined);
    w.onTell = (s) => s.kind === 'key-wanted' && w.stop.abort('left');
    w.ready = new Promise((_, no) => w.stop.signal.addEventListener('abort', () => no(w.stop.signal.reason)));
    await expect(w.go()).rejects.toBe('left');
  });

  it('asks, once, whether what was bought may begin, and asks the hall anew then', async () => {
    const bought = { order: 'O1', years: 1, paid: 20000, paid_at: '2026-12-14T01:00:00Z' };
    const w = new World([{ ...order('prepare'), bought }, { ...order('prepare'), bought }, { ...order('prepare'), bought }, done]);
    w.keys = [problem('key-missing')];
    w.onTell = (s) => {
      if (s.kind === 'confirm') {
        expect(w.carried).toEqual([]);
        w.sure = true;
        queueMicrotask(() => w.run.again());
      }
    };
    await w.go();
    expect(w.kinds().filter((k) => k === 'confirm')).toHaveLength(1);
    expect(w.carried).toEqual(['prepare', 'prepare']);
  });

  it('asks nothing where there was nothing to buy', async () => {
    const w = new World([order('prepare'), done]);
    await w.go();
    expect(w.kinds()).not.toContain('confirm');
  });

  it('shows that it looks when the person presses, not when it looks by itself', async () => {
    const w = new World([unpaid, unpaid, done]);
    w.hold = true;
    w.onTell = (s) => s.kind === 'ask' && queueMicrotask(() => w.run.again());
    await w.go();
    expect(w.kinds()).toEqual(['asking-hall', 'ask', 'asking-hall', 'ask', 'asking-hall', 'ended']);
  });
});
