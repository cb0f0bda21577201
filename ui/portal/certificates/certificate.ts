// What the pages tell of a certificate.
import type { HeldCertificate } from '../../api';
import { i18n } from '../../shared/i18n';

export type State = HeldCertificate['state'];
export type Tone = 'good' | 'warn' | 'bad' | 'off';

const tones: Record<State, Tone> = { valid: 'good', expiring: 'warn', expired: 'bad', suspended: 'off', revoked: 'off', 'not-yet-valid': 'off' };

export function tone(state: State): Tone {
  return tones[state];
}

// daysText tells how long a certificate lasts yet, or has been over.
export function daysText(c: Pick<HeldCertificate, 'days_left' | 'state'>): string {
  const { t } = i18n.global;
  const days = Math.abs(c.days_left);
  if (c.days_left > 0) {
    return t('certificates.days.left', { days }, days);
  }
  if (c.days_left < 0) {
    return t('certificates.days.over', { days }, days);
  }
  return c.state === 'expired' ? t('certificates.days.over-today') : t('certificates.days.today');
}

// grouped breaks a serial into fours, to be read out.
export function grouped(serial: string): string {
  return serial.toUpperCase().replace(/(.{4})(?=.)/g, '$1 ');
}
