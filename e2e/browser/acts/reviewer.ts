// The other end of the telephone: an officer of the authority, who drafts, and a
// reviewer, who signs. They have commands.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Hall } from '../world/hall';
import { program } from '../world/places';
import { run } from '../world/program';

export class Reviewer {
  constructor(private readonly hall: Hall) {}

  /** Approves the request to unlock a key that waits, once the caller has named its number. */
  async approve(number: string): Promise<void> {
    const [draft, signed] = [this.file('unlock.draft'), this.file('unlock.signed')];
    const request = await this.waiting();
    await this.unlock('draft', request, `--code=${number}`, '--reason=called back, compared the number', `--out=${draft}`);
    await run(
      program('certhall-agent'),
      ['sign-decision', `--authority=${this.file('authority', 'root.cer')}`, `--key=${this.file('staff', 'reviewer.softkey')}`, '--pin-fd=3', '--yes', draft, `--out=${signed}`],
      (await readFile(this.file('reviewer.pin'), 'utf8')).trim(),
    );
    await this.unlock('submit', request, `--evidence=${signed}`);
  }

  /** Refuses the request that waits. */
  async refuse(reason: string): Promise<void> {
    await this.unlock('refuse', await this.waiting(), `--reason=${reason}`);
  }

  /** Gives up the administrator's PIN of a key. */
  async forget(key: string): Promise<void> {
    await run(program('certhall'), ['admin', 'key-pin', 'forget', key, '--reason=never escrowed', '--yes', `--dir=${this.hall.dir}`]);
  }

  private async waiting(): Promise<string> {
    const [first = '{}'] = await this.unlock('list', '--format=json');
    return (JSON.parse(first) as { unlock: string }).unlock;
  }

  private unlock(...args: string[]): Promise<string[]> {
    return run(program('certhall'), ['admin', 'unlock', ...args, `--dir=${this.hall.dir}`]);
  }

  private file(...names: string[]): string {
    return path.join(this.hall.dir, ...names);
  }
}
