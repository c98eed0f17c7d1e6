/**
 * One socket of Bun, plain or TLS. Bun buffers nothing: bytes that the kernel does not take at once wait here until `drain`.
 * Bun may call `close` from inside `end` or `terminate`; a `SocketHandler` is never called in this way.
 */
import { readSync, writeSync } from 'node:fs';
import { plainAddress } from '../../ip.ts';
import {
  type Account,
  isHandshake,
  keepable,
  noAccount,
  nobody,
  type Socket,
  type SocketGauge,
  type SocketHandler,
} from '../socket.ts';
import { plainHttp, type TlsSession } from '../tls.ts';

export type Raw = Bun.Socket<BunSocket | null>;

/** What to do when the kept bytes are gone. */
const After = { nothing: 0, end: 1, close: 2 } as const;

/**
 * paused: the owner wants no bytes now. piecemeal: this file reads, not Bun (`readPieces`). scheduled: the next such read is
 * scheduled.
 */
const Reading = { paused: 1, piecemeal: 2, scheduled: 4 } as const;

/** Most sockets never keep a byte. They share this array, which is never changed. */
const nothing: Uint8Array[] = [];

export class BunSocket implements Socket {
  // The fields that each read and write uses come first, so that they share a cache line.
  handler: SocketHandler;
  pending = 0;
  private readonly raw: Raw;
  private readonly gauge: SocketGauge;
  /** Bits of `Reading` in one number: an idle socket should cost little memory. */
  private reading = 0;
  /** Reads in a row that found nothing. */
  private idleReads = 0;
  private after: number = After.nothing;
  private closed = false;
  readonly secure: boolean;
  tls: TlsSession | null = null;
  private account: Account = noAccount;
  private kept: Uint8Array[] = nothing;
  /** The peer's FIN has been reported. */
  private ended = false;
  /** The kernel takes no more bytes. What has arrived can still be read. */
  private broken = false;
  /** A method of this class is running, from which Bun may call back. */
  private busy = false;
  private address: string | null = null;
  /** Why the TLS handshake has failed. The close comes later. */
  private failure: Error | null = null;

  /** Its descriptor has been counted. */
  constructor(raw: Raw, gauge: SocketGauge, secure: boolean) {
    this.raw = raw;
    this.gauge = gauge;
    this.secure = secure;
    this.handler = nobody;
  }

  get remoteAddress(): string {
    this.address ??= plainAddress(this.raw.remoteAddress ?? '');
    return this.address;
  }

