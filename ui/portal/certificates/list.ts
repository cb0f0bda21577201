// The list of certificates as it is searched, filtered and sorted.
import type { HeldCertificate } from '../../api';
import { fit, fold } from '../../shared/table/search';
import { type Order, sorted } from '../../shared/table/sort';
import { projectName } from '../hall';

// What the list can be narrowed to. soon is what the dashboard counts.
export const shows = ['all', 'todo', 'soon', 'later', 'expired', 'valid', 'stopped'] as const;
export type Show = (typeof shows)[number];

// Days within which an end is near.
export const near = 30;
export const ahead = 90;

const tests: Record<Show, (c: HeldCertificate) => boolean> = {
  all: () => true,
  todo: (c) => c.actions.length > 0 || c.case !== undefined,
  soon: (c) => c.state === 'expiring' && c.days_left <= near,
  later: (c) => c.state === 'expiring' && c.days_left > near,
  expired: (c) => c.state === 'expired',
  valid: (c) => c.state === 'valid' || c.state === 'expiring',
  stopped: (c) => c.state === 'suspended' || c.state === 'revoked',
};

export function shown(show: Show, c: HeldCertificate): boolean {
  return tests[show](c);
}

export const columns = ['key_number', 'subject', 'project', 'not_after', 'state'] as const;
export type Column = (typeof columns)[number];

// State goes by how much there is to do.
const urgency = ['expired', 'expiring', 'suspended', 'not-yet-valid', 'valid', 'revoked'];

const values: Record<Column, (c: HeldCertificate) => string | number> = {
  key_number: (c) => c.key_number,
  subject: (c) => c.subject,
  project: (c) => projectName(c.project),
  not_after: (c) => Date.parse(c.not_after),
  state: (c) => urgency.indexOf(c.state),
};

// A certificate with what it is searched by: made once, however often the list
// is sorted and searched.
export interface Entry {
  certificate: HeldCertificate;
  text: string;
}

export function entries(list: readonly HeldCertificate[]): Entry[] {
  return list.map((c) => ({
    certificate: c,
    text: [c.key_number, c.subject, projectName(c.project), c.project, c.organisation, c.serial, c.key_serial].map(fold).join('\n'),
  }));
}

export interface Sorting {
  column: Column;
  order: Order;
}

// arrange sorts; without a wish what can still be used comes first, the
// soonest end on top.
export function arrange(list: readonly Entry[], by: Sorting | undefined): Entry[] {
  if (by) {
    return sorted(list, (e) => values[by.column](e.certificate), by.order);
  }
  const byEnd = sorted(list, (e) => values.not_after(e.certificate), 'ascending');
  return sorted(byEnd, (e) => (e.certificate.state === 'revoked' ? 1 : 0), 'ascending');
}

export function search(list: readonly Entry[], typed: string): HeldCertificate[] {
  const fits = fit(typed);
  return list.filter((e) => fits(e.text)).map((e) => e.certificate);
}

// sortingOf reads a sorting from an address: column, or -column.
export function sortingOf(text: string): Sorting | undefined {
  const column = columns.find((c) => c === text.replace(/^-/, ''));
  return column && { column, order: text.startsWith('-') ? 'descending' : 'ascending' };
}

// turned is the sorting after a press on a column's head: up, down, none.
export function turned(by: Sorting | undefined, column: Column): string {
  if (by?.column !== column) {
    return column;
  }
  return by.order === 'ascending' ? `-${column}` : '';
}
