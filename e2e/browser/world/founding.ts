// Demo states made once and copied for each journey: founding an authority
// takes 3 seconds, starting one that stands takes half of one.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Hall, type Site } from './hall';
import { freePort } from './ports';
import { run } from './program';

/** Founded is a demo's state as after its very first start, and where it is at home. */
export class Founded {
  private copies = 0;

  private constructor(
    private readonly folder: string,
    readonly site: Site,
  ) {}

  /** Founds an authority at ports that are free now. */
  static async new(): Promise<Founded> {
    return Founded.at(await temporary(), await site());
  }

  /** Founds one whose portal is a public HTTPS site with a certificate of its own making. */
  static async publicly(): Promise<Founded> {
    const folder = await temporary();
    const [cert, key] = [path.join(folder, 'site.pem'), path.join(folder, 'site.key')];
    const name = 'portal.test';
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', cert],
    ]);
    const where = await site();
    return Founded.at(folder, { ...where, https: { origin: `https://${name}:${where.port}`, cert, key } });
  }

  /** Founds one that knows nobody: whoever has the key and proves a phone becomes handler. */
  static async ofStrangers(): Promise<Founded> {
    return Founded.at(await temporary(), await site(), '--no-handler');
  }

  /** Founds one whose handler has keys behind libraries too. */
  static async withKeys(flags: string[]): Promise<Founded> {
    return Founded.at(await temporary(), await site(), ...flags);
  }

  private static async at(folder: string, where: Site, ...flags: string[]): Promise<Founded> {
    const founded = new Founded(folder, where);
    const hall = await Hall.open(founded.state, where, ...flags);
    await hall.close();
    return founded;
  }

  /** What `prepare` leaves behind in a copy of this state, as a state to copy in its turn. */
  async after(prepare: (hall: Hall) => Promise<void>): Promise<Founded> {
    const folder = await temporary();
    const later = new Founded(folder, this.site);
    await cp(this.state, later.state, { recursive: true });
    const hall = await Hall.open(later.state, this.site);
    await prepare(hall);
    await hall.close();
    return later;
  }

  /** Copies the state for one journey. */
  async copy(): Promise<string> {
    const dir = path.join(this.folder, String(++this.copies));
    await cp(this.state, dir, { recursive: true });
    return dir;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }

  private get state(): string {
    return path.join(this.folder, 'founded');
  }
}

const site = async (): Promise<Site> => ({ port: await freePort(), agentPort: await freePort() });

const temporary = (): Promise<string> => mkdtemp(path.join(tmpdir(), 'certhall-journeys-'));
