/** The ids of sessions that ended in this process: bounded, the oldest goes first. */
import type { SessionEnd } from './session-end.ts';

/** Milliseconds that an id is remembered: longer than a response needs to reach the balancer. */
const usualMs = 60_000;
/**
 * The same of an end that the app has asked for and that is not known to be stored: while the store is away, a balancer that was not
 * told of the end would have the session read from it as soon as it is back. Most outages are shorter.
 */
const unstoredMs = 3_600_000;

interface Tombstone {
  /** Unix ms. */
  readonly until: number;
  /** null: the store says that the session has ended. */
  readonly end: SessionEnd | null;
}

export class Tombstones {
  /** Each in the order in which they go. */
  private readonly usual = new Map<string, Tombstone>();
  private readonly unstored = new Map<string, Tombstone>();
  private readonly most: number;

  /** `most`: of each kind. */
  constructor(most: number) {
    this.most = most;
  }

  /** `end` null: the store says that the session has ended. `now`: Unix ms. */
  add(id: string, now: number, end: SessionEnd | null): void {
    this.remove(id);
    const isUnstored = end !== null && end.epoch > 0 && !end.isConfirmed;
    const stones = isUnstored ? this.unstored : this.usual;
    stones.set(id, { until: now + (isUnstored ? unstoredMs : usualMs), end });
    if (stones.size > this.most) stones.delete(stones.keys().next().value ?? '');
  }

  remove(id: string): void {
    this.usual.delete(id);
    this.unstored.delete(id);
  }

  /** How the session ended; undefined: it has not ended here. */
  find(id: string, now: number): SessionEnd | null | undefined {
    const stone = this.usual.get(id) ?? this.unstored.get(id);
    return stone !== undefined && stone.until > now ? stone.end : undefined;
  }

  /** Forgets one of each kind whose time is over. */
  sweep(now: number): void {
    for (const stones of [this.usual, this.unstored]) {
      const [oldest] = stones;
      if (oldest !== undefined && oldest[1].until <= now) stones.delete(oldest[0]);
    }
  }
}
