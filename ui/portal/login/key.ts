import type { Key } from '@certhall/page';

import { day } from '../../shared/dates';

// Choice is a certificate that can sign a log-in.
export interface Choice {
  key: string; // serial of the USB key
  serial: string; // of the certificate
  name: string;
}

// choices are the complete pairs of authorities that name this page, the one
// that lasts longest first.
export function choices(keys: Key[]): Choice[] {
  return keys
    .flatMap((k) => k.containers.map((c) => ({ key: k.serial, ...c })))
    .filter((c) => c.complete && c.authority && c.serial)
    .sort((a, b) => (b.not_after ?? '').localeCompare(a.not_after ?? ''))
    .map((c) => ({ key: c.key, serial: c.serial ?? '', name: [c.subject, c.not_after && day(c.not_after)].filter(Boolean).join(' · ') }));
}
