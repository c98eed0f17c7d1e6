/**
 * One HTTP/1.1 connection of a client: reads requests strictly, one exchange at a time, and frames the answers.
 *
 *      head ── head whole ──> exchange ── response and request whole ──> (draining) ──> head ...
 *       │                        │  └── 101 ──> tunnel
 *       └── refused, FIN ──> linger <┘ (cannot go on)
 *
 * draining: the client has not taken its last answer. linger: our FIN is sent, and what the client still sends is read and thrown
 * away: one that writes all of its request before it reads would else lose the answer to a reset (RFC 9112 section 9.6).
 */
import { balancerFaults, type Fault, requestFaults } from '../../errors.ts';
import { BodyReader } from '../../http/body.ts';
import { forwardedLines, headerSays, writeForwarded, writeForwardedFor } from '../../http/forwarded.ts';
import { Method, type RequestHead, type ResponseHead } from '../../http/head.ts';
import { Name } from '../../http/names.ts';
import { append, isWorthReading } from '../../http/pieces.ts';
import type { Splice } from '../../http/splice.ts';
import type { HeadWriter } from '../../http/writer.ts';
import { counter } from '../../metrics/counters.ts';
import { type Account, keepable, type Socket, type SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import { BufferAccount, type BufferOwner } from '../buffer-budget.ts';
import { DelayedReset } from '../delayed-reset.ts';
import type { Indexed } from '../indexed-set.ts';
import { logRefusal } from '../refusal.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { Client } from './client.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ExchangeSource, RequestHandler } from './request-handler.ts';
import { ResponseWriter } from './response-writer.ts';
import { WriteStall } from './write-stall.ts';

/** What all connections of a listener share. Times are milliseconds. */
export interface ListenerSettings {
  /** As it is shown in the log. */
  readonly name: string;
  readonly isTrusted: (address: string) => boolean;
  readonly upgrades: readonly string[];
  readonly halfClose: boolean;
  readonly bodyBytes: number;
  readonly lingerBytes: number;
  readonly timeouts: {
    readonly requestHead: number;
    readonly requestBody: number;
    readonly keepAlive: number;
    readonly write: number;
    readonly linger: number;
  };
  /** Told when the connection is gone. */
  readonly onClose: (connection: ClientConnection) => void;
}

/** One that owes nothing more of a request, or has been slow with it, is listened to until it has said nothing for this long (ms). */
const lingerPause = 2000;
/** Pipelined bytes held before the socket is paused. What one read brings may be more, and cannot be given back. */
const maxHeld = 16 * 1024;
/** A head does not keep a chunk alive that is larger by more than this. */
const maxBehindHead = 16 * 1024;

/** Of all listeners, so far. */
let connections = 0;

type State = 'head' | 'exchange' | 'draining' | 'tunnel' | 'linger' | 'closing' | 'closed';

