/** One socket of Node, plain or TLS. Its streams keep the bytes that the kernel does not take. */
import { writeSync } from 'node:fs';
import net from 'node:net';
import { plainAddress } from '../../ip.ts';
import {
  type Account,
  isHandshake,
  noAccount,
  nobody,
  type Socket,
  type SocketGauge,
  type SocketHandler,
} from '../socket.ts';
import { handshakeCut, plainHttp, type TlsSession } from '../tls.ts';

export class NodeSocket implements Socket {
  handler: SocketHandler = nobody;
  readonly secure: boolean;
  tls: TlsSession | null = null;
  readonly remoteAddress: string;
  /** The TCP or unix-domain socket. */
  private readonly transport: net.Socket;
  /** What is read and written: the transport, or with TLS, after the handshake, the socket of node:tls above it. */
  private raw: net.Socket;
  private handle: ReadHandle | null;
  private readonly transportHandle: ReadHandle | null;
  private readonly canReset: boolean;
  private readonly gauge: SocketGauge;
  private account: Account = noAccount;
  /** Bytes of `pending` that the account has been charged with. */
  private charged = 0;
  private error: Error | null = null;
  /** Why the kernel takes no more bytes. What has arrived can still be read. */
  private writeError: NodeJS.ErrnoException | null = null;
  /** The write that reports the drain has not been called back yet. */
  private draining = false;
  private closed = false;
  private gone = false;
  /** node:tls reads from the transport. */
  underTls = false;
  /** Its descriptor is in the gauge. */
  counted: boolean;

  /**
   * A unix-domain socket cannot be reset. `secure`: `begin` comes when the handshake is over. `counted`: a connection that Limpet made
   * has been counted since it was begun.
   */
  constructor(transport: net.Socket, canReset: boolean, secure: boolean, gauge: SocketGauge, counted: boolean) {
    this.transport = transport;
    this.raw = transport;
    this.secure = secure;
    this.canReset = canReset;
    this.handle = handleOf(transport);
    this.transportHandle = this.handle;
    this.gauge = gauge;
    this.counted = counted;
    // Read now: node:net does not have it any more when the peer is gone.
    this.remoteAddress = plainAddress(transport.remoteAddress ?? '');
    transport.on('error', (error) => {
      this.error ??= error;
    });
    transport.on('close', () => this.onClose());
    if (!secure) this.begin(transport);
  }

  /** From now on bytes can be read and written. `raw`: the transport, or the socket of node:tls above it. */
  private begin(raw: net.Socket): void {
    this.raw = raw;
    this.handle = handleOf(raw);
    raw.on('data', (chunk: Buffer) => this.onData(chunk));
    raw.on('end', () => this.onEnd());
    this.readOnAfterWriteErrors();
  }

  /** The handshake is over. */
  onSecure(raw: net.Socket, session: TlsSession): void {
    this.tls = session;
    // After bytes that are no record, node:tls would leave the connection open.
    raw.on('error', (error) => {
      this.error ??= error;
      setImmediate(() => this.reset());
    });
    this.begin(raw);
    const { handler } = this;
    if (isHandshake(handler)) handler.onSecure(session);
  }

  /** node:tls closes the connection next. */
  onHandshakeFail(error: NodeJS.ErrnoException): void {
    this.error = error;
    const { handler, handle } = this;
    if (error.code !== plainHttp || handle?.fd === undefined || !isHandshake(handler)) return;
    try {
      // Nothing has been sent before: neither the handshake nor an alert.
      writeSync(handle.fd, handler.onPlainHttp());
    } catch {
      // It has gone, or does not read.
    }
  }

  private onData(chunk: Buffer): void {
    if (!this.gone) this.handler.onData(chunk);
  }

  private onClose(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.counted) this.gauge.add(-1);
    this.setCharged(0);
    const isCut = this.isHandshaking && !this.gone;
    this.handler.onClose(this.error ?? this.writeError ?? (isCut ? handshakeCut() : null));
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
    if (this.gone) return;
    if (this.writeError === null || this.writeError.code === 'EPIPE') this.handler.onEnd();
    else this.raw.destroy();
  }

  get descriptor(): number {
    return this.isGone ? -1 : (this.handle?.fd ?? -1);
  }

  get pending(): number {
    const { kept } = this;
    // With TLS they may be kept since a write that was taken to have been taken.
    if (kept > 0) this.notifyDrain();
    return kept;
  }

  private get kept(): number {
    const { raw } = this;
    if (this.isGone || this.writeError !== null) return 0;
    const length = raw.writableLength;
    if (length === 0 || raw === this.transport || length > tlsTurnBytes) return length;
    return this.transportHandle?.writeQueueSize === 0 ? 0 : length;
  }

  write(chunk: Uint8Array): boolean {
    if (this.isGone || this.raw.writableEnded || this.writeError !== null) return true;
    if (chunk.length > 0) this.raw.write(chunk);
    const { kept } = this;
    if (kept === 0) return true;
    this.setCharged(kept);
    this.notifyDrain();
    return false;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(Buffer.from(bytes.subarray(0, length)));
  }

  end(): void {
    if (this.isHandshaking) this.destroy();
    else this.raw.end();
  }

  close(): void {
    if (this.isHandshaking) this.destroy();
    else this.raw.destroySoon();
  }

  private get isHandshaking(): boolean {
    return this.secure && this.tls === null;
  }

  destroy(): void {
    if (this.isGone) return;
    this.gone = true;
    this.setCharged(0);
    // node:tls crashes the process when its transport is closed from inside one of its callbacks, and this may be one.
    if (this.underTls) setImmediate(() => this.reset());
    else this.reset();
  }

  /** Without close_notify. */
  private reset(): void {
    if (this.canReset) this.transport.resetAndDestroy();
    else this.transport.destroy();
  }

  /** Nothing can be read or written any more. */
  private get isGone(): boolean {
    return this.gone || this.raw.destroyed;
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
      if (this.isGone) return;
      const { kept } = this;
      this.setCharged(kept);
      if (kept > 0) this.notifyDrain();
      else this.handler.onDrain();
    });
  }
}

const noBytes = Buffer.alloc(0);

/**
 * node:tls reports each write in the next turn of the event loop, also when the kernel has taken it at once. Up to so many bytes count
 * as taken when nothing waits in the transport below.
 */
const tlsTurnBytes = 128 * 1024;

type WriteCallback = (error?: Error | null) => void;

/** The methods that a stream calls to write one chunk, or several. */
const { _write: write, _writev: writev } = net.Socket.prototype;

/** The handle that node:net reads from. */
interface ReadHandle {
  reading: boolean;
  /** Not on Windows. */
  readonly fd?: number;
  /** Bytes that the kernel has not taken. */
  readonly writeQueueSize?: number;
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
