import { afterEach, expect, it, vi } from 'vitest';

import { Problem } from '../shared/problem';
import { withWork } from '../shared/work';

afterEach(() => vi.unstubAllGlobals());

const refused = (code: string) => new Problem(code, { message: '', hint: '', params: {} });

async function hex(text: string): Promise<string> {
  const sum = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(sum)].map((b) => b.toString(16).padStart(2, '0')).join('');
}

async function asks(answer: unknown): Promise<void> {
  vi.stubGlobal('fetch', async () => new Response(JSON.stringify(answer), { status: 200, headers: { 'Content-Type': 'application/json' } }));
}

it('does the work that the hall asks for, and sends again', async () => {
  const salt = 'abc?expires=1&';
  await asks({ needed: true, algorithm: 'SHA-256', challenge: await hex(`${salt}42`), salt, max_number: 100, signature: 's' });
  const sent: (string | undefined)[] = [];
  const answer = await withWork(async (work) => {
    sent.push(work);
    if (!work) {
      throw refused('work-needed');
    }
    return 'sent';
  });
  expect(answer).toBe('sent');
  expect(sent).toHaveLength(2);
  expect(JSON.parse(atob(sent[1] ?? ''))).toMatchObject({ number: 42, salt, signature: 's', algorithm: 'SHA-256' });
});

it('asks for no work where none is needed, and hands other refusals on', async () => {
  const fetched = vi.fn();
  vi.stubGlobal('fetch', fetched);
  expect(await withWork(async () => 'sent')).toBe('sent');
  await expect(withWork(async () => { throw refused('code-resend'); })).rejects.toMatchObject({ code: 'code-resend' });
  expect(fetched).not.toHaveBeenCalled();
});

it('does not go on for ever where there is no such number', async () => {
  await asks({ needed: true, algorithm: 'SHA-256', challenge: 'none', salt: 's', max_number: 3, signature: 's' });
  await expect(withWork(async () => { throw refused('work-needed'); })).rejects.toMatchObject({ code: 'page-failed' });
});
