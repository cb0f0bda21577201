// A locked key: what is asked for, what the page says while others decide, and
// the new PIN at the end. The agent is a stand-in.
import type { Agent, Key } from '@certhall/page';
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { computed, shallowRef } from 'vue';

import type { UnlockView } from '../api';
import UnlockPage from '../portal/unlock/UnlockPage.vue';
import { pollPause } from '../portal/unlock/useUnlock';
import { i18n } from '../shared/i18n';
import { Problem } from '../shared/problem';

const world = vi.hoisted(() => ({ desk: {} as Record<string, unknown> }));
vi.mock('../shared/key/agent', () => ({ useDesk: () => world.desk }));

const key = (locked: boolean, serial = 'K1'): Key => ({
  serial, label: '海泰KEY', manufacturer: '', driver: 'softkey', state: locked ? 'locked' : 'ready',
  pin: { tries: locked ? 0 : 6, low: locked, final: false, locked }, others: 0, containers: [],
});
const view = (state: UnlockView['state'], more: Partial<UnlockView> = {}): UnlockView => ({
  id: 'u1', key_serial: 'K1', key_label: '海泰KEY', state, made_at: '2026-11-22T04:00:00Z', expires_at: '2026-11-23T04:00:00Z', ...more,
});

let keys = shallowRef<Key[]>([]);
let agent: { requestUnlock: ReturnType<typeof vi.fn>; unlock: ReturnType<typeof vi.fn> };
let hall: Record<string, unknown>; // answers by method and path
let sent: { path: string; body: unknown }[];
let page: VueWrapper | undefined;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  keys = shallowRef([key(true)]);
  agent = { requestUnlock: vi.fn(async () => ({ message: 'cmVx', code: '1' })), unlock: vi.fn(async () => ({ message: 'cmVw', outcome: 'changed' })) };
  world.desk = {
    presence: shallowRef({ state: 'here', keys: keys.value }), keys: computed(() => keys.value), asking: shallowRef(), busy: shallowRef(),
    problem: computed(() => undefined), open: vi.fn(), seek: vi.fn(),
    whenFree: (work: (a: Agent, f: object) => Promise<unknown>) => work(agent as unknown as Agent, {}),
  };
  hall = { 'GET /api/unlocks': { unlocks: [] }, 'GET /api/hall': { authority: 'demo', contact: '400-000', projects: [] } };
  sent = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = `${request.method} ${new URL(request.url).pathname}`;
    if (request.method === 'POST') {
      sent.push({ path, body: request.body ? await request.json() : undefined });
    }
    const body = hall[path];
    const refused = body === undefined || body instanceof Problem;
    const said = body instanceof Problem ? { type: 'about:blank', title: '', status: 404, code: body.code, detail: body.code, hint: '' } : body;
    return new Response(JSON.stringify(said ?? {}), { status: refused ? 404 : 200, headers: { 'Content-Type': refused ? 'application/problem+json' : 'application/json' } });
  });
});

