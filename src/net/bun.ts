/**
 * Sockets of Bun. Bun keeps nothing for us: what the kernel does not take at once waits here until `drain`.
 * Its close callback may run inside `end` or `terminate`; ours never does (see `SocketHandler`).
 */
import { readSync } from 'node:fs';
import net from 'node:net';
import { codeOf } from '../errors.ts';
import { plainAddress } from '../ip.ts';
import { trueCause } from './shortage.ts';
import {
  type Account,
  type Address,
  type ConnectHandler,
  type Connecting,
  keepable,
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

type Raw = Bun.Socket<BunSocket | null>;

/** What happens once the kept bytes are gone. */
const After = { nothing: 0, end: 1, close: 2 } as const;

/** paused: the owner wants no bytes now. piecemeal: Bun does not read, we do (`readPieces`). scheduled: the next time that we do. */
const Reading = { paused: 1, piecemeal: 2, scheduled: 4 } as const;

/** Most sockets never keep a byte: they share it, and nobody writes to it. */
const nothing: Uint8Array[] = [];

class BunSocket implements Socket {
  // What each read and write looks at stands first, so that it shares a cache line.
  handler: SocketHandler;
  pending = 0;
  private readonly raw: Raw;
  private readonly gauge: SocketGauge;
  /** Of `Reading`. One word: a socket that is idle should cost little. */
  private reading = 0;
  /** In a row that found nothing. */
  private idleReads = 0;
  private after: number = After.nothing;
  private closed = false;
  readonly secure = false;
  private account: Account = noAccount;
  private kept: Uint8Array[] = nothing;
  /** The peer's FIN has been told. */
  private ended = false;
  /** The kernel takes no more bytes; what has come may still be read. */
  private broken = false;
  /** Inside one of our own calls, where Bun may call back. */
  private busy = false;
  private address: string | null = null;

  /** Its descriptor has been counted. */
  constructor(raw: Raw, gauge: SocketGauge) {
    this.raw = raw;
    this.gauge = gauge;
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
    if (this.account.crowded) this.reading |= Reading.piecemeal;
    if (this.is(Reading.piecemeal)) this.scheduleRead();
    else this.raw.resume();
  }

  onData(chunk: Buffer): void {
    this.handler.onData(chunk);
    // It may have come to an end.
    if (chunk.length < bulkBytes || this.closed || !this.account.crowded) return;
    this.reading |= Reading.piecemeal;
    // Paused by its owner it is that for Bun already.
    if (this.is(Reading.paused)) return;
    this.raw.pause();
    this.scheduleRead();
  }

  private is(state: number): boolean {
    return (this.reading & state) !== 0;
  }

  /** `wait` in ms; 0: with the next turn of the loop. */
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
   * Bun reads up to 512 KB at once, and what the other side does not take of that is kept. With many such connections reads are
   * small instead: nearly twice the processor time for each byte, and a sixteenth of the memory.
   */
  private readPieces(): void {
    for (let n = 0; n < piecesAtOnce; n++) {
      if (this.closed || this.reading !== Reading.piecemeal) return;
      const size = readPiece(this.raw);
      if (size > 0) {
        this.idleReads = 0;
        this.handler.onData(takePiece(size));
      } else if (this.account.crowded && this.idleReads < mostIdleReads) {
        // A sender that is only slower than we are: what comes next would be 512 KB at once again.
        this.idleReads++;
        this.scheduleRead(idleReadTime * this.idleReads);
        return;
      }
      // Nothing for a while, its end, or an error: Bun sees to that.
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
      // Bun does not say why a write failed, and after a reset that it has told by that the end reads as a regular one.
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
    const error = reason === null && this.broken && !this.ended ? brokenPipe() : reason;
    // When our FIN was first, Bun answers the peer's with the close alone.
    if (error === null && this.after === After.end && !this.ended && !this.busy) this.onEnd();
    if (this.busy) queueMicrotask(() => this.handler.onClose(error));
    else this.handler.onClose(error);
  }

  private keep(chunk: Uint8Array): void {
    if (this.kept === nothing) this.kept = [];
    this.kept.push(keepable(chunk, this.account.crowded ? 2 : 8));
    this.pending += chunk.length;
    this.account.addBuffered(chunk.length);
  }

  /** What has come is read on, up to its end. True: nothing is kept. */
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
/** Looks for more, each so many ms later than the one before, until Bun waits for it. */
const mostIdleReads = 5;
const idleReadTime = 1;
const piece = Buffer.allocUnsafeSlow(pieceBytes);

/** Bun's types do not tell of it. */
function descriptorOf(raw: Raw): number {
  return 'fd' in raw && typeof raw.fd === 'number' ? raw.fd : -1;
}

/** Bytes that stand in `piece` now; 0: none, whyever. */
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
 * Bytes read since the last collection, and what comes with each chunk: its object and those of the request. Bun's own timing
 * does not see the chunks' memory in a worker thread: without a hint a large body leaves 60 MB of garbage behind, and small
 * requests let the heap grow for minutes.
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
const forward = {
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
    // What our own code throws comes by here too: that must not pass for a broken connection.
    if (!('code' in error)) {
      queueMicrotask(() => {
        throw error;
      });
    }
    raw.data?.onClose(error);
    raw.terminate();
  },
} as const;

async function listen(options: ListenOptions, gauge: SocketGauge): Promise<ListeningSocket> {
  const socket = {
    ...forward,
    open(raw: Raw): void {
      const made = new BunSocket(raw, gauge);
      gauge.add(1);
      raw.data = made;
      const handler = options.accept(made);
      if (handler === null) made.destroy();
      else made.handler = handler;
    },
  };
  const common = { socket, data: null, allowHalfOpen: true };
  const address = options.address;
  try {
    if (address.kind === 'unix') {
      const server = Bun.listen<BunSocket | null>({ ...common, unix: address.path });
      return { port: 0, close: () => server.stop() };
    }
    const bind = (hostname: string) => {
      // Bun takes reusePort here too, though its types name it for connections only.
      const where = { ...common, hostname, port: address.port, reusePort: options.reusePort };
      return Bun.listen<BunSocket | null>(where);
    };
    const server = address.host === '' ? bindAny(bind) : bind(address.host);
    return { port: server.port, close: () => server.stop() };
  } catch (error) {
    // Without a descriptor for the socket, Bun's error has no code.
    throw error instanceof Error ? trueCause(error, [codeOf(error)]) : error;
  }
}

/** All interfaces, both families; IPv4 alone where the kernel has no IPv6. */
function bindAny<T>(bind: (hostname: string) => T): T {
  try {
    return bind('::');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error;
    return bind('0.0.0.0');
  }
}

/**
 * One connection being made. Of two ways to make one only node:net can give a descriptor back before the kernel has given up,
 * which takes minutes when a host drops what we send (`Bun.connect` has nothing to close before it is open). Once the
 * connection stands, the native socket below node:net goes on as every other one here, and nothing of node:net is left.
 */
class Connector implements Connecting {
  private readonly handler: ConnectHandler;
  private readonly gauge: SocketGauge;
  private readonly stream = new net.Socket({ allowHalfOpen: true });
  private settled = false;

  constructor(address: Address, handler: ConnectHandler, gauge: SocketGauge) {
    this.handler = handler;
    this.gauge = gauge;
    gauge.add(1);
    this.stream.once('connect', () => this.open());
    this.stream.on('error', (error) => this.fail(error));
    this.stream.connect(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port });
  }

  cancel(): void {
    if (this.settled) return;
    this.settle();
    this.gauge.add(-1);
    this.stream.destroy();
  }

  private open(): void {
    if (this.settled) return;
    this.settle();
    const raw = takeHandle(this.stream);
    raw.reload({ socket: forward });
    const made = new BunSocket(raw, this.gauge);
    raw.data = made;
    made.handler = this.handler.onOpen(made);
  }

  private fail(error: Error): void {
    if (this.settled) return;
    this.settle();
    this.gauge.add(-1);
    this.handler.onFail(trueCause(error, refusals));
  }

  private settle(): void {
    this.settled = true;
  }
}

/** Errors by which Bun also tells that it got no descriptor. */
const refusals = ['ECONNREFUSED'];

/** The native socket of a stream, which forgets it. */
function takeHandle(stream: net.Socket & { _handle?: unknown }): Raw {
  const handle = stream._handle;
  if (!isRaw(handle)) throw new Error(`Bun ${process.versions.bun}: a socket of node:net has no native one`);
  stream._handle = null;
  return handle;
}

function isRaw(handle: unknown): handle is Raw {
  return typeof handle === 'object' && handle !== null && 'reload' in handle && 'terminate' in handle;
}

/** Counts its sockets into `gauge`. */
export function createBunNet(gauge: SocketGauge): Net {
  return {
    runtime: 'bun',
    listen: (options) => listen(options, gauge),
    connect: (address, handler) => new Connector(address, handler, gauge),
    afterTurn: (run) => void setImmediate(run),
  };
}

export const bunNet: Net = createBunNet(uncounted);
