// The page of the cart, loaded when first needed.
import type { RouteRecordRaw } from 'vue-router';

export const cartRoutes: RouteRecordRaw[] = [{ path: '/cart', name: 'cart', component: () => import('./CartPage.vue') }];