afterEach(() => {
  page?.unmount();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function shown(): Promise<VueWrapper> {
  page = mount(UnlockPage, { global: { plugins: [i18n], stubs: { RouterLink: { template: '<a><slot /></a>' } } }, attachTo: document.body });
  await flushPromises();
  return page;
}

const button = (text: string) => page?.findAll('button').find((b) => b.text().includes(i18n.global.t(text)));
const has = (text: string) => expect(page?.text()).toContain(i18n.global.t(text));

describe('a locked key', () => {
  it('is asked for, waits for the reviewer, and gets a new PIN', async () => {
    await shown();
    hall['POST /api/unlocks'] = view('waiting');
    await button('unlock.ask')?.trigger('click');
    await flushPromises();
    expect(agent.requestUnlock).toHaveBeenCalledWith('K1', 'demo', {});
    expect(sent).toEqual([{ path: 'POST /api/unlocks', body: { message: 'cmVx', label: '海泰KEY' } }]);
    expect(page?.text()).toContain('400-000');
    await button('unlock.number')?.trigger('click');
    await flushPromises();
    expect(agent.requestUnlock).toHaveBeenCalledTimes(2);
    has('unlock.waiting');

    hall['GET /api/unlocks/u1'] = view('approved');
    await vi.advanceTimersByTimeAsync(pollPause);
    has('unlock.approved');
    hall['GET /api/unlocks/u1'] = view('answered', { message: 'YW5z' });
    await vi.advanceTimersByTimeAsync(pollPause);
    has('unlock.answered');
    hall['POST /api/unlocks/u1/report'] = view('done');
    await button('unlock.act')?.trigger('click');
    await flushPromises();
    expect(agent.unlock).toHaveBeenCalledWith('K1', 'YW5z', {});
    expect(sent.at(-1)).toEqual({ path: 'POST /api/unlocks/u1/report', body: { message: 'cmVw' } });
    keys.value = [key(false)];
    await flushPromises();
    has('unlock.done');
  });

  it('is gone on with where it stood, and polling ends with the page', async () => {
    hall['GET /api/unlocks'] = { unlocks: [view('waiting')] };
    let asked = 0;
    Object.defineProperty(hall, 'GET /api/unlocks/u1', { get: () => (asked++, view('waiting')), configurable: true });
    await shown();
    has('unlock.waiting');
    await vi.advanceTimersByTimeAsync(2 * pollPause);
    expect(asked).toBe(2);
    page?.unmount();
    page = undefined;
    await vi.advanceTimersByTimeAsync(3 * pollPause);
    expect(asked).toBe(2);
  });

  it.each([
    ['refused', { reason: '不是经办人' }, '不是经办人'],
    ['expired', {}, 'unlock.expired'],
    ['failed', { anew: true }, 'unlock.anew'],
  ] as const)('that was %s can be asked for again', async (state, more, said) => {
    hall['GET /api/unlocks'] = { unlocks: [view(state, more)] };
    await shown();
    expect(page?.text()).toContain(said.startsWith('unlock.') ? i18n.global.t(said) : said);
    const [again, ...others] = page?.findAll('button').filter((b) => b.text().includes(i18n.global.t('unlock.ask.again'))) ?? [];
    expect(others).toEqual([]);
    expect(page?.text()).not.toContain(i18n.global.t('unlock.failed'));
    hall['POST /api/unlocks'] = view('waiting', { id: 'u2', made_at: '2026-11-22T05:00:00Z' });
    await again?.trigger('click');
    await flushPromises();
    has('unlock.waiting');
  });

  it.each(['failed', 'unknown'] as const)('that is %s must be reissued', async (state) => {
    hall['GET /api/unlocks'] = { unlocks: [view(state)] };
    await shown();
    has('unlock.failed');
    expect(button('unlock.ask')).toBeUndefined();
  });

  it('whose administrator PIN nobody has is told so at once', async () => {
    await shown();
    hall['POST /api/unlocks'] = new Problem('admin-pin-unknown', { message: '', hint: '', params: {} });
    await button('unlock.ask')?.trigger('click');
    await flushPromises();
    expect(page?.text()).toContain('admin-pin-unknown');
    has('unlock.reissue');
    expect(button('unlock.ask')).toBeUndefined();
  });

  it('whose request the agent has lost is asked for anew', async () => {
    hall['GET /api/unlocks'] = { unlocks: [view('answered', { message: 'YW5z' })] };
    agent.unlock.mockRejectedValueOnce(new Problem('unlock-unknown', { message: '?', hint: '', params: {} }));
    await shown();
    await button('unlock.act')?.trigger('click');
    await flushPromises();
    hall['POST /api/unlocks'] = view('waiting', { id: 'u2', made_at: '2026-11-22T05:00:00Z' });
    await button('unlock.ask.again')?.trigger('click');
    await flushPromises();
    has('unlock.waiting');
  });

  it('leads on to what it had interrupted once it is unlocked, and to nothing on other keys', async () => {
    const line = (id: string, serial: string, actions = ['continue']) => ({
      kind: 'case', at: '2026-11-22T04:00:00Z', actions,
      case: { case: id, service: 'renew', state: 'open', stage: 3, serial, subject: 'S', organisation: 'O', project: 'p', key_number: `HT-${id}`, opened_at: '2026-11-22T04:00:00Z' },
    });
    hall['GET /api/history'] = { entries: [line('c1', '0a'), line('c2', '0b'), line('c3', '0a', []), line('c4', '0c')] };
    hall['GET /api/unlocks'] = { unlocks: [view('answered', { message: 'YW5z' })] };
    const on = (k: Key): Key => ({
      ...k,
      containers: [{ name: '', serial: '0a', authority: 'demo', parts: [], complete: true }, { name: '', authority: 'demo', case: 'c4', parts: [], complete: false }],
    });
    keys.value = [on(key(true))];
    await shown();
    const links = () => page?.findAll('a').filter((a) => a.text() === i18n.global.t('updates.act.continue')).map((a) => a.attributes('aria-label')?.split(' ').at(-1));
    expect(links()).toEqual([]);
    hall['POST /api/unlocks/u1/report'] = view('done');
    await button('unlock.act')?.trigger('click');
    keys.value = [on(key(false))];
    await flushPromises();
    expect(links()).toEqual(['HT-c1', 'HT-c4']);
  });

  it('is the one that the page is about', async () => {
    keys.value = [key(false, 'K2'), key(true)];
    await shown();
    expect(page?.findAll('input[type=radio]').map((i) => (i.element as HTMLInputElement).checked)).toEqual([true, false]);
    await page?.findAll('input[type=radio]')[1]?.trigger('change');
    has('unlock.not-locked');
  });
});
