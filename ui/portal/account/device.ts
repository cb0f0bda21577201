import type { ShownVisit } from '../../api';
import { i18n } from '../../shared/i18n';

// device is where a log-in came from, as far as it told.
export function device(d: Pick<ShownVisit, 'browser' | 'system'>): string {
  return [d.browser, d.system].filter(Boolean).join(' · ') || i18n.global.t('devices.unknown');
}
