/**
 * The frames that one HTTP/2 connection sends. They gather while the loop turn goes on and leave in one write; DATA only while the socket
 * takes what it is given, in fair turns between the streams.
 */
import { writeLines, writeNoTable } from '../../http/h2/hpack/encoder.ts';
import type { Protocol } from '../../http/h2/protocol.ts';
import type { ResponseBlockWriter } from '../../http/h2/response-fields.ts';
import { SendTurns } from '../../http/h2/send-turns.ts';
import type { Stream } from '../../http/h2/streams.ts';
import type { ResponseHead } from '../../http/head.ts';
import type { Splice } from '../../http/splice.ts';
import { HeadWriter } from '../../http/writer.ts';
import type { Account, Socket } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../../time/wheel.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { FrameBatch, FrameConnection } from './frame-batch.ts';
import { WriteStall } from './write-stall.ts';

/** Frames that gather before they are written, although the loop turn goes on. */
const maxGatheredBytes = 128 * 1024;
/** Of DATA, one after the other for each stream. */
const maxTurnBytes = 16 * 1024;
/** How often DATA of streams that wait fill what may gather, before other connections have their turn. */
const maxRounds = 4;

const noBytes = Buffer.alloc(0);

export interface FrameOutputOwner extends Account {
  /** The socket takes no more bytes, until its drain. */
  onFull(): void;
}

export class FrameOutput implements FrameConnection, Account, DeadlineOwner {
  /** It has a buffer from `schedule` until the frames are written: an idle connection needs none. */
  readonly out = new HeadWriter(0);
  readonly turns = new SendTurns();
  /** Set once, directly after this was made: it writes into `out`. */
  protocol!: Protocol;
  /** Streams with bytes that are kept. */
  waiting = 0;
  private readonly worker: WorkerContext;
  private readonly batch: FrameBatch;
  private readonly blocks: ResponseBlockWriter;
  private readonly socket: Socket;
  private readonly owner: FrameOutputOwner;
  private readonly writeTimeoutMs: number;
  private isScheduled = false;
  private hasWrittenBlock = false;
  private writtenBytes = 0;
  private readonly deadline = new Deadline(this);
  /** Made when the client is slow for the first time. */
  private stall: WriteStall | null = null;
  private isSlow = false;

  constructor(
    worker: WorkerContext,
    batch: FrameBatch,
    blocks: ResponseBlockWriter,
    socket: Socket,
    owner: FrameOutputOwner,
    writeTimeoutMs: number,
  ) {
    this.worker = worker;
    this.batch = batch;
    this.blocks = blocks;
    this.socket = socket;
    this.owner = owner;
    this.writeTimeoutMs = writeTimeoutMs;
  }

  get wheel(): Wheel {
    return this.worker.wheel;
  }

  /** The socket takes what it is given. */
  get isTaking(): boolean {
    return this.socket.pending === 0;
  }

  /** Bytes that have been written so far, those that gather included. */
  get position(): number {
    return this.writtenBytes + this.out.length;
  }

  /** Of what was written up to this position, the bytes that the client has not taken yet. Asks the kernel. */
  undelivered(position: number): number {
    const { socket, worker } = this;
    const held = socket.pending + Math.max(0, worker.sendQueues.heldFor(socket.descriptor));
    return Math.max(0, position - (this.writtenBytes - held));
  }

  addBuffered(bytes: number): void {
    this.owner.addBuffered(bytes);
  }

  get crowded(): boolean {
    return this.owner.crowded;
  }

  // When it is written.

  /** What is written into `out` from now on leaves when the loop turn ends. */
  schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    if (this.out.bytes.length === 0) this.out.bytes = this.batch.takeBuffer();
    this.batch.add(this);
  }

  writeFrames(): void {
    const { batch, out } = this;
    this.isScheduled = false;
    this.sendTurns();
    if (this.isScheduled || out.bytes.length === 0) return;
    batch.returnBuffer(out.bytes);
    out.bytes = noBytes;
  }

  /** The socket has taken everything: streams that wait have their turns. */
  onDrain(): void {
    this.isSlow = false;
    this.worker.wheel.cancel(this.deadline);
    this.schedule();
    this.sendTurns();
  }

  /** The connection is gone. */
  end(): void {
    this.worker.wheel.cancel(this.deadline);
  }

  private sendTurns(): void {
    const { out, turns } = this;
    for (let round = 0; round < maxRounds && this.isTaking && !turns.isEmpty; round++) {
      const isDone = turns.run(maxGatheredBytes - out.length, maxTurnBytes) === 0;
      this.write();
      if (isDone) break;
    }
    this.write();
    if (this.isTaking && !turns.isEmpty) this.schedule();
  }

  /** Writes what has gathered. */
  write(): void {
    const { out, socket } = this;
    const { length } = out;
    if (length === 0) return;
    this.writtenBytes += length;
    socket.writeCopy(out.bytes, length);
    out.clear();
    if (socket.pending > 0 && !this.isSlow) {
      this.watch();
      this.owner.onFull();
    }
  }

  private watch(): void {
    this.isSlow = true;
    this.stall ??= new WriteStall();
    this.stall.begin();
    this.worker.wheel.set(this.deadline, this.writeTimeoutMs / 2);
  }

  /** A client that takes nothing at all for the write time-out is cut off. */
  onDeadline(): void {
    if (this.stall?.hasStalled(this.undelivered(this.position))) this.socket.destroy();
    else this.worker.wheel.set(this.deadline, this.writeTimeoutMs / 2);
  }

  // What is written.

  /** DATA frames, as windows and socket allow. Returns the offset after what has been written. */
  writeData(stream: Stream, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    this.schedule();
    let at = start;
    while (at < end && this.isTaking) {
      const next = this.protocol.sendData(stream, bytes, at, end, endStream);
      if (next === at) break;
      at = next;
      if (this.out.length >= maxGatheredBytes) this.write();
    }
    return at;
  }

  /** A response's head. `added`: more lines. Returns the bytes of its frames. */
  writeHead(
    stream: Stream,
    status: number,
    head: ResponseHead,
    edit: Splice,
    added: string,
    endStream: boolean,
  ): number {
    const frame = this.beginBlock(stream, endStream);
    this.blocks.write(status, head, edit, added, this.out);
    return this.endBlock(stream, frame, endStream);
  }

  /** The head of a response of our own. */
  writeOwnHead(stream: Stream, status: number, lines: string, endStream: boolean): number {
    const frame = this.beginBlock(stream, endStream);
    this.blocks.writeOwn(status, lines, this.out);
    return this.endBlock(stream, frame, endStream);
  }

  /** They end the stream. */
  writeTrailers(stream: Stream, lines: Buffer): void {
    const frame = this.beginBlock(stream, true);
    writeLines(lines, 0, lines.length, this.out);
    this.endBlock(stream, frame, true);
  }

  private beginBlock(stream: Stream, endStream: boolean): number {
    this.schedule();
    const frame = this.protocol.beginHeaders(stream, endStream);
    if (!this.hasWrittenBlock) writeNoTable(this.out);
    this.hasWrittenBlock = true;
    return frame;
  }

  private endBlock(stream: Stream, frame: number, endStream: boolean): number {
    const { out } = this;
    this.protocol.endHeaders(stream, frame, endStream);
    const size = out.length - frame;
    if (out.length >= maxGatheredBytes) this.write();
    return size;
  }
}
