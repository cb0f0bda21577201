// What the member centre has for a person.
import type { Me } from '../../api';

export type Page = 'updates' | 'favourites' | 'profile' | 'password' | 'members' | 'logins' | 'devices';

export interface Group {
  name: 'manage' | 'settings' | 'organisation' | 'safety';
  pages: Page[];
}

// groupsFor are the pages in the order of the left navigation (管理, 设置 …).
export function groupsFor(me: Pick<Me, 'organisations'> | undefined): Group[] {
  return [
    { name: 'manage', pages: ['updates', 'favourites'] },
    { name: 'settings', pages: ['profile', 'password'] },
    ...(administered(me).length > 0 ? [{ name: 'organisation', pages: ['members'] } satisfies Group] : []),
    { name: 'safety', pages: ['logins', 'devices'] },
  ];
}

// administered are the organisations whose people a person looks after.
export function administered(me: Pick<Me, 'organisations'> | undefined): Me['organisations'] {
  return me?.organisations.filter((o) => o.role === 'administrator') ?? [];
}
