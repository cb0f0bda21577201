// The cart (购物车) of whoever is logged in: every page shows how much lies in it.
import { computed, shallowRef, watch } from 'vue';

import { cart as askCart, type Cart, type CartLine, type HeldCertificate, type OrderDetail, placeOrder, putInCart, takeFromCart, type Wish } from '../../api';
import { catalog } from '../../shared/catalog';
import { call, once } from '../../shared/hall';
import { me } from '../session';

export const cart = shallowRef<Cart>();

// inCart counts the certificates that lie in it.
export const inCart = computed(() => cart.value?.lines.length ?? 0);

// selling tells whether there is a catalogue to buy from; without one every
// certificate is served by itself, free of charge.
export const selling = computed(() => (catalog.value?.version ?? 0) > 0);

watch(me, () => (cart.value = undefined)); // somebody else's

export async function look(): Promise<void> {
  cart.value = await call(askCart());
}

// put puts certificates into the cart, or changes their years.
export async function put(wishes: Wish[]): Promise<void> {
  cart.value = await call(putInCart({ body: { lines: wishes } }));
}

export async function take(serials: string[]): Promise<void> {
  cart.value = await call(takeFromCart({ body: { serials } }));
}

// place orders what can be bought, at the total that the person read.
export async function place(lines: CartLine[], total: number): Promise<OrderDetail> {
  const wishes = lines.map(({ serial, service, years }): Wish => ({ serial, service: service as NonNullable<Wish['service']>, years }));
  const placed = await once((headers) => placeOrder({ body: { lines: wishes, total }, headers }));
  await look().catch(() => undefined); // the order stands in any case
  return placed;
}

// buyable tells whether a certificate can be bought for now: what is paid
// already, or under way, is gone on with instead.
export function buyable(c: HeldCertificate): boolean {
  return c.actions.length > 0 && !c.case && !c.entitlement && !c.order;
}

// parted are the lines of a cart that can be bought, and those that cannot.
export function parted(lines: readonly CartLine[]): { open: CartLine[]; shut: CartLine[] } {
  return { open: lines.filter((l) => !l.problem), shut: lines.filter((l) => l.problem) };
}
