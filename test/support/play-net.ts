/**
 * A network without a kernel on which everything happens at once: a client asks, the balancer asks servers, and each of
 * them answers at once as `app` says. Thousands of requests take less than a second.
 */
import { DrySocket } from '../../src/explain/dry-net.ts';
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  formatAddress,
  type Listener,
  type ListenOptions,
  type Net,
} from '../../src/net/socket.ts';

/** A whole response for a request head. */
export type App = (server: Address, request: string) => string;

export class PlayNet implements Net {
  readonly runtime = 'node';
  private readonly app: App;
  private readonly listening = new Map<string, ListenOptions['accept']>();
  private readonly dialling: { readonly address: Address; readonly handler: ConnectHandler }[] = [];
  private readonly turns: (() => void)[] = [];
  private readonly servers = new Set<PlayServer>();

  constructor(app: App) {
    this.app = app;
  }

  afterTurn(run: () => void): void {
    this.turns.push(run);
  }

  listen({ address, accept }: ListenOptions): Promise<Listener> {
    this.listening.set(formatAddress(address), accept);
    return Promise.resolve({ port: address.kind === 'tcp' ? address.port : 0, close() {} });
  }

  connect(address: Address, handler: ConnectHandler): Connecting {
    const one = { address, handler };
    this.dialling.push(one);
    return {
      cancel: () => {
        const at = this.dialling.indexOf(one);
        if (at >= 0) this.dialling.splice(at, 1);
      },
    };
  }

  /** A client at `from` connects to a listener, sends a request, and goes when it is answered. */
  ask(listener: Address, from: string, request: string): string {
    const client = new DrySocket(from);
    const handler = this.listening.get(formatAddress(listener))?.(client);
    if (handler == null) throw new Error(`nobody accepts at ${formatAddress(listener)}`);
    handler.onData(Buffer.from(request, 'latin1'));
    for (let rounds = 0; this.serve(); rounds++) if (rounds > 100) throw new Error('the request has no end');
    const answer = client.written.toString('latin1');
    handler.onClose(null);
    return answer;
  }

  /** False: there is nothing to do. */
  private serve(): boolean {
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
