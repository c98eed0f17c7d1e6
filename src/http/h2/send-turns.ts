/**
 * Fair turns between the streams of a connection that have DATA to send: each in its turn sends one frame, then the next one. A stream that
 * can send nothing now (its window, its source) gives its turn away and comes back with `add`. The streams form a ring, linked through
 * themselves, so that a turn costs nothing to keep.
 */

/** A stream that can wait for a turn. It is in one ring at most. */
export interface TurnTaker {
  nextTurn: TurnTaker | null;
  previousTurn: TurnTaker | null;
  /** Writes one frame of at most `maxBytes` of data. Returns how many bytes of data; 0: it has nothing more that it can send now. */
  sendTurn(maxBytes: number): number;
}

export class SendTurns {
  /** Whose turn it is; null: nobody waits. */
  private current: TurnTaker | null = null;

  get isEmpty(): boolean {
    return this.current === null;
  }

  /** It has something to send, and room for it. Behind all others; nothing when it waits already. */
  add(taker: TurnTaker): void {
    if (taker.nextTurn !== null) return;
    const { current } = this;
    if (current === null) {
      taker.nextTurn = taker.previousTurn = this.current = taker;
      return;
    }
    const last = current.previousTurn!;
    taker.nextTurn = current;
    taker.previousTurn = last;
    last.nextTurn = current.previousTurn = taker;
  }

  /** Its stream has ended, or cannot send any more. */
  remove(taker: TurnTaker): void {
    const { nextTurn, previousTurn } = taker;
    if (nextTurn === null || previousTurn === null) return;
    taker.nextTurn = taker.previousTurn = null;
    if (nextTurn === taker) {
      this.current = null;
      return;
    }
    previousTurn.nextTurn = nextTurn;
    nextTurn.previousTurn = previousTurn;
    if (this.current === taker) this.current = nextTurn;
  }

  /** Turns until `maxBytes` have been written or nobody waits. Returns the bytes of data that were written. */
  run(maxBytes: number, maxTurnBytes: number): number {
    let sent = 0;
    while (sent < maxBytes) {
      const taker = this.current;
      if (taker === null) break;
      const bytes = taker.sendTurn(Math.min(maxTurnBytes, maxBytes - sent));
      sent += bytes;
      if (bytes === 0) this.remove(taker);
      // Unless what it did has removed it.
      else if (this.current === taker) this.current = taker.nextTurn;
    }
    return sent;
  }
}
