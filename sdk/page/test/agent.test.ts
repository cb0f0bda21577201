import { describe, expect, it } from 'vitest';

import { Agent, type Happening } from '../src/index.js';
import { Fake, json, key, refused, status, Wire } from './fake';

const name = 'certhall-agent.17083';

function agentWith(answers: ConstructorParameters<typeof Fake>[0], paired = true) {
  const around = new Fake(answers);
  around.kept.set(name, 'token');
  return { around, agent: new Agent(17083, { ...status, paired }, around) };
}

describe('a session', () => {
  it('is begun by the person and used from then on', async () => {
    const { around, agent } = agentWith({
      '/pair': () => new Wire().line({ event: 'ask', what: 'pair', purpose: 'p' }).line({ event: 'asked', what: 'pair' }).line({ event: 'reply', token: 'new', idle_s: 1800 }).end(),
      '/keys': () => json({ keys: [key] }),
    }, false);
    expect(agent.paired).toBe(false);
    const heard: Happening[] = [];
    await agent.pair({ on: (h) => heard.push(h) });
    expect(heard.map((h) => h.event)).toEqual(['ask', 'asked']);
    expect(await agent.keys()).toEqual([key]);
    expect(around.seen.at(-1)?.token).toBe('new');
  });

  it('is forgotten when the agent does not know it', async () => {
    const { agent } = agentWith({ '/keys': () => json({ code: 'pairing-needed', detail: 'd', hint: 'h', status: 401 }, 401) });
    await expect(agent.keys()).rejects.toMatchObject({ code: 'pairing-needed', said: 'd', hint: 'h' });
    expect(agent.paired).toBe(false);
  });

  it('tells an answer that is none, and none', async () => {
    await expect(agentWith({ '/keys': () => new Response('<html>', { status: 502 }) }).agent.keys()).rejects.toMatchObject({ code: 'agent-answer' });
    await expect(agentWith({ '/keys': () => new Response('{"ke') }).agent.keys()).rejects.toMatchObject({ code: 'agent-answer' });
    await expect(agentWith({ '/keys': refused }).agent.keys()).rejects.toMatchObject({ code: 'agent-lost' });
  });
});

describe('an operation', () => {
  const run = (answer: () => Response, on?: (h: Happening) => void) =>
    agentWith({ '/install': answer }).agent.carry('install', 'K1', 'b3JkZXI=', { on });

  it('is followed to its reply', async () => {
    const heard: Happening[] = [];
    const reply = await run(
      () => new Wire().line({ event: 'progress', part: 'sign-certificate' }).line({ event: 'beat' }).line({ event: 'reply', message: 'cmVwbHk=' }).end(),
      (h) => heard.push(h),
    );
    expect(reply).toBe('cmVwbHk=');
    expect(heard).toEqual([{ event: 'progress', part: 'sign-certificate' }]);
  });

  it('does not mind where the stream is cut into chunks', async () => {
    const bytes = new TextEncoder().encode('{"event":"problem","code":"pin-locked","message":"钥匙已锁定","params":{"tries":"0"}}\r\n\n');
    const wire = new Wire();
    for (const byte of bytes) {
      wire.bytes(Uint8Array.of(byte));
    }
    await expect(run(() => wire.end())).rejects.toMatchObject({ code: 'pin-locked', said: '钥匙已锁定', params: { tries: '0' } });
  });

  it('takes a last line without its end', async () => {
    expect(await run(() => new Wire().text('{"event":"reply","message":"bQ=="}').end())).toBe('bQ==');
  });

  it('is lost if the stream ends early', async () => {
    await expect(run(() => new Wire().line({ event: 'progress', part: 'tested' }).end())).rejects.toMatchObject({ code: 'agent-lost' });
    await expect(run(() => new Wire().text('{"event":"reply","mess').end())).rejects.toMatchObject({ code: 'agent-lost' });
    await expect(run(() => new Wire().line({ event: 'beat' }).cut())).rejects.toMatchObject({ code: 'agent-lost' });
  });

  it('is lost if the stream falls silent', async () => {
    const { around, agent } = agentWith({ '/install': () => new Wire().response });
    const lost = expect(agent.carry('install', 'K1', 'bQ==')).rejects.toMatchObject({ code: 'agent-lost' });
    await around.pass(45_000);
    await lost;
  });

  it('refuses lines that are none', async () => {
    await expect(run(() => new Wire().text('hello\n').line({ event: 'reply' }).end())).rejects.toMatchObject({ code: 'agent-answer' });
    await expect(run(() => new Wire().text('[1]\n').end())).rejects.toMatchObject({ code: 'agent-answer' });
  });

  it('tells findings as they come', async () => {
    const found = { check: 'keys', verdict: 'fault', code: 'keys-none', params: {}, message: '没有找到钥匙', hint: '插好钥匙' };
    const wire = new Wire().line({ event: 'finding', ...found });
    const { agent, around } = agentWith({ '/examine': () => wire.response });
    const heard: Happening[] = [];
    let first: () => void = () => undefined;
    const told = new Promise<void>((resolve) => (first = resolve));
    const examined = agent.examine({ on: (h) => { heard.push(h); first(); } });
    await told; // before the end
    expect(heard).toEqual([{ event: 'finding', ...found }]);
    wire.line({ event: 'reply', at: '2026-11-23T00:00:00Z', version: '1.2' }).end();
    expect(await examined).toMatchObject({ at: '2026-11-23T00:00:00Z', version: '1.2' });
    expect(around.seen[0]?.token).toBe('token');
  });

  it('sends what it is for', async () => {
    const { around, agent } = agentWith({
      '/open': () => new Wire().line({ event: 'reply', signed: 'c2ln' }).end(),
      '/self-test': () => new Wire().line({ event: 'reply', signed: true, decrypted: 'untestable', at: 't' }).end(),
      '/change-pin': () => new Wire().line({ event: 'reply' }).end(),
      '/unlock': () => new Wire().line({ event: 'reply', message: 'cmVx', code: '1' }).end(),
      '/sign-login': () => new Wire().line({ event: 'reply', signed: 'bG9n' }).end(),
    });
    const opening = { key: 'K1', service: 'renew', serial: '0a', authority: 'demo', nonce: 'bm9uY2U=' };
    expect(await agent.open(opening)).toBe('c2ln');
    expect(await agent.selfTest('K1', '0a')).toMatchObject({ signed: true, decrypted: 'untestable' });
    expect(await agent.changePIN('K1')).toBeUndefined();
    expect(await agent.requestUnlock('K1', 'demo')).toMatchObject({ message: 'cmVx', code: '1' });
    expect(await agent.unlock('K1', 'YW5z')).toMatchObject({ message: 'cmVx' });
    expect(await agent.signLogin({ key: 'K1', serial: '0a', authority: 'demo', nonce: 'bg==' })).toBe('bG9n');
    expect(around.seen.map((s) => s.body)).toEqual([opening, { key: 'K1', serial: '0a' }, { key: 'K1' }, { key: 'K1', authority: 'demo' }, { key: 'K1', message: 'YW5z' }, { key: 'K1', serial: '0a', authority: 'demo', nonce: 'bg==' }]);
  });
});
