// What is left to do of an order that is paid, key after key: whatever key comes
// first is served first.
import type { Key } from '@certhall/page';

import type { OrderedLine } from '../../api';
import type { Tone } from '../certificates/certificate';
import type { Service } from '../service/counter';
import { keyOf, type Pair } from '../../shared/key/strip';

// TaskState: open waits for its key, begun has a case; shut cannot be used now,
// others' is another person's to use.
export type TaskState = 'done' | 'begun' | 'open' | 'shut' | 'others' | 'refunding' | 'refunded';

// Task is a line of an order: one new pair on one key.
export interface Task {
  id: string; // of what was bought
  state: TaskState;
  service: Service;
  serial: string; // of the certificate as it is now
  number: string;
  subject: string;
  end: string;
  case: string; // that uses it or has used it; '' if none
  why: string; // why it cannot be used now
}

const ends: Record<string, TaskState> = { spent: 'done', refunding: 'refunding', refunded: 'refunded' };

export function taskOf(l: OrderedLine): Task {
  const c = l.certificate;
  const [service] = c?.actions ?? [];
  const begun = c?.case?.case ?? '';
  const open = (): TaskState => (!c ? 'others' : begun ? 'begun' : service ? 'open' : 'shut');
  return {
    id: l.entitlement ?? l.serial,
    state: ends[l.state ?? ''] ?? open(),
    service: (c?.case?.service ?? service ?? l.service) as Service, // it may have expired since
    serial: c?.serial ?? l.serial,
    number: l.key_number,
    subject: l.subject,
    end: c?.not_after ?? '',
    case: begun || (l.case ?? ''),
    why: c?.why_not?.message ?? '',
  };
}

// open tells whether a task can be done by the person, now.
export const open = (t: Task): boolean => t.state === 'open' || t.state === 'begun';

// pairOf is what a task's key is known by.
export const pairOf = (t: Task): Pair => ({ serial: t.serial, keyNumber: t.number, end: t.end, ...(t.state === 'begun' ? { case: t.case } : {}) });

export const plugged = (t: Task, keys: Key[]): boolean => keyOf(keys, pairOf(t)) !== undefined;

// nextOf is the task to do now: one whose key is plugged in, what was begun
// before what was not; else the first, whose key is then asked for. Those that
// are put aside wait until they are chosen.
export function nextOf(tasks: readonly Task[], keys: Key[], aside: ReadonlySet<string>): Task | undefined {
  const left = tasks.filter((t) => open(t) && !aside.has(t.id));
  const here = left.filter((t) => plugged(t, keys));
  return here.find((t) => t.state === 'begun') ?? here[0] ?? left[0];
}

// Sum counts tasks by how they ended, or why they have not.
export interface Sum {
  done: number;
  left: number;
  back: number; // refunded, or being refunded
}

export function sumOf(tasks: readonly Task[]): Sum {
  const count = (...states: TaskState[]) => tasks.filter((t) => states.includes(t.state)).length;
  return { done: count('done'), left: count('open', 'begun', 'shut', 'others'), back: count('refunding', 'refunded') };
}

export const toneOf: Record<TaskState, Tone | 'act'> = { done: 'good', begun: 'act', open: 'off', shut: 'warn', others: 'off', refunding: 'warn', refunded: 'off' };
