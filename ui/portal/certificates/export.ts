import type { HeldCertificate } from '../../api';
import { day } from '../../shared/dates';
import { i18n } from '../../shared/i18n';
import { csv } from '../../shared/table/csv';
import { projectName } from '../hall';

// sheet is a list of certificates for a spreadsheet.
export function sheet(list: readonly HeldCertificate[]): string {
  const { t } = i18n.global;
  const head = [
    t('certificates.column.key_number'),
    t('certificates.column.subject'),
    t('certificates.organisation'),
    t('certificates.column.project'),
    t('certificates.from'),
    t('certificates.column.not_after'),
    t('certificates.days'),
    t('certificates.column.state'),
    t('certificates.serial'),
    t('certificates.enc-serial'),
    t('certificates.key-serial'),
  ];
  const rows = list.map((c) => [
    c.key_number,
    c.subject,
    c.organisation,
    projectName(c.project),
    day(c.not_before),
    day(c.not_after),
    String(c.days_left),
    t(`certificates.state.${c.state}`),
    c.serial,
    c.enc_serial,
    c.key_serial,
  ]);
  return csv([head, ...rows]);
}
