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

// StepView: done tells in words what a step that is done came to.
export interface StepView {
  number: StepNumber;
  state: StepState;
  done: { text: string; params: Record<string, string> };
  facts: Fact[];
}

// nameOf is the text of a step's name; the last one bears its service's.
export const nameOf = (step: StepNumber, service: string): string => (step === 4 ? `service.step.4.${service}` : `service.step.${step}`);

// stepsOf tells how the four steps stand. asked tells whether this page saw
// the phone being proved: if not, and the case came by that step meanwhile, an
// earlier code has proved it.
export function stepsOf(view: CaseView, next: Next | undefined, asked: boolean): StepView[] {
  const stage = next?.stage ?? view.stage;
  const phone = next?.phone ?? '';
  const proof = asked || view.stage > 2 ? 'service.step.2.proved' : 'service.step.2.known';
  const done = (next?.state ?? view.state) === 'done';
  const facts: Record<StepNumber, Fact[]> = {
    1: [
      { label: 'service.fact.subject', value: view.subject },
      { label: 'service.fact.number', value: view.key_number },
      { label: 'service.fact.until', value: view.not_after_old ? day(view.not_after_old) : '' },
    ],
    2: [],
    3: [],
    4: [],
  };
  return ([1, 2, 3, 4] as const).map((number): StepView => ({
    number,
    state: done || number < stage ? 'done' : number === stage ? 'now' : 'later',
    done: number === 2 && phone ? { text: proof, params: { phone } } : { text: 'service.step.done', params: {} },
    facts: facts[number].filter((f) => f.value !== ''),
  }));
}

// assurance is the text, if one is true, that tells first how the key stands
// when something failed.
export function assurance(view: CaseView, next: Next | undefined, code: string, now: number): string | undefined {
  if (next?.state === 'done') {
    return 'service.sure.new';
  }
  const usable = view.not_after_old !== undefined && Date.parse(view.not_after_old) > now;
  switch (code) {
    case 'revoked':
    case 'certificate-unknown':
      return undefined;
    case 'needs-reissue':
      return 'service.sure.grace';
    case 'suspended':
      return 'service.sure.held';
    case 'pin-locked':
      return 'service.sure.locked';
    case 'key-damaged':
      return usable ? 'service.sure.issued' : undefined;
  }
  return usable ? 'service.sure.old' : 'service.sure.kept';
}

// assuranceBefore is that text where no case is open yet: nothing was changed.
export function assuranceBefore(code: string): string | undefined {
  switch (code) {
    case 'too-early':
    case 'not-expired':
      return 'service.sure.old';
    case 'suspended':
    case 'pin-locked':
    case 'key-damaged':
    case 'revoked':
    case 'certificate-unknown':
      return undefined;
  }
  return 'service.sure.kept';
}
