// The PINs of the keys on this PC: changed by the agent, unlocked elsewhere.
import type { Agent, Key } from '@certhall/page';
import { flushPromises, mount } from '@vue/test-utils';
import { describe, expect, it, vi } from 'vitest';
import { computed } from 'vue';

import { i18n } from '../shared/i18n';
import type { Desk } from '../shared/key/agent';
import KeyPins from '../shared/key/KeyPins.vue';
import { Problem } from '../shared/problem';

const pin = { tries: 6, low: false, final: false, locked: false };
const key = (serial: string, more: Partial<Key> = {}): Key => ({ serial, label: '', manufacturer: '', driver: 'skf', state: 'ready', pin, others: 0, containers: [], ...more });

function shown(keys: Key[], changePIN: (serial: string) => Promise<void> = async () => undefined) {
  const desk = {
    keys: computed(() => keys),
    whenFree: (work: (a: Agent, f: object) => Promise<unknown>) => work({ changePIN } as unknown as Agent, {}),
  } as unknown as Desk;
  return mount(KeyPins, { props: { desk }, global: { plugins: [i18n], stubs: { RouterLink: { props: ['to'], template: '<a :href="JSON.stringify(to)"><slot /></a>' } } } });
}
const t = (text: string) => i18n.global.t(text);

describe('PINs', () => {
  it('are changed by the agent, which asks for them itself', async () => {
    const change = vi.fn(async () => undefined);
    const page = shown([key('K1'), key('K2')], change);
    expect(page.findAll('input')).toHaveLength(0);
    await page.findAll('button')[1]?.trigger('click');
    await flushPromises();
    expect(change.mock.calls).toEqual([['K2', {}]]);
    expect(page.find('[role=status]').text()).toContain(t('key.pin.changed'));
  });

  it('tell why they were not changed', async () => {
    const page = shown([key('K1')], async () => { throw new Problem('pin-locked', { message: 'locked', hint: 'unlock it' }); });
    await page.find('button').trigger('click');
    await flushPromises();
    expect(page.find('[role=alert]').text()).toContain('locked');
    expect(page.find('[role=alert] a').attributes('href')).toContain('/unlock');
    expect(page.text()).not.toContain(t('key.pin.changed'));
  });

  it('that are locked lead to unlocking', () => {
    const page = shown([key('K1', { state: 'locked', pin: { ...pin, tries: 0, locked: true } })]);
    expect(page.findAll('button')).toHaveLength(0);
    expect(page.find('a').attributes('href')).toBe(JSON.stringify({ name: 'unlock', query: { key: 'K1' } }));
  });

  it('say how many tries are left, where the driver tells', () => {
    expect(shown([key('K1', { pin: { ...pin, tries: 1, final: true } })]).text()).toContain(i18n.global.t('key.pin.tries', { tries: 1 }, 1));
    expect(shown([key('K1', { pin: { ...pin, tries: -1, final: true } })]).text()).toContain(t('key.pin.final'));
  });

  it('are not shown where no key can be read', () => {
    expect(shown([key('K1', { trouble: { code: 'key-damaged' } })]).text()).toBe('');
  });
});
