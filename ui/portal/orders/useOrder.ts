// An order as it is now: asked again by itself while it waits for its payment,
// or for money to go back.
import { browser } from '@certhall/page';
import { onScopeDispose } from 'vue';

import { order as askOrder, type OrderDetail } from '../../api';
import { call } from '../../shared/hall';
import { type Loaded, useLoaded } from '../../shared/loaded';

const pause = 2_000;

// moving tells whether an order changes without the person.
export function moving(o: Pick<OrderDetail, 'standing' | 'refunds'>): boolean {
  return o.standing === 'unpaid' || o.standing === 'closing' || o.refunds.some((r) => ['waiting', 'wanted', 'sent'].includes(r.standing));
}

export function useOrder(id: string): Loaded<OrderDetail> {
  const loaded = useLoaded(() => call(askOrder({ path: { order: id } })));
  const left = new AbortController();

  async function follow(): Promise<void> {
    for (;;) {
      await browser.sleep(pause, left.signal);
      await browser.visible(left.signal);
      if (loaded.data.value && moving(loaded.data.value)) {
        await loaded.load();
      }
    }
  }

  follow().catch((thrown: unknown) => {
    if (!left.signal.aborted) {
      throw thrown;
    }
  });
  onScopeDispose(() => left.abort());
  return loaded;
}
