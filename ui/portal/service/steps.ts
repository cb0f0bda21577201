// The four steps that the manuals name, as a page shows them.
import type { CaseView, Next } from '../../api';
import { day } from '../../shared/dates';

export type StepNumber = 1 | 2 | 3 | 4;
export type StepState = 'done' | 'now' | 'later';

// Fact is a line about what was done: a label of the locale, and its value.
export interface Fact {
  label: string;
  value: string;
}

export interface StepView {
  number: StepNumber;
  state: StepState;
  facts: Fact[];
}

// stepsOf tells how the four steps stand. phone is as it was shown masked, or
// empty where it was proved before this page.
export function stepsOf(view: CaseView, next: Next | undefined, phone: string): StepView[] {
  const stage = next?.stage ?? view.stage;
  const done = (next?.state ?? view.state) === 'done';
  const facts: Record<StepNumber, Fact[]> = {
    1: [
      { label: 'service.fact.subject', value: view.subject },
      { label: 'service.fact.number', value: view.key_number },
      { label: 'service.fact.until', value: view.not_after_old ? day(view.not_after_old) : '' },
    ],
    2: [{ label: 'service.fact.phone', value: phone }],
    3: [],
    4: [],
  };
  return ([1, 2, 3, 4] as const).map((number) => ({
    number,
    state: done || number < stage ? 'done' : number === stage ? 'now' : 'later',
    facts: facts[number].filter((f) => f.value !== ''),
  }));
}

// assurance is the text, if one is true, that tells first how the key stands
// when something failed.
export function assurance(view: CaseView, next: Next | undefined, code: string, now: number): string | undefined {
  if (next?.state === 'done') {
    return 'service.sure.new';
  }
  if (['key-damaged', 'revoked', 'needs-reissue', 'certificate-unknown'].includes(code)) {
    return undefined;
  }
  if (code === 'suspended') {
    return 'service.sure.held';
  }
  if (code === 'pin-locked') {
    return 'service.sure.locked';
  }
  const usable = view.not_after_old !== undefined && Date.parse(view.not_after_old) > now;
  return usable ? 'service.sure.old' : 'service.sure.kept';
}
