// The pages of an order, loaded when first needed.
import type { RouteRecordRaw } from 'vue-router';

export const orderRoutes: RouteRecordRaw[] = [
  { path: '/orders/:order', name: 'order', component: () => import('./OrderPage.vue'), props: (to) => ({ id: to.params.order }) },
  { path: '/orders/:order/receipt', name: 'order-receipt', component: () => import('./ReceiptPage.vue'), props: (to) => ({ id: to.params.order }) },
];
