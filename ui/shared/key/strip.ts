// What the key strip shows: the key, and a lamp for each of its two pairs. At
// no moment are both dark.
import type { Key, Part } from '@certhall/page';

import { day } from '../dates';

export type KeyState = 'looking' | 'away' | 'absent' | 'other' | 'ready' | 'in-use' | 'locked' | 'trouble';
export type Light = 'good' | 'attention' | 'filling' | 'off';

// Lamp is a slot's light with its words: a text of the locale and its values.
export interface Lamp {
  light: Light;
  text: string;
  params: Record<string, string | number>;
  parts: number; // of four
}

export interface Strip {
  name: string;
  number: string;
  state: KeyState;
  old: Lamp;
  fresh: Lamp;
}

// The pair that the page is about, and how far its service has come.
export interface Pair {
  serial: string;
  keyNumber: string;
  end: string; // of the old pair
  held?: boolean; // suspended
  case?: string;
  newEnd?: string; // once the new pair is in use
}

// Reach is how the agent was found.
export type Reach = 'looking' | 'away' | 'here';

// keyOf finds the key that holds a pair, or what a case has made of it.
export function keyOf(keys: Key[], pair: Pair): Key | undefined {
  return keys.find((k) => k.containers.some((c) => c.serial === pair.serial || (pair.case !== undefined && c.case === pair.case)));
}

// written tells how many of the four parts of a case's new pair are on the key:
// key, certificate, encryption key, test.
export function written(heard: ReadonlySet<Part>): number {
  const has = (...parts: Part[]) => (parts.every((p) => heard.has(p)) ? 1 : 0);
  return has('signing-key') + has('sign-certificate') + has('encryption-key', 'encryption-certificate') + has('tested');
}

// partsOn are the parts that lie on the key for a case.
export function partsOn(key: Key | undefined, id: string | undefined): Part[] {
  const mine = key?.containers.filter((c) => id !== undefined && c.case === id) ?? [];
  const latest = mine.reduce<(typeof mine)[number] | undefined>((a, b) => ((a?.attempt ?? 0) > (b.attempt ?? 0) ? a : b), undefined);
  return latest?.parts ?? [];
}

export function stripOf(reach: Reach, keys: Key[], pair: Pair | undefined, parts: number, now: number): Strip {
  const key = pair ? keyOf(keys, pair) : keys[0];
  return {
    name: key?.label ?? '',
    number: pair?.keyNumber || (key?.serial ?? ''),
    state: key ? stateOf(key) : without(reach, keys),
    old: oldLamp(pair, now),
    fresh: freshLamp(pair, parts),
  };
}

function stateOf(key: Key): KeyState {
  return key.pin.locked ? 'locked' : key.state;
}

function without(reach: Reach, keys: Key[]): KeyState {
  if (reach !== 'here') {
    return reach;
  }
  return keys.length > 0 ? 'other' : 'absent';
}

const lamp = (light: Light, text: string, params: Lamp['params'] = {}, parts = 0): Lamp => ({ light, text, params, parts });

function oldLamp(pair: Pair | undefined, now: number): Lamp {
  if (!pair) {
    return lamp('off', 'key.lamp.unknown');
  }
  const date = { date: day(pair.end) };
  switch (true) {
    case pair.newEnd !== undefined:
      return lamp('off', 'key.lamp.replaced');
    case pair.held:
      return lamp('attention', 'key.lamp.held');
    case Date.parse(pair.end) < now:
      return lamp('attention', 'key.lamp.expired', date);
  }
  return lamp('good', 'key.lamp.good', date);
}

function freshLamp(pair: Pair | undefined, parts: number): Lamp {
  if (pair?.newEnd !== undefined) {
    return lamp('good', 'key.lamp.good', { date: day(pair.newEnd) }, 4);
  }
  if (parts >= 4) {
    return lamp('filling', 'key.lamp.written', {}, 4);
  }
  return parts > 0 ? lamp('filling', 'key.lamp.writing', { parts }, parts) : lamp('off', 'key.lamp.none');
}
