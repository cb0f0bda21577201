import { onScopeDispose, type Ref, ref } from 'vue';

// useMedia tells whether a media query holds now.
export function useMedia(query: string): Readonly<Ref<boolean>> {
  const media = matchMedia(query);
  const holds = ref(media.matches);
  const look = (): void => {
    holds.value = media.matches;
  };
  media.addEventListener('change', look);
  onScopeDispose(() => media.removeEventListener('change', look));
  return holds;
}
