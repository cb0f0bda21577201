// Which project and brand the certificates on the keys are for. No certificate
// says it itself; the hall does, before anybody types a PIN.
import { type Ref, ref, shallowRef, watch } from 'vue';

import { type Kind, kinds as askKinds } from '../../api';
import { call } from '../../shared/hall';

const atOnce = 64; // how many the hall is asked about at once

export interface Kinds {
  of: Readonly<Ref<Record<string, Kind>>>; // by serial; what the hall does not know is missing
  settled: Readonly<Ref<boolean>>; // whether the hall has answered, or cannot
}

// useKinds asks once about every certificate that is seen.
export function useKinds(serials: () => string[]): Kinds {
  const of = shallowRef<Record<string, Kind>>({});
  const settled = ref(false);
  const asked = new Set<string>();
  watch(
    serials,
    async (all) => {
      const unknown = all.filter((s) => !asked.has(s)).slice(0, atOnce);
      if (unknown.length === 0) {
        return;
      }
      unknown.forEach((s) => asked.add(s));
      const { kinds } = await call(askKinds({ body: { serials: unknown } })).catch(() => ({ kinds: [] }));
      of.value = { ...of.value, ...Object.fromEntries(kinds.map((k) => [k.serial, k])) };
      settled.value = true;
    },
    { immediate: true },
  );
  return { of, settled };
}
