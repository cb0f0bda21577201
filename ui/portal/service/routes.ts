// The pages of a service, loaded when first needed.
import type { RouteRecordRaw } from 'vue-router';

export const serviceRoutes: RouteRecordRaw[] = [
  { path: '/service/:service(renew|repair)', name: 'service', component: () => import('./StartPage.vue'), props: true },
  { path: '/cases/:case', name: 'case', component: () => import('./CasePage.vue'), props: (to) => ({ id: to.params.case }) },
];
