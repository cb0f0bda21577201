// The agent of the user's PC: `certhall-agent serve`, which asks the person on
// pages of its own.
import path from 'node:path';

import { program } from './places';
import { Program } from './program';

export class Agent {
  private running: Program | undefined;

  /** The agent of a PC whose keys and trusted authorities lie in a hall's state folder. */
  constructor(
    private readonly dir: string,
    private readonly port: number,
    private readonly flags: string[] = [],
  ) {}

  /** Starts it, usually trusting the hall's authority. */
  async start({ trusting = path.join(this.dir, 'agent', 'authorities') } = {}): Promise<void> {
    this.running = Program.start(program('certhall-agent'), [
      'serve',
      '--ui=page',
      `--port=${this.port}`,
      `--keys=${path.join(this.dir, 'keys')}`,
      `--authorities=${trusting}`,
      ...this.flags,
    ]);
    await this.running.line(new RegExp(`127\\.0\\.0\\.1:${this.port}`));
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.running?.kill();
    this.running = undefined;
  }
}
