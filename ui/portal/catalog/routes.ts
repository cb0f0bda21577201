// The pages of what is offered, loaded when first needed.
import type { RouteRecordRaw } from 'vue-router';

export const catalogRoutes: RouteRecordRaw[] = [
  { path: '/brands', name: 'brands', component: () => import('./BrandsPage.vue') },
  { path: '/offers/:service(renew|repair)', name: 'offers', component: () => import('./OffersPage.vue'), props: true },
  { path: '/offers/:service(renew|repair)/:project/:brand', name: 'offer', component: () => import('./OfferPage.vue'), props: true },
];
