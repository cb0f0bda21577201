// One run of a case: the page carries messages between the hall and the key,
// as the command line's courier does, and reads none of them. It keeps
// nothing: started again, it goes on where the case stands.
import type { Operation } from '@certhall/page';

import type { Answer, Input, Next } from '../../api';
import { Problem, problemOf } from '../../shared/problem';

// Counter is the hall's loop for one case. It throws Problem.
export interface Counter {
  next(input: Input, signal: AbortSignal): Promise<Next>;
}

// Desk is the way to the case's key. It throws Problem.
export interface Desk {
  carry(operation: Operation, order: string, signal: AbortSignal): Promise<string>;
  // ready resolves as soon as the case's key can be reached.
  ready(signal: AbortSignal): Promise<void>;
}

// Situation is what a run is doing, or what it waits for.
export type Situation =
  | { kind: 'asking-hall' }
  | { kind: 'at-key'; operation: Operation }
  | { kind: 'ask'; problem?: Problem } // the person answers, or pays an order that stands: it is looked at again by itself
  | { kind: 'confirm' } // what was bought is begun as soon as the person says so
  | { kind: 'wait'; reason: string; problem?: Problem } // the hall asked for patience
  | { kind: 'retry'; problem: Problem; at: number } // goes on by itself at this time
  | { kind: 'key-wanted'; problem: Problem } // goes on by itself as soon as the key can be reached
  | { kind: 'stopped'; problem: Problem } // goes on when the person says so
  | { kind: 'ended'; leftover?: Problem }; // leftover: an errand after success is left for another time

// Standing is all that a page needs to show.
export interface Standing {
  next?: Next;
  situation: Situation;
}

export interface Surroundings {
  counter: Counter;
  desk: Desk;
  tell: (s: Standing) => void;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  visible: (signal: AbortSignal) => Promise<void>; // until the person sees the page
  hidden: (signal: AbortSignal) => Promise<void>; // until he does not
  now: () => number;
  sure: () => boolean; // whether the person has said that what was bought may begin
  noProgress: () => Problem;
}

const maxSteps = 64; // orders carried out and conflicts met without the case's step moving
const hallPauses = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;
const busyPause = 5_000;
const orderPause = 2_000; // between two looks whether an order is paid
const awayPause = 1_000; // until watching, too, has seen that the key or the agent is gone

// Problems of the way to the key that pass by themselves.
const passing = ['agent-lost', 'agent-answer', 'agent-away', 'key-missing', 'key-wrong', 'key-removed', 'pairing-needed', 'question-withdrawn'];

export class Run {
  private last: Next | undefined;
  private give: ((a: Answer) => void) | undefined;
  private early: Answer | undefined; // came while an order was being looked at
  private wake: (() => void) | undefined;
  private waiting = false;
  private misses = 0;
  private idle = 0;

  constructor(private readonly around: Surroundings) {}

  // go runs the case until it has ended; it rejects only with the signal's reason.
  async go(signal: AbortSignal): Promise<void> {
    let input: Input = {};
    for (;;) {
      const following = await this.turn(input, signal);
      if (!following) {
        return;
      }
      input = following;
    }
  }

  // answer gives what the person answered.
  answer(a: Answer): void {
    if (this.give) {
      this.give(a);
    } else if (this.last?.ask?.pay?.order) {
      this.early = a;
    }
  }

  // again goes on at once where the run waits, asks to be confirmed, or has stopped.
  again(): void {
    this.wake?.();
  }

  // turn asks the hall once and does what it says. It gives the next input, or
  // nothing where the case has ended.
  private async turn(input: Input, signal: AbortSignal): Promise<Input | undefined> {
    if (!this.waiting) {
      this.tell({ kind: 'asking-hall' }); // a wait goes on while its end is asked for
    }
    this.waiting = false;
    let n: Next;
    try {
      n = await this.around.counter.next(input, signal);
    } catch (e) {
      return this.hallFailed(thrown(e, signal), input, signal);
    }
    this.misses = 0;
    if (n.step !== this.last?.step) {
      this.idle = 0;
    }
    this.last = n;
    const early = this.early;
    this.early = undefined;
    const problem = n.problem && problemOf(n.problem);
    if (n.operation === 'prepare' && n.bought && !this.around.sure()) {
      this.tell({ kind: 'confirm' });
      await this.woken(signal);
      return {}; // the order is asked for anew: it may have waited long
    }
    if (n.operation) {
      return this.carry(n.operation, n.message ?? '', signal);
    }
    if (n.ask?.pay?.order) {
      return early ? { answer: early } : this.unpaid(problem, signal);
    }
    if (n.ask) {
      return { answer: await this.asked(problem, signal) };
    }
    if (n.wait) {
      this.waiting = true;
      this.tell({ kind: 'wait', reason: n.wait.reason, ...(problem ? { problem } : {}) });
      await this.around.sleep(n.wait.after_ms, signal);
      return {};
    }
    if (n.state === 'open' && problem) {
      return this.stop(problem, signal);
    }
    this.tell({ kind: 'ended' });
    return undefined;
  }

