import { computed, type ComputedRef, type Ref, ref, shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';

import type { CodeSent } from '../../api';
import { type Act, useAct } from '../../shared/form/act';
import { type Answer, once, type Once } from '../../shared/hall';
import { Problem } from '../../shared/problem';
import { withWork } from '../../shared/work';

export interface SentCode extends Pick<Act, 'busy' | 'problem'> {
  sent: ComputedRef<boolean>;
  wait: Ref<number>; // seconds until the next can be sent, as the hall said
  hint: ComputedRef<string | undefined>;
  send: (to: string) => Promise<void>;
}

// Sending asks the hall for a code, with what it wants to see of us first.
export type Sending = (to: string, headers: Once, work: { work?: string }) => Promise<Answer<CodeSent>>;

// codeRefusals are what the hall says of a wrong code: it stands beside the field.
export const codeRefusals = ['code-wrong', 'code-expired', 'code-tries'];

// useSentCode has codes sent and knows what the hall said of the last.
export function useSentCode(ask: Sending, by: 'phone' | 'mail' = 'phone'): SentCode {
  const { t } = useI18n();
  const { busy, problem, run } = useAct();
  const last = shallowRef<CodeSent>();
  const wait = ref(0);
  const send = (to: string) =>
    run(async () => {
      wait.value = 0; // so that the same number of seconds counts anew
      try {
        last.value = await withWork((work) => once((headers) => ask(to, headers, work ? { work } : {})));
        wait.value = last.value.resend_after_s;
      } catch (thrown) {
        wait.value = thrown instanceof Problem ? Number(thrown.params['seconds'] ?? 0) : 0;
        throw thrown;
      }
    });
  return {
    busy,
    problem,
    send,
    wait,
    sent: computed(() => last.value !== undefined),
    hint: computed(() => {
      const values = { minutes: last.value?.minutes ?? 0 };
      return last.value && (by === 'mail' ? t('login.code.mailed', values) : t('login.code.sent', values));
    }),
  };
}
