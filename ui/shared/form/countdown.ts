import { onScopeDispose, ref, type Ref, watch } from 'vue';

// useCountdown counts the seconds down to nothing, from new whenever another
// number is set.
export function useCountdown(seconds: () => number): Readonly<Ref<number>> {
  const left = ref(0);
  let end = 0;
  let timer: ReturnType<typeof setInterval> | undefined;

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  // By the clock, not by ticks: a tab in the background ticks late.
  function tick(): void {
    left.value = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (left.value === 0) {
      stop();
    }
  }

  watch(
    seconds,
    (s) => {
      stop();
      end = Date.now() + s * 1000;
      tick();
      if (left.value > 0) {
        timer = setInterval(tick, 1000);
      }
    },
    { immediate: true },
  );
  onScopeDispose(stop);
  return left;
}
