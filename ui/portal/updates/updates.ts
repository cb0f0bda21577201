import { computed, type ComputedRef, type Ref, ref, shallowRef, watch } from 'vue';

import { type UpdateEntry, updates as askUpdates } from '../../api';
import { useLoaded } from '../../shared/loaded';
import { call } from '../../shared/hall';
import type { Problem } from '../../shared/problem';
import { kindOf, type Show, unfinished } from './update';

export interface Updates {
  entries: ComputedRef<UpdateEntry[] | undefined>; // as narrowed; undefined until they are there
  problem: Readonly<Ref<Problem | undefined>>;
  more: ComputedRef<boolean>; // there are older ones
  older: () => Promise<void>; // asks for them
  again: () => Promise<void>; // asks once more for what did not come
}

interface Listed {
  show: Show;
  entries: UpdateEntry[];
  before?: string | undefined; // where the next page begins; undefined after the last
}

// useUpdates reads what a person did, page by page, the latest first. What is
// unfinished is looked for to the end: none of it may hide behind newer ones.
export function useUpdates(show: () => Show): Updates {
  const listed = shallowRef<Listed>();
  const from = ref<'start' | 'older'>('start');

  async function read(): Promise<Listed> {
    const asked = show();
    const kind = kindOf(asked);
    const has = from.value === 'older' && listed.value?.show === asked ? listed.value : undefined;
    let [entries, before] = [has?.entries ?? [], has?.before];
    do {
      const page = await call(askUpdates({ query: { ...(kind ? { kind } : {}), ...(before ? { before } : {}) } }));
      [entries, before] = [[...entries, ...page.entries], page.before];
    } while (before && asked === 'todo');
    return { show: asked, entries, before };
  }

  const { data, problem, load } = useLoaded(read);
  watch(data, (now) => (listed.value = now), { flush: 'sync' });
  watch(show, () => {
    [listed.value, from.value] = [undefined, 'start'];
    void load();
  });

  return {
    problem,
    again: load,
    entries: computed(() => (show() === 'todo' ? listed.value?.entries.filter(unfinished) : listed.value?.entries)),
    more: computed(() => listed.value?.before !== undefined),
    older: () => {
      from.value = 'older';
      return load();
    },
  };
}
