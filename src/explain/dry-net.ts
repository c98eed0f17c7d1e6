/**
 * A network without sockets: nothing listens, and nothing is sent. The client is passed to `accept`, and each server responds with a
 * plain 200, or refuses the connection.
 */
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  formatAddress,
  type ListeningSocket,
  type ListenOptions,
  type Net,
  nobody,
  type Socket,
  type SocketHandler,
} from '../net/socket.ts';

/** Such as caches may store: what Limpet does about that can be seen. */
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

/** Keeps what is written to it. */
export class DrySocket implements Socket {
  handler: SocketHandler = nobody;
  readonly remoteAddress: string;
  readonly pending = 0;
  readonly descriptor = -1;
  readonly secure = false;
  readonly tls = null;
  private readonly chunks: Buffer[] = [];

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  get written(): Buffer {
    return Buffer.concat(this.chunks);
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk));
    return true;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(bytes.subarray(0, length));
  }

  end(): void {}
  close(): void {}
  destroy(): void {}
  pause(): void {}
  resume(): void {}
  charge(): void {}
}

interface Dialling {
  readonly address: Address;
  readonly handler: ConnectHandler;
}

export class DryNet implements Net {
  readonly runtime = 'node';
  /** What each server was sent, in the order in which they were asked; '' when it refused. */
  readonly requests: { readonly address: Address; readonly received: string }[] = [];
  private readonly refuses: (address: Address) => boolean;
  private readonly onAsk: (address: Address) => void;
  private readonly listening = new Map<string, ListenOptions['accept']>();
  protected readonly dialling: Dialling[] = [];

  /** `onAsk` is told of each connection before it is made. */
  constructor(refuses: (address: Address) => boolean, onAsk: (address: Address) => void) {
    this.refuses = refuses;
    this.onAsk = onAsk;
  }

  afterTurn(run: () => void): void {
    run();
  }

  listen({ address, accept }: ListenOptions): Promise<ListeningSocket> {
    this.listening.set(formatAddress(address), accept);
    return Promise.resolve({ port: address.kind === 'tcp' ? address.port : 0, setTls() {}, close() {} });
  }

  connect(address: Address, handler: ConnectHandler): Connecting {
    const one = { address, handler };
    this.onAsk(address);
    this.dialling.push(one);
    return {
      cancel: () => {
        const i = this.dialling.indexOf(one);
        if (i >= 0) this.dialling.splice(i, 1);
      },
    };
  }

  /** A client at `remoteAddress` connects to a listener, sends `bytes`, is answered and goes. Answers what it got. */
  request(listener: Address, remoteAddress: string, bytes: Buffer): Buffer {
    const client = new DrySocket(remoteAddress);
    const handler = this.listening.get(formatAddress(listener))?.(client);
    if (handler == null) throw new Error(`nobody accepts at ${formatAddress(listener)}`);
    handler.onData(bytes);
    this.serve();
    const { written } = client;
    handler.onClose(null);
    return written;
  }

  /** Until nobody is asked any more: a refused connection makes the balancer try another server. */
  protected serve(): void {
    for (let one = this.dialling.shift(); one !== undefined; one = this.dialling.shift()) {
      const { address, handler } = one;
      if (this.refuses(address)) {
        this.requests.push({ address, received: '' });
        handler.onFail(new Error('refused'));
        continue;
      }
      const server = new DrySocket('');
      server.handler = handler.onOpen(server);
      this.requests.push({ address, received: server.written.toString('latin1') });
      server.handler.onData(Buffer.from(answer));
    }
  }
}
