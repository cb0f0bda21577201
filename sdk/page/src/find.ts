import { Agent, tokenOf } from './agent.js';
import { address, json, post } from './call.js';
import { AgentProblem, own } from './problem.js';
import { browser, type Surroundings } from './surroundings.js';
import type { Status } from './wire.js';

/** The ports an agent listens on, in the order it takes them. */
export const ports: readonly number[] = [17083, 27083, 37083];

/** The version of the local API this module speaks. */
export const api = 1;

const product = 'certhall-agent';
const patience = 3_000;
const dayMS = 86_400_000;

/** How to look for the agent. */
export interface FindOptions {
  /** Go on although the browser will ask the person: explain that to him first. */
  prompt?: boolean;
  /** The newest signed origin list (base64 DER), fetched when the agent's runs out. */
  originList?: () => Promise<string | undefined>;
  signal?: AbortSignal;
  ports?: readonly number[];
  /** Replaced by tests. */
  around?: Surroundings;
}

// What a port came to: an agent's status, one that is too old, something that
// answers without admitting this page, or nothing.
type Found = Status | 'old' | 'stranger' | 'nothing';

/** Finds the agent on the person's PC. Throws AgentProblem with one of this module's own codes. */
export async function findAgent(options: FindOptions = {}): Promise<Agent> {
  const around = options.around ?? browser;
  await mayReach(around, options.prompt ?? false);
  const tried = options.ports ?? ports;
  const found = await Promise.all(tried.map((port) => probe(around, port, options.signal)));
  for (const [i, status] of found.entries()) {
    const port = tried[i];
    if (port !== undefined && typeof status === 'object') {
      return new Agent(port, await listed(around, port, status, options), around);
    }
  }
  await mayReach(around, options.prompt ?? false); // refused while we looked
  if (found.includes('old')) {
    throw own('agent-old');
  }
  const stranger = tried[found.indexOf('stranger')];
  throw stranger === undefined ? own('agent-absent') : own('agent-origin', { port: String(stranger) });
}

async function mayReach(around: Surroundings, prompt: boolean): Promise<void> {
  const permission = await around.permission();
  if (permission === 'denied') {
    throw own('permission-denied');
  }
  if (permission === 'prompt' && !prompt) {
    throw own('permission-needed');
  }
}

async function probe(around: Surroundings, port: number, signal?: AbortSignal): Promise<Found> {
  if (signal?.aborted) {
    throw signal.reason;
  }
  const stop = new AbortController();
  const passOn = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', passOn, { once: true });
  try {
    const status = await Promise.race([ask(around, port, stop.signal), late(around, stop.signal)]);
    return status === 'nothing' ? await knock(around, port, stop.signal) : status;
  } catch (e) {
    if (signal?.aborted) {
      throw signal.reason;
    }
    return e instanceof AgentProblem ? 'stranger' : 'nothing';
  } finally {
    stop.abort();
    signal?.removeEventListener('abort', passOn);
  }
}

// late gives a port up, but not while the browser still asks the person.
async function late(around: Surroundings, signal: AbortSignal): Promise<Found> {
  do {
    await around.sleep(patience, signal);
  } while ((await around.permission()) === 'prompt');
  return 'nothing';
}

async function ask(around: Surroundings, port: number, signal: AbortSignal): Promise<Found> {
  let status: Status;
  try {
    status = await json<Status>(await post(around, port, '/status', {}, tokenOf(around, port), signal));
  } catch (e) {
    if (e instanceof AgentProblem && e.code === 'agent-lost') {
      return 'nothing';
    }
    throw e;
  }
  if (status.product !== product) {
    return 'stranger';
  }
  return status.api < api ? 'old' : status;
}

// knock tells a program that refuses this page (its answer may not be read,
// but it comes) from a port where nobody listens.
async function knock(around: Surroundings, port: number, signal: AbortSignal): Promise<Found> {
  const answer = around
    .fetch(address(port, '/status'), { method: 'POST', mode: 'no-cors', body: '{}', credentials: 'omit', signal })
    .then((): Found => 'stranger');
  return Promise.race([answer, late(around, signal)]);
}

// listed makes sure that the agent's origin list still holds, and hands over a
// newer one in its last week.
async function listed(around: Surroundings, port: number, status: Status, options: FindOptions): Promise<Status> {
  const until = Math.max(0, ...status.authorities.map((a) => Date.parse(a.until)));
  const left = until - around.now();
  if (left > 7 * dayMS) {
    return status;
  }
  const renewed = await handOver(around, port, options).catch((e: unknown) => {
    if (options.signal?.aborted) {
      throw e;
    }
    return undefined; // the one it has may do
  });
  if (renewed?.authorities.some((a) => Date.parse(a.until) > around.now())) {
    return { ...renewed, paired: status.paired };
  }
  if (left <= 0) {
    throw own('origin-list-expired');
  }
  return status;
}

async function handOver(around: Surroundings, port: number, options: FindOptions): Promise<Status | undefined> {
  const list = await options.originList?.();
  if (list === undefined) {
    return undefined;
  }
  return json<Status>(await post(around, port, '/origins', { list }, tokenOf(around, port), options.signal));
}
