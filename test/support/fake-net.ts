/** A network without a kernel: the test plays the servers, one `FakePeer` per connection that is made. */
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  type Listener,
  type ListenOptions,
  type Net,
  nobody,
  type Socket,
  type SocketHandler,
} from '../../src/net/socket.ts';

/** The server's end of one connection, or of one that is being made. */
export class FakePeer implements Socket, Connecting {
  readonly address: Address;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 0;
  readonly secure = false;
  pending = 0;
  state: 'connecting' | 'cancelled' | 'failed' | 'open' | 'closed' | 'reset' = 'connecting';
  /** Everything the other side wrote. */
  received = '';
  handler: SocketHandler = nobody;
  private readonly connectHandler: ConnectHandler;

  constructor(address: Address, connectHandler: ConnectHandler) {
    this.address = address;
    this.connectHandler = connectHandler;
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

  /** What the code under test calls. */
  cancel(): void {
    if (this.state !== 'connecting') throw new Error(`cancelled while ${this.state}`);
    this.state = 'cancelled';
  }

  write(chunk: Uint8Array): boolean {
    this.received += Buffer.from(chunk).toString('latin1');
    return true;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(bytes.subarray(0, length));
  }

  end(): void {}

  close(): void {
    this.leave('closed');
  }

  destroy(): void {
    this.leave('reset');
  }

  pause(): void {}
  resume(): void {}

  private leave(state: 'closed' | 'reset'): void {
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

  listen(_options: ListenOptions): Promise<Listener> {
    return Promise.reject(new Error('nobody listens here'));
  }

  afterTurn(run: () => void): void {
    setImmediate(run);
  }

  connect(address: Address, handler: ConnectHandler): Connecting {
    const peer = new FakePeer(address, handler);
    this.peers.push(peer);
    this.onConnect(peer);
    return peer;
  }
}
