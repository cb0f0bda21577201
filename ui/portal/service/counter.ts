// What the service pages ask of the hall. Everything throws Problem.
import { beginOpening, case_, type CaseView, closeCase, next as askNext, openCase } from '../../api';
import type { Key } from '@certhall/page';
import { call, once } from '../../shared/hall';
import type { Desk } from '../../shared/key/agent';
import { keepPass, passHeaders } from './pass';
import type { Counter } from './run';

export type Service = 'renew' | 'repair';

// openByLogin opens a case for a pair of the person who is logged in, or finds
// the one under way.
export async function openByLogin(service: Service, serial: string): Promise<string> {
  return (await once((headers) => openCase({ body: { service, serial }, headers }))).case;
}

// openByKey opens a case with the pair's key; the agent asks for the PIN.
export async function openByKey(desk: Desk, service: Service, key: Key, serial: string, signal?: AbortSignal): Promise<string> {
  const { nonce, authority } = await call(beginOpening());
  const opening = await desk.whenFree(
    (agent, following) => agent.open({ key: key.serial, service, serial, authority, nonce }, following),
    { signal },
  );
  const opened = await call(openCase({ body: { opening } }));
  if (opened.token) {
    keepPass(opened.case, opened.token);
  }
  return opened.case;
}

export function readCase(id: string): Promise<CaseView> {
  return call(case_({ path: { case: id }, headers: passHeaders(id) }));
}

export function counterOf(id: string): Counter {
  return { next: (body, signal) => call(askNext({ path: { case: id }, headers: passHeaders(id), body, signal })) };
}

// cancel asks for the end of a case; its end itself follows in the loop.
export async function cancel(id: string): Promise<void> {
  await call(closeCase({ path: { case: id }, headers: passHeaders(id) }));
}
