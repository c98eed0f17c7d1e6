/**
 * The body of one request on its way to a server. Until there is a server it is held; then each piece is passed on as it comes, and kept
 * as well while it is small enough to be sent once more if the attempt fails. The client is told to pause when the server is slow, or
 * when there is none yet. Reused; `begin` sets it anew.
 *
 *      client ── add ──> held (at most `limit` bytes, then the client pauses) ── a server is found ──> sent with the head
 *                └─────> passed on, and kept for a repeat until `limit` is passed or `drop`
 */
import type { HeadWriter } from '../http/writer.ts';
import { keepable } from '../net/socket.ts';
import type { BufferBudget } from './buffer-budget.ts';

/** The client that sends the body. */
export interface BodySource {
  /** So many bytes more are kept for it; negative: fewer. */
  addBuffered(bytes: number): void;
  pauseBody(): void;
  resumeBody(): void;
}

/** The connection to the server that takes the body. */
export interface BodyTarget {
  /** False: the server is slow, and bytes are kept. */
  sendData(piece: Buffer, out: HeadWriter): boolean;
  finish(trailers: Buffer | null, out: HeadWriter): void;
}

export class RequestBody {
  /** The request has one. */
  exists = false;
  /** All of it has come, with these trailer lines. */
  ended = false;
  trailers: Buffer | null = null;
  /** Everything that has come is still here, so the request can be sent once more. */
  complete = true;
  /** The client was told to pause. */
  paused = false;
  /** Bytes that may be held while there is no server, and kept for a repeat: `retry.bufferBody` of the pool. */
  limit = 0;

  private readonly budget: BufferBudget;
  /** Set by `begin`. */
  private source!: BodySource;
  private pieces: Buffer[] = [];
  private size = 0;
  /** Of `size`, the bytes that the source was charged for. The rest came with the head, which is kept anyway. */
  private charged = 0;

  constructor(budget: BufferBudget) {
    this.budget = budget;
  }

  begin(source: BodySource, exists: boolean): void {
    this.clear();
    this.source = source;
    this.exists = exists;
    this.ended = !exists;
    this.trailers = null;
    this.complete = true;
    this.paused = false;
    this.limit = 0;
  }

  /** All of it has come, and it is no longer than this. */
  isWithin(bytes: number): boolean {
    return this.ended && this.size <= bytes;
  }

  /** What is kept, in order. */
  get held(): readonly Buffer[] {
    return this.pieces;
  }

  /** A piece has come. `target` null: no server takes it yet. `isRepeatable`: keep it also when it is passed on. */
  add(piece: Buffer, target: BodyTarget | null, isRepeatable: boolean, out: HeadWriter): void {
    if (target === null) {
      this.keep(piece);
      if (this.size > this.limit || this.budget.scarce) this.pause();
      return;
    }
    if (isRepeatable && this.complete) {
      if (this.size + piece.length > this.limit || this.budget.scarce) this.drop();
      else this.keep(piece);
    }
    if (!target.sendData(piece, out)) this.pause();
  }

  /** The first piece, before there is a server: its bytes are in the same chunk as the head's, so keeping it costs nothing more. */
  addKept(piece: Buffer): void {
    this.pieces.push(piece);
    this.size += piece.length;
    if (this.size > this.limit) this.pause();
  }

  private keep(piece: Buffer): void {
    this.pieces.push(keepable(piece));
    this.size += piece.length;
    this.charged += piece.length;
    this.source.addBuffered(piece.length);
  }

  end(trailers: Buffer | null, target: BodyTarget | null, out: HeadWriter): void {
    this.ended = true;
    this.trailers = trailers;
    target?.finish(trailers, out);
  }

  /** Frees what was kept: from here on the request cannot be sent once more. */
  drop(): void {
    if (!this.exists) return;
    this.clear();
    this.complete = false;
  }

  pause(): void {
    if (this.paused || this.ended) return;
    this.paused = true;
    this.source.pauseBody();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.source.resumeBody();
  }

  /** The exchange is over. */
  clear(): void {
    if (this.size === 0) return;
    this.pieces = [];
    this.size = 0;
    if (this.charged === 0) return;
    this.source.addBuffered(-this.charged);
    this.charged = 0;
  }
}
