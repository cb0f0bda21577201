// A case under way, as a page shows it: the run, the parts heard of, the strip.
import type { Key, Part } from '@certhall/page';
import { computed, onScopeDispose, shallowRef, watch } from 'vue';

import type { Answer, CaseView } from '../../api';
import { ours } from '../../shared/hall';
import type { Desk as Way } from '../../shared/key/agent';
import { keyOf, type Pair, partsOn, type Reach, stripOf, written } from '../../shared/key/strip';
import { cancel, counterOf } from './counter';
import { type Desk, Run, type Standing } from './run';
import { useTurn } from './turn';

export function useCase(view: CaseView, way: Way) {
  const standing = shallowRef<Standing>({ situation: { kind: 'asking-hall' } });
  const heard = shallowRef<ReadonlySet<Part>>(new Set());
  const phone = shallowRef('');
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
      held: next?.problem?.code === 'suspended',
      ...(next?.result?.new ? { newEnd: next.result.new.not_after } : {}),
    };
  });

  const parts = computed(() => written(new Set([...heard.value, ...partsOn(keyOf(way.keys.value, pair.value), view.case)])));
  const strip = computed(() => {
    const shown = stripOf(reachOf(way), way.keys.value, pair.value, parts.value, Date.now());
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
    if (keyOf(way.keys.value, pair.value)) {
      return undefined;
    }
    return ours(way.keys.value.length > 0 ? 'key-wrong' : 'key-missing', { number: view.key_number });
  });

  function theKey(): Key {
    const key = keyOf(way.keys.value, pair.value);
    if (!key) {
      throw absent.value;
    }
    return key;
  }

  function tell(s: Standing): void {
    standing.value = s;
    phone.value = s.next?.ask?.phone || phone.value;
  }

  // go runs the case, from wherever it stands.
  function go(): void {
    stop.abort();
    const mine = (stop = new AbortController());
    run = new Run({ counter: counterOf(view.case), desk, tell, sleep, now: Date.now, noProgress: () => ours('no-progress') });
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
    phone,
    pair,
    strip,
    absent,
    answer: (a: Answer) => run?.answer(a),
    again: () => run?.again(),
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

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
