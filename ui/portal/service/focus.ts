// The focus goes where the next act is: what it was on goes away with each
// step. Whatever a person works with keeps it.
import { onBeforeUnmount, onMounted, type Ref } from 'vue';

// Where there is something to do, and what it is done with; of several choices
// the one made.
const places = ['[aria-current=step]', 'form', '[role=alert]'];
const means = ['input:not([type=radio]):not(:disabled)', 'input:checked', '.button.act'];
const acts = places.flatMap((place) => means.map((m) => `${place} ${m}`)).join();

// followAct moves the focus within a page whenever what had it is gone, or is
// but a page's or step's heading: to the next act, else to what goes on now.
export function followAct(page: Ref<HTMLElement | null>): void {
  let held: Element | null = null;
  const observer = new MutationObserver(look);

  function look(): void {
    if (page.value && held && (!shown(held) || held.matches('h1, [aria-current=step] h2'))) {
      const next = nextIn(page.value);
      if (next && next !== held) {
        next.focus();
      }
    }
  }

  const hold = (e: FocusEvent): void => {
    held = e.target instanceof Element ? e.target : null;
  };
  // Who presses beside everything wants no focus.
  const release = (e: PointerEvent): void => {
    if (e.target instanceof Element && !e.target.closest('a, button, input, label, summary')) {
      held = null;
    }
  };

  onMounted(() => {
    page.value?.addEventListener('focusin', hold);
    page.value?.addEventListener('pointerdown', release);
    if (page.value) {
      observer.observe(page.value, { childList: true, subtree: true });
    }
  });
  onBeforeUnmount(() => observer.disconnect());
}

const shown = (e: Element): boolean => e.getClientRects().length > 0;

function nextIn(page: HTMLElement): HTMLElement | undefined {
  const act = [...page.querySelectorAll<HTMLElement>(acts)].find(shown);
  if (act) {
    return act;
  }
  const heading = page.querySelector<HTMLElement>('[aria-current=step] h2') ?? page.querySelector<HTMLElement>('h1');
  if (heading) {
    heading.tabIndex = -1;
  }
  return heading ?? undefined;
}
