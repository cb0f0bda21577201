// Project and brand chosen, and what is shown of them; the order that waits.
import { flushPromises, mount } from '@vue/test-utils';
import { describe, expect, it } from 'vitest';

import type { LineView, Offerings } from '../api';
import { choicesFor, entryOf, matching, nameOf, priceOf, startOf } from '../portal/catalog/entry';
import OfferForm from '../portal/pay/OfferForm.vue';
import { clock, trialPage } from '../portal/pay/waiting';
import PayStep from '../portal/service/PayStep.vue';
import { beSure, forget, sure } from '../portal/service/sure';
import { i18n } from '../shared/i18n';

i18n.global.locale.value = 'zh-CN';
const names = (chinese: string, english: string) => ({ 'zh-CN': chinese, en: english });
const policy = { renew_before: 90, repair_after: 365, grace: 30, any_phone: false };
const offered: Offerings = {
  version: 1,
  projects: [{ code: 'gov', names: names('政府采购项目', 'Procurement'), brand: 'haitai' }, { code: 'med', names: names('医疗保障项目', 'Insurance') }],
  brands: [{ code: 'haitai', names: names('海泰KEY', 'Haitai'), key_numbers: ['HT', 'H'] }, { code: 'other', names: names('明华KEY', 'Minghua'), key_numbers: ['HTX'] }],
  types: [],
  offers: [
    { ...policy, project: 'gov', brand: 'haitai', products: [{ service: 'renew', price: 0, years: [1] }] },
    { ...policy, project: 'med', brand: 'other', products: [{ service: 'renew', price: 20000, years: [1] }, { service: 'renew', type: 'person', price: 1000, years: [1] }] },
  ],
};
const [gov, med] = choicesFor('renew', offered);

describe('what is offered', () => {
  it('is chosen where there is something to choose, else the key comes first', () => {
    expect(entryOf('renew', offered)).toBe('/offers/renew');
    expect(entryOf('repair', offered)).toBe('/service/repair');
    expect(entryOf('renew', undefined)).toBe('/service/renew');
  });

  it('has a name, a price and a start page', () => {
    expect(gov && nameOf(gov)).toBe('政府采购项目-海泰KEY');
    expect(gov && startOf('renew', gov)).toBe('/offers/renew/gov/haitai');
    expect(gov && priceOf(gov.offer, 'renew')).toBe('免费项目');
    expect(med && priceOf(med.offer, 'renew')).toBe('每年 ¥10.00 起');
  });

  it('is found by words of both languages', () => {
    const found = (sought: string) => matching([gov, med].flatMap((c) => c ?? []), sought).map((c) => c.project.code);
    expect(found('')).toEqual(['gov', 'med']);
    expect(found('海泰 采购')).toEqual(['gov']);
    expect(found('insurance')).toEqual(['med']);
    expect(found('nothing')).toEqual([]);
  });
});

const line: LineView = {
  serial: '0a', service: 'renew', years: 1, price: 20000, subtotal: 20000, project: 'gov', brand: 'haitai', type: '',
  names: names('政府采购项目-海泰KEY', 'Procurement-Haitai'), subject: 'S', organisation: 'O', key_number: 'HT-1',
};
const global = { plugins: [i18n] };

describe('the step pay', () => {
  it('agrees to the years chosen, at the total that is to be read', async () => {
    const form = mount(OfferForm, { props: { line, choices: [1, 2, 3], busy: false }, global });
    expect(form.get('button[type=submit]').text()).toBe('支付 ¥200.00');
    await form.get('select').setValue('3');
    expect(form.get('button[type=submit]').text()).toBe('支付 ¥600.00');
    await form.trigger('submit');
    expect(form.emitted('agree')).toEqual([[{ years: 3, total: 60000 }]]);
  });

  it('submits what is free', async () => {
    const form = mount(OfferForm, { props: { line: { ...line, price: 0 }, choices: [1], busy: false }, global });
    expect(form.find('select').exists()).toBe(false);
    expect(form.text()).toContain('免费项目，无需支付');
    expect(form.get('button[type=submit]').text()).toBe('提交');
  });

  it('tells why an order that stood is offered again', async () => {
    const order = { order: 'O1', standing: 'unpaid' as const, total: 20000, made_at: '2026-11-23T00:00:00Z', lines: [line] };
    const step = mount(PayStep, { props: { pay: { order }, first: '', busy: false }, global });
    expect(step.text()).toContain('¥200.00');
    await step.setProps({ pay: { line, years: [1] } });
    expect(step.text()).toContain('订单已关闭，没有扣款');
    await step.setProps({ pay: { order } });
    expect(step.text()).not.toContain('没有扣款');
    await step.get('.link').trigger('click');
    await flushPromises();
    await step.get('.acts .button.plain').trigger('click');
    await step.findAll('button').find((b) => b.text() === '取消订单')?.trigger('click');
    expect(step.emitted('answer')).toContainEqual([{ pay: { cancel: true } }]);
    await step.setProps({ pay: { line, years: [1] } });
    expect(step.text()).toContain('订单已取消，没有扣款');
    expect(step.text()).toContain('自动原路退回');
  });

  it('counts minutes and seconds', () => {
    expect([clock(1799), clock(61), clock(5)]).toEqual(['29:59', '1:01', '0:05']);
  });

  it('leads to the trial page only where payment is for trial', () => {
    const hall = { payment_trial: true, pay_page: 'http://127.0.0.1:1/pay' };
    expect(trialPage(hall, 'weixin://wxpay/bizpayurl?pr=a&b')).toBe('http://127.0.0.1:1/pay?code_url=weixin%3A%2F%2Fwxpay%2Fbizpayurl%3Fpr%3Da%26b');
    expect(trialPage({ ...hall, payment_trial: false }, 'x')).toBe('');
    expect(trialPage(undefined, 'x')).toBe('');
  });

  it('asks once a case, in whatever tab', () => {
    expect(sure('c1')).toBe(false);
    beSure('c1');
    expect([sure('c1'), sure('c2'), localStorage.length]).toEqual([true, false, 1]);
    forget('c1');
    expect([sure('c1'), localStorage.length]).toEqual([false, 0]);
  });
});
