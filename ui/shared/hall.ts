// Calls of the hall's API: the generated client with our language, and every
// failure as a Problem.
import { client } from '../api/client.gen';
import { i18n, language } from './i18n';
import { isDocument, Problem, problemOf } from './problem';

client.setConfig({ baseUrl: '', credentials: 'same-origin', cache: 'no-store' });

client.interceptors.request.use((request) => {
  request.headers.set('Accept-Language', language());
  return request;
});

// ours makes a Problem of a code that the page itself knows.
export function ours(code: string, params: Record<string, string> = {}): Problem {
  const { t } = i18n.global;
  return new Problem(code, { message: t(`problem.${code}`, params), hint: t(`problem.${code}.hint`, params), params });
}

export interface Answer<T> {
  data?: T;
  error?: unknown;
  response?: Response;
}

const listeners = new Map<string, () => void>();

// whenRefused names what is to happen, wherever it was called from, when the
// hall refuses with this code.
export function whenRefused(code: string, listener: () => void): void {
  listeners.set(code, listener);
}

// call awaits an operation of the generated client and gives what it answers;
// a refusal, or no answer at all, is thrown as a Problem.
export async function call<T>(operation: Promise<Answer<T>>): Promise<NonNullable<T>> {
  let answer: Answer<T>;
  try {
    answer = await operation;
  } catch {
    throw ours('hall-unreachable');
  }
  if (answer.response?.ok) {
    return (answer.data ?? {}) as NonNullable<T>;
  }
  if (isDocument(answer.error)) {
    listeners.get(answer.error.code)?.();
    throw problemOf(answer.error);
  }
  throw ours('hall-unreachable');
}

// Once is how the hall knows again what is to happen once.
export type Once = { 'Idempotency-Key': string };

// once awaits an operation that is to happen once: the hall knows it again by
// its key, so it is sent a second time where the answer was lost.
export async function once<T>(operation: (headers: Once) => Promise<Answer<T>>): Promise<NonNullable<T>> {
  const random = crypto.getRandomValues(new Uint8Array(16));
  const headers = { 'Idempotency-Key': [...random].map((b) => b.toString(16).padStart(2, '0')).join('') };
  try {
    return await call(operation(headers));
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'hall-unreachable') {
      return call(operation(headers));
    }
    throw thrown;
  }
}

// asProblem makes a Problem of whatever was thrown.
export function asProblem(thrown: unknown): Problem {
  return thrown instanceof Problem ? thrown : ours('page-failed');
}
