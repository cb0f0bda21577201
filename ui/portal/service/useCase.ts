// A case under way, as a page shows it: the run, the parts heard of, the strip.
import { browser, type Key, type Part } from '@certhall/page';
import { computed, onScopeDispose, shallowRef, watch } from 'vue';

import type { Answer, CaseView } from '../../api';
import { ours } from '../../shared/hall';
import type { Desk as Way } from '../../shared/key/agent';
import { isSingle, keyOf, occupied, type Pair, partsOn, type Reach, stripOf, unread, written } from '../../shared/key/strip';
import { problemOf } from '../../shared/problem';
import { cancel, counterOf } from './counter';
import { type Desk, Run, type Standing } from './run';
import { beSure, forget, sure } from './sure';
import { useTurn } from './turn';

export function useCase(view: CaseView, way: Way) {
  const standing = shallowRef<Standing>({ situation: { kind: 'asking-hall' } });
  const heard = shallowRef<ReadonlySet<Part>>(new Set());
  const last = shallowRef<Key>(); // the case's key when it was last there
  const single = shallowRef(false); // whether the old pair, and so the new one, is a single certificate
  const asked = shallowRef(false); // whether this page saw the phone being proved
  const turn = useTurn(view.case);
  let run: Run | undefined;
  let stop = new AbortController();

  const pair = computed<Pair>(() => {
    const next = standing.value.next;
    return {
      serial: view.serial,
      keyNumber: view.key_number,
      end: view.not_after_old ?? '',
      case: view.case,
      single: single.value,
      held: next?.problem?.code === 'suspended',
      ...(next?.result?.new ? { newEnd: next.result.new.not_after } : {}),
    };
  });

  const present = computed(() => keyOf(way.keys.value, pair.value));
  watch(
    present,
    (key) => {
      last.value = key ?? last.value;
      single.value = isSingle(key, view.serial) ?? single.value; // the old container may go in the end
    },
    { immediate: true },
  );

  const parts = computed(() => written(new Set([...heard.value, ...partsOn(present.value ?? last.value, view.case)]), single.value));
  const strip = computed(() => {
    // what is written is not known before the key was seen, once it may be begun
    const known = last.value !== undefined || (standing.value.next ?? view).stage < 3;
    const shown = stripOf({ reach: reachOf(way), keys: way.keys.value, last: last.value }, pair.value, known ? parts.value : undefined, Date.now());
    const working = standing.value.situation.kind === 'at-key' && shown.state === 'ready';
    return working ? { ...shown, state: 'in-use' as const } : shown;
  });

  const desk: Desk = {
    carry(operation, order, signal) {
      if (operation === 'prepare' || operation === 'claim') {
        heard.value = new Set(); // a new pair begins
      }
      const on = (h: { event: string; part?: Part }) => h.part && (heard.value = new Set([...heard.value, h.part]));
      return way.use((agent, following) => agent.carry(operation, theKey().serial, order, following), { on, signal });
    },
    ready: (signal) => way.until((keys) => keyOf(keys, pair.value) !== undefined, signal),
  };

  // absent is why the case's key cannot be used though the agent is there.
  const absent = computed(() => {
    if (present.value) {
      return undefined;
    }
    const trouble = unread(way.keys.value)?.trouble;
    if (trouble) {
      return problemOf(trouble);
    }
    if (occupied(way.keys.value)) {
      return ours('key-occupied');
    }
    return ours(way.keys.value.length > 0 ? 'key-wrong' : 'key-missing', { number: view.key_number });
  });

  function theKey(): Key {
    if (!present.value) {
      throw ours('key-missing', { number: view.key_number });
    }
    return present.value;
  }

  function tell(s: Standing): void {
    standing.value = s;
    asked.value ||= s.next?.ask?.kind === 'code';
    if (s.next?.state === 'done') {
      forget(view.case);
    }
  }

  // go runs the case, from wherever it stands.
  function go(): void {
    stop.abort();
    const mine = (stop = new AbortController());
    run = new Run({ counter: counterOf(view.case), desk, tell, ...browser, sure: () => sure(view.case), noProgress: () => ours('no-progress') });
    run.go(mine.signal).catch((thrown: unknown) => {
      if (!mine.signal.aborted) {
        throw thrown;
      }
    });
  }

  watch(turn.mine, (mine) => (mine ? go() : stop.abort()), { immediate: true });
  onScopeDispose(() => stop.abort());
  return {
    standing,
    turn,
    parts,
    single,
    asked,
    pair,
    strip,
    absent,
    answer: (a: Answer) => run?.answer(a),
    again: () => run?.again(),
    confirm() {
      beSure(view.case);
      run?.again();
    },
    async cancel() {
      await cancel(view.case);
      go();
    },
  };
}

export type CaseRun = ReturnType<typeof useCase>;

export function reachOf(way: Way): Reach {
  const { state } = way.presence.value;
  return state === 'here' ? 'here' : state === 'looking' || state === 'pairing' ? 'looking' : 'away';
}
