/**
 * A network without a kernel on which everything happens at once: a client asks, the balancer asks servers, and each of
 * them answers at once as `app` says. Thousands of requests take less than a second.
 */
import { DryNet, DrySocket } from '../../src/explain/dry-net.ts';
import type { Address } from '../../src/net/socket.ts';

/** A whole response for a request head. */
export type App = (server: Address, request: string) => string;

export class PlayNet extends DryNet {
  private readonly app: App;
  private readonly turns: (() => void)[] = [];
  private readonly servers = new Set<PlayServer>();

  constructor(app: App) {
    super(
      () => false,
      () => {},
    );
    this.app = app;
  }

  override afterTurn(run: () => void): void {
    this.turns.push(run);
  }

  protected override serve(): void {
    for (let rounds = 0; this.serveOne(); rounds++) if (rounds > 100) throw new Error('the request has no end');
  }

  /** False: there is nothing to do. */
  private serveOne(): boolean {
    const turn = this.turns.shift();
    if (turn !== undefined) {
      turn();
      return true;
    }
    const one = this.dialling.shift();
    if (one !== undefined) {
      const server = new PlayServer(one.address);
      this.servers.add(server);
      server.handler = one.handler.onOpen(server);
      return true;
    }
    for (const server of this.servers) {
      const request = server.take();
      if (request === '') continue;
      server.handler.onData(Buffer.from(this.app(server.address, request), 'latin1'));
      return true;
    }
    return false;
  }
}

class PlayServer extends DrySocket {
  readonly address: Address;
  private text = '';

  constructor(address: Address) {
    super('');
    this.address = address;
  }

  override write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString('latin1');
    return true;
  }

  /** The next whole request; '' none. */
  take(): string {
    const end = this.text.indexOf('\r\n\r\n');
    if (end < 0) return '';
    const head = this.text.slice(0, end + 4);
    this.text = this.text.slice(end + 4);
    return head;
  }
}
