// The USB keys of the user's PC: soft keys, plugged in while their file lies in
// the keys folder.
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

import { program } from './places';
import { Program, run } from './program';

/** The key of the demo's handler; it takes 6 wrong PINs until it locks. */
const handlers = 'handler';
const tries = 6;

const sm2 = 'distid:1234567812345678'; // the identity that SM2 signatures include

export class Keys {
  /** The keys of a PC, beside the state of a hall. */
  constructor(private readonly dir: string) {}

  /** The PIN of the handler's key. */
  async pin(): Promise<string> {
    return (await readFile(path.join(this.dir, 'handler.pin'), 'utf8')).trim();
  }

  async unplug(key = handlers): Promise<void> {
    await rename(this.plugged(key), this.beside(`${key}.softkey`));
  }

  async plugIn(key = handlers): Promise<void> {
    await rename(this.beside(`${key}.softkey`), this.plugged(key));
  }

  /** Plugs in a key that was made elsewhere, by its file. */
  async plugInFrom(file: string): Promise<void> {
    await copyFile(file, this.plugged('elsewhere'));
  }

  /** Makes an empty key and plugs it in. */
  async plugInEmpty(label: string): Promise<void> {
    await this.agent(['softkey', 'new', `--out=${this.plugged('empty')}`, '--serial=SK20260099', `--label=${label}`], '12345678');
  }

  /** Fills the handler's key: certificates of some other authority take all the room that is left. */
  async fill(): Promise<void> {
    const work = this.beside('others');
    await mkdir(work);
    const [caKey, ca] = [path.join(work, 'ca.key'), path.join(work, 'ca.pem')];
    await run('openssl', ['ecparam', '-genkey', '-name', 'SM2', '-out', caKey]);
    await run('openssl', ['req', '-x509', '-new', '-key', caKey, '-sm3', '-sigopt', sm2, '-subj', '/CN=Others', '-out', ca]);
    const pin = await this.pin();
    for (let n = 1; ; n++) {
      const [request, certificate] = [path.join(work, `${n}.p10`), path.join(work, `${n}.cer`)];
      if (await this.refused(['enrol', `--name=Others ${n}`, `--out=${request}`], pin)) {
        return;
      }
      await run('openssl', ['x509', '-req', '-in', request, '-vfyopt', sm2, '-CA', ca, '-CAkey', caKey, '-set_serial', String(n), '-sm3', '-sigopt', sm2, '-out', certificate]);
      await this.agent(['enrol', `--certificate=${certificate}`], pin);
    }
  }

  /** Somebody types wrong PINs until the handler's key has so many tries left. */
  async spoil(triesLeft: number): Promise<void> {
    for (let left = tries; left > triesLeft; left--) {
      await this.refused(['enrol', '--last-try', '--name=Somebody', `--out=${this.beside('never.p10')}`], '00000000');
    }
  }

  /** Lets another program hold the handler's key; what is given back ends that. */
  async occupy(): Promise<() => Promise<void>> {
    const lock = path.join(this.dir, 'keys', `.${handlers}.softkey.lock`);
    const other = Program.start('flock', ['--no-fork', lock, 'sh', '-c', 'echo held; exec sleep infinity']);
    await other.line(/held/);
    return () => other.stop();
  }

  private plugged(key: string): string {
    return path.join(this.dir, 'keys', `${key}.softkey`);
  }

  private beside(name: string): string {
    return path.join(this.dir, name);
  }

  /** Runs a command of the agent on the plugged-in key. */
  private async agent(args: string[], pin: string): Promise<void> {
    await run(program('certhall-agent'), [...args, ...this.common], pin);
  }

  private async refused(args: string[], pin: string): Promise<boolean> {
    return (await Program.start(program('certhall-agent'), [...args, ...this.common], pin).end()) !== 0;
  }

  private get common(): string[] {
    return [`--keys=${path.join(this.dir, 'keys')}`, '--pin-fd=3', '--yes'];
  }
}
