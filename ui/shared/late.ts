import { onScopeDispose, type Ref, ref, watch } from 'vue';

// useLate tells when something has gone on for longer than a moment: what is
// over at once is not worth a word.
export function useLate(on: () => boolean, after = 1500): Readonly<Ref<boolean>> {
  const late = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(
    on,
    (now) => {
      clearTimeout(timer);
      late.value = false;
      if (now) {
        timer = setTimeout(() => (late.value = true), after);
      }
    },
    { immediate: true },
  );
  onScopeDispose(() => clearTimeout(timer));
  return late;
}
