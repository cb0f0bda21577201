import type { Permission, Surroundings } from '../src/surroundings.js';
import type { Key, Status } from '../src/wire.js';

/** What a request came with. */
export interface Seen {
  port: number;
  path: string;
  body: Record<string, unknown>;
  token: string | undefined;
  mode: RequestMode | undefined;
  signal: AbortSignal | undefined;
}

type Answer = (seen: Seen) => Response | Promise<Response>;

export const status: Status = {
  product: 'certhall-agent', version: '1', api: 1, paired: false, ui: 'dialog',
  authorities: [{ id: 'demo', number: 3, until: '2030-01-01T00:00:00Z' }],
};

export const key: Key = {
  serial: 'K1', label: 'key', manufacturer: 'm', driver: 'd', state: 'ready',
  pin: { tries: 10, low: false, final: false, locked: false }, others: 0, containers: [],
};

export const json = (value: unknown, code = 200) => new Response(JSON.stringify(value), { status: code });

export const refused = (): never => {
  throw new TypeError('Failed to fetch');
};

/** Surroundings in which time passes only when a test says so. */
export class Fake implements Surroundings {
  permissions: Permission[] = ['unknown'];
  readonly seen: Seen[] = [];
  readonly kept = new Map<string, string>();
  private readonly sleepers: { ms: number; wake: () => void }[] = [];
  private shown = true;
  private readonly looks: (() => void)[] = [];
  private readonly slept: (() => void)[] = [];

  /** answers: by `port/path`, else by `path`; nothing listens elsewhere. */
  constructor(readonly answers: Record<string, Answer> = {}) {}

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const at = new URL(url);
    const seen: Seen = {
      port: Number(at.port), path: at.pathname, body: JSON.parse(String(init.body)) as Record<string, unknown>,
      token: new Headers(init.headers).get('Authorization')?.replace('Bearer ', ''),
      mode: init.mode, signal: init.signal ?? undefined,
    };
    this.seen.push(seen);
    const answer = this.answers[`${seen.port}${seen.path}`] ?? this.answers[seen.path] ?? refused;
    return answer(seen);
  }

  async permission(): Promise<Permission> {
    return (this.permissions.length > 1 ? this.permissions.shift() : this.permissions[0]) ?? 'unknown';
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { ms, wake: resolve };
      this.sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.sleepers.splice(this.sleepers.indexOf(sleeper), 1);
        reject(signal.reason);
      });
      this.slept.splice(0).forEach((tell) => tell());
    });
  }

  /** Waits until somebody sleeps for ms, and wakes him. */
  async pass(ms: number): Promise<void> {
    await this.asleep(ms);
    this.sleepers.splice(this.sleepers.findIndex((s) => s.ms === ms), 1).forEach((s) => s.wake());
  }

  /** Waits until somebody sleeps for ms. */
  async asleep(ms: number): Promise<void> {
    while (!this.sleepers.some((s) => s.ms === ms)) {
      await new Promise<void>((tell) => this.slept.push(tell));
    }
  }

  /** Shows the page, or hides it. */
  show(shown: boolean): void {
    this.shown = shown;
    this.looks.splice(0).forEach((look) => look());
  }

  visible = (signal?: AbortSignal) => this.until(true, signal);
  hidden = (signal?: AbortSignal) => this.until(false, signal);

  private async until(shown: boolean, signal?: AbortSignal): Promise<void> {
    while (this.shown !== shown) {
      await new Promise<void>((look, stop) => {
        this.looks.push(look);
        signal?.addEventListener('abort', () => stop(signal.reason));
      });
    }
  }

  now = () => Date.parse('2026-11-23T00:00:00Z');
  language = () => 'zh-CN';

  remember(name: string, value: string | undefined): void {
    if (value === undefined) {
      this.kept.delete(name);
    } else {
      this.kept.set(name, value);
    }
  }

  recall = (name: string) => this.kept.get(name);
}

/** A stream whose pieces a test sends one by one. */
export class Wire {
  private control!: ReadableStreamDefaultController<Uint8Array>;
  readonly response: Response;

  constructor() {
    this.response = new Response(new ReadableStream<Uint8Array>({ start: (c) => void (this.control = c) }));
  }

  text(piece: string): this {
    return this.bytes(new TextEncoder().encode(piece));
  }

  bytes(piece: Uint8Array): this {
    this.control.enqueue(piece);
    return this;
  }

  line(event: object): this {
    return this.text(`${JSON.stringify(event)}\n`);
  }

  end(): Response {
    this.control.close();
    return this.response;
  }

  cut(): Response {
    this.control.error(new TypeError('network error'));
    return this.response;
  }
}
