import { type Following, json, post, reply } from './call.js';
import { lines } from './lines.js';
import { AgentProblem, own } from './problem.js';
import type { Surroundings } from './surroundings.js';
import type { Examined, Key, Login, Opening, Operation, SelfTest, Status, Unlocked, UnlockRequest } from './wire.js';

const tokenName = (port: number) => `certhall-agent.${port}`;

/** The token of this tab's session with the agent on a port, if there is one. */
export const tokenOf = (around: Surroundings, port: number) => around.recall(tokenName(port));

/**
 * An agent that was found. All calls throw AgentProblem; `pairing-needed` means
 * that the session has ended (the agent was started anew, or idle for long).
 */
export class Agent {
  constructor(
    readonly port: number,
    readonly status: Status,
    private readonly around: Surroundings,
  ) {
    if (!status.paired) {
      this.forget();
    }
  }

  /** Whether this tab has a session with the agent. */
  get paired(): boolean {
    return tokenOf(this.around, this.port) !== undefined;
  }

  /** Asks the person, in the agent's window, to let this page in. */
  async pair(following: Following = {}): Promise<void> {
    const { token } = await this.follow<{ token: string }>('/pair', {}, following);
    this.around.remember(tokenName(this.port), token);
  }

  /** The keys plugged in now. */
  async keys(signal?: AbortSignal): Promise<Key[]> {
    const answer = await json<{ keys: Key[] }>(await this.post('/keys', {}, signal));
    return answer.keys;
  }

  /**
   * Yields the keys plugged in, at once and whenever that changes, until the
   * signal ends it or the agent is lost. It does not listen while nobody sees
   * the page: browsers keep six connections to the agent for all pages together.
   */
  async *watch(signal?: AbortSignal): AsyncGenerator<Key[]> {
    for (;;) {
      await this.around.visible(signal);
      const seen = new AbortController();
      const passOn = () => seen.abort(signal?.reason);
      signal?.addEventListener('abort', passOn, { once: true });
      this.around.hidden(seen.signal).then(() => seen.abort(), () => undefined);
      try {
        yield* this.listen(seen.signal);
      } catch (e) {
        if (signal?.aborted || !seen.signal.aborted) {
          throw e;
        }
      } finally {
        seen.abort();
        signal?.removeEventListener('abort', passOn);
      }
    }
  }

  private async *listen(signal: AbortSignal): AsyncGenerator<Key[]> {
    const response = await this.post('/watch', {}, signal);
    if (!response.body) {
      throw own('agent-answer');
    }
    for await (const line of lines(response.body, this.around)) {
      if (line.event === 'keys') {
        yield line.keys;
      } else if (line.event === 'problem') {
        throw new AgentProblem(line.code, line);
      }
    }
    throw own('agent-lost');
  }

  /** Signs the opening of a case with the pair's key; the person is asked for the PIN. */
  async open(opening: Opening, following: Following = {}): Promise<string> {
    const { signed } = await this.follow<{ signed: string }>('/open', opening, following);
    return signed;
  }

  /** Carries out an order of the hall on a key and gives the reply for the hall; neither is read here. */
  async carry(operation: Operation, key: string, order: string, following: Following = {}): Promise<string> {
    const { message } = await this.follow<{ message: string }>(`/${operation}`, { key, message: order }, following);
    return message;
  }

  /** Makes a test signature and a test decryption with a pair. */
  selfTest(key: string, serial: string, following: Following = {}): Promise<SelfTest> {
    return this.follow<SelfTest>('/self-test', { key, serial }, following);
  }

  /** Changes a key's PIN: the old one and the new one are asked for in the agent's own window. */
  async changePIN(key: string, following: Following = {}): Promise<void> {
    await this.follow<object>('/change-pin', { key }, following);
  }

  /**
   * Makes the request to unlock a key, for the hall; its code is shown to the
   * person in the agent's window. While the answer is awaited it is the same
   * request again.
   */
  requestUnlock(key: string, authority: string, following: Following = {}): Promise<UnlockRequest> {
    return this.follow<UnlockRequest>('/unlock', { key, authority }, following);
  }

  /**
   * Unlocks a key with the authority's answer: the new PIN is chosen in the
   * agent's own window. Gives the report for the hall, which is to have it even
   * if the key could not be unlocked; the same answer again gives the same report.
   */
  unlock(key: string, answer: string, following: Following = {}): Promise<Unlocked> {
    return this.follow<Unlocked>('/unlock', { key, message: answer }, following);
  }

  /** Signs a log-in at this page's origin. */
  async signLogin(login: Login, following: Following = {}): Promise<string> {
    const { signed } = await this.follow<{ signed: string }>('/sign-login', login, following);
    return signed;
  }

  /**
   * Examines what a service needs on this PC, this page's portal and keys among
   * it; findings are heard as they come. Nobody is asked, nothing changes.
   * `agent-address` means that the agent is older than this operation.
   */
  examine(following: Following = {}): Promise<Examined> {
    return this.follow<Examined>('/examine', {}, following);
  }

  private async follow<T>(path: string, body: object, { on, signal }: Following): Promise<T> {
    return reply<T>(await this.post(path, body, signal), this.around, on);
  }

  private async post(path: string, body: object, signal?: AbortSignal): Promise<Response> {
    try {
      return await post(this.around, this.port, path, body, tokenOf(this.around, this.port), signal);
    } catch (e) {
      if (e instanceof AgentProblem && e.code === 'pairing-needed') {
        this.forget();
      }
      throw e;
    }
  }

  private forget(): void {
    this.around.remember(tokenName(this.port), undefined);
  }
}