  get descriptor(): number {
    return this.closed ? -1 : descriptorOf(this.raw);
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed || this.broken || this.after !== After.nothing) return true;
    if (this.pending > 0) {
      this.keep(chunk);
      return false;
    }
    const taken = this.raw.write(chunk);
    if (taken === chunk.length) return true;
    if (taken < 0) return this.breakWriting();
    this.keep(chunk.subarray(taken));
    return false;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    if (this.closed || this.broken || this.after !== After.nothing) return true;
    if (length === 0) return this.pending === 0;
    const taken = this.pending > 0 ? 0 : this.raw.write(bytes, 0, length);
    if (taken === length) return true;
    if (taken < 0) return this.breakWriting();
    const rest = Buffer.allocUnsafeSlow(length - taken);
    bytes.copy(rest, 0, taken, length);
    this.keep(rest);
    return false;
  }

  /** This side has closed it, or is about to. */
  get isClosing(): boolean {
    return this.closed || this.busy || this.after !== After.nothing;
  }

  end(): void {
    if (this.closed || this.after !== After.nothing) return;
    this.after = After.end;
    if (this.pending === 0) this.raw.shutdown();
  }

  close(): void {
    if (this.closed) return;
    this.after = After.close;
    if (this.pending === 0) this.closeNow();
  }

  destroy(): void {
    if (this.closed) return;
    this.drop();
    this.busy = true;
    this.raw.terminate();
    this.busy = false;
  }

  pause(): void {
    if (this.closed || this.is(Reading.paused)) return;
    this.reading |= Reading.paused;
    if (!this.is(Reading.piecemeal)) this.raw.pause();
  }

  resume(): void {
    if (this.closed || !this.is(Reading.paused)) return;
    this.reading &= ~Reading.paused;
    if (this.mustReadPieces) this.reading |= Reading.piecemeal;
    if (this.is(Reading.piecemeal)) this.scheduleRead();
    else this.raw.resume();
  }

  onData(chunk: Buffer): void {
    this.handler.onData(chunk);
    // The handler may have closed it.
    if (chunk.length < bulkBytes || this.closed || !this.mustReadPieces) return;
    this.reading |= Reading.piecemeal;
    // When its owner has paused it, Bun does not read already.
    if (this.is(Reading.paused)) return;
    this.raw.pause();
    this.scheduleRead();
  }

  private is(state: number): boolean {
    return (this.reading & state) !== 0;
  }

  /** Never with TLS: what stands in the kernel is encrypted, and belongs to Bun. */
  private get mustReadPieces(): boolean {
    return !this.secure && this.account.crowded;
  }

  /** `wait` in ms; 0: in the next turn of the event loop. */
  private scheduleRead(wait = 0): void {
    if (this.is(Reading.scheduled)) return;
    this.reading |= Reading.scheduled;
    const read = (): void => {
      this.reading &= ~Reading.scheduled;
      this.readPieces();
    };
    if (wait === 0) setImmediate(read);
    else setTimeout(read, wait);
  }

  /**
   * Bun reads up to 512 KB at once, and what the other side does not take of it has to be kept. When much is buffered already, this
   * reads small pieces instead: that costs nearly twice the processor time for each byte, and a sixteenth of the memory.
   */
  private readPieces(): void {
    for (let n = 0; n < piecesAtOnce; n++) {
      if (this.closed || this.reading !== Reading.piecemeal) return;
      const size = readPiece(this.raw);
      if (size > 0) {
        this.idleReads = 0;
        this.handler.onData(takePiece(size));
      } else if (this.account.crowded && this.idleReads < mostIdleReads) {
        // The sender is only slower than this reader: if Bun read again, 512 KB could come at once.
        this.scheduleRead(Math.min(2 ** this.idleReads, maxIdleReadMs));
        this.idleReads++;
        return;
      }
      // Nothing has come for a while, or the end, or an error: Bun handles it from here.
      if (size === 0 || !this.account.crowded) {
        this.leavePieces();
        return;
      }
    }
    if (!this.closed && this.reading === Reading.piecemeal) this.scheduleRead();
  }

  private leavePieces(): void {
    if (this.closed) return;
    this.idleReads = 0;
    this.reading &= ~Reading.piecemeal;
    if (!this.is(Reading.paused)) this.raw.resume();
  }

  charge(account: Account): void {
    const { account: before, pending } = this;
    this.account = account;
    if (pending === 0) return;
    before.addBuffered(-pending);
    account.addBuffered(pending);
  }

  onDrain(): void {
    // With TLS, Bun also reports that it can write when nothing was kept.
    if (this.pending === 0) return;
    while (this.kept.length > 0) {
      const chunk = this.kept[0]!;
      const taken = this.raw.write(chunk);
      if (taken < 0) {
        this.breakWriting();
        break;
      }
      this.pending -= taken;
      this.account.addBuffered(-taken);
      if (taken < chunk.length) {
        this.kept[0] = keepable(chunk.subarray(taken), this.account.crowded ? 2 : 8);
        return;
      }
      this.kept.shift();
    }
    if (this.after === After.end) this.raw.shutdown();
    if (this.after === After.close) this.closeNow();
    else this.handler.onDrain();
  }

  onEnd(): void {
    if (this.broken) {
      // Bun does not say why a write failed. When it failed by a reset, the end that is read later looks like a regular one.
      this.onClose(brokenPipe());
      this.raw.terminate();
      return;
    }
    this.ended = true;
    this.handler.onEnd();
  }

  onClose(reason: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    this.gauge.add(-1);
    this.drop();
    const error = this.failure ?? (reason === null && this.broken && !this.ended ? brokenPipe() : reason);
    // When this side's FIN was first, Bun reports the peer's FIN by the close only.
    if (error === null && this.after === After.end && !this.ended && !this.busy) this.onEnd();
    if (this.busy) queueMicrotask(() => this.handler.onClose(error));
    else this.handler.onClose(error);
  }

  onSecure(session: TlsSession): void {
    if (this.closed) return;
    this.tls = session;
    const { handler } = this;
    if (isHandshake(handler)) handler.onSecure(session);
  }

  /** A failed handshake is closed by Bun next; one that Bun takes for complete, by this. */
  onHandshakeFail(error: NodeJS.ErrnoException, isComplete: boolean): void {
    if (this.closed) return;
    this.failure = error;
    if (isComplete) this.raw.close();
    const { handler } = this;
    if (error.code !== plainHttp || !isHandshake(handler)) return;
    try {
      // Nothing has been sent before: neither the handshake nor an alert.
      writeSync(descriptorOf(this.raw), handler.onPlainHttp());
    } catch {
      // It has gone, or does not read.
    }
  }

  private keep(chunk: Uint8Array): void {
    if (this.kept === nothing) this.kept = [];
    this.kept.push(keepable(chunk, this.account.crowded ? 2 : 8));
    this.pending += chunk.length;
    this.account.addBuffered(chunk.length);
  }

  /** Writing has failed. What has arrived is still read, up to its end. True: no bytes are kept. */
  private breakWriting(): true {
    this.broken = true;
    this.drop();
    return true;
  }

  private drop(): void {
    if (this.pending === 0) return;
    this.account.addBuffered(-this.pending);
    this.kept = nothing;
    this.pending = 0;
  }

  private closeNow(): void {
    this.busy = true;
    this.raw.close();
    this.busy = false;
  }
}

