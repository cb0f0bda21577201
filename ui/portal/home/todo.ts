// What a person has to do now, the most pressing first.
import type { HeldCertificate } from '../../api';
import { ahead, near } from '../certificates/list';

export type What = 'case' | 'expired' | 'soon' | 'later' | 'suspended';

// Todo is one line of the dashboard: one certificate, or several that ask for
// the same.
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
  if (c.actions.includes('repair')) {
    return 'expired';
  }
  if (c.actions.includes('renew') && c.days_left <= ahead) {
    return c.days_left <= near ? 'soon' : 'later';
  }
  return c.state === 'suspended' ? 'suspended' : undefined;
}

export function todos(list: readonly HeldCertificate[]): Todo[] {
  const order: What[] = ['case', 'expired', 'soon', 'later', 'suspended'];
  return order.flatMap((kind) => {
    const [first, ...others] = list.filter((c) => what(c) === kind);
    if (!first) {
      return [];
    }
    return others.length < single
      ? [first, ...others].map((c): Todo => ({ what: kind, certificates: [c] }))
      : [{ what: kind, certificates: [first, ...others] } satisfies Todo];
  });
}
