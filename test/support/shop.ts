/** A pool of servers that keep sessions by the protocol (apps/session-server.ts), and what their answers tell. */
import type { AskOptions, Reply, ServerProcess } from './peers.ts';
import { startServer, together, Visitor } from './peers.ts';

const app = new URL('./apps/session-server.ts', import.meta.url);

export const startShops = (...names: string[]) => together(names.map((name) => startServer(app, name)));
export const startShop = (name: string, port?: number) => startServer(app, name, port);

export const poolOf = (servers: readonly ServerProcess[]) => servers.map(({ name, address }) => ({ name, address }));

/** What the app says of a session. */
export interface Count {
  readonly server: string;
  readonly id: string;
  readonly epoch: number;
  readonly reason: string;
  readonly count: number;
  readonly restored: boolean;
}

export class Shopper extends Visitor {
  reply!: Reply;

  /** Another one with the same cookies, at that balancer. */
  twin(url: string): Shopper {
    const twin = new Shopper(url);
    for (const [name, value] of this.cookies) twin.cookies.set(name, value);
    return twin;
  }

  /** Throws when the answer is not a 200. */
  async count(path = '/', options: AskOptions = {}): Promise<Count> {
    this.reply = await this.ask(path, options);
    if (this.reply.status !== 200) throw new Error(`${path}: ${this.reply.status} ${this.reply.body.slice(0, 200)}`);
    return JSON.parse(this.reply.body) as Count;
  }
}
