// Prices and what is offered, against a hall that answers as told.
import { afterEach, describe, expect, it, vi } from 'vitest';

import type { Offerings } from '../api';
import { browse, catalog, choices, named, productOf } from '../shared/catalog';
import { i18n } from '../shared/i18n';
import { money } from '../shared/money';

const names = (chinese: string, english: string) => ({ 'zh-CN': chinese, en: english });
const policy = { renew_before: 90, repair_after: 365, grace: 30, any_phone: false };
const offered: Offerings = {
  version: 2,
  projects: [
    { code: 'gov', names: names('政府采购项目', 'Government procurement'), picture: '/api/pictures/a1', brand: 'haitai' },
    { code: 'med', names: names('医疗保障项目', 'Medical insurance') },
    { code: 'idle', names: names('无', 'None') },
  ],
  brands: [
    { code: 'haitai', names: names('海泰KEY', 'Haitai key'), key_numbers: ['HT'] },
    { code: 'minghua', names: names('明华KEY', 'Minghua key'), key_numbers: [] },
  ],
  types: [{ code: 'person', names: names('个人证书', 'Personal certificate'), holder: 'person' }],
  offers: [
    { ...policy, project: 'med', brand: 'haitai', products: [{ service: 'renew', price: 20000, years: [1, 2, 3] }] },
    { ...policy, project: 'gov', brand: 'minghua', products: [] },
    {
      ...policy,
      project: 'gov',
      brand: 'haitai',
      products: [
        { service: 'renew', price: 0, years: [1] },
        { service: 'renew', type: 'person', price: 1250, years: [1] },
      ],
    },
  ],
};

afterEach(() => vi.unstubAllGlobals());

describe('money', () => {
  it('is written in yuan with two places', () => {
    expect([0, 1, 10, 20000, 123456789, -5].map(money)).toEqual(['¥0.00', '¥0.01', '¥0.10', '¥200.00', '¥1,234,567.89', '-¥0.05']);
  });
  it('loses no fen', () => {
    for (let fen = 0; fen < 100_000; fen += 97) {
      expect(Math.round(Number(money(fen).slice(1).replaceAll(',', '')) * 100)).toBe(fen);
    }
  });
});

describe('the catalogue', () => {
  it('is asked for once, and again only where there was no answer', async () => {
    let asked = 0;
    vi.stubGlobal('fetch', async () => {
      asked++;
      if (asked === 1) {
        throw new TypeError('no connection');
      }
      return new Response(JSON.stringify(offered), { status: 200, headers: { 'Content-Type': 'application/json' } });
    });
    await expect(browse()).rejects.toMatchObject({ code: 'hall-unreachable' });
    await Promise.all([browse(), browse()]);
    await browse();
    expect(asked).toBe(2);
    expect(catalog.value).toEqual(offered);
  });

  it('gives projects with their brands, in order of the projects', () => {
    expect(choices(offered).map((c) => `${c.project.code}-${c.brand.code}`)).toEqual(['gov-minghua', 'gov-haitai', 'med-haitai']);
  });

  it('names things in the language spoken', () => {
    i18n.global.locale.value = 'zh-CN';
    expect(offered.projects.map(named)).toEqual(['政府采购项目', '医疗保障项目', '无']);
    i18n.global.locale.value = 'en';
    expect(offered.brands.map(named)).toEqual(['Haitai key', 'Minghua key']);
    expect(named({ code: 'x', names: {} })).toBe('x');
  });

  it('knows the price for a type before that for all', () => {
    const price = (...asked: ['renew' | 'repair', string?]) => choices(offered).slice(1, 2).map((c) => productOf(c.offer, ...asked)?.price);
    expect(price('renew')).toEqual([0]);
    expect(price('renew', 'unit')).toEqual([0]);
    expect(price('renew', 'person')).toEqual([1250]);
    expect(price('repair')).toEqual([undefined]);
  });
});
