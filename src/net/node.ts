/** Sockets of Node: node:net, whose streams keep what the kernel does not take. */
import net from 'node:net';
import { trueCause } from './shortage.ts';
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  type Listener,
  type ListenOptions,
  type Net,
  nobody,
  plainAddress,
  type Socket,
  type SocketGauge,
  type SocketHandler,
  uncounted,
} from './socket.ts';

class NodeSocket implements Socket {
  handler: SocketHandler;
  readonly secure = false;
  readonly remoteAddress: string;
  private readonly raw: net.Socket;
  private readonly canReset: boolean;
  private error: Error | null = null;
  /** A write that tells of the drain is under way. */
  private draining = false;
  /** Its descriptor is in the gauge. */
  counted: boolean;

  /** A unix-domain socket knows no reset. `counted`: a connection that was made by us has been counted since then. */
  constructor(raw: net.Socket, canReset: boolean, gauge: SocketGauge, counted: boolean) {
    this.raw = raw;
    this.handler = nobody;
    this.canReset = canReset;
    this.counted = counted;
    // Kept now: node:net forgets it when the peer has gone.
    this.remoteAddress = plainAddress(raw.remoteAddress);
    raw.on('data', (chunk: Buffer) => this.handler.onData(chunk));
    raw.on('end', () => this.handler.onEnd());
    raw.on('error', (error) => {
      this.error = error;
    });
    raw.on('close', () => {
      if (this.counted) gauge.add(-1);
      this.handler.onClose(this.error);
    });
  }

  get remotePort(): number {
    return this.raw.remotePort ?? 0;
  }

  get pending(): number {
    return this.raw.destroyed ? 0 : this.raw.writableLength;
  }

  write(chunk: Uint8Array): boolean {
    if (this.raw.destroyed || this.raw.writableEnded) return true;
    if (chunk.length > 0) this.raw.write(chunk);
    if (this.raw.writableLength === 0) return true;
    this.tellDrain();
    return false;
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
    if (this.canReset) this.raw.resetAndDestroy();
    else this.raw.destroy();
  }

  pause(): void {
    this.raw.pause();
  }

  resume(): void {
    this.raw.resume();
  }

  /** The stream's own 'drain' comes only for what is above its mark: an empty write behind the kept bytes tells of all. */
  private tellDrain(): void {
    if (this.draining) return;
    this.draining = true;
    this.raw.write(noBytes, () => {
      this.draining = false;
      if (this.raw.destroyed) return;
      if (this.raw.writableLength > 0) this.tellDrain();
      else this.handler.onDrain();
    });
  }
}

const noBytes = Buffer.alloc(0);

function listen(options: ListenOptions, gauge: SocketGauge): Promise<Listener> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
    const made = new NodeSocket(raw, options.address.kind === 'tcp', gauge, false);
    const handler = options.accept(made);
    if (handler === null) {
      // Its descriptor is free at once, though its `close` comes later.
      made.destroy();
      return;
    }
    made.counted = true;
    gauge.add(1);
    made.handler = handler;
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
      server.on('error', options.onError);
      const bound = server.address();
      resolve({ port: typeof bound === 'object' && bound !== null ? bound.port : 0, close: () => server.close() });
    });
  });
}

function connect(address: Address, handler: ConnectHandler, gauge: SocketGauge): Connecting {
  const raw = net.connect({
    allowHalfOpen: true,
    noDelay: true,
    ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
  });
  gauge.add(1);
  let settled = false;
  const fail = (error: Error): void => {
    settled = true;
    gauge.add(-1);
    handler.onFail(trueCause(error));
  };
  raw.once('error', fail);
  raw.once('connect', () => {
    settled = true;
    const made = new NodeSocket(raw, address.kind === 'tcp', gauge, true);
    raw.off('error', fail);
    made.handler = handler.onOpen(made);
  });
  return {
    cancel() {
      if (settled) return;
      settled = true;
      gauge.add(-1);
      raw.removeAllListeners();
      raw.on('error', () => {});
      raw.destroy();
    },
  };
}

/** Counts its sockets into `gauge`. */
export function createNodeNet(gauge: SocketGauge): Net {
  return {
    runtime: 'node',
    listen: (options) => listen(options, gauge),
    connect: (address, handler) => connect(address, handler, gauge),
    afterTurn: (run) => void setImmediate(run),
  };
}

export const nodeNet: Net = createNodeNet(uncounted);
