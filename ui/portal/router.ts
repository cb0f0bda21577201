// The addresses people know: hash routes, as in the manuals.
import { nextTick } from 'vue';
import { createRouter, createWebHashHistory, type LocationQueryRaw, type RouteLocationNormalized, type RouteRecordRaw } from 'vue-router';

import { whenRefused } from '../shared/hall';
import { i18n } from '../shared/i18n';
import { home, target } from './redirect';
import { serviceRoutes } from './service/routes';
import { gone, who } from './session';

declare module 'vue-router' {
  interface RouteMeta {
    title?: string; // key of the page's title; else its heading is the title
    open?: boolean; // for visitors too
  }
}

const routes: RouteRecordRaw[] = [
  { path: '/', redirect: home },
  { path: '/login', name: 'login', component: () => import('./login/LoginPage.vue'), meta: { title: 'login.title', open: true } },
  { path: '/password', name: 'password', component: () => import('./login/SetPasswordPage.vue'), meta: { title: 'login.first.title' } },
  { path: home, name: 'home', component: () => import('./home/HomePage.vue'), meta: { title: 'home.title' } },
  { path: '/certificates', name: 'certificates', component: () => import('./certificates/CertificatesPage.vue'), meta: { title: 'certificates.title' } },
  { path: '/certificates/:serial', name: 'certificate', component: () => import('./certificates/CertificatePage.vue'), props: true, meta: { title: 'certificates.one.title' } },
  { path: '/cases', name: 'cases', component: () => import('./cases/CasesPage.vue'), meta: { title: 'cases.title' } },
  { path: '/account', name: 'account', component: () => import('./account/AccountPage.vue'), meta: { title: 'account.title' } },
  { path: '/help', name: 'help', component: () => import('./help/HelpPage.vue'), meta: { title: 'help.title', open: true } },
  // a case can be gone on with by whoever has the key: its pages judge
  ...serviceRoutes.map((r) => ({ ...r, meta: { open: true, ...r.meta } })),
  { path: '/:missing(.*)*', name: 'missing', component: () => import('./shell/MissingPage.vue'), meta: { title: 'shell.missing.title', open: true } },
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
  return to.name === 'login' || to.name === 'password' ? target(to.query['redirect']) : true;
});

router.afterEach((to, from, failure) => {
  if (failure) {
    return;
  }
  void nextTick(() => {
    const heading = document.querySelector<HTMLElement>('main h1');
    entitle(to, heading);
    if (heading && from.matched.length > 0 && to.path !== from.path) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  });
});

// entitle names the window after the page.
export function entitle(to: RouteLocationNormalized, heading = document.querySelector('main h1')): void {
  const { t } = i18n.global;
  const title = to.meta.title ? t(to.meta.title) : heading?.textContent?.trim();
  document.title = title ? `${title} · ${t('shell.hall')}` : t('shell.hall');
}

// A session that ended: log in, and back to this very page.
whenRefused('login-needed', () => {
  gone('ended');
  const at = router.currentRoute.value;
  if (!at.meta.open && at.matched.length > 0) {
    void router.push({ name: 'login', query: { redirect: at.fullPath } });
  }
});

whenRefused('password-needed', () => {
  const at = router.currentRoute.value;
  if (at.name !== 'password') {
    void router.push({ name: 'password', query: { redirect: at.fullPath } });
  }
});
