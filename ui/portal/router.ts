// The addresses people know: hash routes, as in the manuals.
import { createRouter, createWebHashHistory, type LocationQueryRaw, type RouteRecordRaw } from 'vue-router';

import { whenRefused } from '../shared/hall';
import { accountRoutes } from './account/routes';
import { cartRoutes } from './cart/routes';
import { catalogRoutes } from './catalog/routes';
import { orderRoutes } from './orders/routes';
import { home, target } from './redirect';
import { serviceRoutes } from './service/routes';
import { again, gone, me, who } from './session';

declare module 'vue-router' {
  interface RouteMeta {
    open?: boolean; // for visitors too
  }
}

const routes: RouteRecordRaw[] = [
  { path: '/', name: 'front', component: () => import('./front/FrontPage.vue'), meta: { open: true } },
  ...catalogRoutes.map((r) => ({ ...r, meta: { open: true } })),
  { path: '/login', name: 'login', component: () => import('./login/LoginPage.vue'), meta: { open: true } },
  { path: '/lost-phone', name: 'lost-phone', component: () => import('./login/LostPhonePage.vue'), meta: { open: true } },
  { path: '/password', name: 'password', component: () => import('./login/SetPasswordPage.vue') },
  { path: home, name: 'home', component: () => import('./home/HomePage.vue') },
  { path: '/certificates', name: 'certificates', component: () => import('./certificates/CertificatesPage.vue') },
  { path: '/certificates/:serial', name: 'certificate', component: () => import('./certificates/CertificatePage.vue'), props: true },
  ...cartRoutes,
  ...orderRoutes,
  ...accountRoutes,
  { path: '/unlock', name: 'unlock', component: () => import('./unlock/UnlockPage.vue') },
  { path: '/check', name: 'check', component: () => import('./check/CheckPage.vue'), meta: { open: true } },
  { path: '/help', name: 'help', component: () => import('./help/HelpPage.vue'), meta: { open: true } },
  // a case can be gone on with by whoever has the key: its pages judge
  ...serviceRoutes.map((r) => ({ ...r, meta: { open: true, ...r.meta } })),
  { path: '/:missing(.*)*', name: 'missing', component: () => import('./shell/MissingPage.vue'), meta: { open: true } },
];

// Slashes in values are encoded, as in the address in the manuals:
// /#/login?redirect=%2Fdashboard.
function encoded(query: LocationQueryRaw = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((v) => [name, String(v ?? '')]));
  return new URLSearchParams(pairs).toString();
}

export const router = createRouter({
  history: createWebHashHistory(),
  routes,
  stringifyQuery: encoded,
  scrollBehavior: (to, from, saved) => {
    if (saved ?? to.path !== from.path) {
      return to.hash ? false : (saved ?? { top: 0 });
    }
    return false;
  },
});

// Whoever is not logged in logs in first and then comes to where he wanted to
// go; whoever has the first password chooses one of his own.
router.beforeEach(async (to) => {
  const person = await who().catch(() => 'unknown' as const); // pages tell that the hall cannot be reached
  if (person === 'unknown') {
    return true;
  }
  if (!person) {
    return to.meta.open ? true : { name: 'login', query: { redirect: to.fullPath } };
  }
  if (person.must_set_password) {
    return to.name === 'password' ? true : { name: 'password', query: { redirect: to.name === 'login' ? target(to.query['redirect']) : to.fullPath } };
  }
  if (to.name === 'front') {
    return home; // whoever is logged in has his own
  }
  return to.name === 'login' || to.name === 'password' ? target(to.query['redirect']) : true;
});

// A session that ended: log in, and back to this very page.
whenRefused('login-needed', () => {
  gone('ended');
  const at = router.currentRoute.value;
  if (!at.meta.open && at.matched.length > 0) {
    void router.push({ name: 'login', query: { redirect: at.fullPath } });
  }
});

// Of a case that only a log-in shows, the hall says no more than that it is
// missing: whoever was logged in here and is no more logs in again.
whenRefused('case-missing', async () => {
  const at = router.currentRoute.value;
  if (me.value && !(await again().catch(() => me.value))) {
    await router.push({ name: 'login', query: { redirect: at.fullPath } });
  }
});

whenRefused('password-needed', () => {
  const at = router.currentRoute.value;
  if (at.name !== 'password') {
    void router.push({ name: 'password', query: { redirect: at.fullPath } });
  }
});
