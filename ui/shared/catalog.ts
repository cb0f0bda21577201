// What the hall offers: asked once, kept while the page lives.
import { shallowRef } from 'vue';

import { catalog as askCatalog, type Offering, type OfferedBrand, type OfferedProduct, type OfferedProject, type Offerings } from '../api';
import { call } from './hall';
import { language } from './i18n';

export const catalog = shallowRef<Offerings>();

let asked: Promise<void> | undefined;

// browse asks the hall what it offers, unless that is known. A refusal is thrown,
// and the next call asks again.
export function browse(): Promise<void> {
  asked ??= call(askCatalog()).then(
    (offered) => {
      catalog.value = offered;
    },
    (thrown: unknown) => {
      asked = undefined;
      throw thrown;
    },
  );
  return asked;
}

// named is a thing's name in the language spoken; its code if it has none.
export function named(thing: { code: string; names: Record<string, string> }): string {
  return thing.names[language()] ?? thing.names['zh-CN'] ?? thing.code;
}

// Choice is a project on a brand, as people choose it: 政府采购项目-海泰KEY.
export interface Choice {
  project: OfferedProject;
  brand: OfferedBrand;
  offer: Offering;
}

// choices are all that can be chosen, in the catalogue's order of projects.
export function choices(offered: Offerings): Choice[] {
  return offered.projects.flatMap((project) =>
    offered.offers.flatMap((offer) => {
      const brand = offered.brands.find((b) => b.code === offer.brand);
      return offer.project === project.code && brand ? [{ project, brand, offer }] : [];
    }),
  );
}

// productOf is what a service of an offer costs, for a type of certificates: its
// own product before that of all.
export function productOf(offer: Offering, service: OfferedProduct['service'], type = ''): OfferedProduct | undefined {
  const sold = offer.products.filter((p) => p.service === service);
  return (type ? sold.find((p) => p.type === type) : undefined) ?? sold.find((p) => !p.type);
}
