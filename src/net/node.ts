/** Sockets of Node, by node:net. Its streams keep the bytes that the kernel does not take. */
import net from 'node:net';
import { plainAddress } from '../ip.ts';
import { trueCause } from './shortage.ts';
import {
  type Account,
  type Address,
  type ConnectHandler,
  type Connecting,
  type ListeningSocket,
  type ListenOptions,
  type Net,
  noAccount,
  nobody,
  type Socket,
  type SocketGauge,
  type SocketHandler,
  uncounted,
} from './socket.ts';
import { notBuilt, plainListener } from './tls.ts';

class NodeSocket implements Socket {
  handler: SocketHandler;
  readonly secure = false;
  readonly tls = null;
  readonly remoteAddress: string;
  private readonly raw: net.Socket;
  private readonly handle: ReadHandle | null;
  private readonly canReset: boolean;
  private account: Account = noAccount;
  /** Bytes of `pending` that the account has been charged with. */
  private charged = 0;
  private error: Error | null = null;
  /** Why the kernel takes no more bytes. What has arrived can still be read. */
  private writeError: NodeJS.ErrnoException | null = null;
  /** The write that reports the drain has not been called back yet. */
  private draining = false;
  /** Its descriptor is in the gauge. */
  counted: boolean;

  /** A unix-domain socket cannot be reset. `counted`: a connection that Limpet made has been counted since it was begun. */
  constructor(raw: net.Socket, canReset: boolean, gauge: SocketGauge, counted: boolean) {
    this.raw = raw;
    this.handler = nobody;
    this.canReset = canReset;
    this.handle = handleOf(raw);
    this.counted = counted;
    // Read now: node:net does not have it any more when the peer is gone.
    this.remoteAddress = plainAddress(raw.remoteAddress ?? '');
    raw.on('data', (chunk: Buffer) => this.handler.onData(chunk));
    raw.on('end', () => this.onEnd());
    raw.on('error', (error) => {
      this.error = error;
    });
    raw.on('close', () => {
      if (this.counted) gauge.add(-1);
      this.setCharged(0);
      this.handler.onClose(this.error ?? this.writeError);
    });
    this.readOnAfterWriteErrors();
  }

  /**
   * node:net destroys a stream when a write fails, and with it the bytes that have arrived and have not been read, such as the
   * response of a server that closes without reading the whole request. Here the failure is hidden from the stream, and its end
   * comes by reading.
   */
  private readOnAfterWriteErrors(): void {
    const { raw } = this;
    let original: WriteCallback | null = null;
    let wrapped: WriteCallback = () => {};
    // The stream passes the same callback to all its writes.
    const tolerant = (callback: WriteCallback): WriteCallback => {
      if (original === callback) return wrapped;
      original = callback;
      wrapped = (error) => {
        if (error != null) this.writeError ??= error;
        callback(null);
      };
      return wrapped;
    };
    raw._write = (chunk, encoding, callback) => write.call(raw, chunk, encoding, tolerant(callback));
    raw._writev = (chunks, callback) => writev?.call(raw, chunks, tolerant(callback));
  }

  /**
   * EPIPE: the peer's FIN came before its reset. With another code, the failed write has consumed the error of the reset, and
   * reading gives the end only.
   */
  private onEnd(): void {
    if (this.writeError === null || this.writeError.code === 'EPIPE') this.handler.onEnd();
    else this.raw.destroy();
  }

  get descriptor(): number {
    return this.raw.destroyed ? -1 : (this.handle?.fd ?? -1);
  }

  get pending(): number {
    return this.raw.destroyed || this.writeError !== null ? 0 : this.raw.writableLength;
  }

  write(chunk: Uint8Array): boolean {
    if (this.raw.destroyed || this.raw.writableEnded || this.writeError !== null) return true;
    if (chunk.length > 0) this.raw.write(chunk);
    const kept = this.raw.writableLength;
    if (kept === 0) return true;
    this.setCharged(kept);
    this.notifyDrain();
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
    this.setCharged(0);
  }

  pause(): void {
    const { raw, handle } = this;
    // Also pauses a socket whose handle does not read yet.
    raw.pause();
    if (handle === null || raw.destroyed || !handle.reading) return;
    handle.reading = false;
    handle.readStop();
  }

  resume(): void {
    const { raw, handle } = this;
    raw.resume();
    if (handle === null || raw.destroyed || handle.reading) return;
    handle.reading = true;
    handle.readStart();
  }

  charge(account: Account): void {
    const { account: before, charged } = this;
    this.account = account;
    if (charged === 0) return;
    before.addBuffered(-charged);
    account.addBuffered(charged);
  }

  private setCharged(pending: number): void {
    if (pending === this.charged) return;
    const before = this.charged;
    this.charged = pending;
    this.account.addBuffered(pending - before);
  }

  /**
   * The stream's own 'drain' comes only for bytes above its high-water mark. An empty write after the kept bytes reports all of
   * them.
   */
  private notifyDrain(): void {
    if (this.draining) return;
    this.draining = true;
    this.raw.write(noBytes, () => {
      this.draining = false;
      if (this.raw.destroyed) return;
      this.setCharged(this.raw.writableLength);
      if (this.raw.writableLength > 0) this.notifyDrain();
      else this.handler.onDrain();
    });
  }
}

const noBytes = Buffer.alloc(0);

type WriteCallback = (error?: Error | null) => void;

/** The methods that a stream calls to write one chunk, or several. */
const { _write: write, _writev: writev } = net.Socket.prototype;

/** The handle that node:net reads from. */
interface ReadHandle {
  reading: boolean;
  /** Not on Windows. */
  readonly fd?: number;
  readStop(): void;
  readStart(): void;
}

/**
 * After node:net's own pause the kernel's bytes still come until a queue of 64 KB is full, for each paused socket. It stops the
 * handle itself only when the reader brings its own buffers (`onread`), which sockets of a listener cannot. null: this Node has
 * no such handle.
 */
function handleOf(raw: net.Socket): ReadHandle | null {
  const handle: unknown = '_handle' in raw ? raw._handle : null;
  return isReadHandle(handle) ? handle : null;
}

function isReadHandle(handle: unknown): handle is ReadHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'reading' in handle &&
    'readStop' in handle &&
    'readStart' in handle
  );
}

function listen(options: ListenOptions, gauge: SocketGauge): Promise<ListeningSocket> {
  if (options.tls !== null) return Promise.reject(notBuilt());
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
    const made = new NodeSocket(raw, options.address.kind === 'tcp', gauge, false);
    const handler = options.accept(made);
    if (handler === null) {
      // The descriptor is freed at once, although 'close' comes later.
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
      // Errors of accept, such as EMFILE: the listener goes on.
      server.on('error', options.onError);
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
      resolve({ port, setTls: plainListener, close: () => server.close() });
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
    connect(address, handler, tls) {
      if (tls != null) throw notBuilt();
      return connect(address, handler, gauge);
    },
    afterTurn: (run) => void setImmediate(run),
  };
}

export const nodeNet: Net = createNodeNet(uncounted);
