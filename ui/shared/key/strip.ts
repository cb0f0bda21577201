// What the key strip shows: the key, and a lamp for each of its two pairs. At
// no moment are both dark: what is not known now is shown as last known, or as
// a question.
import type { Key, Part } from '@certhall/page';

import { day } from '../dates';

export type KeyState = 'looking' | 'away' | 'absent' | 'other' | 'ready' | 'in-use' | 'locked' | 'trouble';
export type Light = 'good' | 'attention' | 'filling' | 'unknown' | 'off';

// Lamp is a slot's light with its words: a text of the locale and its values.
export interface Lamp {
  light: Light;
  text: string;
  params: Record<string, string | number>;
  parts: number; // written
  of: number; // how many there are: four, or three of a single certificate
}

export interface Strip {
  name: string;
  number: string; // the key's number (证书卡号); '' where the hall has not told it
  serial: string; // of the device
  state: KeyState;
  last: boolean; // the key is not there: this is what was last read on it
  old: Lamp;
  fresh: Lamp;
}

// The pair that the page is about, and how far its service has come.
export interface Pair {
  serial: string;
  keyNumber: string; // '' if it is not known yet
  end: string; // of the old pair
  single?: boolean; // one certificate for every use, without an encryption pair
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

// The parts of a new pair as they come to lie on the key, by their names on the
// page; a single certificate has no encryption pair.
export type PartName = 'key' | 'certificate' | 'encryption' | 'tested';

export function partNames(single: boolean): PartName[] {
  return single ? ['key', 'certificate', 'tested'] : ['key', 'certificate', 'encryption', 'tested'];
}

const heardAs: Record<PartName, Part[]> = {
  key: ['signing-key'],
  certificate: ['sign-certificate'],
  encryption: ['encryption-key', 'encryption-certificate'],
  tested: ['tested'],
};

// written tells how many of these parts of a case's new pair are on the key.
export function written(heard: ReadonlySet<Part>, single = false): number {
  return partNames(single).filter((name) => heardAs[name].every((p) => heard.has(p))).length;
}

// isSingle tells whether a certificate lies on the key alone, without an
// encryption pair; undefined if it is not there.
export function isSingle(key: Key | undefined, serial: string): boolean | undefined {
  const found = key?.containers.find((c) => c.serial === serial);
  return found && found.complete && found.enc_serial === undefined;
}

// partsOn are the parts that lie on the key for a case.
export function partsOn(key: Key | undefined, id: string | undefined): Part[] {
  const mine = key?.containers.filter((c) => id !== undefined && c.case === id) ?? [];
  const latest = mine.reduce<(typeof mine)[number] | undefined>((a, b) => ((a?.attempt ?? 0) > (b.attempt ?? 0) ? a : b), undefined);
  return latest?.parts ?? [];
}

// unread finds a key that is plugged in but cannot be read: it may be any.
export function unread(keys: Key[]): Key | undefined {
  return keys.find((k) => k.state === 'trouble' && k.containers.length === 0);
}

// occupied tells whether a key is used elsewhere before anything was read on
// it: it may be any.
export function occupied(keys: Key[]): boolean {
  return keys.some((k) => k.state === 'in-use' && k.containers.length === 0);
}

// Sight is what was seen of the keys of this PC.
export interface Sight {
  reach: Reach;
  keys: Key[];
  last?: Key | undefined; // the pair's key when it was last there
}

// stripOf makes the strip of a pair, or of the first key where there is none.
// parts are those of the new pair that are written; undefined if that is not known.
export function stripOf(sight: Sight, pair: Pair | undefined, parts: number | undefined, now: number): Strip {
  const { reach, keys } = sight;
  const key = pair ? keyOf(keys, pair) : keys[0];
  const shown = key ?? sight.last;
  const state = key ? stateOf(key) : without(reach, keys);
  return {
    name: shown?.label ?? '',
    number: pair?.keyNumber ?? '',
    serial: shown?.serial ?? '',
    state,
    last: sight.last !== undefined && ['looking', 'away', 'absent'].includes(state),
    old: pair ? oldLamp(pair, state, now) : noLamp(state),
    fresh: freshLamp(pair, parts, key !== undefined),
  };
}

function stateOf(key: Key): KeyState {
  return key.pin.locked ? 'locked' : key.state;
}

function without(reach: Reach, keys: Key[]): KeyState {
  if (reach !== 'here') {
    return reach;
  }
  if (unread(keys)) {
    return 'trouble';
  }
  return keys.length > 0 ? 'other' : 'absent';
}

const lamp = (light: Light, text: string, params: Lamp['params'] = {}, parts = 0, of = 4): Lamp => ({ light, text, params, parts, of });

function noLamp(state: KeyState): Lamp {
  switch (state) {
    case 'trouble':
      return lamp('attention', 'key.lamp.unread');
    case 'looking':
    case 'away':
    case 'absent':
      return lamp('unknown', 'key.lamp.unknown');
  }
  return lamp('unknown', 'key.lamp.nothing');
}

function oldLamp(pair: Pair, state: KeyState, now: number): Lamp {
  const date = { date: day(pair.end) };
  switch (true) {
    case pair.newEnd !== undefined:
      return lamp('off', 'key.lamp.replaced');
    case pair.held:
      return lamp('attention', 'key.lamp.held');
    case Date.parse(pair.end) < now:
      return lamp('attention', 'key.lamp.expired', date);
    case state === 'locked':
      return lamp('attention', 'key.lamp.locked');
    case state === 'trouble':
      return lamp('attention', 'key.lamp.unread');
  }
  return lamp('good', 'key.lamp.good', date);
}

function freshLamp(pair: Pair | undefined, parts: number | undefined, plugged: boolean): Lamp {
  const of = partNames(pair?.single ?? false).length;
  if (pair?.newEnd !== undefined) {
    return lamp('good', 'key.lamp.good', { date: day(pair.newEnd) }, of, of);
  }
  if (parts === undefined) {
    return lamp('unknown', 'key.lamp.unknown');
  }
  if (parts >= of) {
    return lamp('filling', 'key.lamp.written', {}, of, of);
  }
  return parts > 0 ? lamp('filling', plugged ? 'key.lamp.writing' : 'key.lamp.paused', { parts, of }, parts, of) : lamp('off', 'key.lamp.none');
}
