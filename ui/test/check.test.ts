// 环境检测: what the browser's side is found to be, the page over what the agent
// tells, and the report.
import { Agent, AgentProblem, type Finding, type Following, type Key, type Presence, type Surroundings } from '@certhall/page';
import { flushPromises, mount } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRouter, createWebHashHistory } from 'vue-router';

import { browserLines, type BrowserFacts } from '../portal/check/browser';
import CheckPage from '../portal/check/CheckPage.vue';
import { groupOf } from '../portal/check/line';
import { report, scrub, type Spoken } from '../portal/check/report';
import { i18n } from '../shared/i18n';

const world = vi.hoisted(() => ({
  tell: (() => undefined) as (p: unknown) => void,
  prompts: [] as (boolean | undefined)[],
  permission: 'granted',
  sleeps: [] as { ms: number; wake: () => void }[],
}));

vi.mock('@certhall/page', async (original) => {
  const page = await original<typeof import('@certhall/page')>();
  return {
    ...page,
    browser: {
      ...page.browser,
      permission: async () => world.permission,
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((wake, stop) => {
          world.sleeps.push({ ms, wake });
          signal?.addEventListener('abort', () => stop(signal.reason));
        }),
    },
    async *follow(options: { prompt?: boolean; signal?: AbortSignal }) {
      world.prompts.push(options.prompt);
      for (;;) {
        yield await new Promise((resolve) => (world.tell = resolve));
      }
    },
  };
});

vi.mock('../api', async (original) => ({
  ...(await original<object>()),
  hall: async () => ({ data: { agent_ports: [17083] }, response: new Response() }),
}));

const chrome = 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
const facts: BrowserFacts = { agent: chrome, secure: true, permission: 'granted', asked: undefined, absent: false };
const codes = (f: Partial<BrowserFacts>) => browserLines({ ...facts, ...f }).map((l) => `${l.verdict} ${l.code}`);

