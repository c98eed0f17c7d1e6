/**
 * A network without sockets: nothing listens, and nothing is sent. The client is passed to `accept`, and each server responds with a
 * plain 200, or refuses the connection.
 */
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  formatAddress,
  isHandshake,
  type ListeningSocket,
  type ListenOptions,
  type Net,
  nobody,
  type Socket,
  type SocketHandler,
} from '../net/socket.ts';
import type { ServerTls, TlsSession } from '../net/tls.ts';

/** Such as caches may store: what Limpet does about that can be seen. */
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

/** Rules of a network on which nothing is encrypted: a listener with TLS sees that its client has used it. */
export const dryServerTls: ServerTls = {
  identities: [],
  protocols: ['http/1.1'],
  minVersion: 'TLSv1.2',
  ciphers: '',
  clients: null,
  ticketKeys: null,
};

const drySession: TlsSession = {
  protocol: 'http/1.1',
  serverName: '',
  version: 'TLSv1.3',
  cipher: '',
  resumed: false,
  clientCertificate: null,
};

/** Keeps what is written to it. */
export class DrySocket implements Socket {
  handler: SocketHandler = nobody;
  readonly remoteAddress: string;
  readonly pending = 0;
  readonly descriptor = -1;
  readonly secure: boolean;
  readonly tls: TlsSession | null;
  private readonly chunks: Buffer[] = [];

  constructor(remoteAddress: string, tls: TlsSession | null = null) {
    this.remoteAddress = remoteAddress;
    this.tls = tls;
    this.secure = tls !== null;
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
  private readonly listening = new Map<string, Pick<ListenOptions, 'accept' | 'tls'>>();
  protected readonly dialling: Dialling[] = [];

  /** `onAsk` is told of each connection before it is made. */
  constructor(refuses: (address: Address) => boolean, onAsk: (address: Address) => void) {
    this.refuses = refuses;
    this.onAsk = onAsk;
  }

  afterTurn(run: () => void): void {
    run();
  }

  listen({ address, accept, tls }: ListenOptions): Promise<ListeningSocket> {
    this.listening.set(formatAddress(address), { accept, tls });
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
    const at = this.listening.get(formatAddress(listener));
    const client = new DrySocket(remoteAddress, at?.tls === null ? null : drySession);
    const handler = at?.accept(client);
    if (handler == null) throw new Error(`nobody accepts at ${formatAddress(listener)}`);
    client.handler = handler;
    if (isHandshake(handler)) handler.onSecure(drySession);
    client.handler.onData(bytes);
    this.serve();
    const { written } = client;
    client.handler.onClose(null);
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
