import { mount } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defineComponent, nextTick, ref, useTemplateRef } from 'vue';

import { followAct } from '../portal/service/focus';

// A page at a step: something to press, then a field, then nothing but words.
const stage = ref<'press' | 'field' | 'words' | 'cancel'>('press');
const Page = defineComponent({
  setup() {
    followAct(useTemplateRef<HTMLElement>('page'));
    return { stage };
  },
  template: `<div ref="page">
    <h1 tabindex="-1">Title</h1>
    <section v-if="stage !== 'cancel'" aria-current="step">
      <h2>Step</h2>
      <form>
        <button v-if="stage === 'press'" class="button act" type="button">Press</button>
        <input v-if="stage === 'field'" id="field" />
      </form>
    </section>
    <h2 id="asked" tabindex="-1">Really?</h2>
    <i>{{ stage }}</i>
  </div>`,
});

const focused = () => document.activeElement?.id || document.activeElement?.tagName;
const settled = () => new Promise((resolve) => setTimeout(resolve));

async function become(next: typeof stage.value): Promise<void> {
  stage.value = next;
  await nextTick();
  await settled();
}

let page: ReturnType<typeof mount>;

beforeEach(async () => {
  stage.value = 'press';
  // nothing is laid out here: what is in the document is shown
  vi.spyOn(Element.prototype, 'getClientRects').mockImplementation(function (this: Element) {
    return (this.isConnected ? [{}] : []) as unknown as DOMRectList;
  });
  page = mount(Page, { attachTo: document.body });
  await settled();
});

afterEach(() => {
  page.unmount();
  vi.restoreAllMocks();
});

describe('the focus', () => {
  it('goes from what is gone to the next act, else to the step', async () => {
    page.find<HTMLElement>('.button').element.focus();
    await become('field');
    expect(focused()).toBe('field');
    await become('words');
    expect(document.activeElement?.textContent).toBe('Step');
    await become('field');
    expect(focused()).toBe('field');
  });

  it('goes on from the title of a page just come to', async () => {
    page.find<HTMLElement>('h1').element.focus();
    await become('field');
    expect(focused()).toBe('field');
  });

  it('stays where the person is', async () => {
    page.find<HTMLElement>('#asked').element.focus();
    await become('field');
    expect(focused()).toBe('asked');
  });

  it('is forced on nobody who presses beside everything', async () => {
    const button = page.find<HTMLElement>('.button');
    button.element.focus();
    page.find('i').element.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
    button.element.blur();
    await become('field');
    expect(focused()).toBe('BODY');
  });
});
