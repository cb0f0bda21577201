import { own } from './problem.js';
import type { Surroundings } from './surroundings.js';
import type { Line } from './wire.js';

/** The agent sends a beat every 15 seconds; after three missing it counts as lost. */
const silence = 45_000;

/**
 * Reads an event stream line by line, wherever the chunks are cut. Throws
 * `agent-lost` when it breaks or falls silent, `agent-answer` at a line that is
 * none. A stream that ends, ends the generator: whether it may is the caller's
 * to judge.
 */
export async function* lines(body: ReadableStream<Uint8Array>, around: Surroundings): AsyncGenerator<Line> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await heard(reader, around);
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const whole = rest.split('\n');
      rest = done ? '' : (whole.pop() ?? '');
      for (const text of whole) {
        if (text.trim() !== '') {
          yield parse(text, done);
        }
      }
      if (done) {
        return;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function heard(reader: ReadableStreamDefaultReader<Uint8Array>, around: Surroundings) {
  const heardOf = new AbortController();
  const quiet = around.sleep(silence, heardOf.signal).then(
    () => Promise.reject(own('agent-lost')),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([reader.read(), quiet]);
  } catch (e) {
    throw e instanceof TypeError ? own('agent-lost') : e;
  } finally {
    heardOf.abort();
  }
}

// parse reads one line. Half a line at the end is a stream cut off.
function parse(text: string, last: boolean): Line {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null && typeof (line as Line).event === 'string') {
      return line as Line;
    }
  } catch {
    if (last) {
      throw own('agent-lost');
    }
  }
  throw own('agent-answer');
}
