import { type Ref, ref, shallowRef } from 'vue';

import { asProblem } from '../hall';
import type { Problem } from '../problem';

export interface Act {
  busy: Readonly<Ref<boolean>>; // something is being done
  problem: Ref<Problem | undefined>; // why the last did not succeed
  run: (work: () => Promise<void>) => Promise<void>;
}

// useAct does one thing at a time: what is asked for meanwhile, by a second
// press of a button, is not done at all.
export function useAct(): Act {
  const busy = ref(false);
  const problem = shallowRef<Problem>();
  async function run(work: () => Promise<void>): Promise<void> {
    if (busy.value) {
      return;
    }
    busy.value = true;
    problem.value = undefined;
    try {
      await work();
    } catch (thrown) {
      problem.value = asProblem(thrown);
    } finally {
      busy.value = false;
    }
  }
  return { busy, problem, run };
}
