import { AgentProblem } from '@certhall/page';

import { ours } from '../hall';
import { Problem } from '../problem';

// told makes a Problem of what the agent, or the way to it, refused. The agent
// brings its own texts; what the page finds itself has them under problem.*.
export function told(thrown: unknown): unknown {
  if (!(thrown instanceof AgentProblem)) {
    return thrown;
  }
  return thrown.said
    ? new Problem(thrown.code, { message: thrown.said, hint: thrown.hint, params: thrown.params })
    : ours(thrown.code, thrown.params);
}
