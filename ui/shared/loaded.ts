import { type Ref, shallowRef } from 'vue';

import { asProblem } from './hall';
import type { Problem } from './problem';

export interface Loaded<T> {
  data: Readonly<Ref<T | undefined>>; // undefined until it is there
  problem: Readonly<Ref<Problem | undefined>>;
  load: () => Promise<void>; // asks again
}

// useLoaded asks for what a page shows, at once and whenever load is called.
// What was there stays until something newer is.
export function useLoaded<T>(ask: () => Promise<T>): Loaded<T> {
  const data = shallowRef<T>();
  const problem = shallowRef<Problem>();
  let latest = 0;
  async function load(): Promise<void> {
    const mine = ++latest;
    problem.value = undefined;
    try {
      const got = await ask();
      if (mine === latest) {
        data.value = got;
      }
    } catch (thrown) {
      if (mine === latest) {
        problem.value = asProblem(thrown);
      }
    }
  }
  void load();
  return { data, problem, load };
}
