// The hall: `certhall demo`, the real server on a state folder of its own.
import { Bank } from './bank';
import { program } from './places';
import { Program, run } from './program';

/** Where a hall and the agent of its user's PC are to be found. */
export interface Site {
  port: number;
  agentPort: number;
  /** Public address and certificate, if not plain HTTP on loopback. */
  https?: { origin: string; cert: string; key: string };
}

/** The address under which people know the site. */
export const origin = (site: Site): string => site.https?.origin ?? `http://127.0.0.1:${site.port}`;

export class Hall {
  private readonly read = new Map<string, number>(); // phone or mail address → line after the last code read

  private constructor(
    readonly dir: string,
    readonly site: Site,
    private server: Program,
  ) {}

  /** Opens the hall whose state lies in dir; the first time that founds an authority (3 s). */
  static async open(dir: string, site: Site, ...flags: string[]): Promise<Hall> {
    return new Hall(dir, site, await serve(dir, site, flags));
  }

  get origin(): string {
    return origin(this.site);
  }

  /** Reads the next code sent to a phone, each once. */
  code(phone: string): Promise<string> {
    return this.next('SMS', phone);
  }

  /** Reads the next code sent by mail, each once. */
  mailed(address: string): Promise<string> {
    return this.next('mail', address);
  }

  private async next(kind: 'SMS' | 'mail', to: string): Promise<string> {
    const { match, at } = await this.server.line(
      new RegExp(`^\\[${kind}\\] \\S+ ${to.replaceAll('.', '\\.')}: \\D*(\\d{6})`),
      this.read.get(to),
    );
    this.read.set(to, at + 1);
    return match[1] ?? '';
  }

  /** An officer of the authority names an administrator of an organisation. */
  async nameAdministrator(organisation: string, phone: string): Promise<void> {
    await run(program('certhall'), ['admin', 'organisation', 'administrator', 'name', `--dir=${this.dir}`, '--reason=a letter of the organisation', '--yes', organisation, phone]);
  }

  /** The bank of the demo: its faults are asked for here. */
  async bank(): Promise<Bank> {
    const { match } = await this.server.line(/(http:\/\/127\.0\.0\.1:\d+)\/pay\b/);
    return new Bank(match[1] ?? '');
  }

  /** Ends the server as a power cut would. */
  async kill(): Promise<void> {
    await this.server.kill();
  }

  /** Starts the server again on the same state, at the same address. */
  async reopen(): Promise<void> {
    this.server = await serve(this.dir, this.site);
    this.read.clear();
  }

  async close(): Promise<void> {
    await this.server.stop();
  }
}

async function serve(dir: string, { port, agentPort, https }: Site, flags: string[] = []): Promise<Program> {
  const server = Program.start(program('certhall'), [
    'demo',
    `--dir=${dir}`,
    `--listen=127.0.0.1:${port}`,
    '--agent=false',
    `--agent-port=${agentPort}`,
    ...flags,
    ...(https ? [`--public=${https.origin}`, `--tls-cert=${https.cert}`, `--tls-key=${https.key}`] : []),
  ]);
  await server.line(/https?:\/\/\S+/);
  return server;
}
