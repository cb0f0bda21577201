import { computed, type WritableComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

// useQuery keeps a setting of a list in the page's address, where it survives
// log-in, going back and sharing; at its usual value it is left out. Changing
// it turns to the first page.
export function useQuery(name: string, usual = ''): WritableComputedRef<string> {
  const route = useRoute();
  const router = useRouter();
  return computed({
    get: () => {
      const value = route.query[name];
      return typeof value === 'string' ? value : usual;
    },
    set: (value) => {
      const others = Object.entries(route.query).filter(([n]) => n !== name && n !== 'page');
      void router.replace({ query: Object.fromEntries(value === usual ? others : [...others, [name, value]]) });
    },
  });
}
