// The member centre: what it has for whom, what an entry of the history leads
// to, what is kept at hand, and forms whose refusals stand beside their fields.
import { flushPromises } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope, ref } from 'vue';

import type { OrderSummary, UpdateEntry } from '../api';
import { groupsFor } from '../portal/account/centre';
import { drop, favourites, keep, kept, learnFavourites } from '../portal/favourites/favourites';
import { entered, gone } from '../portal/session';
import { mainAct, orderState, otherActs, type Show, unfinished } from '../portal/updates/update';
import { useUpdates } from '../portal/updates/updates';
import { useForm } from '../shared/form/form';
import { useLate } from '../shared/late';
import { Problem } from '../shared/problem';

let answers: Record<string, unknown[]>;
let asked: string[];

beforeEach(() => {
  [answers, asked] = [{}, []];
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(request.method + ' ' + pathname + search);
    const body = answers[pathname]?.shift();
    return new Response(JSON.stringify(body ?? { code: 'missing' }), { status: body ? 200 : 404, headers: { 'Content-Type': 'application/json' } });
  });
});
const scope = effectScope();

// within runs what lives in a component.
function within<T>(use: () => T): T {
  const inner = scope.run(() => effectScope());
  return inner?.run(use) as T;
}

afterEach(() => {
  gone('left');
  vi.unstubAllGlobals();
});

const me = { user_name: '', level: 'ordinary' as const, real_name: '', mail: '', phone: '138****0001', has_password: true, must_set_password: false, registered_at: '2026-01-01T00:00:00Z', session_ends_at: '2026-01-02T00:00:00Z', organisations: [] };

describe('the navigation', () => {
  const names = (role?: 'administrator' | 'handler') => groupsFor({ organisations: role ? [{ organisation: 'A', name: '', role }] : [] }).flatMap((g) => g.pages);
  it('has the members for administrators alone', () => {
    expect(names('administrator')).toContain('members');
    expect(names('handler')).not.toContain('members');
    expect(names()).toEqual(['updates', 'favourites', 'profile', 'password', 'logins', 'devices']);
  });
});

const order = (o: Partial<OrderSummary>): OrderSummary => ({ order: 'o1', standing: 'paid', total: 20000, refunded: 0, open: 0, count: 1, made_at: '', first: {} as OrderSummary['first'], ...o });
const entry = (e: Partial<UpdateEntry>): UpdateEntry => ({ kind: 'order', at: '', actions: [], ...e });

describe('an entry of the history', () => {
  it('leads to the case or the order that waits', () => {
    const c = { case: 'c1', state: 'open' } as UpdateEntry['case'];
    expect(mainAct(entry({ kind: 'case', ...(c ? { case: c } : {}), actions: ['continue'] }))).toEqual({ name: 'continue', to: '/cases/c1' });
    expect(mainAct(entry({ order: order({ case: 'c1', standing: 'unpaid' }), actions: ['pay', 'cancel'] }))).toEqual({ name: 'pay', to: '/cases/c1' });
    expect(mainAct(entry({ order: order({ count: 3, standing: 'unpaid' }), actions: ['pay'] }))).toEqual({ name: 'pay', to: '/orders/o1' });
    expect(mainAct(entry({ order: order({}), actions: ['receipt'] }))).toBeUndefined();
  });

  it('has its papers, or at least its details', () => {
    expect(otherActs(entry({ order: order({ case: 'c1' }), actions: ['receipt', 'invoice'] })).map((a) => [a.name, a.to])).toEqual([['receipt', '/orders/o1/receipt'], ['invoice', '/orders/o1']]);
    expect(otherActs(entry({ order: order({ standing: 'closed' }) })).map((a) => a.name)).toEqual(['details']);
    expect(otherActs(entry({ kind: 'case', case: { case: 'c1', state: 'done', acknowledged_at: 'x' } as never })).map((a) => a.name)).toEqual(['result']);
    expect(unfinished(entry({ actions: ['refund', 'receipt'] }))).toBe(false);
    expect(unfinished(entry({ actions: ['use'] }))).toBe(true);
  });

  it('says how the money stands', () => {
    expect(orderState(order({ standing: 'unpaid' }))).toBe('unpaid');
    expect(orderState(order({ open: 1 }))).toBe('open');
    expect(orderState(order({}))).toBe('paid');
    expect(orderState(order({ total: 0 }))).toBe('free');
    expect(orderState(order({ refunded: 20000 }))).toBe('refunded');
    expect(orderState(order({ refunded: 1 }))).toBe('part-refunded');
  });
});

