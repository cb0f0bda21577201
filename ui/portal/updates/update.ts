// What the pages tell of what a person did here: cases (业务) and orders (订单).
import type { RouteLocationRaw } from 'vue-router';

import type { CaseLine, OrderSummary, UpdateEntry } from '../../api';
import { named } from '../../shared/catalog';
import { i18n } from '../../shared/i18n';

type Tone = 'good' | 'warn' | 'bad' | 'off' | 'act';

// Act is a button of an entry: what it is called, and where it leads.
export interface Act {
  name: 'continue' | 'pay' | 'use' | 'receipt' | 'invoice' | 'result' | 'details';
  to: RouteLocationRaw;
}

// What the list can be narrowed to; case and order are the hall's own.
export const shows = ['all', 'todo', 'case', 'order'] as const;
export type Show = (typeof shows)[number];

// kindOf is what the hall is asked for.
export const kindOf = (show: Show): UpdateEntry['kind'] | undefined => (show === 'case' || show === 'order' ? show : undefined);

const pressing = ['continue', 'pay', 'use'] as const;

// unfinished tells whether an entry waits for the person.
export const unfinished = (e: UpdateEntry): boolean => pressing.some((a) => e.actions.includes(a));

// mainAct is what an entry waits for.
export function mainAct(e: UpdateEntry): Act | undefined {
  const name = pressing.find((a) => e.actions.includes(a));
  return name && { name, to: name === 'continue' ? caseOf(e) : orderOf(e, name) };
}

// otherActs are what else can be seen of it.
export function otherActs(e: UpdateEntry): Act[] {
  if (e.case) {
    return unfinished(e) ? [] : [{ name: e.case.acknowledged_at ? 'result' : 'details', to: caseOf(e) }];
  }
  const papers = (['receipt', 'invoice'] as const).filter((a) => e.actions.includes(a)).map((name) => ({ name, to: orderOf(e, name) }));
  return papers.length > 0 || unfinished(e) ? papers : [{ name: 'details', to: orderOf(e, 'details') }];
}

const caseOf = (e: UpdateEntry): string => `/cases/${e.case?.case ?? ''}`;

// An order of one case is paid and used in that case; one of several has a page.
function orderOf({ order }: UpdateEntry, act: Act['name']): string {
  const at = order?.case;
  if (at && (act === 'pay' || act === 'use')) {
    return `/cases/${at}`;
  }
  return `/orders/${order?.order ?? ''}${act === 'receipt' ? '/receipt' : ''}`;
}

const caseTones: Record<CaseLine['state'], Tone> = { open: 'act', closing: 'off', done: 'good', refused: 'bad', closed: 'off', 'needs-reissue': 'warn' };
const orderTones: Record<OrderState, Tone> = { unpaid: 'act', closing: 'off', closed: 'off', open: 'act', paid: 'good', free: 'good', refunded: 'off', 'part-refunded': 'warn' };

type OrderState = 'unpaid' | 'closing' | 'closed' | 'open' | 'paid' | 'free' | 'refunded' | 'part-refunded';

// orderState is an order's state as people speak of it.
export function orderState(o: Pick<OrderSummary, 'standing' | 'open' | 'refunded' | 'total'>): OrderState {
  if (o.standing !== 'paid') {
    return o.standing;
  }
  if (o.refunded > 0) {
    return o.refunded >= o.total ? 'refunded' : 'part-refunded';
  }
  return o.open > 0 ? 'open' : o.total > 0 ? 'paid' : 'free';
}

// stateOf is an entry's state: its word and its colour.
export function stateOf(e: UpdateEntry): { text: string; tone: Tone } {
  const { t } = i18n.global;
  if (e.case) {
    return { text: t(`cases.state.${e.case.state}`), tone: caseTones[e.case.state] };
  }
  const state = e.order ? orderState(e.order) : 'closed';
  return { text: t(`updates.order.${state}`, { open: e.order?.open ?? 0 }), tone: orderTones[state] };
}

// titleOf is what an entry is called.
export function titleOf(e: UpdateEntry): string {
  const { t } = i18n.global;
  if (e.case) {
    return `${t(`cases.service.${e.case.service}`)} · ${e.case.subject}`;
  }
  const first = e.order?.first;
  const line = first ? t('pay.line', { name: named({ code: first.project, names: first.names }), service: t(`pay.service.${first.service}`) }) : '';
  const many = (e.order?.count ?? 1) > 1;
  return t('updates.order', { what: many ? t('pay.line.more', { name: line, count: e.order?.count ?? 1 }) : line });
}

// numberOf tells an entry from the others, for who listens.
export const numberOf = (e: UpdateEntry): string => e.case?.key_number ?? e.order?.first.key_number ?? '';

// stageKey names the four steps that people see; the last is named after the service.
export function stageKey(stage: number, service: string): string {
  return stage < 4 ? `cases.stage.${stage}` : `cases.stage.${service === 'repair' ? 'repair' : 'renew'}`;
}
