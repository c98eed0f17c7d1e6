/** Sockets of Node: node:net, whose streams keep what the kernel does not take. */
import net from 'node:net';
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  type Listener,
  type ListenOptions,
  type Net,
  plainAddress,
  type Socket,
  type SocketHandler,
} from './socket.ts';

class NodeSocket implements Socket {
  handler: SocketHandler;
  readonly secure = false;
  readonly remoteAddress: string;
  private readonly raw: net.Socket;
  private error: Error | null = null;

  constructor(raw: net.Socket, handler: SocketHandler) {
    this.raw = raw;
    this.handler = handler;
    // Kept now: node:net forgets it when the peer has gone.
    this.remoteAddress = plainAddress(raw.remoteAddress);
    raw.on('data', (chunk: Buffer) => this.handler.onData(chunk));
    raw.on('drain', () => this.handler.onDrain());
    raw.on('end', () => this.handler.onEnd());
    raw.on('error', (error) => {
      this.error = error;
    });
    raw.on('close', () => this.handler.onClose(this.error));
  }

  get remotePort(): number {
    return this.raw.remotePort ?? 0;
  }

  get pending(): number {
    return this.raw.writableLength;
  }

  // A stream answers false for any chunk above its mark, also when the kernel took all of it.
  write(chunk: Uint8Array): boolean {
    if (this.raw.destroyed || this.raw.writableEnded) return true;
    return this.raw.write(chunk) || this.raw.writableLength === 0;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(Buffer.from(bytes.subarray(0, length)));
  }

  end(): void {
    this.raw.end();
  }

  close(): void {
    this.raw.destroySoon();
  }

  destroy(): void {
    this.raw.resetAndDestroy();
  }

  pause(): void {
    this.raw.pause();
  }

  resume(): void {
    this.raw.resume();
  }
}

/** Until its owner is known, a socket tells nobody. */
const nobody: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

function listen(options: ListenOptions): Promise<Listener> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
    const made = new NodeSocket(raw, nobody);
    const handler = options.accept(made);
    if (handler === null) made.destroy();
    else made.handler = handler;
  });
  const { address, backlog, reusePort } = options;
  const where =
    address.kind === 'unix'
      ? { path: address.path, backlog }
      : { port: address.port, backlog, reusePort, ...(address.host === '' ? {} : { host: address.host }) };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      // EMFILE on accept and the like: the listener lives on.
      server.on('error', () => {});
      const bound = server.address();
      resolve({ port: typeof bound === 'object' && bound !== null ? bound.port : 0, close: () => server.close() });
    });
  });
}

function connect(address: Address, handler: ConnectHandler): Connecting {
  const raw = net.connect({
    allowHalfOpen: true,
    noDelay: true,
    ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
  });
  const fail = (error: Error): void => handler.onFail(error);
  raw.once('error', fail);
  raw.once('connect', () => {
    const made = new NodeSocket(raw, nobody);
    raw.off('error', fail);
    made.handler = handler.onOpen(made);
  });
  return {
    cancel() {
      raw.removeAllListeners();
      raw.on('error', () => {});
      raw.destroy();
    },
  };
}

export const nodeNet: Net = { runtime: 'node', listen, connect };
