/**
 * Clients with cookies that send so many requests a second in all, whatever the answers take: each client in its turn, and one
 * request of a client at a time.
 */
import { Agent } from 'node:http';
import { until, Visitor } from '../support/peers.ts';
import { monotonicMs, type Outcome } from './visits.ts';

export interface LoadPlan {
  /** Requests a second. */
  readonly rate: number;
  /** Clients at the beginning: each has one session. */
  readonly clients: number;
}

interface Client {
  readonly number: number;
  readonly visitor: Visitor;
}

/** How often (ms) what is due is sent. */
const tickMs = 10;

export class Load implements AsyncDisposable {
  readonly outcomes: Outcome[] = [];
  /** The number of the next request. */
  request = 0;
  private readonly url: string;
  private readonly rate: number;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 128 });
  private clients = 0;
  /** Those with no request under way, in the order of their turns. */
  private readonly idle: Client[] = [];
  private running = 0;
  private readonly began = monotonicMs();
  private stopped = false;

  constructor(url: string, { rate, clients }: LoadPlan) {
    this.url = url;
    this.rate = rate;
    this.join(clients);
    this.tick();
  }

  /** Further clients: their sessions begin. */
  join(count: number): void {
    for (let n = 0; n < count; n++)
      this.idle.unshift({ number: this.clients++, visitor: new Visitor(this.url, this.agent) });
  }

  /** Resolves when so many requests more have been sent. */
  async sent(count: number): Promise<void> {
    const last = this.request + count;
    await until(`${count} requests are sent`, () => this.request >= last, 120_000);
  }

  /** Resolves when each client has been served once more, by a request that was sent after this call. */
  async round(): Promise<void> {
    const from = this.request;
    let seen = this.outcomes.length;
    const waiting = new Set(Array.from({ length: this.clients }, (_, number) => number));
    await until(
      'each client is served',
      () => {
        for (; seen < this.outcomes.length; seen++) {
          const { request, client } = this.outcomes[seen]!;
          if (request >= from) waiting.delete(client);
        }
        return waiting.size === 0;
      },
      120_000,
    );
  }

  /** Resolves when the last request is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopped = true;
    await until('the last request is over', () => this.running === 0);
    this.agent.destroy();
  }

  private tick(): void {
    if (this.stopped) return;
    setTimeout(() => this.tick(), tickMs);
    // Where all clients wait for their answers, what was due then is not sent at once later.
    let due = Math.min(this.rate, Math.floor(((monotonicMs() - this.began) / 1000) * this.rate) - this.request);
    for (; due > 0; due--) {
      const client = this.idle.shift();
      if (client === undefined) return;
      void this.visit(client);
    }
  }

  private async visit(client: Client): Promise<void> {
    const { number, visitor } = client;
    const request = this.request++;
    this.running++;
    const failed = (failure: string) => ({ server: '', count: 0, failure });
    const ended = await visitor
      .ask('/', { headers: { 'x-request': String(request), 'x-client': String(number) } })
      .then(({ status, body }) => {
        if (status !== 200) return failed(`${status} ${body.slice(0, 100)}`);
        return { ...(JSON.parse(body) as { server: string; count: number }), failure: '' };
      })
      .catch((error: unknown) => failed(String(error)));
    this.outcomes.push({ at: monotonicMs(), request, client: number, ...ended });
    this.idle.push(client);
    this.running--;
  }
}
