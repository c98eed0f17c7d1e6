/** A network without a kernel: the test plays the servers, one `FakePeer` per connection that is made. */
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  type ListeningSocket,
  type ListenOptions,
  type Net,
  nobody,
  type Socket,
  type SocketHandler,
} from '../../src/net/socket.ts';
import type { ClientTls, TlsSession } from '../../src/net/tls.ts';

/** The other end of one connection, or of one that is being made: as a rule that of a server. */
export class FakePeer implements Socket, Connecting {
  readonly address: Address;
  readonly remoteAddress = '127.0.0.1';
  readonly descriptor = -1;
  secure = false;
  tls: TlsSession | null = null;
  /** How the connection is to be encrypted; null: not at all. */
  readonly wantedTls: ClientTls | null;
  pending = 0;
  /** It takes nothing: what is written counts as kept until `drain`. */
  slow = false;
  /** The code under test reads nothing. */
  paused = false;
  /** The code under test has sent its FIN. */
  ended = false;
  state: 'connecting' | 'cancelled' | 'failed' | 'open' | 'closed' | 'reset' | 'gone' = 'connecting';
  /** Everything the other side wrote. */
  received = '';
  handler: SocketHandler = nobody;
  private readonly connectHandler: ConnectHandler;

  constructor(address: Address, connectHandler: ConnectHandler, wantedTls: ClientTls | null = null) {
    this.address = address;
    this.connectHandler = connectHandler;
    this.wantedTls = wantedTls;
  }

  /** A client's, that has connected. */
  static connected(): FakePeer {
    const handler = { onOpen: () => nobody, onFail() {} };
    const peer = new FakePeer({ kind: 'tcp', host: '127.0.0.1', port: 0 }, handler);
    peer.state = 'open';
    return peer;
  }

  /** The test's side. */
  open(): void {
    this.state = 'open';
    this.handler = this.connectHandler.onOpen(this);
  }

  /** `code`: the system's, if it is to have one. */
  fail(message: string, code?: string): void {
    this.state = 'failed';
    this.connectHandler.onFail(Object.assign(new Error(message), code !== undefined && { code }));
  }

  send(text: string): void {
    this.handler.onData(Buffer.from(text));
  }

  /** The connection is gone at this end. */
  leave(error: Error | null): void {
    this.state = 'gone';
    this.handler.onClose(error);
  }

  /** It takes what was kept. */
  drain(): void {
    this.slow = false;
    if (this.pending === 0) return;
    this.pending = 0;
    this.handler.onDrain();
  }

  /** What the code under test calls. */
  cancel(): void {
    if (this.state !== 'connecting') throw new Error(`cancelled while ${this.state}`);
    this.state = 'cancelled';
  }

  write(chunk: Uint8Array): boolean {
    if (this.state !== 'open') return true;
    this.received += Buffer.from(chunk).toString('latin1');
    if (this.slow) this.pending += chunk.length;
    return this.pending === 0;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(bytes.subarray(0, length));
  }

  end(): void {
    this.ended = true;
  }

  close(): void {
    this.shut('closed');
  }

  destroy(): void {
    this.shut('reset');
  }

  pause(): void {
    this.paused = true;
  }

  charge(): void {}

  resume(): void {
    this.paused = false;
  }

  private shut(state: 'closed' | 'reset'): void {
    if (this.state === 'gone') return;
    if (this.state !== 'open') throw new Error(`${state} while ${this.state}`);
    this.state = state;
  }
}

export class FakeNet implements Net {
  readonly runtime = 'node';
  /** Every connection so far, in order. */
  readonly peers: FakePeer[] = [];
  /** Set it to answer connections as they are made. */
  onConnect: (peer: FakePeer) => void = () => {};

  get last(): FakePeer {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error('nobody has connected');
    return peer;
  }

  listen(_options: ListenOptions): Promise<ListeningSocket> {
    return Promise.reject(new Error('nobody listens here'));
  }

  afterTurn(run: () => void): void {
    setImmediate(run);
  }

  connect(address: Address, handler: ConnectHandler, tls: ClientTls | null = null): Connecting {
    const peer = new FakePeer(address, handler, tls);
    this.peers.push(peer);
    this.onConnect(peer);
    return peer;
  }
}
