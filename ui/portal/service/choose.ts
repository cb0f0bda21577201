// The pairs on the keys that a service may be meant for, the likeliest first.
// The clock only orders them; whether one qualifies is the hall's to say.
import type { Container, Key } from '@certhall/page';

import type { Service } from './counter';

export interface Candidate {
  key: Key;
  serial: string;
  subject: string;
  notAfter: string;
  likely: boolean;
}

export function candidates(keys: Key[], service: Service, authority: string | undefined, now: number): Candidate[] {
  const all = keys.flatMap((key) => key.containers.filter((c) => ours(c, authority)).map((c) => candidate(key, c, service, now)));
  const later = (a: Candidate, b: Candidate) => Date.parse(a.notAfter) - Date.parse(b.notAfter);
  return all.sort((a, b) => Number(b.likely) - Number(a.likely) || (service === 'renew' ? later(a, b) : later(b, a)));
}

// others counts the pairs that cannot be served here: of other authorities.
export function others(keys: Key[], authority: string | undefined): number {
  const foreign = (c: Container) => c.serial !== undefined && authority !== undefined && c.authority !== authority;
  return keys.reduce((n, k) => n + k.others + k.containers.filter(foreign).length, 0);
}

function ours(c: Container, authority: string | undefined): c is Container & { serial: string; not_after: string } {
  return c.complete && c.serial !== undefined && c.not_after !== undefined && (authority === undefined || c.authority === authority);
}

function candidate(key: Key, c: Container & { serial: string; not_after: string }, service: Service, now: number): Candidate {
  const expired = Date.parse(c.not_after) < now;
  return { key, serial: c.serial, subject: c.subject ?? '', notAfter: c.not_after, likely: expired === (service === 'repair') };
}

// passable tells a refusal that means only that this pair is not the one, so
// that another on the key may be.
export function passable(code: string): boolean {
  return ['superseded', 'revoked', 'not-current', 'certificate-unknown', 'expired', 'not-expired', 'too-early', 'too-late'].includes(code);
}
