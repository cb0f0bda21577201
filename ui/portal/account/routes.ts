// The pages of the member centre (会员中心), loaded when first needed.
import type { RouteRecordRaw } from 'vue-router';

export const accountRoutes: RouteRecordRaw[] = [
  {
    path: '/account',
    component: () => import('./CentrePage.vue'),
    redirect: '/account/updates',
    children: [
      { path: 'updates', name: 'updates', component: () => import('../updates/UpdatesPage.vue') },
      { path: 'favourites', name: 'favourites', component: () => import('../favourites/FavouritesPage.vue') },
      { path: 'profile', name: 'profile', component: () => import('./ProfilePage.vue') },
      { path: 'password', name: 'change-password', component: () => import('./PasswordPage.vue') },
      { path: 'members/:organisation?', name: 'members', component: () => import('../organisation/MembersPage.vue'), props: true },
      { path: 'members/:organisation/:member', name: 'member', component: () => import('../organisation/MemberPage.vue'), props: true },
      { path: 'logins', name: 'logins', component: () => import('./LoginsPage.vue') },
      { path: 'devices', name: 'devices', component: () => import('./DevicesPage.vue') },
    ],
  },
  { path: '/cases', redirect: '/account/updates' },
];
