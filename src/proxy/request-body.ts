/**
 * The request's body on its way: held until a server takes it, passed on as it comes, and kept for a repeat while
 * it is small. The client is told to wait when a server is slow or there is none yet.
 */
import type { HeadWriter } from '../http/writer.ts';
import { keepable } from '../net/socket.ts';
import type { BufferBudget } from './buffer-budget.ts';
import type { Client } from './client/client.ts';
import type { ServerConnection } from './server/connection.ts';

export class RequestBody {
  /** The request has one. */
  exists = false;
  /** Its end has come, with these trailer lines. */
  ended = false;
  trailers: Buffer | null = null;
  /** All that has come is still here, so that the request can be repeated. */
  complete = true;
  /** The client was told to wait. */
  paused = false;

  private readonly kept: BufferBudget;
  private client!: Client;
  private limit = 0;
  private pieces: Buffer[] = [];
  private size = 0;
  /** Of it, what the client's budget was told of. */
  private charged = 0;

  constructor(kept: BufferBudget) {
    this.kept = kept;
  }

  /** `limit`: bytes kept for a repeat. */
  begin(client: Client, exists: boolean): void {
    this.clear();
    this.client = client;
    this.exists = exists;
    this.ended = !exists;
    this.trailers = null;
    this.complete = true;
    this.paused = false;
    this.limit = 0;
  }

  /** Bytes kept for a repeat, and held while there is no server. */
  set bufferBody(bytes: number) {
    this.limit = bytes;
  }

  /** It has come whole, and is no longer than this. */
  isWithin(bytes: number): boolean {
    return this.ended && this.size <= bytes;
  }

  /** What is held, in order. */
  get held(): readonly Buffer[] {
    return this.pieces;
  }

  /** A piece has come. `repeatable`: keep it also when it has been passed on. */
  add(piece: Buffer, upstream: ServerConnection | null, repeatable: boolean, out: HeadWriter): void {
    if (upstream === null) {
      this.keep(piece);
      if (this.size > this.limit || this.kept.scarce) this.pause();
    } else if (repeatable && this.complete) {
      if (this.size + piece.length > this.limit || this.kept.scarce) this.drop();
      else this.keep(piece);
    }
    if (upstream !== null && !upstream.sendData(piece, out)) this.pause();
  }

  /** The first piece, before there is a server; it is kept with the head that it came with, so it costs nothing more. */
  addKept(piece: Buffer): void {
    this.pieces.push(piece);
    this.size += piece.length;
    if (this.size > this.limit) this.pause();
  }

  private keep(piece: Buffer): void {
    this.pieces.push(keepable(piece));
    this.size += piece.length;
    this.charged += piece.length;
    this.client.addBuffered(piece.length);
  }

  end(trailers: Buffer | null, upstream: ServerConnection | null, out: HeadWriter): void {
    this.ended = true;
    this.trailers = trailers;
    upstream?.finish(trailers, out);
  }

  /** Lets go of what was kept: the request cannot be repeated from here on. */
  drop(): void {
    if (!this.exists) return;
    this.clear();
    this.complete = false;
  }

  pause(): void {
    if (this.paused || this.ended) return;
    this.paused = true;
    this.client.pauseBody();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.client.resumeBody();
  }

  clear(): void {
    if (this.size === 0) return;
    this.pieces = [];
    this.size = 0;
    if (this.charged === 0) return;
    this.client.addBuffered(-this.charged);
    this.charged = 0;
  }
}
