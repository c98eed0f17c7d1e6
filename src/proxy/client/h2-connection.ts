/**
 * One HTTP/2 connection of a client, with many exchanges at the same time, one for each stream (h2-client.ts):
 *
 *      open ── stop ──> leaving ── PING answered, or late ──> left ── no stream is left ──> lingering ──> closing ──> closed
 *        │                                                     ^          ^
 *        ├── idle for too long ────────────────────────────────┘          │
 *        └── an error of the connection ──────────────────────────────────┘
 *
 *      from any state:  the socket is gone ──> closed
 *
 * leaving: the client knows that the end is near, and what it has sent before it knew is served (RFC 9113 section 6.8). left: GOAWAY has
 * named the last stream. lingering: our FIN is sent (h1-linger.ts). closing: the socket closes once it has written what it buffers.
 */
import { balancerFaults, type Fault } from '../../errors.ts';
import { abuseErrors, abuseKinds } from '../../http/h2/abuse.ts';
import { ErrorCode, type H2Error } from '../../http/h2/errors.ts';
import { Protocol } from '../../http/h2/protocol.ts';
import { counter } from '../../metrics/counters.ts';
import type { Account, Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import { BufferAccount, type BufferOwner } from '../buffer-budget.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { ClientConnection } from './client-connection.ts';
import { Linger, silenceMs } from './h1-linger.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import { ClientStreams, type StreamsOwner } from './h2-streams.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { ExchangeSource } from './request-handler.ts';

type State = 'open' | 'leaving' | 'left' | 'lingering' | 'closing' | 'closed';

/** A client that takes nothing of so many bytes is not read from: what it asks for would come on top. */
const maxPendingBytes = 256 * 1024;

export class H2ClientConnection
  implements ClientConnection, SocketHandler, StreamsOwner, DeadlineOwner, Account, BufferOwner
{
  index = -1;
  readonly context: ListenerContext;
  private readonly worker: WorkerContext;
  private readonly settings: ListenerSettings;
  private readonly socket: Socket;
  private readonly output: FrameOutput;
  private readonly streams: ClientStreams;
  private readonly protocol: Protocol;
  private readonly deadline = new Deadline(this);
  private state: State = 'open';
  /** The client's first settings have come. */
  private hasSettings = false;
  /** The client owes the rest of a frame or of a header block. */
  private isCut = false;
  private isPaused = false;
  /** What of the last read is for later turns of the event loop. */
  private unread: Buffer | null = null;
  /** Wheel time since when there has been no stream. */
  private idleSince: number;
  private linger: Linger | null = null;
  /** Made with the first byte that is buffered. */
  private account: BufferAccount | null = null;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.settings = settings;
    this.socket = socket;
    this.streams = new ClientStreams(this, context, settings, exchanges, socket);
    this.output = this.streams.output;
    const { fields } = this.streams.scratch;
    this.protocol = new Protocol(true, settings.h2, this.streams, fields, this.output.out, worker.wheel.now);
    this.output.protocol = this.protocol;
    this.idleSince = worker.wheel.now;
    worker.counters.add(counter.h2_connections);
    socket.charge(this);
    worker.wheel.set(this.deadline, settings.timeouts.requestHead);
    this.output.schedule();
    this.protocol.begin();
  }

  // The socket.

  onData(chunk: Buffer): void {
    // What had arrived before the socket was paused may still come.
    if (this.unread !== null) this.setUnread(Buffer.concat([this.unread, chunk]));
    else if (this.isServing) this.read(chunk);
    else if (this.state !== 'lingering') return;
    else if (this.linger?.drop(chunk.length) === false) this.close();
    else if (this.socket.pending === 0) this.setLingerDeadline();
  }

  private read(chunk: Buffer): void {
    const { protocol, socket } = this;
    this.output.schedule();
    const next = protocol.readTurn(chunk, 0, this.worker.wheel.now);
    this.streams.startBegun();
    if (!this.isServing) return;
    if (protocol.isCut !== this.isCut) this.onCut(protocol.isCut);
    if (next >= 0 && next < chunk.length) {
      this.setUnread(chunk.subarray(next));
      this.worker.net.afterTurn(() => this.readOn());
    }
    if (this.unread !== null || socket.pending > maxPendingBytes) this.setPaused(true);
  }

  /** Other connections have had their turn. */
  private readOn(): void {
    const { unread, socket } = this;
    if (unread === null) return;
    this.setUnread(null);
    this.read(unread);
    if (this.unread === null && socket.pending <= maxPendingBytes) this.setPaused(false);
  }

  private setUnread(bytes: Buffer | null): void {
    const more = (bytes?.length ?? 0) - (this.unread?.length ?? 0);
    this.unread = bytes;
    if (more !== 0) this.addBuffered(more);
  }

  private setPaused(isPaused: boolean): void {
    if (isPaused === this.isPaused || !this.isServing) return;
    this.isPaused = isPaused;
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  private get isServing(): boolean {
    return this.state === 'open' || this.state === 'leaving' || this.state === 'left';
  }

  /** The client has a limited time for each frame and header block, from their first byte on. */
  private onCut(isCut: boolean): void {
    this.isCut = isCut;
    this.setDeadline();
  }

  private setDeadline(): void {
    const { requestHead, keepAlive } = this.settings.timeouts;
    if (this.state === 'leaving' || !this.hasSettings) return;
    if (this.isCut) this.worker.wheel.set(this.deadline, requestHead);
    else if (!this.streams.isEmpty || keepAlive === 0) this.worker.wheel.set(this.deadline, 0);
    else this.worker.wheel.set(this.deadline, Math.max(1, this.idleSince + keepAlive - this.worker.wheel.now));
  }

  onDrain(): void {
    if (this.state === 'closing') this.worker.wheel.set(this.deadline, silenceMs);
    else if (this.state === 'lingering') this.setLingerDeadline();
    if (this.unread === null) this.setPaused(false);
    this.output.onDrain();
    if (this.socket.pending === 0) for (const user of this.streams.all()) user.onSocketDrain();
  }

  /** FIN. Half a connection of HTTP/2 is of no use: the client could not even give windows. */
  onEnd(): void {
    if (this.streams.isEmpty) this.close();
    else this.socket.destroy();
  }

  onClose(): void {
    if (this.state === 'closed') return;
    this.setState('closed');
    this.setUnread(null);
    this.worker.wheel.cancel(this.deadline);
    this.output.end();
    for (const user of this.streams.all()) user.onGone();
    this.settings.onClose(this);
  }

  onDeadline(): void {
    if (this.state === 'lingering') {
      this.linger?.onTimeout();
      this.close();
    } else if (this.state === 'closing') this.socket.destroy();
    else if (this.state !== 'leaving' && (this.isCut || !this.hasSettings)) {
      this.worker.counters.add(counter.h2_timeouts);
      this.fail(
        ErrorCode.enhanceYourCalm,
        'timeouts.requestHead: a frame, a header block or SETTINGS did not come in time',
      );
    } else this.leave();
  }

  // The worker and the listener.

  get crowded(): boolean {
    return this.worker.buffers.crowded;
  }

  addBuffered(bytes: number): void {
    this.account ??= new BufferAccount(this.worker.buffers, this);
    this.account.addBuffered(bytes);
  }

  /** Streams that keep bytes end. If the socket does, everything does: nothing else can be sent behind them. */
  onBuffersFull(): void {
    if (this.socket.pending > 0) {
      this.worker.counters.refused(balancerFaults.buffersFull);
      this.socket.destroy();
      return;
    }
    this.output.schedule();
    for (const user of this.streams.all()) if (user.keptBytes > 0) user.onBuffersFull();
  }

  refuseConnection(fault: Fault = balancerFaults.tooManyConnections): void {
    this.worker.counters.refused(fault);
    this.fail(ErrorCode.enhanceYourCalm, fault.text);
  }

  stop(): void {
    if (this.state === 'lingering' && this.socket.pending === 0) this.setLingerDeadline();
    if (this.state !== 'open') return;
    if (!this.hasSettings) {
      this.leave();
      return;
    }
    this.setState('leaving');
    this.output.schedule();
    this.protocol.announceGoaway();
    this.protocol.ping();
    this.worker.wheel.set(this.deadline, silenceMs);
  }

  evict(idleMs: number): boolean {
    const isLingering = this.state === 'lingering' && this.socket.pending === 0;
    if (!isLingering && (this.state !== 'open' || !this.streams.isEmpty)) return false;
    if (this.worker.wheel.now - (this.linger?.activeAt ?? this.idleSince) < idleMs) return false;
    if (!isLingering) this.sendGoaway(ErrorCode.noError, '');
    this.close();
    return true;
  }

  /** What the kernel has is still delivered, and the client sees which responses are not complete. */
  destroy(): void {
    if (this.isServing) {
      for (const user of this.streams.all()) user.cut();
      this.sendGoaway(ErrorCode.noError, '');
      this.output.write();
    }
    this.socket.close();
  }

  // The streams.

  onBusy(isBusy: boolean): void {
    if (!isBusy) this.idleSince = this.worker.wheel.now;
    if (!isBusy && this.state === 'left') this.beginLinger();
    else if (this.isServing) this.setDeadline();
  }

  onSettings(): void {
    if (this.hasSettings) return;
    this.hasSettings = true;
    this.setDeadline();
  }

  onPong(): void {
    if (this.state === 'leaving') this.leave();
  }

  onConnectionError(error: H2Error): void {
    const { counters, debug } = this.worker;
    const abuse = abuseErrors.indexOf(error);
    counters.add(counter.h2_connection_errors);
    if (abuse >= 0) counters.add(counter.h2_limit_resets + abuse);
    debug?.h2Failed(this.settings.name, abuse < 0 ? error.text : `limits.h2.perMinute.${abuseKinds[abuse]!}`);
    this.endAll();
  }

  // The end.

  /** No stream is served that comes from now on. */
  private leave(): void {
    this.sendGoaway(ErrorCode.noError, '');
    this.setState('left');
    if (this.streams.isEmpty) this.beginLinger();
    else this.setDeadline();
  }

  private fail(code: number, text: string): void {
    this.worker.debug?.h2Failed(this.settings.name, text);
    this.sendGoaway(code, text);
    this.endAll();
  }

  private sendGoaway(code: number, text: string): void {
    this.output.schedule();
    this.protocol.goaway(code, text);
  }

  private endAll(): void {
    this.setState('left');
    for (const user of this.streams.all()) user.onGone();
    this.beginLinger();
  }

  /** Sends FIN, and waits for the client's: a close would meet what the client still sends with a reset, and GOAWAY could be lost by it. */
  private beginLinger(): void {
    if (!this.isServing) return;
    this.setState('lingering');
    this.linger = new Linger(this.worker, this.settings, true);
    if (this.isPaused) this.socket.resume();
    this.isPaused = false;
    this.setUnread(null);
    this.output.write();
    if (this.socket.pending === 0) this.setLingerDeadline();
    else this.worker.wheel.set(this.deadline, this.settings.timeouts.write);
    this.socket.end();
  }

  private setLingerDeadline(): void {
    if (this.linger !== null) this.worker.wheel.set(this.deadline, this.linger.remainingMs(this.context.stopping));
  }

  /** Closes the socket once everything is written. A client that takes nothing does not hold it open. */
  private close(): void {
    this.output.write();
    this.setState('closing');
    this.worker.wheel.set(this.deadline, this.socket.pending > 0 ? this.settings.timeouts.write : silenceMs);
    this.socket.close();
  }

  /** The one place where the state changes. `closed` is terminal. */
  private setState(state: State): void {
    if (this.state === 'closed') return;
    this.state = state;
  }
}
