/**
 * Reach the certhall agent on the person's PC from a page (docs/agent-api.md):
 * find it, pair with it, watch its keys, let it carry out typed operations.
 * The PIN is asked by the agent in its own window and never passes a page.
 *
 * @module
 */
export { Agent } from './agent.js';
export type { Following } from './call.js';
export { api, findAgent, type FindOptions, ports } from './find.js';
export { follow, type FollowOptions, type Presence } from './follow.js';
export { AgentProblem, isAgentProblem, type OwnCode } from './problem.js';
export { browser, type Permission, type Surroundings } from './surroundings.js';
export type {
  Ask, Check, Container, Examined, Finding, Happening, Key, ListedAuthority, Login, Opening, Operation, Part, PIN, SelfTest, Status, Unlocked,
  UnlockRequest,
} from './wire.js';
