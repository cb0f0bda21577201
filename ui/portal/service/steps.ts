// The four steps that the manuals name, as a page shows them.
import type { CaseView, Next } from '../../api';
import { i18n } from '../../shared/i18n';
import { day, minute } from '../../shared/dates';
import { money } from '../../shared/money';

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
  name: string; // of the locale
  what: string; // of the locale: what is done in it
  state: StepState;
  done: { text: string; params: Record<string, string> };
  facts: Fact[];
}

// nameOf is the text of a step's name; the last one bears its service's, the
// second one tells of paying where there is something to pay.
function nameOf(step: StepNumber, service: string, pays: boolean): string {
  if (step === 4) {
    return `service.step.4.${service}`;
  }
  return step === 2 && pays ? 'service.step.2.pay' : `service.step.${step}`;
}

// stepsOf tells how the four steps stand. asked tells whether this page saw
// the phone being proved: if not, and the case came by that step meanwhile, an
// earlier code has proved it.
export function stepsOf(view: CaseView, next: Next | undefined, asked: boolean): StepView[] {
  const stage = next?.stage ?? view.stage;
  const phone = next?.phone ?? '';
  const proof = asked || view.stage > 2 ? 'service.step.2.proved' : 'service.step.2.known';
  const done = (next?.state ?? view.state) === 'done';
  const bought = next?.bought ?? view.bought;
  const pay = next?.ask?.pay;
  const facts: Record<StepNumber, Fact[]> = {
    1: [
      { label: 'service.fact.subject', value: view.subject },
      { label: 'service.fact.number', value: view.key_number },
      { label: 'service.fact.until', value: view.not_after_old ? day(view.not_after_old) : '' },
    ],
    2: bought
      ? [
          { label: 'pay.fact.paid', value: bought.paid > 0 ? money(bought.paid) : i18n.global.t('pay.free') },
          { label: 'pay.fact.order', value: bought.order },
          { label: 'pay.fact.at', value: minute(bought.paid_at) },
        ]
      : [],
    3: [],
    4: [],
  };
  const proved: StepView['done'] = bought
    ? { text: bought.paid > 0 ? 'service.step.2.paid' : 'service.step.2.free', params: { phone, amount: money(bought.paid) } }
    : { text: proof, params: { phone } };
  return ([1, 2, 3, 4] as const).map((number): StepView => ({
    number,
    name: nameOf(number, view.service, pay !== undefined || bought !== undefined),
    what: number === 2 && pay ? (pay.order ? 'pay.scan' : 'service.step.2.pay.what') : `service.step.${number}.what`,
    state: done || number < stage ? 'done' : number === stage ? 'now' : 'later',
    done: number === 2 && phone ? proved : { text: 'service.step.done', params: {} },
    facts: facts[number].filter((f) => f.value !== ''),
  }));
}

// moneySure tells what became of money when something failed, where there is
// money in it or may be; '' where not.
export function moneySure(view: CaseView, next: Next | undefined): string {
  const { t } = i18n.global;
  const state = next?.state ?? view.state;
  const bought = next?.bought ?? view.bought;
  if (bought) {
    const text = state === 'open' || state === 'closing' ? 'pay.sure.paid' : 'pay.sure.kept';
    return bought.paid > 0 && state !== 'done' ? t(text, { amount: money(bought.paid) }) : '';
  }
  const pay = next?.ask?.pay;
  if (pay?.order) {
    return t('pay.sure.order');
  }
  return pay?.line && pay.line.price > 0 ? t('pay.sure.none') : '';
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
