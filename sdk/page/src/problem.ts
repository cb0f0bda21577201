import type { ProblemMembers } from './wire.js';

/**
 * Codes of what this module itself finds; everything else comes from the agent.
 *
 * - `agent-absent`: nothing answers on the agent's ports
 * - `agent-old`: an agent answers, but speaks an older API
 * - `agent-origin`: something answers but does not admit this page
 * - `agent-lost`: the connection broke before the answer was complete
 * - `agent-answer`: what came is no answer of an agent
 * - `permission-needed`: the browser is going to ask the person
 * - `permission-denied`: the browser keeps this page from the agent
 * - `origin-list-expired`: the agent's list of trusted pages has run out
 */
export type OwnCode =
  | 'agent-absent'
  | 'agent-old'
  | 'agent-origin'
  | 'agent-lost'
  | 'agent-answer'
  | 'permission-needed'
  | 'permission-denied'
  | 'origin-list-expired';

/** Why the agent, or the way to it, refused. Texts are the agent's; this module's own codes have none. */
export class AgentProblem extends Error {
  readonly params: Record<string, string>;
  /** What happened, in the reader's language; empty for this module's own codes. */
  readonly said: string;
  /** What to do next, in the reader's language; empty for this module's own codes. */
  readonly hint: string;

  constructor(readonly code: string, members: Omit<ProblemMembers, 'code'> = {}) {
    super(code);
    this.name = 'AgentProblem';
    this.params = members.params ?? {};
    this.said = members.detail ?? members.message ?? '';
    this.hint = members.hint ?? '';
  }
}

/** Tells whether x is an AgentProblem, with this code if one is given. */
export function isAgentProblem(x: unknown, code?: string): x is AgentProblem {
  return x instanceof AgentProblem && (code === undefined || x.code === code);
}

/** own makes a problem of one of this module's codes. */
export const own = (code: OwnCode, params: Record<string, string> = {}) => new AgentProblem(code, { params });
