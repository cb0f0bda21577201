// Log-in, the ways in and out, against a hall that answers as told.
import { flushPromises } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { phone, tryLogin, type Stage } from '../portal/login/login';
import { followHeading } from '../portal/heading';
import { router } from '../portal/router';
import { ended, entered, gone, me } from '../portal/session';
import { certificates } from '../api';
import { call } from '../shared/hall';

interface Answered {
  status: number;
  body: unknown;
}

let answers: Record<string, Answered>;
let sent: { path: string; body: unknown }[];

const person = { user_name: '', level: 'ordinary' as const, real_name: '', mail: '', organisations: [], phone: '138****0001', has_password: true, must_set_password: false, registered_at: '2026-01-01T00:00:00Z', session_ends_at: '2026-01-02T00:00:00Z' };
const refusal = (status: number, code: string, params?: Record<string, string>): Answered => ({
  status,
  body: { type: 'about:blank', title: '', status, code, detail: code, hint: '', ...(params ? { params } : {}) },
});

beforeEach(() => {
  answers = {};
  sent = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname;
    sent.push({ path, body: request.method === 'POST' ? await request.json() : undefined });
    const { status, body } = answers[path] ?? refusal(404, 'missing');
    return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' } });
  });
});
afterEach(() => {
  gone('left');
  vi.unstubAllGlobals();
});


describe('the ways into the portal', () => {
  it('lead nobody to the log-in and back to where he wanted to go', async () => {
    gone('left');
    await router.push('/certificates?q=HT');
    expect(router.currentRoute.value.fullPath).toBe('/login?redirect=%2Fcertificates%3Fq%3DHT');
    entered(person);
    await router.push(router.currentRoute.value.fullPath + '&again=1');
    expect(router.currentRoute.value.fullPath).toBe('/certificates?q=HT');
  });

  it('let visitors to the help and the services', async () => {
    gone('left');
    await router.push('/help');
    expect(router.currentRoute.value.name).toBe('help');
    await router.push('/service/renew');
    expect(router.currentRoute.value.name).toBe('service');
  });

  it('lead whoever has the first password to choose one, and nowhere else', async () => {
    entered({ ...person, must_set_password: true });
    await router.push('/certificates');
    expect(router.currentRoute.value.fullPath).toBe('/password?redirect=%2Fcertificates');
    await router.push('/help');
    expect(router.currentRoute.value.name).toBe('password');
  });

  it('lead whoever is in past the log-in, but not out of this page', async () => {
    entered(person);
    await router.push('/login?redirect=%2F%2Fevil.example');
    expect(router.currentRoute.value.fullPath).toBe('/dashboard');
  });

  it('lead back to the log-in when the session has ended, with a word why', async () => {
    entered(person);
    await router.push('/certificates');
    answers['/api/certificates'] = refusal(401, 'login-needed');
    await expect(call(certificates())).rejects.toMatchObject({ code: 'login-needed' });
    await flushPromises();
    await vi.waitFor(() => expect(router.currentRoute.value.fullPath).toBe('/login?redirect=%2Fcertificates'));
    expect(ended.value).toBe(true);
    expect(me.value).toBeUndefined();
  });
});

describe('a page\'s heading', () => {
  it('names the window and takes the focus, also when it comes late', async () => {
    entered(person);
    await router.push('/help');
    const main = document.createElement('main');
    document.body.append(main);
    followHeading(router, main);
    await router.push('/certificates');
    main.innerHTML = '<p>not yet</p>';
    await vi.waitFor(() => expect(document.title).not.toContain(' · '));
    main.innerHTML = '<h1>Cases</h1>';
    await vi.waitFor(() => expect(document.activeElement?.textContent).toBe('Cases'));
    expect(document.title).toMatch(/^Cases · /);
    main.innerHTML = '<button></button><h1>Cases again</h1>';
    main.querySelector('button')?.focus();
    await vi.waitFor(() => expect(document.title).toMatch(/^Cases again · /));
    expect(document.activeElement?.tagName).toBe('BUTTON'); // only after navigation
    main.remove();
  });
});

describe('log-in', () => {
  const fresh: Stage = { needsCode: false, ways: [], proved: false };
  const login = (body: Answered, given = {}, stage = fresh) => {
    answers['/api/login'] = body;
    return tryLogin({ name: '13800000001', ...given }, stage);
  };

  it('lets in', async () => {
    expect(await login({ status: 200, body: person }, { password: 'p' })).toEqual({ me: person });
  });

  it('asks for a code after the first password, without calling that an error', async () => {
    expect(await login(refusal(409, 'login-code-needed'), { password: '000001' })).toEqual({ stage: { ...fresh, needsCode: true } });
  });

  it('asks an idle person for more, and does not send a used code again', async () => {
    const first = await login(refusal(409, 'login-idle', { ways: 'password,key' }), { code: '123456' });
    expect(first).toEqual({ stage: { needsCode: false, ways: ['password', 'key'], proved: true } });
    if (!('stage' in first)) {
      throw new Error('no stage');
    }
    await login({ status: 200, body: person }, { code: '123456', password: 'own' }, first.stage);
    expect(sent.at(-1)?.body).toEqual({ name: '13800000001', password: 'own' });
  });

  it('wants a new code once the proof is over', async () => {
    const outcome = await login(refusal(409, 'login-code-needed'), { password: '000001' }, { ...fresh, needsCode: true, proved: true });
    expect(outcome).toMatchObject({ problem: { code: 'login-code-needed' }, stage: { proved: false } });
  });

  it('tells a person without another way so', async () => {
    expect(await login(refusal(409, 'login-idle', { ways: '' }), { code: '1' })).toMatchObject({ problem: { code: 'login-idle' } });
  });

  it.each([
    ['138 0000 0001', '13800000001'],
    ['１３８００００００01', '13800000001'],
    ['+86 138-0000-0001', '13800000001'],
    ['12800000001', ''],
    ['1380000000', ''],
    ['user', ''],
  ])('takes %j for %j', (typed, digits) => {
    expect(phone(typed)).toBe(digits);
  });
});
