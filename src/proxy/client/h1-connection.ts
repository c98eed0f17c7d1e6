/**
 * One HTTP/1.1 connection of a client. It has one exchange at a time:
 *
 *               ┌───────────────── response complete ─────────────────┐
 *               v                                                     │
 *            request ── head complete ──> exchange ── response not taken yet ──> draining ── taken ──> request
 *               │                            │ ├── 101 ──────────────────> tunnel ── over ──> closed
 *               │                            │ ├── FIN, with halfClose ──> half-closed ── response complete ──> closing
 *               │                            │ └── only a reset can show that the response is cut ──> resetting ──> closed
 *               │                            v
 *               └──── head refused, idle ──> it cannot take another request ──> lingering ──> closing ──> closed
 *
 *      from any state:  the socket is gone ──> closed
 *
 * request: the next request is awaited or read (h1-request-reader.ts). exchange: requests and responses are the client's
 * (h1-client.ts). draining: the next request waits, because a client that asks on and takes no response would fill our memory with
 * responses. lingering: our FIN is sent (h1-linger.ts). closing: the socket closes once it has written what it buffers. resetting: a
 * `DelayedReset` has the socket.
 */
import { balancerFaults, type Fault, requestFaults } from '../../errors.ts';
import { headerSays } from '../../http/forwarded.ts';
import type { RequestHead } from '../../http/head.ts';
import { Name } from '../../http/names.ts';
import type { Account, Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import { BufferAccount, type BufferOwner } from '../buffer-budget.ts';
import { DelayedReset } from '../delayed-reset.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { ClientSocket } from './client.ts';
import type { ClientConnection } from './client-connection.ts';
import { type ClientOwner, H1Client } from './h1-client.ts';
import { Linger, silenceMs } from './h1-linger.ts';
import { RequestReader, type RequestReaderOwner } from './h1-request-reader.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { ExchangeSource, RequestHandler } from './request-handler.ts';
import { WriteStall } from './write-stall.ts';

type State =
  | 'request'
  | 'exchange'
  | 'half-closed'
  | 'draining'
  | 'tunnel'
  | 'lingering'
  | 'resetting'
  | 'closing'
  | 'closed';

export class H1ClientConnection
  implements ClientConnection, ClientOwner, RequestReaderOwner, SocketHandler, DeadlineOwner, Account, BufferOwner
{
  index = -1;
  readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  private readonly settings: ListenerSettings;
  private readonly exchanges: ExchangeSource;
  private readonly socket: Socket;
  private readonly deadline = new Deadline(this);
  private readonly reader: RequestReader;
  private readonly client: H1Client;
  private state: State = 'request';
  private exchange: RequestHandler | null = null;
  private linger: Linger | null = null;
  /** Wheel time since when no request has been under way. */
  private idleSince: number;
  /** Made with the first byte that is buffered: most connections never buffer one. */
  private account: BufferAccount | null = null;
  /** Made when the client is slow for the first time. */
  private stall: WriteStall | null = null;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.settings = settings;
    this.exchanges = exchanges;
    this.socket = socket;
    this.reader = new RequestReader(this, context, socket, settings.bodyBytes);
    this.client = new H1Client(this, context, settings, socket, this.reader);
    this.idleSince = worker.wheel.now;
    socket.charge(this);
    worker.wheel.set(this.deadline, settings.timeouts.requestHead);
  }

  // The socket.

  onData(chunk: Buffer): void {
    if (this.state !== 'lingering') this.reader.read(chunk);
    else if (this.linger?.drop(chunk.length) === false) this.close();
    else if (this.socket.pending === 0) this.setLingerDeadline();
  }

  onDrain(): void {
    if (this.state === 'lingering') this.setLingerDeadline();
    else if (this.state === 'closing') this.worker.wheel.set(this.deadline, silenceMs);
    else if (this.state === 'draining') this.awaitRequest();
    this.exchange?.onClientDrain();
  }

  /** FIN. After a complete request it means that the client has gone, unless the listener allows half-closed connections. */
  onEnd(): void {
    if (this.exchange === null) {
      this.close();
      return;
    }
    this.client.closeAfter();
    this.setState('half-closed');
    if (!this.settings.halfClose || this.reader.state !== 'complete') this.socket.destroy();
  }

  onClose(): void {
    if (this.state === 'closed') return;
    this.setState('closed');
    this.worker.wheel.cancel(this.deadline);
    this.reader.stop();
    this.exchange?.onClientGone();
    this.settings.onClose(this);
  }

  onDeadline(): void {
    const { pending } = this.socket;
    if (pending > 0 && !this.stall?.hasStalled(this.client.undeliveredBytes))
      this.worker.wheel.set(this.deadline, this.settings.timeouts.write / 2);
    else if (pending > 0) this.socket.destroy();
    else if (this.reader.state === 'head') {
      const head = this.reader.parseBuffered();
      this.refuseHead(requestFaults.requestTimeout, head, false, true);
    } else if (this.state === 'lingering') {
      this.linger?.onTimeout();
      this.close();
    } else this.endIdle();
  }

  // The worker and the listener.

  get crowded(): boolean {
    return this.worker.buffers.crowded;
  }

  addBuffered(bytes: number): void {
    this.account ??= new BufferAccount(this.worker.buffers, this);
    this.account.addBuffered(bytes);
  }

  onBuffersFull(): void {
    this.client.closeAfter();
    if (this.exchange !== null) this.exchange.onRequestFault(balancerFaults.buffersFull);
    else {
      this.client.dropRequest();
      this.socket.destroy();
    }
  }

  refuseConnection(fault: Fault = balancerFaults.tooManyConnections): void {
    this.refuseHead(fault, null, false, true);
  }

  stop(): void {
    this.client.closeAfter();
    if (this.state === 'request' && this.reader.state === 'idle') this.endIdle();
    else if (this.state === 'lingering' && this.socket.pending === 0) this.setLingerDeadline();
  }

  evict(idleMs: number): boolean {
    const isLingering = this.state === 'lingering' && this.socket.pending === 0;
    if (!isLingering && (this.state !== 'request' || this.reader.state !== 'idle')) return false;
    const idleSince = this.linger?.activeAt ?? this.idleSince;
    if (this.worker.wheel.now - idleSince < idleMs) return false;
    this.close();
    return true;
  }

  /** What the kernel has is still delivered, and a client that waits for more sees that the response is not complete. */
  destroy(): void {
    if (this.isServing) this.client.truncate();
    if (this.state === 'resetting' || (this.isServing && this.client.ending === 'reset')) this.socket.destroy();
    else this.socket.close();
  }

  // The reader.

  onHeadBegin(hasBegun: boolean): void {
    const { requestHead, keepAlive } = this.settings.timeouts;
    this.worker.wheel.set(this.deadline, hasBegun ? requestHead : keepAlive);
  }

  onHead(head: RequestHead, raw: Buffer, start: number): void {
    const { upgrades } = this.settings;
    this.worker.wheel.set(this.deadline, 0);
    this.setState('exchange');
    this.client.begin(head);
    const mayUpgrade = head.upgrade && upgrades.some((name) => headerSays(head.headers, Name.upgrade, name));
    const exchange = this.exchanges.take();
    this.exchange = exchange;
    exchange.begin(this.client, head, raw, start, mayUpgrade);
  }

  onRequestBegun(): void {
    this.exchange?.start();
  }

  onBodyData(piece: Buffer, isKept: boolean): void {
    this.exchange?.onRequestData(piece, isKept);
  }

  onBodyEnd(trailers: Buffer | null): void {
    this.exchange?.onRequestEnd(trailers);
  }

  onBodyFault(fault: Fault): void {
    this.exchange?.onRequestFault(fault);
  }

  onHeadFault(fault: Fault, head: RequestHead, isComplete: boolean): void {
    this.refuseHead(fault, head, isComplete, false);
  }

  /** The connection ends, because where the next request would begin is not known. */
  private refuseHead(fault: Fault, head: RequestHead | null, isComplete: boolean, isBrief: boolean): void {
    this.reader.stop();
    this.client.refuseHead(fault, head, isComplete);
    this.beginLinger(isBrief);
  }

  // The exchange.

  takeSocket(): ClientSocket {
    const early = this.reader.takeEarly();
    this.setState('tunnel');
    return { socket: this.socket, early };
  }

  onExchangeEnd(): void {
    const { client, reader } = this;
    this.exchange = null;
    if (this.state === 'tunnel') this.onClose();
    else if (!this.isServing) return;
    else if (client.ending === 'reset') this.resetDelayed();
    else if (this.state === 'half-closed') this.close();
    else if (client.isReusable) {
      if (this.socket.pending > 0) this.drain();
      else this.awaitRequest();
    }
    // A client that said that this request is its last one sends nothing to which the kernel would answer our close with a reset.
    else if (reader.isLast && reader.state === 'complete' && !reader.hasHeld) this.close();
    else this.beginLinger(reader.state === 'complete' || client.ending === 'linger-briefly');
  }

  private get isServing(): boolean {
    return this.state === 'exchange' || this.state === 'half-closed';
  }

  private drain(): void {
    this.setState('draining');
    this.awaitDrain(this.settings.timeouts.write);
    this.reader.pause();
  }

  private awaitRequest(): void {
    this.setState('request');
    this.idleSince = this.worker.wheel.now;
    this.worker.wheel.set(this.deadline, this.settings.timeouts.keepAlive);
    this.reader.next();
  }

  // The end.

  private resetDelayed(): void {
    this.setState('resetting');
    this.worker.wheel.cancel(this.deadline);
    new DelayedReset(this.worker, this.socket, this.settings.timeouts.write, () => this.onClose());
  }

  /** Sends FIN, and waits for the client's. */
  private beginLinger(isBrief: boolean): void {
    this.reader.stop();
    this.setState('lingering');
    this.linger = new Linger(this.worker, this.settings, isBrief);
    this.reader.resume();
    this.awaitDrain(this.linger.remainingMs(this.context.stopping));
    this.socket.end();
  }

  private setLingerDeadline(): void {
    if (this.linger !== null) this.worker.wheel.set(this.deadline, this.linger.remainingMs(this.context.stopping));
  }

  /** No request is under way. If a response was sent a moment ago, a request that crosses our end must not cause a reset. */
  private endIdle(): void {
    if (this.worker.wheel.now - this.idleSince < silenceMs) this.beginLinger(true);
    else this.close();
  }

  /** Closes the socket once everything is written. A client that takes nothing does not hold it open. */
  private close(): void {
    this.reader.stop();
    this.setState('closing');
    this.awaitDrain(silenceMs);
    this.socket.close();
  }

  /**
   * What the client has not taken yet belongs to its response, for which it has the write time-out. If there is nothing,
   * `idleMs` holds.
   */
  private awaitDrain(idleMs: number): void {
    const isSlow = this.socket.pending > 0;
    if (isSlow) {
      this.stall ??= new WriteStall();
      this.stall.begin();
    }
    this.worker.wheel.set(this.deadline, isSlow ? this.settings.timeouts.write / 2 : idleMs);
  }

  /**
   * The one place where the state changes. `closed` is terminal: an exchange that ends because of it asks for a transition in
   * vain.
   */
  private setState(state: State): void {
    if (this.state === 'closed') return;
    this.state = state;
  }
}
