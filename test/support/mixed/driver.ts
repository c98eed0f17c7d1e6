/**
 * The mixed load, in a process of its own: many clients of all kinds share a few hundred connections. It goes on until
 * its standard input says `finish`; then every client that has a session visits once more, and the log of what became
 * of each request is written. Says `{"requests":N}` at the end. One argument, the plan as JSON.
 */
import { writeFileSync } from 'node:fs';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import { kinds } from './kinds.ts';
import { type Outcome, outcomeLine } from './record.ts';

export interface Plan {
  readonly port: number;
  readonly clients: number;
  readonly connections: number;
  /** A client waits between `pause` and 1.5 times as long after an answer. Milliseconds. */
  readonly pause: number;
  /** Share of visits that are a client's last in its session. */
  readonly renew: number;
  /** File for the outcomes; '' keeps none. */
  readonly log: string;
  readonly seed: number;
}

const slot = 10;

class Load {
  requests = 0;
  readonly plan: Plan;
  private readonly free: Connection[] = [];
  private readonly clients: Client[] = [];
  /** Clients by the time of their next visit, a ring of slots of 10 ms. */
  private readonly ring: Client[][];
  private at = 0;
  private startedAt = 0;
  /** Requests for which no connection is free. */
  private readonly waiting: (() => void)[] = [];
  private waitingFrom = 0;
  private under = 0;
  private lines: string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private whenQuiet: () => void = () => {};
  private state: number;

  constructor(plan: Plan) {
    this.plan = plan;
    this.state = plan.seed;
    this.ring = Array.from({ length: Math.ceil((plan.pause * 1.5) / slot) + 2 }, () => []);
    const onFree = (connection: Connection): void => this.release(connection);
    for (let i = 0; i < plan.connections; i++) this.free.push(new Connection(plan.port, onFree));
    for (let i = 0; i < plan.clients; i++) this.clients.push(new Client(i, kinds[i % kinds.length]!, this));
  }

  start(): void {
    for (const client of this.clients) this.schedule(client, this.random() * this.plan.pause);
    this.startedAt = performance.now();
    this.timer = setInterval(() => this.turn(), slot);
  }

  /** The last round: no new sessions, and every session that lives says where. */
  async finish(): Promise<void> {
    clearInterval(this.timer);
    await this.quiet();
    for (const client of this.clients) client.visitOnceMore();
    await this.quiet();
    for (const connection of this.free) connection.close();
    if (this.plan.log !== '') writeFileSync(this.plan.log, this.lines.join(''));
  }

  /** Uniform in [0, 1), the same for the same seed (xorshift). */
  random(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 0x1_0000_0000;
  }

  nextSeq(): number {
    return ++this.requests;
  }

  /** Calls back with a connection, at once or when one is free. */
  withConnection(send: (connection: Connection) => void): void {
    this.under++;
    const connection = this.free.pop();
    if (connection !== undefined) send(connection);
    else this.waiting.push(() => send(this.free.pop()!));
  }

  ended(outcome: Outcome): void {
    if (this.plan.log !== '') this.lines.push(outcomeLine(outcome));
  }

  /** The client has had its answers: it comes again after its pause. */
  rest(client: Client): void {
    this.schedule(client, this.plan.pause * (1 + this.random() / 2));
  }

  private schedule(client: Client, after: number): void {
    const slots = Math.max(1, Math.ceil(after / slot));
    this.ring[(this.at + slots) % this.ring.length]!.push(client);
  }

  /** All slots whose time has come: on a busy machine there are several at once. */
  private turn(): void {
    const until = Math.floor((performance.now() - this.startedAt) / slot);
    while (this.at < until) {
      this.at++;
      const due = this.ring[this.at % this.ring.length]!.splice(0);
      for (const client of due) client.visit();
    }
  }

  private release(connection: Connection): void {
    this.free.push(connection);
    this.under--;
    const next = this.waiting[this.waitingFrom];
    if (next !== undefined) {
      if (++this.waitingFrom === this.waiting.length) this.waiting.length = this.waitingFrom = 0;
      next();
    } else if (this.under === 0) this.whenQuiet();
  }

  private quiet(): Promise<void> {
    if (this.under === 0) return Promise.resolve();
    return new Promise((done) => {
      this.whenQuiet = done;
    });
  }
}

export type { Load };

const load = new Load(JSON.parse(process.argv[2] ?? '{}') as Plan);
load.start();
console.log('started');
process.stdin.setEncoding('utf8').on('data', (text: string) => {
  if (!text.includes('finish')) return;
  void load.finish().then(() => {
    console.log(JSON.stringify({ requests: load.requests }));
    process.exit();
  });
});
// Goes with the program that started it, however that ends.
process.stdin.on('end', () => process.exit());
