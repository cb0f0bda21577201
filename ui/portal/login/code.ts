import { computed, type ComputedRef, type Ref, ref, shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';

import { type CodeSent, sendLoginCode } from '../../api';
import { type Act, useAct } from '../../shared/form/act';
import { once } from '../../shared/hall';
import { Problem } from '../../shared/problem';
import { withWork } from '../../shared/work';

export interface SentCode extends Pick<Act, 'busy' | 'problem'> {
  sent: ComputedRef<boolean>;
  wait: Ref<number>; // seconds until the next can be sent, as the hall said
  hint: ComputedRef<string | undefined>;
  send: (name: string) => Promise<void>;
}

// useSentCode has a code sent to log in and knows what the hall said of it.
export function useSentCode(): SentCode {
  const { t } = useI18n();
  const { busy, problem, run } = useAct();
  const last = shallowRef<CodeSent>();
  const wait = ref(0);
  const send = (name: string) =>
    run(async () => {
      wait.value = 0; // so that the same number of seconds counts anew
      try {
        last.value = await withWork((work) => once((headers) => sendLoginCode({ body: { name, ...(work ? { work } : {}) }, headers })));
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
    hint: computed(() => (last.value ? t('login.code.sent', { minutes: last.value.minutes }) : undefined)),
  };
}
