import type { Member } from '../../api';
import { i18n } from '../../shared/i18n';

// called is what a member is called: by name, else by phone.
export function called(m: Pick<Member, 'name' | 'phone' | 'myself'>): string {
  const name = m.name || m.phone;
  return m.myself ? i18n.global.t('members.myself', { name }) : name;
}
