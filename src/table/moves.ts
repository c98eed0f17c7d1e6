/**
 * Sessions that moved a short while ago. A client may send several requests with its old token before it has
 * heard of the new owner: they must all go to the one that the first of them found (I2). The higher epoch is right.
 * Bounded: the oldest move is forgotten first, by then its client has the new token.
 */
export class Moves {
  private readonly max: number;
  private readonly keep: number;
  private readonly byKey = new Map<number, Move>();
  private readonly onEvict: () => void;

  /** Keeps `max` moves, each for `keep` seconds. `onEvict`: one was forgotten because there were too many. */
  constructor(max: number, keep: number, onEvict: () => void) {
    this.max = max;
    this.keep = keep;
    this.onEvict = onEvict;
  }

  get isEmpty(): boolean {
    return this.byKey.size === 0;
  }

  /** The last move of that session when it is newer than `epoch`. */
  newer(sid0: number, sid1: number, epoch: number, now: number): Move | undefined {
    const move = this.byKey.get(keyOf(sid0, sid1));
    if (move === undefined) return undefined;
    if (now >= move.expires) {
      this.byKey.delete(keyOf(sid0, sid1));
      return undefined;
    }
    return move.epoch > epoch ? move : undefined;
  }

  /** Records that the session belongs to server number `server` from `epoch` on. `now` is in seconds. */
  record(sid0: number, sid1: number, epoch: number, server: number, now: number): void {
    const key = keyOf(sid0, sid1);
    this.byKey.delete(key);
    if (this.byKey.size >= this.max) {
      for (const oldest of this.byKey.keys()) {
        this.byKey.delete(oldest);
        this.onEvict();
        break;
      }
    }
    this.byKey.set(key, { epoch, server, expires: now + this.keep });
  }

  /** Forgets what has expired; the map is in order of time. */
  expire(now: number): void {
    for (const [key, move] of this.byKey) {
      if (now < move.expires) return;
      this.byKey.delete(key);
    }
  }
}

export interface Move {
  readonly epoch: number;
  readonly server: number;
  readonly expires: number;
}

/** 53 of the session id's 128 random bits: two of 100,000 moves collide once in a million such tables. */
function keyOf(sid0: number, sid1: number): number {
  return sid0 * 0x200000 + (sid1 >>> 11);
}
