import { nextTick, type Ref, ref, useTemplateRef } from 'vue';

export interface Question {
  asking: Ref<boolean>;
  ask: () => Promise<void>;
  leave: () => Promise<void>;
}

// useAsking is for what is asked for twice: the focus goes to the heading of the
// question (ref="heading"), and back to what opened it (ref="opener") when the
// answer is no.
export function useAsking(): Question {
  const asking = ref(false);
  const heading = useTemplateRef<HTMLElement>('heading');
  const opener = useTemplateRef<HTMLElement>('opener');
  async function show(question: boolean): Promise<void> {
    asking.value = question;
    await nextTick();
    (question ? heading : opener).value?.focus();
  }
  return { asking, ask: () => show(true), leave: () => show(false) };
}