function brokenPipe(): Error {
  return Object.assign(new Error('the connection broke while it was written to'), { code: 'EPIPE' });
}

/** From this size on a chunk is part of a large body. */
const bulkBytes = 64 * 1024;
const pieceBytes = 32 * 1024;
const piecesAtOnce = 8;
/**
 * Reads in a row that find nothing, each twice as long after the one before as that was, until Bun waits for data instead: 0.3 seconds in all.
 * A sender that lives on a loaded machine may pause for so long, and then send at once what it has.
 */
const mostIdleReads = 13;
const maxIdleReadMs = 32;
const piece = Buffer.allocUnsafeSlow(pieceBytes);

/** The file descriptor. Bun's types do not have it. */
function descriptorOf(raw: Raw): number {
  return 'fd' in raw && typeof raw.fd === 'number' ? raw.fd : -1;
}

/** Reads into `piece`, and answers the number of bytes; 0: none, for any reason. */
function readPiece(raw: Raw): number {
  try {
    return readSync(descriptorOf(raw), piece, 0, pieceBytes, null);
  } catch {
    return 0;
  }
}

function takePiece(size: number): Buffer {
  const chunk = Buffer.allocUnsafeSlow(size);
  piece.copy(chunk, 0, 0, size);
  countGarbage(size);
  return chunk;
}

/**
 * An estimate of the garbage since the last collection: the bytes that were read, and for each chunk the objects that come with it.
 * In a worker thread Bun does not count the memory of chunks when it decides to collect. Without this, a large body leaves 60 MB
 * of garbage, and small requests let the heap grow for minutes.
 */
let garbage = 0;
const chunkOverhead = 1024;
const collectAfter = 16 * 1024 * 1024;

function countGarbage(bytes: number): void {
  garbage += bytes + chunkOverhead;
  if (garbage <= collectAfter) return;
  garbage = 0;
  Bun.gc(false);
}

/** Bun's callbacks once a socket has its `BunSocket`. */
export const forward = {
  binaryType: 'buffer',
  data(raw: Raw, chunk: Buffer): void {
    countGarbage(chunk.length);
    raw.data!.onData(chunk);
  },
  drain(raw: Raw): void {
    raw.data?.onDrain();
  },
  end(raw: Raw): void {
    raw.data?.onEnd();
  },
  close(raw: Raw, error?: Error): void {
    raw.data?.onClose(error ?? null);
  },
  error(raw: Raw, error: Error): void {
    // Exceptions of Limpet's own code arrive here too. They must not be taken for a broken connection.
    if (!('code' in error)) {
      queueMicrotask(() => {
        throw error;
      });
    }
    raw.data?.onClose(error);
    raw.terminate();
  },
} as const;