  private async carry(operation: Operation, order: string, signal: AbortSignal): Promise<Input | undefined> {
    if (++this.idle > maxSteps) {
      return this.stop(this.around.noProgress(), signal);
    }
    this.tell({ kind: 'at-key', operation });
    try {
      return { reply: await this.around.desk.carry(operation, order, signal) };
    } catch (e) {
      return this.keyFailed(thrown(e, signal), signal);
    }
  }

  // keyFailed: whatever became of the order, the hall knows what comes next.
  private async keyFailed(problem: Problem, signal: AbortSignal): Promise<Input | undefined> {
    if (this.last?.state === 'done') {
      this.tell({ kind: 'ended', leftover: problem });
      return undefined;
    }
    if (passing.includes(problem.code)) {
      this.tell({ kind: 'key-wanted', problem });
      await this.around.sleep(awayPause, signal);
      await this.around.desk.ready(signal);
      return {};
    }
    if (problem.code === 'key-busy') {
      await this.retry(problem, busyPause, signal);
      return {};
    }
    return this.stop(problem, signal);
  }

  private async hallFailed(problem: Problem, input: Input, signal: AbortSignal): Promise<Input> {
    const status = problem.said.status ?? 0;
    if (status === 409 && input.reply && ++this.idle <= maxSteps) {
      return {}; // the reply came late: ask what next
    }
    if (problem.code === 'hall-unreachable' || status === 429 || status >= 500) {
      const pause = hallPauses[Math.min(this.misses++, hallPauses.length - 1)] ?? 30_000;
      await this.retry(problem, pause, signal);
      return input; // nothing is lost: the same again
    }
    return this.stop(problem, signal);
  }

  private asked(problem: Problem | undefined, signal: AbortSignal): Promise<Answer> {
    this.tell({ kind: 'ask', ...(problem ? { problem } : {}) });
    return until<Answer>(signal, (resolve) => (this.give = resolve)).finally(() => (this.give = undefined));
  }

  // unpaid waits a moment for an order to be paid, or for the person to take it
  // back. Nobody asks while the page is not seen; as soon as it is, the hall is
  // asked: the person comes back from paying.
  private unpaid(problem: Problem | undefined, signal: AbortSignal): Promise<Input> {
    const over = new AbortController();
    const look = async (): Promise<Input> => {
      const { sleep, hidden, visible } = this.around;
      const pressed = this.woken(over.signal).then(() => true);
      this.waiting = !(await Promise.race([pressed, sleep(orderPause, over.signal), hidden(over.signal)])); // a look of its own is not shown
      await visible(over.signal);
      return {};
    };
    const answered = this.asked(problem, signal).then((answer): Input => ({ answer }));
    return Promise.race([answered, look()]).finally(() => {
      over.abort();
      this.give?.({}); // nobody waits for it any more
    });
  }

  private async stop(problem: Problem, signal: AbortSignal): Promise<Input> {
    this.tell({ kind: 'stopped', problem });
    await this.woken(signal);
    this.idle = 0;
    return {};
  }

  private async retry(problem: Problem, ms: number, signal: AbortSignal): Promise<void> {
    this.tell({ kind: 'retry', problem, at: this.around.now() + ms });
    const pressed = new AbortController();
    await Promise.race([this.woken(signal), this.around.sleep(ms, pressed.signal)]).finally(() => pressed.abort());
    this.wake = undefined;
  }

  private woken(signal: AbortSignal): Promise<undefined> {
    return until<undefined>(signal, (resolve) => (this.wake = () => resolve(undefined))).finally(() => (this.wake = undefined));
  }

  private tell(situation: Situation): void {
    this.around.tell({ ...(this.last ? { next: this.last } : {}), situation });
  }
}

function thrown(e: unknown, signal: AbortSignal): Problem {
  if (signal.aborted || !(e instanceof Problem)) {
    throw signal.aborted ? signal.reason : e;
  }
  return e;
}

// until waits for its resolver to be called, or for the signal.
function until<T>(signal: AbortSignal, expose: (resolve: (v: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) {
      stop();
    }
    signal.addEventListener('abort', stop, { once: true });
    expose((v) => {
      signal.removeEventListener('abort', stop);
      resolve(v);
    });
  });
}
