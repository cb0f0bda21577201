import { describe, expect, it } from 'vitest';

import { AgentProblem, findAgent } from '../src/index.js';
import { Fake, json, refused, status } from './fake';

const code = async (found: Promise<unknown>) => {
  const e: unknown = await found.then(() => undefined, (thrown: unknown) => thrown);
  return e instanceof AgentProblem ? e.code : e;
};

const opaque = () => Response.error();
const stranger = (seen: { mode: RequestMode | undefined }) => (seen.mode === 'no-cors' ? opaque() : refused());

describe('findAgent', () => {
  it('asks all ports and takes the first agent', async () => {
    const around = new Fake({ '27083/status': () => json(status), '37083/status': () => json(status) });
    const agent = await findAgent({ around });
    expect(agent.port).toBe(27083);
    expect(around.seen.filter((s) => s.mode !== 'no-cors').map((s) => s.port)).toEqual([17083, 27083, 37083]);
  });

  it('says that nothing is there', async () => {
    expect(await code(findAgent({ around: new Fake() }))).toBe('agent-absent');
  });

  it('tells a program that does not admit the page from nothing', async () => {
    const around = new Fake({ '27083/status': stranger });
    const problem = await findAgent({ around }).catch((e: unknown) => e as AgentProblem);
    expect(problem).toMatchObject({ code: 'agent-origin', params: { port: '27083' } });
  });

  it('passes over other programs that answer', async () => {
    const around = new Fake({ '17083/status': () => new Response('<html>'), '27083/status': () => json({ product: 'x' }), '37083/status': () => json(status) });
    expect((await findAgent({ around })).port).toBe(37083);
  });

  it('names an agent that is too old', async () => {
    expect(await code(findAgent({ around: new Fake({ '17083/status': () => json({ ...status, api: 0 }) }) }))).toBe('agent-old');
  });

  it('does not let the browser ask before the person knows', async () => {
    const around = new Fake({ '/status': () => json(status) });
    around.permissions = ['prompt'];
    expect(await code(findAgent({ around }))).toBe('permission-needed');
    expect(around.seen).toEqual([]);
  });

  it('waits as long as the browser asks, and not longer', async () => {
    const around = new Fake({ '/status': () => new Promise(() => undefined) });
    // before looking; then each port twice while it is asked, and once after
    around.permissions = ['prompt', 'prompt', 'granted', 'granted'];
    const found = code(findAgent({ around, prompt: true, ports: [17083] }));
    await around.pass(3000);
    await around.pass(3000);
    await around.pass(3000); // knocking
    expect(await found).toBe('agent-absent');
  });

  it('says that the browser refuses', async () => {
    const around = new Fake();
    around.permissions = ['denied'];
    expect(await code(findAgent({ around }))).toBe('permission-denied');
  });

  it('says so too if it is refused on being asked', async () => {
    const around = new Fake();
    around.permissions = ['prompt', 'denied'];
    expect(await code(findAgent({ around, prompt: true }))).toBe('permission-denied');
  });

  it('ends when it is told to', async () => {
    const around = new Fake({ '/status': (s) => new Promise((_, no) => s.signal?.addEventListener('abort', () => no(s.signal?.reason))) });
    const stop = new AbortController();
    const found = code(findAgent({ around, signal: stop.signal }));
    stop.abort('enough');
    expect(await found).toBe('enough');
  });

  describe('with a list that has run out', () => {
    const old = { ...status, paired: true, authorities: [{ id: 'demo', number: 3, until: '2026-11-01T00:00:00Z' }] };

    it('hands over the newer one', async () => {
      const around = new Fake({ '17083/status': () => json(old), '17083/origins': () => json(status) });
      const agent = await findAgent({ around, originList: async () => 'bGlzdA==' });
      expect(agent.status.authorities).toEqual(status.authorities);
      expect(agent.status.paired).toBe(true);
      expect(around.seen.find((s) => s.path === '/origins')?.body).toEqual({ list: 'bGlzdA==' });
    });

    it('says so without a newer one', async () => {
      const around = new Fake({ '17083/status': () => json(old) });
      expect(await code(findAgent({ around }))).toBe('origin-list-expired');
      expect(await code(findAgent({ around, originList: async () => undefined }))).toBe('origin-list-expired');
      expect(await code(findAgent({ around, originList: () => Promise.reject(new Error()) }))).toBe('origin-list-expired');
    });

    it('does without a newer one in the last week', async () => {
      const soon = { ...status, authorities: [{ id: 'demo', number: 3, until: '2026-11-25T00:00:00Z' }] };
      const around = new Fake({ '17083/status': () => json(soon), '17083/origins': () => json({ code: 'list-old' }, 409) });
      expect((await findAgent({ around, originList: async () => 'bGlzdA==' })).status).toEqual(soon);
    });
  });
});
