import { lines } from './lines.js';
import { AgentProblem, own } from './problem.js';
import type { Surroundings } from './surroundings.js';
import type { Happening, ProblemMembers } from './wire.js';

/** How an operation may be followed and stopped. */
export interface Following {
  /** Hears what happens meanwhile. */
  on?: ((h: Happening) => void) | undefined;
  /** Ends the call: a question to the person is withdrawn, what has begun on the key is finished. */
  signal?: AbortSignal | undefined;
}

export const address = (port: number, path: string) => `http://127.0.0.1:${port}${path}`;

/** Posts to the agent. Throws the agent's refusal, or `agent-lost` if no answer came. */
export async function post(
  around: Surroundings, port: number, path: string, body: object, token?: string, signal?: AbortSignal,
): Promise<Response> {
  let response: Response;
  try {
    response = await around.fetch(address(port, path), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Accept-Language': around.language(),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      ...(signal ? { signal } : {}),
    });
  } catch (e) {
    throw e instanceof TypeError ? own('agent-lost') : e;
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

/** Reads an answer that is one JSON value. */
export async function json<T>(response: Response): Promise<T> {
  const text = await response.text().catch(() => {
    throw own('agent-lost');
  });
  try {
    return JSON.parse(text) as T;
  } catch {
    throw own('agent-answer');
  }
}

/** Follows an event stream to its reply. Throws its problem, or `agent-lost` if it ended without either. */
export async function reply<T>(response: Response, around: Surroundings, on?: (h: Happening) => void): Promise<T> {
  if (!response.body) {
    throw own('agent-answer');
  }
  for await (const line of lines(response.body, around)) {
    switch (line.event) {
      case 'ask':
      case 'asked':
      case 'progress':
      case 'finding':
        on?.(line);
        break;
      case 'problem':
        throw new AgentProblem(line.code, line);
      case 'reply':
        return line as T;
    }
  }
  throw own('agent-lost');
}

async function refusal(response: Response): Promise<AgentProblem> {
  const document: unknown = await response.json().catch(() => undefined);
  if (typeof document === 'object' && document !== null && typeof (document as ProblemMembers).code === 'string') {
    return new AgentProblem((document as ProblemMembers).code, document);
  }
  return own('agent-answer');
}
