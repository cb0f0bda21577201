// A page's heading names the window, and takes the focus when one has gone to
// the page, so that who listens hears where he is.
import type { Router } from 'vue-router';

import { i18n } from '../shared/i18n';

// followHeading watches for the heading: pages that load something first, or
// change their language, have theirs later.
export function followHeading(router: Router, main: HTMLElement): void {
  let arrived = false;
  router.afterEach((to, from, failure) => {
    arrived = !failure && from.matched.length > 0 && to.path !== from.path;
  });
  const look = (): void => {
    const heading = main.querySelector('h1');
    const hall = i18n.global.t('shell.hall');
    document.title = heading?.textContent ? `${heading.textContent.trim()} · ${hall}` : hall;
    if (heading && arrived) {
      arrived = false;
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  };
  new MutationObserver(look).observe(main, { childList: true, subtree: true, characterData: true });
}
