// Which project and brand the certificates on the keys are for, and which of
// them had their day. No certificate says it itself; the hall does, before
// anybody types a PIN.
import { type Ref, ref, shallowRef, watch } from 'vue';

import { type Kind, kinds as askKinds } from '../../api';
import { call } from '../../shared/hall';

const atOnce = 64; // how many the hall is asked about at once

export interface Kinds {
  of: Readonly<Ref<Record<string, Kind>>>; // by serial; what the hall does not know is missing
  settled: Readonly<Ref<boolean>>; // whether the hall has answered, or cannot
}

// useKinds asks about every certificate that is seen whenever a new one is: only
// beside its successor is a certificate told to be superseded.
export function useKinds(serials: () => string[]): Kinds {
  const of = shallowRef<Record<string, Kind>>({});
  const settled = ref(false);
  const asked = new Set<string>();
  watch(
    serials,
    async (all) => {
      if (all.every((s) => asked.has(s))) {
        return;
      }
      all.forEach((s) => asked.add(s));
      const { kinds } = await call(askKinds({ body: { serials: all.slice(0, atOnce) } })).catch(() => ({ kinds: [] }));
      of.value = { ...of.value, ...Object.fromEntries(kinds.map((k) => [k.serial, k])) };
      settled.value = true;
    },
    { immediate: true },
  );
  return { of, settled };
}