describe('the browser’s side', () => {
  it.each<[string, Partial<BrowserFacts>, string[]]>([
    ['allowed', {}, ['fine browser-chrome', 'fine leave-granted']],
    ['needs no leave', { permission: 'unknown' }, ['fine browser-chrome', 'fine leave-free']],
    ['is going to ask', { permission: 'prompt', asked: false }, ['fine browser-chrome', 'unknown leave-unasked']],
    ['asked, and nothing came of it', { permission: 'prompt', asked: true, absent: true }, ['fine browser-chrome', 'fault leave-unanswered']],
    ['asked, and the agent is looked for', { permission: 'prompt', asked: true }, ['fine browser-chrome', 'unknown leave-unasked']],
    ['refused by the person', { permission: 'denied', asked: true }, ['fine browser-chrome', 'fault leave-denied']],
    ['refused by who knows whom', { permission: 'denied', asked: undefined }, ['fine browser-chrome', 'fault leave-denied']],
    ['refused without asking', { permission: 'denied', asked: false }, ['fine browser-chrome', 'fault leave-policy']],
    ['without https', { secure: false, permission: 'denied' }, ['fine browser-chrome', 'fault leave-insecure']],
    ['Edge', { agent: `${chrome} Edg/156.0` }, ['fine browser-edge', 'fine leave-granted']],
    ['360', { agent: `${chrome} QIHU 360SE` }, ['fine browser-qihoo', 'fine leave-granted']],
    ['Firefox', { agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0', permission: 'unknown' }, ['fine browser-firefox', 'fine leave-free']],
    ['Safari', { agent: 'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15' }, ['fault browser-safari', 'fine leave-granted']],
    ['too old', { agent: chrome.replace('156', '79') }, ['fault browser-old', 'fine leave-granted']],
  ])('%s', (_, f, want) => expect(codes(f)).toEqual(want));

  it('names the remedy of this browser, and the files of administrators', () => {
    const [, leave] = browserLines({ ...facts, agent: `${chrome} Edg/156.0`, permission: 'denied', asked: true });
    expect(leave).toMatchObject({ remedy: 'agent.denied.edge', policy: true });
  });
});

describe('the report', () => {
  const line = (message: string, params: Record<string, string> = {}): Spoken => ({ check: 'key', verdict: 'fine', code: 'key-fine', params, message, hint: '' });

  it('has a line for each finding, with its code for the telephone', () => {
    expect(report(['head'], [line('K1：能读取。'), { ...line('坏'), verdict: 'fault', params: { cause: 'key-damaged' } }])).toBe('head\n✓ [key-fine] K1：能读取。\n✗ [key-damaged] 坏');
  });

  it.each([
    ['张三 110101199003074578：有效', '张三 110***：有效'],
    ['张三11010119900307457X', '张三110***'],
    ['旧号 110101900307457', '旧号 110***'],
    ['13800000001 或 +86 13800000001', '138*** 或 +86***'],
    ['a.b@example.com', 'a.b***'],
    ['91330106MA2CG12345 公司', '91330106MA2CG12345 公司'], // an organisation's number is public
    ['序列号 5f13800000001a9c', '序列号 5f13800000001a9c'],
  ])('keeps %s to itself', (text, want) => expect(scrub(text, [])).toBe(want));

  it('keeps serial numbers, whatever they look like', () => {
    expect(report([], [line('钥匙 13800000001，经办人 13900000001', { serial: '13800000001' })])).toBe('✓ [key-fine] 钥匙 13800000001，经办人 139***');
  });
});

describe('findings', () => {
  it('stand under headings, also those of an agent to come', () => {
    const under = (check: string) => groupOf({ check: check as Finding['check'], verdict: 'fine', code: '', params: {} });
    expect(['browser', 'clock', 'drivers', 'certificate', 'unheard-of'].map(under)).toEqual(['browser', 'agent', 'key', 'certificate', 'others']);
  });
});

describe('the page', () => {
  const agent = new Agent(17083, { product: '', version: '1.2', api: 1, paired: true, ui: 'page', authorities: [] }, { recall: () => undefined } as unknown as Surroundings);
  const key = (state: Key['state'] = 'ready'): Key => ({
    serial: 'K1', label: '海泰KEY', manufacturer: '', driver: '', state, pin: { tries: 6, low: false, final: false, locked: false }, others: 0, containers: [],
  });
  const here = (...keys: Key[]): Presence => ({ state: 'here', agent, keys });
  const finding = (code: string, verdict: Finding['verdict'], message: string, hint = ''): Finding => ({ check: code.startsWith('certificate') ? 'certificate' : 'key', code, verdict, params: {}, message, hint });

  // What the agent is asked, one examination after the other.
  let asked: { find: (f: Finding) => void; end: () => void; fail: (e: unknown) => void; signal: AbortSignal | undefined }[];
  let page: ReturnType<typeof mount>;

  beforeEach(async () => {
    i18n.global.locale.value = 'zh-CN';
    localStorage.clear();
    world.permission = 'granted';
    world.prompts.length = 0;
    world.sleeps.length = 0;
    asked = [];
    vi.spyOn(agent, 'examine').mockImplementation(
      ({ on, signal }: Following = {}) =>
        new Promise((resolve, reject) => {
          asked.push({ find: (f) => on?.({ event: 'finding', ...f }), end: () => resolve({ at: '', version: '1.2' }), fail: reject, signal });
        }),
    );
    vi.stubGlobal('isSecureContext', true);
    const router = createRouter({ history: createWebHashHistory(), routes: [{ path: '/:any(.*)*', component: {} }] });
    page = mount(CheckPage, { global: { plugins: [i18n, router] }, attachTo: document.body });
    await vi.waitFor(() => expect(world.prompts.length).toBe(1));
  });
  afterEach(() => {
    page.unmount();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  const told = async (p: Presence) => {
    world.tell(p);
    await flushPromises();
  };

  it('shows findings as they come, then what they come to', async () => {
    await told(here(key()));
    asked[0]?.find(finding('key-fine', 'fine', '海泰KEY K1：能读取'));
    await flushPromises();
    expect(page.text()).toContain('海泰KEY K1：能读取。');
    expect(page.text()).toContain('正在检测');
    asked[0]?.find(finding('certificate-expired', 'fault', '已到期', '请办理证书修复'));
    asked[0]?.end();
    await flushPromises();
    expect(page.text()).toContain('有 1 项需要处理');
    expect(page.get('a[href="#/service/repair"]').text()).toBe('办理证书修复');
    expect(page.findAll('h2').map((h) => h.text()).slice(0, 3)).toEqual(['浏览器', '钥匙和驱动', '证书']);
  });

  it('examines again when a key comes, and when it is asked to', async () => {
    await told(here());
    asked[0]?.find(finding('keys-none', 'fault', '没有找到钥匙', '插好'));
    asked[0]?.end();
    await flushPromises();
    await told(here(key()));
    expect(asked.length).toBe(2);
    expect(page.text()).not.toContain('没有找到钥匙');
    asked[1]?.find(finding('key-fine', 'fine', '能读取'));
    asked[1]?.end();
    await flushPromises();
    expect(page.text()).toContain('一切正常');
    await told(here(key())); // nothing new
    expect(asked.length).toBe(2);
    await page.findAll('button').find((b) => b.text() === '重新检测')?.trigger('click');
    expect(asked.length).toBe(3);
  });

  it('waits for a busy key with a countdown, and goes on by itself', async () => {
    await told(here(key('in-use')));
    asked[0]?.find(finding('key-busy', 'note', '正被另一个程序使用', '等它做完'));
    asked[0]?.end();
    await flushPromises();
    expect(page.text()).toMatch(/空出来就自动再查；5 秒后再试一次/);
    world.sleeps.find((s) => s.ms === 5_000)?.wake();
    await flushPromises();
    expect(asked.length).toBe(2);
    expect(page.text()).not.toContain('空出来就自动再查');
    asked[1]?.end();
    await flushPromises();
    await told(here(key())); // free
    expect(asked.length).toBe(3);
  });

  it('says why the agent cannot be asked', async () => {
    await told({ state: 'away', problem: new AgentProblem('agent-absent') });
    expect(page.text()).toContain('没有找到证书助手');
    expect(page.text()).toContain('从开始菜单打开“证书助手”');
    await told(here(key()));
    asked[0]?.fail(new AgentProblem('agent-address', { message: '没有这个操作' }));
    await flushPromises();
    expect(page.text()).toContain('证书助手能用，但版本较旧');
    expect(page.text()).not.toContain('没有这个操作');
  });

  it('explains before the browser asks, and remembers that it was to', async () => {
    world.permission = 'prompt';
    await told({ state: 'away', problem: new AgentProblem('permission-needed') });
    expect(page.get('[role="img"]').attributes('aria-label')).toContain('请点“允许”');
    expect(world.prompts).toEqual([false]);
    await page.findAll('button').find((b) => b.text().startsWith('继续'))?.trigger('click');
    await flushPromises();
    expect(world.prompts).toEqual([false, true]);
    world.permission = 'denied';
    await told({ state: 'away', problem: new AgentProblem('permission-denied') });
    expect(page.text()).toContain('以前在这里选过');
    expect(page.text()).not.toContain('多半是单位的浏览器策略');
  });

  it('names a policy where nobody was asked', async () => {
    world.permission = 'denied';
    await told({ state: 'away', problem: new AgentProblem('permission-denied') });
    expect(page.text()).toContain('多半是单位的浏览器策略');
    expect(page.text()).toContain('LoopbackNetworkAllowedForUrls');
  });

  it('lets the agent stop when it is left', async () => {
    await told(here(key()));
    page.unmount();
    expect(asked[0]?.signal?.aborted).toBe(true);
  });
});
