/**
 * Clients that take each request to a node by chance, whether it runs or not: one request after the other, sometimes several at once at
 * different nodes, sometimes with an old cookie, and now and then in a new session.
 */
import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { setImmediate as turn } from 'node:timers/promises';
import type { Random } from '../chaos/random.ts';
import type { TestFleet } from './fleet.ts';
import { FleetClient, type Kind, type Outcome } from './fleet-clients.ts';
import { until } from './until.ts';

/** How often, of all steps. */
const newSession = 0.01;
const severalAtOnce = 0.1;
const oldCookie = 0.05;

export class Spray implements AsyncDisposable {
  readonly outcomes: Outcome[] = [];
  private answered = 0;
  private readonly fleet: TestFleet;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 256 });
  /** It has connections of their own for each certificate. */
  private readonly secureAgent = new SecureAgent({ keepAlive: true });
  private readonly clients: FleetClient[];
  private readonly running: Promise<void>[];
  private stopped = false;

  /** So many clients of each kind of the fleet. */
  constructor(fleet: TestFleet, clientsOfKind: number, random: Random) {
    this.fleet = fleet;
    const { kinds } = fleet.setup;
    this.clients = kinds.flatMap((kind) => Array.from({ length: clientsOfKind }, () => this.clientOf(kind)));
    this.running = this.clients.map((client) => this.run(client, random.fork()));
  }

  /** Resolves when so many requests more are answered. */
  async done(count: number): Promise<void> {
    const last = this.answered + count;
    await until(`${count} requests are answered`, () => this.answered >= last, 300_000);
  }

  /** Ends the spray, then asks each node for each present session, for a change where it has any. */
  async settle(): Promise<Outcome[]> {
    await this.stop();
    const last = await Promise.all(this.clients.map((client) => this.everywhere(client)));
    return last.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.agent.destroy();
    this.secureAgent.destroy();
  }

  private clientOf(kind: Kind): FleetClient {
    return new FleetClient(kind, kind === 'certificate' ? this.secureAgent : this.agent);
  }

  private async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  private async everywhere(client: FleetClient): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const node of this.fleet.nodes) outcomes.push(await client.askForChange(node));
    this.outcomes.push(...outcomes);
    return outcomes;
  }

  private async run(client: FleetClient, random: Random): Promise<void> {
    /** As the present session was when it began. */
    let old: FleetClient | null = null;
    while (!this.stopped) {
      if (random.next() < newSession) client.begin();
      if (old?.session !== client.session) old = client.isKnown ? client.twin() : null;
      const what = old === null ? 1 : random.next();
      if (what < severalAtOnce) await Promise.all([this.ask(client.twin(), random), this.ask(client.twin(), random)]);
      else if (old !== null && what < severalAtOnce + oldCookie) await this.ask(old.twin(), random);
      else await this.ask(client, random);
      // No client takes the whole loop for itself.
      await turn();
    }
  }

  /** A session of the library changes, so that there is a copy of it. */
  private async ask(client: FleetClient, random: Random): Promise<void> {
    const node = random.of(this.fleet.nodes);
    const outcome = await (random.next() < 0.5 ? client.askForChange(node) : client.ask(node));
    this.outcomes.push(outcome);
    if (outcome.status !== 0) this.answered++;
  }
}
