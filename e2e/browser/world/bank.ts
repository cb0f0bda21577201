// WeChat Pay as the demo plays it: what is to go wrong there, and its books.

/** A call of the hall's, or the notice that the bank sends. */
export type Call = 'prepay' | 'query' | 'close' | 'notice';

export class Bank {
  constructor(private readonly origin: string) {}

  /** Lets calls go wrong, so many times. */
  async upset(call: Call, kind: 'refuse' | 'lose' | 'lose-reply' | 'delay' | 'repeat', { times = 1, code = '' } = {}): Promise<void> {
    await this.ask('POST', 'faults', { call, kind, times, ...(code ? { code } : {}) });
  }

  /** Takes back what has not gone wrong yet. */
  async calm(): Promise<void> {
    await this.ask('DELETE', 'faults');
  }

  /** Pays an order once more; gives whether the bank took the money. */
  async pay(order: string): Promise<boolean> {
    const answer = await this.send('POST', 'pay', { order });
    return answer.ok;
  }

  /** How many orders were paid. */
  async payments(): Promise<number> {
    const books = (await (await this.ask('GET', 'books')).json()) as { orders: Record<string, { Transaction?: string }> };
    return Object.values(books.orders).filter((o) => o.Transaction).length;
  }

  private async ask(method: string, what: string, body?: object): Promise<Response> {
    const answer = await this.send(method, what, body);
    if (!answer.ok) {
      throw new Error(`the bank answers ${answer.status} to ${what}`);
    }
    return answer;
  }

  private send(method: string, what: string, body?: object): Promise<Response> {
    return fetch(`${this.origin}/control/${what}`, {
      method,
      ...(body ? { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
  }
}
