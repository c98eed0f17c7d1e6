/** A pool of servers with the session library (apps/library-server.ts), and a client that can sign in and out there. */
import { type AskOptions, startServer, together, Visitor } from './peers.ts';

const app = new URL('./apps/library-server.ts', import.meta.url);

export const startLibraryShop = (name: string, port?: number) => startServer(app, name, port);
export const startLibraryShops = (...names: string[]) => together(names.map((name) => startLibraryShop(name)));

/** What the app says of a session. */
export interface Account {
  readonly server: string;
  readonly count: number;
  readonly epoch: number;
  /** null: nobody is signed in. */
  readonly user: string | null;
}

export class Customer extends Visitor {
  /** Another one with the same cookies, at that balancer. */
  twin(url: string): Customer {
    const twin = new Customer(url);
    for (const [name, value] of this.cookies) twin.cookies.set(name, value);
    return twin;
  }

  /** Throws when the answer is not a 200. */
  async visit(path = '/', options: AskOptions = {}): Promise<Account> {
    const { status, body } = await this.ask(path, options);
    if (status !== 200) throw new Error(`${path}: ${status} ${body.slice(0, 200)}`);
    return JSON.parse(body) as Account;
  }

  /** The status, and why it is no success. */
  async tries(path: string): Promise<string> {
    const { status, headers } = await this.ask(path);
    return `${status} ${headers['limpet-reason'] ?? ''}`.trim();
  }
}