export class ClientConnection implements SocketHandler, DeadlineOwner, Client, Indexed, Account, BufferOwner {
  index = -1;
  /** The config's that held when it came. */
  readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  private readonly exchanges: ExchangeSource;
  readonly peer: string;
  readonly trusted: boolean;
  readonly secure: boolean;
  readonly number = ++connections;
  bytesIn = 0;
  firstByteAt = -1;
  private readonly settings: ListenerSettings;
  private readonly socket: Socket;
  private readonly deadline = new Deadline(this);
  private readonly response: ResponseWriter;
  /** Made with the first byte that is kept: most connections never keep one. */
  private keeping: BufferAccount | null = null;
  private state: State = 'head';
  private exchange: RequestHandler | null = null;
  /** The beginning of a head; its time runs from the first byte. */
  private partial: Buffer | null = null;
  /** Bytes of it when it was read last. */
  private partialRead = 0;
  private headBegun = false;
  /** Empty lines that have come before the request line, and are dropped already. */
  private emptyLines = 0;
  /** Bytes of requests that are not due yet. */
  private held: Buffer | null = null;
  private paused = false;
  private body: BodyReader | null = null;
  private bodyBytes = 0;
  /** All of the current request has come. */
  private requestWhole = true;
  /** The client has said that no other will follow. */
  private lastRequest = false;
  /** Inside `consume`: what comes next is read by its loop. */
  private consuming = false;
  /** The client's FIN has come. */
  private ended = false;
  /** Only a reset can tell that the answer was cut. */
  private resets = false;
  /** While it lingers: bytes thrown away, wheel time at which that ends, and whether a pause ends it too. */
  private lingered = 0;
  private lingerUntil = 0;
  private lingersBriefly = false;
  private forwarded: string | null = null;
  /** Made when it is slow for the first time. */
  private taking: WriteStall | null = null;
  /** Wheel time since when nothing has been asked. */
  private idleSince: number;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.exchanges = exchanges;
    this.settings = settings;
    this.socket = socket;
    this.response = new ResponseWriter(worker, context.buffers.toClient, socket);
    socket.charge(this);
    this.peer = socket.remoteAddress;
    this.trusted = settings.isTrusted(this.peer);
    this.secure = socket.secure;
    this.idleSince = worker.wheel.now;
    worker.wheel.set(this.deadline, settings.timeouts.requestHead);
  }

  get listener(): string {
    return this.settings.name;
  }

  get bytesOut(): number {
    return this.response.bytes;
  }

  get isTrusted(): (address: string) => boolean {
    return this.settings.isTrusted;
  }

  get bodyTimeoutMs(): number {
    return this.settings.timeouts.requestBody;
  }

  get undeliveredBytes(): number {
    return this.socket.pending + Math.max(0, this.worker.sendQueues.heldFor(this.socket.descriptor));
  }

  get writeTimeoutMs(): number {
    return this.settings.timeouts.write;
  }

  // What the socket says.

  onData(chunk: Buffer): void {
    if (this.state === 'linger') this.discard(chunk.length);
    if (this.state === 'linger' || this.state === 'closing' || this.state === 'closed') return;
    if (this.held !== null || this.state === 'draining') this.hold(chunk);
    else this.consume(chunk);
  }

  onDrain(): void {
    if (this.state === 'linger') this.worker.wheel.set(this.deadline, this.lingerTime());
    else if (this.state === 'closing') this.worker.wheel.set(this.deadline, lingerPause);
    else if (this.state === 'draining') this.ready();
    this.exchange?.onClientDrain();
  }

  /** FIN. After a whole request it means that the client has gone, unless the listener believes in half-close. */
  onEnd(): void {
    this.ended = true;
    if (this.exchange === null) {
      this.closeSocket();
      return;
    }
    if (this.settings.halfClose && this.requestWhole) {
      this.response.keepAlive = false;
      return;
    }
    this.socket.destroy();
  }

  onClose(): void {
    if (this.state === 'closed') return;
    this.enter('closed');
    this.worker.wheel.cancel(this.deadline);
    this.dropRead();
    this.exchange?.onClientGone();
    this.settings.onClose(this);
  }

  onDeadline(): void {
    const { pending } = this.socket;
    if (pending > 0 && !this.taking?.hasStalled(this.undeliveredBytes))
      this.worker.wheel.set(this.deadline, this.settings.timeouts.write / 2);
    else if (pending > 0) this.socket.destroy();
    else if (this.partial !== null) this.refuseHead(requestFaults.requestTimeout, this.readPartial(this.partial));
    else if (this.state === 'linger') {
      if (this.isSending) this.worker.counters.add(counter.linger_exceeded);
      this.closeSocket();
    } else this.endIdle();
  }

  /** One connection too many: told so, as long as there is time for that. */
  refuseConnection(): void {
    this.lingersBriefly = true;
    this.refuseHead(balancerFaults.tooManyConnections, null);
  }

  /** Ends the connection as soon as nothing is under way. */
  stop(): void {
    this.response.keepAlive = false;
    if (this.state === 'head' && this.partial === null) this.endIdle();
    else if (this.state === 'linger' && this.socket.pending === 0)
      this.worker.wheel.set(this.deadline, this.lingerTime());
  }

  /** Ends it when nothing has been asked for so long (ms); false: something is under way. */
  evict(idle: number): boolean {
    const isIdle = this.state === 'head' ? !this.headBegun : this.state === 'linger' && this.socket.pending === 0;
    if (!isIdle || this.worker.wheel.now - this.idleSince < idle) return false;
    this.closeSocket();
    return true;
  }

  /** The time to stop is over: what the kernel has is still delivered, and whoever waits for more sees that it is not all. */
  destroy(): void {
    if (this.resets || (this.state === 'exchange' && !this.response.truncate())) this.socket.destroy();
    else this.socket.close();
  }

  // Reading requests.

  private consume(chunk: Buffer): void {
    let bytes = chunk;
    let p = 0;
    this.consuming = true;
    while (p < bytes.length) {
      if (this.state === 'head') {
        if (this.partial !== null) {
          const before = this.partial.length;
          const whole = append(this.partial, bytes);
          if (whole.length < this.context.scratch.maxHeadBytes && !isWorthReading(whole, before, this.partialRead)) {
            this.keepPartial(whole);
            break;
          }
          bytes = whole;
          this.keepPartial(null);
        }
        p = this.readHead(bytes, p);
        if (p < 0) break;
      } else if (this.state === 'exchange' && !this.requestWhole) {
        p = this.readBody(bytes, p);
        if (p < 0) break;
      } else {
        // The next request has to wait; what comes after the last one is thrown away.
        if (this.state === 'exchange' || this.state === 'draining') this.hold(bytes.subarray(p));
        break;
      }
    }
    this.consuming = false;
  }

  /** Offset after the head and what has come of the body; -1 when there is nothing more to read. */
  private readHead(bytes: Buffer, start: number): number {
    const { worker, settings } = this;
    const { scratch, stopping } = this.context;
    const { head } = scratch;
    const after = scratch.readNew(bytes, start, this.emptyLines);
    const { begin } = head;
    this.emptyLines = after === 0 ? head.emptyLines : 0;
    if (after === 0) {
      this.awaitHead(begin < bytes.length);
      if (begin < bytes.length) this.keepPartial(begin === 0 ? bytes : bytes.subarray(begin));
      this.partialRead = bytes.length - begin;
      return -1;
    }
    if (after < 0) {
      worker.counters.add(counter.requests);
      this.bytesIn = bytes.length - begin;
      this.refuseHead(head.fault!, head);
      return -1;
    }
    if (settings.bodyBytes > 0 && head.length > settings.bodyBytes) {
      worker.counters.add(counter.requests);
      this.bytesIn = bytes.length - begin;
      this.refuseHead(requestFaults.bodyTooLarge, head, true);
      return -1;
    }
    worker.wheel.set(this.deadline, 0);
    this.headBegun = false;
    this.enter('exchange');
    this.lastRequest = !head.keepAlive;
    this.response.begin(head.method, head.minor, head.keepAlive && !stopping);
    this.requestWhole = head.length === 0;
    this.bytesIn = after - begin;
    const upgrade = head.upgrade && settings.upgrades.some((name) => headerSays(head.headers, Name.upgrade, name));
    const exchange = this.exchanges.take();
    this.exchange = exchange;
    // The exchange keeps the head as long as it lasts, but not a body, or other requests, that have come with it.
    const keepsAll = bytes.length - (after - begin) <= maxBehindHead;
    if (keepsAll) exchange.begin(this, head, bytes, begin, upgrade);
    else exchange.begin(this, head, Buffer.from(bytes.subarray(begin, after)), 0, upgrade);
    this.firstByteAt = -1;
    let p = after;
    if (!this.requestWhole && this.exchange !== null) {
      this.bodyBytes = 0;
      this.body ??= new BodyReader();
      this.body.begin(head.length);
      if (p < bytes.length) p = this.readBody(bytes, p, keepsAll);
    }
    if (this.exchange === exchange) exchange.start();
    return p;
  }

  /** From the first byte of a head on, the client has so long for all of it. An empty line alone begins none. */
  private awaitHead(hasBegun: boolean): void {
    if (hasBegun === this.headBegun) return;
    this.headBegun = hasBegun;
    const { requestHead, keepAlive } = this.settings.timeouts;
    this.worker.wheel.set(this.deadline, hasBegun ? requestHead : keepAlive);
    this.firstByteAt = hasBegun && this.worker.accessLog !== null ? this.worker.clock.monotonic() : -1;
  }

  /** `isKept`: the exchange keeps these bytes anyway. */
  private readBody(bytes: Buffer, start: number, isKept = false): number {
    const exchange = this.exchange!;
    const body = this.body!;
    const after = body.read(bytes, start);
    this.bytesIn += (after < 0 ? bytes.length : after) - start;
    if (after < 0) {
      exchange.onRequestFault(body.fault!);
      return -1;
    }
    const size = body.dataEnd - body.dataStart;
    this.bodyBytes += size;
    if (this.settings.bodyBytes > 0 && this.bodyBytes > this.settings.bodyBytes) {
      exchange.onRequestFault(requestFaults.bodyTooLarge);
      return -1;
    }
    if (body.done) this.requestWhole = true;
    if (size > 0) exchange.onRequestData(bytes.subarray(body.dataStart, body.dataEnd), isKept);
    if (body.done && this.exchange === exchange) exchange.onRequestEnd(body.trailers);
    return after;
  }

  private hold(bytes: Buffer): void {
    const held = this.held === null ? bytes : append(this.held, bytes);
    this.keepHeld(held);
    if (held.length > maxHeld || this.worker.buffers.scarce) this.pauseBody();
  }

  private keepHeld(bytes: Buffer | null): void {
    this.addBuffered((bytes?.length ?? 0) - (this.held?.length ?? 0));
    this.held = bytes === null ? null : keepable(bytes);
  }

  private keepPartial(bytes: Buffer | null): void {
    this.addBuffered((bytes?.length ?? 0) - (this.partial?.length ?? 0));
    this.partial = bytes === null ? null : keepable(bytes);
  }

  /** Nothing more is read of what has come. */
  private dropRead(): void {
    if (this.held !== null) this.keepHeld(null);
    if (this.partial !== null) this.keepPartial(null);
  }

  /** There is no room for what is kept for it (buffer-budget.ts). */
  onBuffersFull(): void {
    const { exchange } = this;
    this.response.keepAlive = false;
    if (exchange !== null) exchange.onRequestFault(balancerFaults.buffersFull);
    else {
      this.worker.counters.refused(balancerFaults.buffersFull);
      this.logGivenUp();
      this.socket.destroy();
    }
  }

  /** A head that no exchange can be made of: answered, and the connection ends, because what follows cannot be trusted. */
  private refuseHead(fault: Fault, head: RequestHead | null, isWhole = false): void {
    this.dropRead();
    this.requestWhole = false;
    this.lingersBriefly ||= fault === requestFaults.requestTimeout;
    this.worker.counters.refused(fault);
    this.worker.counters.responded(fault.status);
    this.response.begin(Method.get, 1, false);
    this.response.sendFault(fault, null);
    logRefusal(this.worker, this, fault, fault.status, head, isWhole);
    this.linger();
  }

  /** Of the next request something has come already. The last one has its line. */
  private logGivenUp(): void {
    const { partial, held } = this;
    if (partial === null && held === null) return;
    this.response.begin(Method.get, 1, false);
    this.bytesIn = held?.length ?? 0;
    const head = partial === null ? null : this.readPartial(partial);
    logRefusal(this.worker, this, balancerFaults.buffersFull, 0, head, false);
  }

  /** What has come of a head, for the log. */
  private readPartial(partial: Buffer): RequestHead {
    const { scratch } = this.context;
    this.bytesIn = partial.length;
    scratch.readNew(partial, 0);
    return scratch.head;
  }

  // What the exchange says (`Client`).

  writeForwarded(head: RequestHead, out: HeadWriter): void {
    if (this.trusted) writeForwardedFor(head, this.peer, this.secure, out);
    else {
      this.forwarded ??= forwardedLines(this.peer, this.secure);
      writeForwarded(head, this.forwarded, out);
    }
  }

  sendInterim(head: ResponseHead, edit: Splice): boolean {
    return this.response.sendInterim(head, edit);
  }

  sendHead(head: ResponseHead, edit: Splice, length: number): void {
    if (this.context.stopping || this.ended) this.response.keepAlive = false;
    if (!this.requestWhole) this.answerEarly();
    this.response.sendHead(head, edit, length);
  }

  sendData(bytes: Buffer, start: number, end: number): boolean {
    return this.response.sendData(bytes, start, end);
  }

  finish(trailers: Buffer | null): void {
    this.response.finish(trailers);
  }

  flush(): void {
    this.response.flush();
  }

  refuse(fault: Fault, accept: string | null): void {
    // A body that is still to come would be read as the next request.
    if (!this.requestWhole) this.answerEarly();
    if (fault.side === 'client') this.response.keepAlive = false;
    if (fault === requestFaults.requestTimeout) this.lingersBriefly = true;
    this.response.sendFault(fault, accept);
  }

  /** Whether its body comes whole, and then another request, cannot be known when the answer begins: the client is told that none may. */
  private answerEarly(): void {
    this.worker.counters.add(counter.responses_early);
    this.response.keepAlive = false;
  }

  truncate(): void {
    this.dropRead();
    if (!this.response.truncate()) this.resets = true;
  }

  reset(): void {
    this.dropRead();
    this.response.reset();
    this.socket.destroy();
  }

  addBuffered(bytes: number): void {
    this.keeping ??= new BufferAccount(this.worker.buffers, this);
    this.keeping.addBuffered(bytes);
  }

  get crowded(): boolean {
    return this.worker.buffers.crowded;
  }

  pauseBody(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resumeBody(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  takeSocket(): { socket: Socket; early: Buffer | null } {
    const early = this.held;
    this.dropRead();
    this.resumeBody();
    this.enter('tunnel');
    return { socket: this.socket, early };
  }

  /** The exchange is over: the next request, if there can be one. */
  onExchangeEnd(): void {
    this.exchange = null;
    if (this.state === 'tunnel') {
      this.enter('closed');
      this.worker.wheel.cancel(this.deadline);
      this.settings.onClose(this);
      return;
    }
    if (this.state !== 'exchange') return;
    if (this.resets) {
      this.enter('closing');
      this.worker.wheel.cancel(this.deadline);
      new DelayedReset(this.worker, this.socket, this.settings.timeouts.write, () => this.onClose());
      return;
    }
    if (!this.response.keepAlive || !this.requestWhole || this.context.stopping) {
      // A client that asked for the end after this request sends nothing more that our closing could answer with a reset.
      if (this.lastRequest && this.requestWhole && this.held === null) this.closeSocket();
      else this.linger();
      return;
    }
    if (this.socket.pending > 0) {
      // A client that asks on and takes no answer would fill our memory with answers.
      this.enter('draining');
      this.awaitDrain(this.settings.timeouts.write);
      this.pauseBody();
    } else this.ready();
  }

  /** Reads the next request, or what has come of it. */
  private ready(): void {
    this.enter('head');
    this.idleSince = this.worker.wheel.now;
    this.worker.wheel.set(this.deadline, this.settings.timeouts.keepAlive);
    this.resumeBody();
    const held = this.held;
    if (held === null || this.consuming) return;
    this.keepHeld(null);
    this.consume(held);
  }

  /** FIN, then wait for the client's: what it still sends is read and thrown away. */
  private linger(): void {
    this.dropRead();
    if (this.ended) {
      this.closeSocket();
      return;
    }
    const { now } = this.worker.wheel;
    this.enter('linger');
    this.idleSince = now;
    this.lingerUntil = now + this.settings.timeouts.linger;
    this.resumeBody();
    this.awaitDrain(this.lingerTime());
    this.socket.end();
  }

  private lingerTime(): number {
    const left = Math.max(1, this.lingerUntil - this.worker.wheel.now);
    return this.requestWhole || this.lingersBriefly || this.context.stopping ? Math.min(left, lingerPause) : left;
  }

  private discard(bytes: number): void {
    const { wheel, counters } = this.worker;
    counters.add(counter.linger_bytes, bytes);
    this.lingered += bytes;
    this.idleSince = wheel.now;
    if (this.lingered > this.settings.lingerBytes) {
      counters.add(counter.linger_exceeded);
      this.closeSocket();
    } else if (this.socket.pending === 0) wheel.set(this.deadline, this.lingerTime());
  }

  private get isSending(): boolean {
    return this.lingered > 0 && this.worker.wheel.now - this.idleSince < lingerPause;
  }

  /** Nothing is under way. While an answer of a moment ago is on its way, a request that crosses our end must not cause a reset. */
  private endIdle(): void {
    if (this.worker.wheel.now - this.idleSince < lingerPause) this.linger();
    else this.closeSocket();
  }

  /** Closes once everything is written; a client that takes nothing does not hold it open. */
  private closeSocket(): void {
    this.enter('closing');
    this.awaitDrain(lingerPause);
    this.socket.close();
  }

  /** What the client has not taken yet is still its answer: it gets the write time-out for that, else `idle`. */
  private awaitDrain(idle: number): void {
    const isSlow = this.socket.pending > 0;
    if (isSlow) {
      this.taking ??= new WriteStall();
      this.taking.begin();
    }
    this.worker.wheel.set(this.deadline, isSlow ? this.settings.timeouts.write / 2 : idle);
  }

  private enter(state: State): void {
    this.state = state;
  }
}
