/** The request's body as far as it has come: held until a server takes it, and kept for a repeat while it is small. */

export class Replay {
  private pieces: Buffer[] = [];
  private bytes = 0;
  /** Everything that came is still here. */
  complete = true;
  /** The body's end has come, with these trailer lines. */
  ended = false;
  trailers: Buffer | null = null;

  clear(): void {
    if (this.bytes > 0) this.pieces = [];
    this.bytes = 0;
    this.complete = true;
    this.ended = false;
    this.trailers = null;
  }

  get size(): number {
    return this.bytes;
  }

  keep(piece: Buffer): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  /** Lets go of what it holds: the request cannot be repeated from here on. */
  drop(): void {
    if (this.bytes > 0) this.pieces = [];
    this.bytes = 0;
    this.complete = false;
  }

  /** What is held, in order. */
  held(): readonly Buffer[] {
    return this.pieces;
  }
}
