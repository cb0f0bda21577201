// 环境检测: the browser's side at once, then what the agent finds, as it comes.
// A key in use, or a driver that is slow, is waited for: it is examined again, and again.
import { browser, type Permission } from '@certhall/page';
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue';

import { asProblem } from '../../shared/hall';
import { wasAsked } from '../../shared/key/asked';
import type { Desk } from '../../shared/key/agent';
import type { Problem } from '../../shared/problem';
import { browserLines } from './browser';
import type { Line } from './line';

const busyPause = 5_000;

// passing are findings that go away by themselves: in use, or not answered yet.
const passing = ['key-busy', 'key-slow', 'driver-slow'];

export type Phase =
  | 'explain' // the browser is going to ask: the person is told first
  | 'waiting' // for the agent, or for the person in its window
  | 'running'
  | 'busy' // a key is in use: examined again soon
  | 'done'
  | 'stopped'; // there is no way to the agent, or it failed

export function useCheck(desk: Desk) {
  const permission = ref<Permission>('unknown');
  const asked = ref(wasAsked());
  const found = shallowRef<Line[]>([]); // by the agent
  const state = ref<'waiting' | 'running' | 'busy' | 'done' | 'failed'>('waiting');
  const failure = shallowRef<Problem>();
  const again = ref(0); // when it is examined again, while a key is in use
  const left = new AbortController();
  let run = new AbortController();

  const problem = computed(() => desk.problem.value);
  const code = computed(() => problem.value?.code);
  const phase = computed<Phase>(() => {
    if (code.value === 'permission-needed') {
      return 'explain';
    }
    if (problem.value || state.value === 'failed') {
      return 'stopped';
    }
    return state.value;
  });

  const lines = computed<Line[]>(() => [
    ...browserLines({
      agent: navigator.userAgent, secure: window.isSecureContext, permission: permission.value, asked: asked.value, absent: code.value === 'agent-absent',
    }),
    ...reach(),
    ...found.value,
  ]);

  // reach is why the agent cannot be asked, as far as it is not the browser.
  function reach(): Line[] {
    const said = problem.value ?? failure.value;
    if (!said || said.code.startsWith('permission-')) {
      return [];
    }
    if (said.code === 'agent-address') {
      return [{ check: 'reach', verdict: 'note', code: 'agent-cannot-examine', params: {}, own: true }];
    }
    if (said.code === 'agent-absent') {
      return [{ check: 'reach', verdict: 'fault', code: 'agent-absent', params: {}, own: true }];
    }
    return [{ check: 'reach', verdict: 'fault', code: said.code, params: said.params, message: said.said.message, hint: said.said.hint }];
  }

  async function examine(): Promise<void> {
    run.abort();
    const mine = (run = new AbortController());
    const signal = AbortSignal.any([mine.signal, left.signal]);
    const heard: Line[] = [];
    failure.value = undefined;
    state.value = 'running';
    found.value = [];
    try {
      await desk.use((agent, following) => agent.examine(following), {
        signal,
        on(h) {
          if (h.event === 'finding' && !signal.aborted) {
            heard.push(h);
            found.value = [...heard];
          }
        },
      });
      if (heard.some((l) => passing.includes(l.code))) {
        again.value = Date.now() + busyPause;
        state.value = 'busy';
        await browser.sleep(busyPause, signal);
        await browser.visible(signal);
        void examine();
      } else {
        state.value = 'done';
      }
    } catch (thrown) {
      if (!signal.aborted) {
        failure.value = asProblem(thrown);
        state.value = 'failed';
      }
    }
  }

  // A key that came, went or became free: what was found is found anew.
  const keys = computed(() => (desk.presence.value.state === 'here' ? desk.keys.value.map((k) => `${k.serial} ${k.state === 'in-use' ? k.state : ''}`).join() : undefined));
  watch(
    keys,
    (now) => {
      if (now === undefined) {
        run.abort();
        found.value = [];
        state.value = 'waiting';
      } else {
        void examine();
      }
    },
    { immediate: true },
  );

  watch(
    desk.presence,
    async () => {
      permission.value = await browser.permission();
    },
    { immediate: true },
  );

  onScopeDispose(() => left.abort());
  return {
    lines,
    phase,
    permission,
    again,
    // allow lets the browser ask the person.
    allow() {
      asked.value = true;
      desk.seek(true);
    },
    // restart examines everything anew.
    restart() {
      if (desk.presence.value.state === 'here') {
        void examine();
      } else {
        desk.seek(asked.value === true);
      }
    },
  };
}
