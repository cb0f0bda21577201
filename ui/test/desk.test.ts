import { Agent, AgentProblem, type Happening, type Key, type Presence, type Surroundings } from '@certhall/page';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';

import { type Desk, useDesk } from '../shared/key/agent';

// What follow tells, one by one, and what it was asked for.
const world = vi.hoisted(() => ({ tell: (() => undefined) as (p: unknown) => void, options: [] as { prompt?: boolean; on?: (h: unknown) => void; signal?: AbortSignal }[] }));

vi.mock('@certhall/page', async (original) => ({
  ...(await original<object>()),
  async *follow(options: (typeof world.options)[number]) {
    world.options.push(options);
    for (;;) {
      yield await new Promise((resolve) => (world.tell = resolve));
    }
  },
}));

vi.mock('../api', async (original) => ({
  ...(await original<object>()),
  hall: async () => ({ data: { agent_ports: [17083] }, response: new Response() }),
}));

const agent = new Agent(17083, { product: '', version: '', api: 1, paired: true, ui: 'page', authorities: [] }, { recall: () => undefined } as unknown as Surroundings);
const here = (...keys: string[]): Presence => ({ state: 'here', agent, keys: keys.map((serial) => ({ serial }) as Key) });
const window_ = 'http://127.0.0.1:17083/ui#once';

let desk: Desk;
let scope = effectScope();
const opened = vi.fn();

async function told(p: Presence): Promise<void> {
  world.tell(p);
  await vi.waitFor(() => expect(desk.presence.value).toBe(p));
}

beforeEach(async () => {
  world.options.length = 0;
  opened.mockReset().mockReturnValue({});
  vi.stubGlobal('open', opened);
  scope = effectScope();
  desk = scope.run(() => useDesk()) as Desk;
  await vi.waitFor(() => expect(world.options.length).toBe(1));
});

afterEach(() => scope.stop());

describe('the way to the keys', () => {
  it('is followed, and ends with the page', async () => {
    await told(here('K1'));
    expect(desk.keys.value.map((k) => k.serial)).toEqual(['K1']);
    scope.stop();
    expect(world.options[0]?.signal?.aborted).toBe(true);
  });

  it('tells why it is closed in words', async () => {
    await told({ state: 'away', problem: new AgentProblem('agent-absent') });
    expect(desk.problem.value?.said.message).not.toBe('');
    expect(desk.keys.value).toEqual([]);
  });

  it('lets wait for a key', async () => {
    const ready = desk.until((keys) => keys.some((k) => k.serial === 'K2'), new AbortController().signal);
    await told(here('K1'));
    await told(here('K1', 'K2'));
    await ready;
  });

  it('waits to be seen: what was heard before may be past', async () => {
    await told(here('K1'));
    const visible = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    let ready = false;
    const waited = desk.until(() => true, new AbortController().signal).then(() => (ready = true));
    await told(here('K1', 'K2'));
    expect(ready).toBe(false);
    visible.mockRestore();
    document.dispatchEvent(new Event('visibilitychange'));
    await waited;
  });

  it('lets nobody wait who has left', async () => {
    await expect(desk.until(() => true, AbortSignal.abort('left'))).rejects.toBe('left');
  });

  it('cannot be used while the agent is away', async () => {
    await expect(desk.use(async () => 1, {})).rejects.toMatchObject({ code: 'agent-away' });
  });

  it('waits for a key that is used elsewhere', async () => {
    await told(here('K1'));
    let tries = 0;
    const work = async () => {
      if (++tries < 3) {
        throw new AgentProblem('key-busy', { message: 'm' });
      }
      return 'done';
    };
    const used = desk.whenFree(work, {});
    for (const tried of [1, 2]) {
      await vi.waitFor(() => expect(desk.busy.value).toBeDefined());
      expect(tries).toBe(tried);
      expect(desk.busy.value).toMatchObject({ problem: { code: 'key-busy' } });
      expect(desk.busy.value?.at).toBeGreaterThan(Date.now());
      desk.busy.value?.again(); // else it would wait
      await vi.waitFor(() => expect(tries).toBe(tried + 1));
    }
    expect(await used).toBe('done');
    expect(desk.busy.value).toBeUndefined();
  });

  it('waits no longer than it is wanted, and for nothing else', async () => {
    await told(here('K1'));
    const left = new AbortController();
    const used = desk.whenFree(() => Promise.reject(new AgentProblem('key-busy', { message: 'm' })), { signal: left.signal });
    await vi.waitFor(() => expect(desk.busy.value).toBeDefined());
    left.abort('left');
    await expect(used).rejects.toBe('left');
    expect(desk.busy.value).toBeUndefined();
    await expect(desk.whenFree(() => Promise.reject(new AgentProblem('pin-locked', { message: 'm' })), {})).rejects.toMatchObject({ code: 'pin-locked' });
  });

  it('is sought anew when the session has ended', async () => {
    await told(here('K1'));
    const used = desk.use(() => Promise.reject(new AgentProblem('pairing-needed', { message: 'm' })), {});
    await expect(used).rejects.toMatchObject({ code: 'pairing-needed', said: { message: 'm.' } });
    await vi.waitFor(() => expect(world.options.length).toBe(2));
  });
});

describe('the agent’s window', () => {
  const ask = (address?: string): Happening => ({ event: 'ask', what: 'pin', purpose: 'p', ...(address ? { window: address } : {}) });

  it('is opened once for an address, on the person’s click', () => {
    world.options[0]?.on?.(ask(window_));
    expect(desk.asking.value?.opened).toBe(false);
    desk.open();
    desk.open();
    expect(opened).toHaveBeenCalledTimes(1);
    expect(desk.asking.value?.opened).toBe(true);
    world.options[0]?.on?.({ event: 'asked', what: 'pin' });
    expect(desk.asking.value).toBeUndefined();
  });

  it('opens by itself just after a click, but not again when it was closed', () => {
    vi.stubGlobal('navigator', { userActivation: { isActive: true } });
    world.options[0]?.on?.(ask(window_));
    expect(opened).toHaveBeenCalledTimes(1);
    world.options[0]?.on?.(ask(window_)); // closed without an answer: asked anew
    expect(opened).toHaveBeenCalledTimes(1);
    expect(desk.asking.value?.opened).toBe(false);
    vi.unstubAllGlobals();
  });

  it('stays to be opened where the browser did not let it', () => {
    opened.mockReturnValue(null);
    world.options[0]?.on?.(ask(window_));
    desk.open();
    expect(desk.asking.value?.opened).toBe(false);
  });

  it.each(['https://evil.example/ui', 'javascript:alert(1)', 'http://127.0.0.1:17083/elsewhere', undefined])('is not at %s', (address) => {
    world.options[0]?.on?.(ask(address));
    desk.open();
    expect(opened).not.toHaveBeenCalled();
  });

  it('is over when the operation is', async () => {
    await told(here('K1'));
    const used = desk.use((_, { on }) => {
      on?.(ask(window_));
      return Promise.reject(new AgentProblem('declined', { message: 'm' }));
    }, {});
    await expect(used).rejects.toMatchObject({ code: 'declined' });
    expect(desk.asking.value).toBeUndefined();
  });
});
