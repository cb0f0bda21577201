import { describe, expect, it } from 'vitest';

import { follow, type Presence } from '../src/index.js';
import { Fake, json, key, refused, status, Wire } from './fake';

const paired = (token = 'token') => new Wire().line({ event: 'reply', token, idle_s: 1800 }).end();

async function take(presences: AsyncGenerator<Presence>): Promise<Presence> {
  const { value } = await presences.next();
  return value as Presence;
}

describe('follow', () => {
  it('finds, pairs, and tells of the keys', async () => {
    const wire = new Wire();
    const around = new Fake({ '17083/status': () => json(status), '/pair': () => paired(), '/watch': () => wire.response });
    const seen = follow({ around });
    expect((await take(seen)).state).toBe('pairing');
    wire.line({ event: 'keys', keys: [] });
    expect(await take(seen)).toMatchObject({ state: 'here', keys: [] });
    wire.line({ event: 'beat' }).line({ event: 'keys', keys: [key] });
    expect(await take(seen)).toMatchObject({ state: 'here', keys: [key] });
    await seen.return(undefined);
  });

  it('waits for an agent that is not there, and says so once', async () => {
    const around = new Fake();
    const seen = follow({ around });
    expect(await take(seen)).toMatchObject({ state: 'away', problem: { code: 'agent-absent' } });
    const next = take(seen);
    await around.pass(1000);
    await around.pass(1000);
    await around.asleep(2000);
    around.answers['17083/status'] = () => json(status);
    await around.pass(2000);
    expect((await next).state).toBe('pairing');
  });

  it('takes up a session that still holds after the agent was lost', async () => {
    const first = new Wire().line({ event: 'keys', keys: [key] });
    const second = new Wire().line({ event: 'keys', keys: [] });
    const wires = [first, second];
    const around = new Fake({ '17083/status': () => json({ ...status, paired: true }), '/watch': () => wires.shift()?.response ?? refused() });
    around.kept.set('certhall-agent.17083', 'token');
    const seen = follow({ around });
    expect((await take(seen)).state).toBe('here');
    first.cut();
    expect(await take(seen)).toMatchObject({ state: 'away', problem: { code: 'agent-lost' } });
    const back = take(seen);
    await around.pass(1000);
    expect(await back).toMatchObject({ state: 'here', keys: [] });
    expect(around.seen.some((s) => s.path === '/pair')).toBe(false);
  });

  it('does not listen while nobody sees the page', async () => {
    const first = new Wire().line({ event: 'keys', keys: [key] });
    const second = new Wire().line({ event: 'keys', keys: [] });
    const wires = [first, second];
    let left: () => void;
    const heard = new Promise<void>((resolve) => (left = resolve));
    const around = new Fake({
      '17083/status': () => json({ ...status, paired: true }),
      '/watch': (s) => {
        const wire = wires.shift();
        s.signal?.addEventListener('abort', () => {
          wire?.cut();
          left();
        });
        return wire?.response ?? refused();
      },
    });
    around.kept.set('certhall-agent.17083', 'token');
    const seen = follow({ around });
    expect(await take(seen)).toMatchObject({ state: 'here', keys: [key] });
    const next = take(seen);
    around.show(false);
    await heard;
    expect(around.seen.filter((s) => s.path === '/watch')).toHaveLength(1);
    around.show(true);
    expect(await next).toMatchObject({ state: 'here', keys: [] });
    await seen.return(undefined);
    expect(around.seen.map((s) => s.signal?.aborted).at(-1)).toBe(true);
  });

  it('asks the person again after the agent was started anew', async () => {
    const around = new Fake({
      '17083/status': () => json(status),
      '/pair': () => paired('new'),
      '/watch': (s) => (s.token === 'new' ? new Wire().line({ event: 'keys', keys: [key] }).response : json({ code: 'pairing-needed' }, 401)),
    });
    around.kept.set('certhall-agent.17083', 'of the run before');
    const seen = follow({ around });
    expect((await take(seen)).state).toBe('pairing');
    expect((await take(seen)).state).toBe('here');
    expect(around.kept.get('certhall-agent.17083')).toBe('new');
  });

  it('asks the person again after the session was left idle, and calls nothing lost', async () => {
    const wires = [new Wire().line({ event: 'keys', keys: [key] }).line({ event: 'problem', code: 'pairing-needed' }), new Wire().line({ event: 'keys', keys: [] })];
    let valid = true;
    const around = new Fake({
      '17083/status': () => json({ ...status, paired: valid }),
      '/pair': () => paired('new'),
      '/watch': () => wires.shift()?.response ?? refused(),
    });
    around.kept.set('certhall-agent.17083', 'left idle');
    const seen = follow({ around });
    expect((await take(seen)).state).toBe('here');
    valid = false;
    const next = take(seen);
    await around.pass(1000);
    expect((await next).state).toBe('pairing');
    expect(await take(seen)).toMatchObject({ state: 'here', keys: [] });
    expect(around.kept.get('certhall-agent.17083')).toBe('new');
  });

  it('ends when the person refuses', async () => {
    const around = new Fake({ '17083/status': () => json(status), '/pair': () => new Wire().line({ event: 'problem', code: 'declined', message: 'm', hint: 'h' }).end() });
    const seen = follow({ around });
    await take(seen);
    expect(await take(seen)).toMatchObject({ state: 'refused', problem: { code: 'declined' } });
    expect(await seen.next()).toEqual({ done: true, value: undefined });
  });

  it('ends when it is told to', async () => {
    const around = new Fake();
    const stop = new AbortController();
    const seen = follow({ around, signal: stop.signal });
    await take(seen);
    const next = take(seen);
    stop.abort('left');
    await expect(next).rejects.toBe('left');
  });
});
