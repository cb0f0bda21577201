// A program that runs beside the browser, watched by what it prints.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a line may take to appear, or a program to end, in milliseconds. */
const patience = 60_000; // founding an authority takes 3 s, and much longer on a busy machine

export class Program {
  /** Everything printed so far, line by line, both streams. */
  readonly lines: string[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly ended: Promise<unknown>;

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) {
        createInterface(stream).on('line', (line) => {
          this.lines.push(line);
          this.wake();
        });
      }
    }
    this.ended = once(child, 'close').then(() => this.wake());
  }

  /**
   * Starts a program. What `secret` says is handed over on descriptor 3, which
   * is how the programs take PINs.
   */
  static start(file: string, args: string[], secret?: string): Program {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    const descriptor = child.stdio[3];
    if (descriptor && 'end' in descriptor) {
      descriptor.on('error', () => undefined); // a program need not read it
      descriptor.end(secret === undefined ? '' : `${secret}\n`);
    }
    return new Program(`${file} ${args.join(' ')}`, child);
  }

  /** Waits for a line that matches and is at or after `from`; gives its match and its place. */
  async line(pattern: RegExp, from = 0): Promise<{ match: RegExpMatchArray; at: number }> {
    const until = Date.now() + patience;
    for (let at = from; ; at++) {
      while (at >= this.lines.length) {
        await this.more(pattern, until);
      }
      const match = this.lines[at]?.match(pattern);
      if (match) {
        return { match, at };
      }
    }
  }

  /** Waits until it ended by itself and gives its exit code. */
  async end(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }

  /** Asks it to end and waits until it did; one that does not is ended, and complained of. */
  async stop(): Promise<void> {
    let stuck = false;
    const timer = setTimeout(() => {
      stuck = this.child.kill('SIGKILL');
    }, patience);
    this.child.kill('SIGTERM');
    await this.ended;
    clearTimeout(timer);
    if (stuck) {
      throw new Error(`${this.name} did not end when asked to; it said:\n${this.lines.join('\n')}`);
    }
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  private wake(): void {
    for (const resume of this.waiting) {
      resume();
    }
  }

  /** Waits for more output; fails when none can come any more. */
  private async more(pattern: RegExp, until: number): Promise<void> {
    const left = until - Date.now();
    if (left <= 0 || !this.running) {
      const why = this.running ? 'does not say' : 'ended without saying';
      throw new Error(`${this.name} ${why} ${pattern}; it said:\n${this.lines.join('\n')}`);
    }
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        this.waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, left);
      this.waiting.add(go);
    });
  }
}

/** Runs a program to its end, which must be a good one, and gives what it printed. */
export async function run(file: string, args: string[], secret?: string): Promise<string[]> {
  const program = Program.start(file, args, secret);
  const code = await program.end();
  if (code !== 0) {
    throw new Error(`${file} ${args.join(' ')} ended with ${code}:\n${program.lines.join('\n')}`);
  }
  return program.lines;
}
