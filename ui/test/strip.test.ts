import type { Container, Key } from '@certhall/page';
import { describe, expect, it } from 'vitest';

import { isSingle, type Pair, partNames, partsOn, type Sight, stripOf, written } from '../shared/key/strip';

const now = Date.parse('2026-11-23T00:00:00Z');
const container: Container = { name: 'old', serial: '0a', enc_serial: '0b', parts: ['signing-key', 'sign-certificate', 'encryption-key', 'encryption-certificate'], complete: true };
const growing: Container = { name: 'ch-demo-c1-1', case: 'c1', attempt: 1, parts: ['signing-key', 'sign-certificate'], complete: false };
const key: Key = {
  serial: 'K1', label: 'key', manufacturer: 'm', driver: 'd', state: 'ready', others: 0, containers: [container],
  pin: { tries: 6, low: false, final: false, locked: false },
};
const other: Key = { ...key, serial: 'K2', containers: [] };
const pair: Pair = { serial: '0a', keyNumber: 'HT-1', end: '2026-12-14T15:59:59Z', case: 'c1' };

describe('the key strip', () => {
  it.each([
    ['looking', [], 'looking'],
    ['away', [], 'away'],
    ['here', [], 'absent'],
    ['here', [other], 'other'],
    ['here', [key], 'ready'],
    ['here', [other, key], 'ready'],
    ['here', [{ ...key, state: 'in-use' }], 'in-use'],
    ['here', [{ ...key, pin: { ...key.pin, locked: true } }], 'locked'],
    ['here', [{ ...key, state: 'trouble' }], 'trouble'],
    ['here', [{ ...key, state: 'trouble', containers: [] }], 'trouble'],
    ['here', [{ ...key, containers: [growing] }], 'ready'],
  ] as const)('%s with %j is %s', (reach, keys, state) => {
    expect(stripOf({ reach, keys: keys as unknown as Key[] }, pair, 0, now).state).toBe(state);
  });

  it('never has both lamps dark', () => {
    const lights = (p: Pair, parts: number) => {
      const { old, fresh } = stripOf({ reach: 'here', keys: [key] }, p, parts, now);
      return [old.light, fresh.light];
    };
    expect(lights(pair, 0)).toEqual(['good', 'off']);
    expect(lights(pair, 3)).toEqual(['good', 'filling']);
    expect(lights(pair, 4)).toEqual(['good', 'filling']);
    expect(lights({ ...pair, end: '2026-11-01T00:00:00Z' }, 2)).toEqual(['attention', 'filling']);
    expect(lights({ ...pair, held: true }, 0)).toEqual(['attention', 'off']);
    expect(lights({ ...pair, newEnd: '2027-12-14T15:59:59Z' }, 0)).toEqual(['off', 'good']);
  });

  it('never has both dark, whatever is there and known', () => {
    const sights: Sight[] = [
      { reach: 'looking', keys: [] }, { reach: 'away', keys: [], last: key }, { reach: 'here', keys: [] }, { reach: 'here', keys: [other] },
      { reach: 'here', keys: [key] }, { reach: 'here', keys: [{ ...key, state: 'trouble', containers: [] }] },
    ];
    for (const sight of sights) {
      for (const p of [undefined, pair, { ...pair, held: true }, { ...pair, newEnd: '2027-12-14T15:59:59Z' }, { ...pair, end: '2026-11-01T00:00:00Z' }]) {
        for (const parts of [undefined, 0, 3, 4]) {
          const { old, fresh } = stripOf(sight, p, parts, now);
          expect([old.light, fresh.light]).not.toEqual(['off', 'off']);
        }
      }
    }
  });

  it('shows what was last read, and says so', () => {
    const strip = stripOf({ reach: 'here', keys: [], last: key }, pair, 3, now);
    expect(strip).toMatchObject({ state: 'absent', last: true, name: 'key', fresh: { light: 'filling', text: 'key.lamp.paused', parts: 3 } });
    expect(stripOf({ reach: 'here', keys: [key], last: key }, pair, 3, now)).toMatchObject({ last: false, fresh: { text: 'key.lamp.writing' } });
    expect(stripOf({ reach: 'away', keys: [] }, pair, undefined, now).fresh).toMatchObject({ light: 'unknown', text: 'key.lamp.unknown' });
  });

  it('calls nothing usable that cannot be used now', () => {
    const old = (k: Partial<Key>) => stripOf({ reach: 'here', keys: [{ ...key, ...k }] }, pair, 0, now).old;
    expect(old({ pin: { ...key.pin, locked: true } })).toMatchObject({ light: 'attention', text: 'key.lamp.locked' });
    expect(old({ state: 'trouble' })).toMatchObject({ light: 'attention', text: 'key.lamp.unread' });
  });

  it('knows the device before the number of the key', () => {
    const strip = stripOf({ reach: 'here', keys: [key] }, { ...pair, keyNumber: '' }, 0, now);
    expect([strip.number, strip.serial]).toEqual(['', 'K1']);
  });

  it('tells dates in Beijing', () => {
    expect(stripOf({ reach: 'here', keys: [key] }, { ...pair, end: '2026-12-14T16:30:00Z' }, 0, now).old.params).toEqual({ date: '2026-12-15' });
  });

  it('counts the encryption pair as one part', () => {
    expect(written(new Set(['signing-key', 'sign-certificate', 'encryption-key']))).toBe(2);
    expect(written(new Set(['signing-key', 'sign-certificate', 'encryption-key', 'encryption-certificate']))).toBe(3);
    expect(written(new Set(['signing-key', 'sign-certificate', 'encryption-key', 'encryption-certificate', 'tested']))).toBe(4);
  });

  it('counts no encryption pair of a single certificate', () => {
    const alone: Container = { name: 'old', serial: '0a', parts: ['signing-key', 'sign-certificate'], complete: true };
    expect([isSingle({ ...key, containers: [alone] }, '0a'), isSingle(key, '0a'), isSingle(other, '0a')]).toEqual([true, false, undefined]);
    expect(isSingle({ ...key, containers: [{ ...alone, complete: false }] }, '0a')).toBe(false);
    expect(partNames(true)).toEqual(['key', 'certificate', 'tested']);
    expect(written(new Set(['signing-key', 'sign-certificate']), true)).toBe(2);
    expect(written(new Set(['signing-key', 'sign-certificate', 'tested']), true)).toBe(3);
    const fresh = (parts: number) => stripOf({ reach: 'here', keys: [key] }, { ...pair, single: true }, parts, now).fresh;
    expect(fresh(2)).toMatchObject({ text: 'key.lamp.writing', params: { parts: 2, of: 3 }, of: 3 });
    expect(fresh(3)).toMatchObject({ text: 'key.lamp.written', parts: 3, of: 3 });
  });

  it('takes the parts of the latest attempt', () => {
    const later: Container = { ...growing, name: 'ch-demo-c1-2', attempt: 2, parts: ['signing-key'] };
    expect(partsOn({ ...key, containers: [later, growing] }, 'c1')).toEqual(['signing-key']);
    expect(partsOn(key, 'c1')).toEqual([]);
    expect(partsOn(undefined, 'c1')).toEqual([]);
  });
});
