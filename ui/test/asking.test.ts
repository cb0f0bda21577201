// What is asked for twice: the focus goes to the question, and back to what
// opened it when the answer is no, by button and by Escape.
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { afterEach, describe, expect, it } from 'vitest';
import { h } from 'vue';

import RefundForm from '../portal/orders/RefundForm.vue';
import CancelOrder from '../portal/pay/CancelOrder.vue';
import CancelCase from '../portal/service/CancelCase.vue';
import AskFirst from '../shared/form/AskFirst.vue';
import { i18n } from '../shared/i18n';

const nothing = async () => {};
const order = { order: 'o1', lines: [{ entitlement: 'e1', state: 'open', key_number: 'HT-1', subject: '测试医院', subtotal: 100 }] };
const asked = {
  'an order taken back': () => h(CancelOrder, { busy: false }),
  'a case taken back': () => h(CancelCase, { cancel: nothing, number: 'c1', money: '' }),
  'a refund': () => h(RefundForm, { order: order as never }),
  'a member removed': () => h(AskFirst, { opener: 'Remove', title: 'Remove?', act: 'Remove', work: nothing }),
};

let page: VueWrapper;
afterEach(() => page.unmount());

const focused = () => document.activeElement?.tagName;
async function press(which: string): Promise<void> {
  const button = page.get<HTMLElement>(which);
  button.element.focus();
  await button.trigger('click');
  await flushPromises();
}

describe.each(Object.entries(asked))('%s', (_, show) => {
  it.each(['button', 'Escape'])('gives the focus back, by %s', async (by) => {
    page = mount({ render: show }, { global: { plugins: [i18n] }, attachTo: document.body });
    const opener = page.get('button').text();
    await press('button');
    expect(focused()).toMatch(/^H[23]$/);
    if (by === 'button') {
      await press('.button.quiet');
    } else {
      await page.get('h2, h3').trigger('keydown', { key: 'Escape' });
      await flushPromises();
    }
    expect(focused()).toBe('BUTTON');
    expect(document.activeElement?.textContent).toBe(opener);
  });
});