describe('the history', () => {
  it('is read page by page, and to its end for what is unfinished', async () => {
    const page = (n: number, actions: UpdateEntry['actions'], before?: string) => ({ entries: [entry({ at: String(n), actions })], ...(before ? { before } : {}) });
    answers['/api/history'] = [page(1, [], 'm1'), page(2, []), page(3, [], 'm3'), page(4, ['pay'])];
    const show = ref<Show>('all');
    const list = within(() => useUpdates(() => show.value));
    await flushPromises();
    expect([list.entries.value?.map((e) => e.at), list.more.value]).toEqual([['1'], true]);
    await list.older();
    expect([list.entries.value?.map((e) => e.at), list.more.value]).toEqual([['1', '2'], false]);
    show.value = 'todo';
    await flushPromises();
    expect([list.entries.value?.map((e) => e.at), list.more.value]).toEqual([['4'], false]);
    expect(asked).toEqual(['', '?before=m1', '', '?before=m3'].map((q) => 'GET /api/history' + q));
  });

  it('answers what was asked last', async () => {
    answers['/api/history'] = [{ entries: [entry({ at: 'all' })] }, { entries: [entry({ at: 'cases' })] }];
    const show = ref<Show>('all');
    const list = within(() => useUpdates(() => show.value));
    show.value = 'case'; // before the first answer came
    await flushPromises();
    expect(list.entries.value?.map((e) => e.at)).toEqual(['cases']);
  });
});

describe('favourites', () => {
  it('are known by certificate, or by project and brand, and asked for once', async () => {
    entered(me);
    const certificate = { id: 'f1', since: '', certificate: { serial: 'aa' } };
    const project = { id: 'f2', since: '', project: 'gov', brand: 'haitai' };
    answers['/api/me/favourites'] = [{ favourites: [certificate] }, { favourites: [project, certificate] }];
    await Promise.all([learnFavourites(), learnFavourites()]);
    expect(kept({ serial: 'aa' })?.id).toBe('f1');
    expect(kept({ project: 'gov', brand: 'haitai' })).toBeUndefined();
    await keep({ project: 'gov', brand: 'haitai' });
    expect(kept({ project: 'gov', brand: 'haitai' })?.id).toBe('f2');
    expect(kept({ project: 'gov' })).toBeUndefined();
    answers['/api/me/favourites/f1/remove'] = [{ favourites: [project] }];
    await drop(certificate as never);
    expect(kept({ serial: 'aa' })).toBeUndefined();
    expect(asked).toHaveLength(3);
  });

  it('are forgotten when somebody else logs in', async () => {
    entered(me);
    answers['/api/me/favourites'] = [{ favourites: [] }];
    await learnFavourites(true);
    gone('left');
    await flushPromises();
    expect(favourites.value).toBeUndefined();
  });
});

describe('a form', () => {
  it('sends nothing while a field is wrong, and puts refusals beside fields', async () => {
    const form = useForm({ taken: 'name' });
    const work = vi.fn(async () => {});
    await form.submit({ name: 'missing' }, work);
    expect(work).not.toHaveBeenCalled();
    await form.submit({}, async () => {
      throw new Problem('taken', { message: 'Taken', hint: '' });
    });
    expect(form.errors.value).toEqual({ name: 'Taken.' });
    expect(form.problem.value).toBeUndefined();
    await form.submit({}, async () => {
      throw new Problem('other', { message: 'Other', hint: '' });
    });
    expect([form.errors.value, form.problem.value?.code]).toEqual([{}, 'other']);
  });
});

describe('what takes long', () => {
  it('is told only after a moment', async () => {
    vi.useFakeTimers();
    const on = ref(true);
    const late = within(() => useLate(() => on.value, 1000));
    await vi.advanceTimersByTimeAsync(900);
    expect(late.value).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(late.value).toBe(true);
    on.value = false;
    await vi.advanceTimersByTimeAsync(0);
    expect(late.value).toBe(false);
    vi.useRealTimers();
  });
});
