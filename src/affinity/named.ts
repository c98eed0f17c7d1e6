/** What affinities have in common whose sessions the app or the client names: the table knows a name by its keyed hash, and its owner. */
import { type Affinity, type LearnedId, maxTried, type NameHash, type Recognition } from './affinity.ts';
import type { AffinityReport, SessionTimes } from './descriptor.ts';
import { SessionStatus } from './session-status.ts';

/** Bytes. What is longer names nothing. */
export const longestName = 4096;

export interface NamedDependencies {
  /** Hashes names for the table. */
  readonly names: NameHash;
  /** Another hash, for the rest of the session id; left out: nobody needs a whole one. */
  readonly ids?: NameHash;
  /** What the table knows of that hash. Left out: it is not asked, and the first name of a request counts. */
  readonly statusOf?: (hi: number, lo: number, now: number) => SessionStatus;
  /** The table's number for how long the sessions live. */
  readonly lifetime: number;
}

/**
 * Fills `Session` and `LearnedId` from the bytes of names. An empty name, or one that is too long, is none.
 *
 * A request may bring several: a cookie of another path or domain, of a session that was over long ago, a header that a proxy
 * has added to. Of those that stand equally high the first counts.
 */
export class Naming {
  private readonly names: NameHash;
  private readonly ids: NameHash | undefined;
  private readonly statusOf: NamedDependencies['statusOf'];
  private readonly out = { hi: 0, lo: 0 };
  /** Names offered since `begin`. */
  private tried = 0;
  /** Of the one that `recognition` has; -1: the table was not asked yet. */
  private highest: SessionStatus | -1 = -1;
  /** No later one is looked at. */
  private settled = false;

  constructor({ names, ids, statusOf }: Pick<NamedDependencies, 'names' | 'ids' | 'statusOf'>) {
    this.names = names;
    this.ids = ids;
    this.statusOf = statusOf;
  }

  /** Before the names of a request are offered. */
  begin(): void {
    this.tried = 0;
    this.highest = -1;
    this.settled = false;
  }

  /** Offers `bytes[start..end)`, if it is a name, for `recognition`, which is cleared before the first. True: look no further. */
  offer(bytes: Uint8Array, start: number, end: number, now: number, recognition: Recognition): boolean {
    const { out, statusOf } = this;
    if (this.settled || !this.hash(bytes, start, end)) return this.settled;
    this.tried++;
    if (statusOf === undefined) {
      this.take(bytes, start, end, recognition);
      this.settled = true;
    } else if (this.tried > maxTried) {
      recognition.beyondLimit = true;
      this.settled = true;
    } else if (this.tried === 1) {
      // One alone needs no look into the table.
      this.take(bytes, start, end, recognition);
    } else {
      if (this.highest < 0) this.highest = statusOf(recognition.sid0, recognition.sid1, now);
      const its = this.highest === SessionStatus.given ? SessionStatus.ended : statusOf(out.hi, out.lo, now);
      if (its > this.highest) {
        this.take(bytes, start, end, recognition);
        this.highest = its;
      }
      this.settled = this.highest === SessionStatus.given;
    }
    return this.settled;
  }

  /** True when a name was offered: `recognition` has it now. */
  recognise(affinity: Affinity, now: number, recognition: Recognition): boolean {
    if (this.tried === 0) return false;
    recognition.affinity = affinity;
    recognition.recognised = true;
    recognition.kind = 'key';
    recognition.proof = 'valid';
    recognition.key = recognition.sid0;
    recognition.born = now;
    return true;
  }

  /** True when `bytes[start..end)` is a name: `learned` says that the session has it. */
  record(bytes: Uint8Array, start: number, end: number, expires: number, learned: LearnedId): boolean {
    if (!this.hash(bytes, start, end)) return false;
    learned.state = 'named';
    learned.sid0 = this.out.hi;
    learned.sid1 = this.out.lo;
    learned.expires = expires;
    return true;
  }

  /** Of what was hashed last. */
  private take(bytes: Uint8Array, start: number, end: number, recognition: Recognition): void {
    recognition.sid0 = this.out.hi;
    recognition.sid1 = this.out.lo;
    if (this.ids === undefined) return;
    this.ids.hash(bytes, start, end, this.out);
    recognition.sid2 = this.out.hi;
    recognition.sid3 = this.out.lo;
  }

  private hash(bytes: Uint8Array, start: number, end: number): boolean {
    if (end <= start || end - start > longestName) return false;
    this.names.hash(bytes, start, end, this.out);
    return true;
  }
}

/** The default of `idle`. */
export const usualIdleMs = 30 * 60_000;

/** Both times, filled: what the table may keep for `absolute` at most is not kept longer by a default. */
export function fillTimes(idle: number | undefined, absolute: number, usualMs = usualIdleMs): SessionTimes {
  return { idle: idle ?? (absolute === 0 ? usualMs : Math.min(usualMs, absolute)), absolute };
}

/** Reports an idle time that is never reached. */
export function checkTimes({ idle, absolute }: SessionTimes, report: AffinityReport): void {
  if (absolute > 0 && idle > absolute) {
    report.error(['idle'], 'longer than absolute: a session would never be idle that long');
  }
}
