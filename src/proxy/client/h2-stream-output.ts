/**
 * What one stream of HTTP/2 sends behind its head: DATA as the windows and the socket allow, and the end. What cannot be sent now is kept,
 * and sent in fair turns with the other streams of the connection (http/h2/send-turns.ts).
 *
 *      sending ── end, trailers ──> ending ── nothing is kept ──> done: END_STREAM
 *        └─────── cut ────────────> cutting ── nothing is kept ──> done: RST_STREAM
 *      any of them ── drop, or the other side resets it ──> done
 */
import { ErrorCode } from '../../http/h2/errors.ts';
import type { TurnTaker } from '../../http/h2/send-turns.ts';
import type { Stream } from '../../http/h2/streams.ts';
import { type Account, keepable } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import { WriteStall } from './write-stall.ts';

export interface OutputOwner {
  /** Nothing is kept any more. */
  onOutputEmpty(): void;
}

const noBytes = Buffer.alloc(0);
const none = -1;

export class StreamOutput implements TurnTaker, DeadlineOwner {
  nextTurn: TurnTaker | null = null;
  previousTurn: TurnTaker | null = null;
  /** Bytes that windows or socket do not take yet. */
  keptBytes = 0;
  /** Where the stream's last byte stands among all that was written to the connection. */
  position = 0;
  /** Terminal: the end of the stream has been written. */
  isDone = false;
  private readonly owner: OutputOwner;
  /** Set by `begin`. */
  private sink!: FrameOutput;
  private stream!: Stream;
  /** Gets the changes of `keptBytes`. */
  private account!: Account;
  private readonly kept: Buffer[] = [];
  /** What of the first piece has been sent. */
  private keptStart = 0;
  /** The last byte that is kept is the stream's last one. */
  private isEnding = false;
  private trailers: Buffer | null = null;
  /** The code of the reset behind what is kept. */
  private cutCode = none;
  /** While nothing is to come any more, and the client has not taken it. */
  private readonly deadline = new Deadline(this);
  private stall: WriteStall | null = null;
  private writeTimeoutMs = 0;

  constructor(owner: OutputOwner) {
    this.owner = owner;
  }

  begin(sink: FrameOutput, stream: Stream): void {
    this.sink = this.account = sink;
    this.stream = stream;
    this.position = 0;
    this.isDone = this.isEnding = false;
    this.trailers = null;
    this.cutCode = none;
  }

  /** From now on this account has what is kept. */
  charge(account: Account): void {
    this.account.addBuffered(-this.keptBytes);
    this.account = account;
    account.addBuffered(this.keptBytes);
  }

  /** The head has been written; `ends`: with END_STREAM. */
  onHead(ends: boolean): void {
    this.position = this.sink.position;
    this.isDone = ends;
  }

  /** `isLast`: nothing follows, not even trailers. False: bytes are kept, or the socket is slow; `onOutputEmpty` or its drain follows. */
  send(bytes: Buffer, start: number, end: number, isLast: boolean): boolean {
    const { sink, stream } = this;
    if (!stream.maySend) return true;
    let at = start;
    if (this.keptBytes === 0 && sink.turns.isEmpty) at = sink.writeData(stream, bytes, start, end, isLast);
    this.isEnding = isLast;
    if (at === end) {
      this.position = sink.position;
      this.isDone = isLast;
      return sink.isTaking;
    }
    this.keep(bytes.subarray(at, end));
    return false;
  }

  /** The connection takes nothing. If nothing is kept here, what other streams have sent goes before. */
  isBehindOthers(): boolean {
    if (this.sink.isTaking) return false;
    if (this.keptBytes === 0) this.position = this.sink.position;
    return true;
  }

  /** Bytes that the client has not taken yet. Asks the kernel. */
  get undeliveredBytes(): number {
    return this.keptBytes + this.sink.undelivered(this.position);
  }

  /** Nothing is to come any more. A client that takes nothing of what is kept for `writeTimeoutMs` does not get it. */
  drain(writeTimeoutMs: number): void {
    this.writeTimeoutMs = writeTimeoutMs;
    this.stall ??= new WriteStall();
    this.stall.begin();
    this.sink.wheel.set(this.deadline, writeTimeoutMs / 2);
  }

  onDeadline(): void {
    if (this.keptBytes === 0) return;
    if (this.stall?.hasStalled(this.undeliveredBytes)) {
      this.drop(ErrorCode.cancel);
      this.owner.onOutputEmpty();
    } else this.sink.wheel.set(this.deadline, this.writeTimeoutMs / 2);
  }

  /** Everything has been given to `send`. */
  end(trailers: Buffer | null): void {
    if (this.isDone) return;
    this.isEnding = true;
    this.trailers = trailers;
    if (this.keptBytes === 0) this.writeEnd();
  }

  /** No more will come, and what has come is not all: the stream is reset once that is sent. */
  cut(code: number): void {
    if (this.isDone) return;
    this.isEnding = false;
    this.cutCode = code;
    if (this.keptBytes === 0) this.writeEnd();
  }

  /** Resets the stream at once. Returns how many bytes are dropped. */
  drop(code: number): number {
    const { keptBytes, sink, stream } = this;
    sink.protocol.reset(stream, code);
    sink.schedule();
    this.clear();
    return keptBytes;
  }

  /** What has come on the stream breaks HTTP/2, and nothing has been sent on it. */
  dropMalformed(): void {
    const { sink, stream } = this;
    sink.protocol.resetMalformed(stream);
    sink.schedule();
    this.clear();
  }

  /** The stream is closed, or its connection is: what is kept is dropped. */
  clear(): void {
    this.sink.turns.remove(this);
    this.sink.wheel.cancel(this.deadline);
    this.isDone = true;
    if (this.keptBytes === 0) return;
    this.sink.waiting--;
    this.account.addBuffered(-this.keptBytes);
    this.keptBytes = this.keptStart = this.kept.length = 0;
  }

  /** The window may have room again. */
  onWindow(): void {
    if (this.keptBytes === 0) return;
    this.sink.turns.add(this);
    this.sink.schedule();
  }

  sendTurn(maxBytes: number): number {
    const { kept, keptStart, sink, stream } = this;
    const piece = kept[0];
    if (piece === undefined) return 0;
    const end = Math.min(piece.length, keptStart + maxBytes);
    const isLast = this.isEnding && this.trailers === null && kept.length === 1 && end === piece.length;
    const at = sink.protocol.sendData(stream, piece, keptStart, end, isLast);
    const size = at - keptStart;
    if (size === 0) return 0;
    if (at === piece.length) {
      kept.shift();
      this.keptStart = 0;
    } else this.keptStart = at;
    this.keptBytes -= size;
    this.position = sink.position;
    this.account.addBuffered(-size);
    if (this.keptBytes === 0) {
      sink.waiting--;
      sink.wheel.cancel(this.deadline);
      this.writeEnd();
      this.owner.onOutputEmpty();
    }
    return size;
  }

  private keep(piece: Buffer): void {
    if (this.keptBytes === 0) this.sink.waiting++;
    this.kept.push(keepable(piece));
    this.keptBytes += piece.length;
    this.account.addBuffered(piece.length);
    this.sink.turns.add(this);
    this.sink.schedule();
  }

  private writeEnd(): void {
    const { sink, stream, trailers } = this;
    if (this.cutCode !== none) sink.protocol.reset(stream, this.cutCode);
    else if (!this.isEnding) return;
    else if (trailers !== null) sink.writeTrailers(stream, trailers);
    else sink.protocol.sendData(stream, noBytes, 0, 0, true);
    this.isDone = true;
    this.position = sink.position;
    sink.schedule();
  }
}
