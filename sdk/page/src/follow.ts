import type { Agent } from './agent.js';
import { type FindOptions, findAgent } from './find.js';
import { AgentProblem } from './problem.js';
import { browser, type Surroundings } from './surroundings.js';
import type { Happening, Key } from './wire.js';

/** How the way to the keys stands. */
export type Presence =
  /** No agent, or no way to it; it is looked for again by itself. */
  | { state: 'away'; problem: AgentProblem }
  /** The person is being asked to let this page in. */
  | { state: 'pairing'; agent: Agent }
  /** The person, or the agent, did not let this page in; nothing more follows. */
  | { state: 'refused'; agent: Agent; problem: AgentProblem }
  /** The agent is there; these keys are plugged in. */
  | { state: 'here'; agent: Agent; keys: Key[] };

/** How to follow the agent. */
export interface FollowOptions extends FindOptions {
  /** Hears the question whether this page may be let in. */
  on?: (h: Happening) => void;
}

/** Pauses between two looks for an agent that is away, in milliseconds. */
const pauses = [1_000, 1_000, 2_000, 3_000, 5_000] as const;

/**
 * Follows the agent: finds it, pairs, watches the keys, and does so again
 * whenever it is lost, until the signal ends it or the person refuses. After a
 * restart of the agent the session is taken up again silently if it still
 * holds, else the person is asked again.
 */
export async function* follow(options: FollowOptions = {}): AsyncGenerator<Presence> {
  const around = options.around ?? browser;
  let told = '';
  for (let misses = 0; ; misses++) {
    let agent: Agent | undefined;
    try {
      agent = await findAgent(options);
      if (!agent.paired) {
        await around.visible(options.signal);
        yield { state: 'pairing', agent };
        await agent.pair(options);
      }
      for await (const keys of agent.watch(options.signal)) {
        misses = 0;
        told = '';
        yield { state: 'here', agent, keys };
      }
    } catch (e) {
      if (!(e instanceof AgentProblem)) {
        throw e;
      }
      if (agent && !agent.paired && refuses(e)) {
        yield { state: 'refused', agent, problem: e };
        return;
      }
      if (e.code !== told && e.code !== 'pairing-needed') {
        told = e.code;
        yield { state: 'away', problem: e };
      }
    }
    await pause(around, misses, options.signal);
  }
}

// refuses tells a refusal to let the page in from a way that broke.
function refuses(e: AgentProblem): boolean {
  return e.code !== 'agent-lost' && e.code !== 'pairing-needed';
}

function pause(around: Surroundings, misses: number, signal?: AbortSignal): Promise<void> {
  return around.sleep(pauses[Math.min(misses, pauses.length - 1)] ?? 5_000, signal);
}
