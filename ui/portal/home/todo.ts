// What a person has to do now, the most pressing first.
import type { HeldCertificate } from '../../api';
import { ahead, near } from '../certificates/list';

export type What = 'case' | 'unpaid' | 'bought' | 'expired' | 'soon' | 'later' | 'suspended';

// Todo is one line of the dashboard: one certificate, several that ask for the
// same, or all that stand in one order.
export interface Todo {
  what: What;
  certificates: [HeldCertificate, ...HeldCertificate[]];
}

// So many of a kind stand in lines of their own; more are told as a number.
const single = 2;

function what(c: HeldCertificate): What | undefined {
  if (c.case) {
    return 'case';
  }
  if (c.order) {
    return 'unpaid';
  }
  if (c.entitlement && c.actions.length > 0) {
    return 'bought';
  }
  if (c.actions.includes('repair')) {
    return 'expired';
  }
  if (c.actions.includes('renew') && c.days_left <= ahead) {
    return c.days_left <= near ? 'soon' : 'later';
  }
  return c.state === 'suspended' ? 'suspended' : undefined;
}

export function todos(list: readonly HeldCertificate[]): Todo[] {
  const order: What[] = ['case', 'unpaid', 'bought', 'expired', 'soon', 'later', 'suspended'];
  return order.flatMap((kind) => {
    const alike = list.filter((c) => what(c) === kind);
    if (kind === 'unpaid') {
      return [...new Set(alike.map((c) => c.order))].map((id): Todo => ({ what: kind, certificates: alike.filter((c) => c.order === id) as Todo['certificates'] }));
    }
    const [first, ...others] = alike;
    if (!first) {
      return [];
    }
    return others.length < single
      ? [first, ...others].map((c): Todo => ({ what: kind, certificates: [c] }))
      : [{ what: kind, certificates: [first, ...others] } satisfies Todo];
  });
}
