// A test signature and a test decryption with the new pair, made on the key
// once a case is done, and again when the person wishes.
import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue';

import type { Result } from '../../../api';
import { asProblem, ours } from '../../../shared/hall';
import type { Desk } from '../../../shared/key/agent';
import type { Problem } from '../../../shared/problem';

export type SelfTest =
  | { kind: 'testing' }
  | { kind: 'made'; decrypted: 'yes' | 'untestable' | 'none'; at: string }
  | { kind: 'failed'; problem: Problem };

export function useSelfTest(desk: Desk, result: Ref<Result | undefined>, ended: () => boolean) {
  const state = shallowRef<SelfTest>();
  const stop = new AbortController();
  const serial = computed(() => result.value?.new?.sign_serial);

  async function test(): Promise<void> {
    state.value = { kind: 'testing' };
    try {
      // the last listing may be from before the new pair was in use
      const pairs = [serial.value, result.value?.old?.sign_serial];
      const key = desk.keys.value.find((k) => k.containers.some((c) => c.serial !== undefined && pairs.includes(c.serial)));
      if (!key || !serial.value) {
        throw ours('key-missing', { number: result.value?.key_number ?? '' });
      }
      const { decrypted, at } = await desk.whenFree((agent, following) => agent.selfTest(key.serial, serial.value ?? '', following), { signal: stop.signal });
      state.value = { kind: 'made', decrypted, at };
    } catch (thrown) {
      state.value = { kind: 'failed', problem: asProblem(thrown) };
    }
  }

  watch(
    () => serial.value !== undefined && ended(),
    (ready) => ready && void test(),
  );
  onScopeDispose(() => stop.abort());
  return { state, again: () => void test() };
}
