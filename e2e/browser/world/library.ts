// Keys behind real libraries: a virtual one behind libsoftkey's C interface, a
// token of SoftHSM's.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { program } from './places';
import { run } from './program';

export type Kind = 'skf' | 'pkcs11';

export class Library {
  readonly pin = '24681357';

  private constructor(
    readonly kind: Kind,
    private readonly dir: string,
  ) {}

  /** Makes a key; the programs that are started from now on find it. */
  static async new(kind: Kind): Promise<Library> {
    const dir = await mkdtemp(path.join(tmpdir(), 'certhall-library-'));
    const library = new Library(kind, dir);
    process.env['CERTHALL_SOFTKEYS'] = path.join(dir, 'virtual');
    process.env['SOFTHSM2_CONF'] = path.join(dir, 'softhsm2.conf');
    await mkdir(path.join(dir, 'tokens'));
    await writeFile(path.join(dir, 'softhsm2.conf'), `directories.tokendir = ${path.join(dir, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`);
    await writeFile(path.join(dir, 'pin'), library.pin);
    if (kind === 'skf') {
      await run(program('certhall-agent'), ['--yes', '--pin-fd=3', 'softkey', 'new', `--out=${path.join(dir, 'virtual', 'key.softkey')}`, '--label=virtual'], library.pin);
    } else {
      await run('softhsm2-util', ['--init-token', '--free', '--label', 'token', '--pin', library.pin, '--so-pin', '12345678']);
    }
    return library;
  }

  /** For the programs' flag --library. */
  get flag(): string {
    return `--library=${this.kind}:${this.kind === 'skf' ? program('libsoftkey.so') : '/usr/lib/softhsm/libsofthsm2.so'}`;
  }

  /** For the demo, so that it puts certificates on the key. */
  get flags(): string[] {
    return [this.flag, `--key-pin=${path.join(this.dir, 'pin')}`];
  }

  /** Ends the processes in which the library is loaded, as a crash would. */
  async crash(): Promise<void> {
    let ended = 0;
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const read = (file: string): Promise<string> => readFile(path.join('/proc', pid, file), 'utf8').catch(() => '');
      if ((await read('cmdline')).includes('\0driver-host') && (await read('environ')).includes(this.dir)) {
        process.kill(Number(pid), 'SIGKILL');
        ended++;
      }
    }
    if (ended === 0) {
      throw new Error('no driver host runs');
    }
  }

  async remove(): Promise<void> {
    delete process.env['CERTHALL_SOFTKEYS'];
    delete process.env['SOFTHSM2_CONF'];
    await rm(this.dir, { recursive: true });
  }
}
