import { type Ref, shallowRef } from 'vue';

import { Problem } from '../problem';
import { type Act, useAct } from './act';
import { said } from './said';

export interface Form extends Pick<Act, 'busy' | 'problem'> {
  errors: Ref<Record<string, string>>; // by the id of the field
  submit: (wrong: Record<string, string>, work: () => Promise<void>) => Promise<void>;
}

// useForm sends a form: nothing while the page itself sees something wrong with
// a field. What the hall refuses for the sake of one stands beside it: fields
// has its id by the code of the refusal.
export function useForm(fields: Record<string, string>): Form {
  const { busy, problem, run } = useAct();
  const errors = shallowRef<Record<string, string>>({});
  const submit = (wrong: Record<string, string>, work: () => Promise<void>) =>
    run(async () => {
      errors.value = wrong;
      if (Object.keys(wrong).length > 0) {
        return;
      }
      try {
        await work();
      } catch (thrown) {
        const field = thrown instanceof Problem ? fields[thrown.code] : undefined;
        if (field === undefined || !(thrown instanceof Problem)) {
          throw thrown;
        }
        errors.value = { [field]: said(thrown) };
      }
    });
  return { busy, problem, errors, submit };
}
