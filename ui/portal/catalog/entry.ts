// Where a service begins, and how the catalogue's offers read.
import type { Offering, OfferedProduct, Offerings } from '../../api';
import { choices, type Choice, named, productOf } from '../../shared/catalog';
import { i18n } from '../../shared/i18n';
import { money } from '../../shared/money';
import type { Service } from '../service/counter';

// entryOf is where a service begins: at the choice of project and brand, or,
// where there is no catalogue, with the key.
export function entryOf(service: Service, offered: Offerings | undefined): string {
  return offered && choicesFor(service, offered).length > 0 ? `/offers/${service}` : `/service/${service}`;
}

// choicesFor are the projects and brands that a service is offered for.
export function choicesFor(service: Service, offered: Offerings): Choice[] {
  return choices(offered).filter((c) => productsOf(c.offer, service).length > 0);
}

// startOf is the start page of a service for a choice.
export const startOf = (service: Service, c: Choice): string => `/offers/${service}/${c.project.code}/${c.brand.code}`;

// nameOf is a choice's name: 政府采购项目-海泰KEY.
export const nameOf = (c: Choice): string => `${named(c.project)}-${named(c.brand)}`;

const productsOf = (offer: Offering, service: Service): OfferedProduct[] => offer.products.filter((p) => p.service === service);

// priceOf says what a service costs in an offer; where that is different by
// type of certificate, from how much on.
export function priceOf(offer: Offering, service: Service): string {
  const { t } = i18n.global;
  const sold = productsOf(offer, service);
  const general = productOf(offer, service);
  const prices = sold.map((p) => p.price);
  const least = Math.min(...prices);
  if (general && prices.every((p) => p === general.price) || new Set(prices).size <= 1) {
    return least === 0 ? t('pay.free') : t('offer.price', { amount: money(least) });
  }
  return t('offer.price.from', { amount: money(least) });
}

// whenOf says when a service may be had.
export function whenOf(offer: Offering, service: Service): string {
  const { t } = i18n.global;
  return service === 'renew' ? t('offer.when.renew', { days: offer.renew_before }) : t('offer.when.repair', { days: offer.repair_after });
}

// matching are the choices whose project or brand has all the words sought.
export function matching(all: Choice[], sought: string): Choice[] {
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((c) => {
    const text = [...Object.values(c.project.names), ...Object.values(c.brand.names), ...c.brand.key_numbers].join('\n').toLowerCase();
    return words.every((w) => text.includes(w));
  });
}
