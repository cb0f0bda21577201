// The addresses people know: hash routes, as in the manuals.
import { createRouter, createWebHashHistory } from 'vue-router';

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [],
});
