/**
 * Shared by the affinities whose sessions have a name: the app's own session id, or a key that the client gives. The session table
 * finds the owner by a keyed hash of the name.
 */
import { type Affinity, type LearnedId, maxTried, type NameHash, type Recognition } from './affinity.ts';
import type { AffinityReport, SessionTimes } from './descriptor.ts';
import { SessionStatus } from './session-status.ts';

/** Bytes. A longer text is no name. */
export const longestName = 4096;

export interface NamedDependencies {
  /** Hashes names for the session table. */
  readonly names: NameHash;
  /** Another hash, for the other half of the session id; left out: the pool has no copies of sessions, which need a whole id. */
  readonly ids?: NameHash;
  /** What the table knows of a session, by that hash. Left out: the first name of a request counts. */
  readonly statusOf?: (hi: number, lo: number, now: number) => SessionStatus;
  /** Number under which the session table knows the lifetimes. */
  readonly lifetime: number;
}

/**
 * Fills a `Recognition` or a `LearnedId` from the bytes of names. An empty text, or one that is too long, is no name.
 *
 * A request may carry several names: cookies of other paths or domains, of sessions that ended long ago, a header to which a proxy has
 * added. The one with the highest `SessionStatus` counts, and of equals the first.
 */
export class Naming {
  private readonly names: NameHash;
  private readonly ids: NameHash | undefined;
  private readonly statusOf: NamedDependencies['statusOf'];
  private readonly out = { hi: 0, lo: 0 };
  /** Names offered since `begin`. */
  private tried = 0;
  /** Status of the name that `recognition` has; -1: not looked up yet. */
  private highest: SessionStatus | -1 = -1;
  /** The name is chosen: later ones are ignored. */
  private settled = false;

  constructor({ names, ids, statusOf }: Pick<NamedDependencies, 'names' | 'ids' | 'statusOf'>) {
    this.names = names;
    this.ids = ids;
    this.statusOf = statusOf;
  }

  /** Call it before the names of a request are offered. */
  begin(): void {
    this.tried = 0;
    this.highest = -1;
    this.settled = false;
  }

  /** Offers a name, `bytes[start..end)`, for `recognition`, which the caller has cleared. True: no further name is needed. */
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
      // A single name needs no look-up.
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

  /** True when a name was offered; `recognition` is complete then. */
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

  /** True when `bytes[start..end)` is a name; `learned` has it then. */
  record(bytes: Uint8Array, start: number, end: number, expires: number, learned: LearnedId): boolean {
    if (!this.hash(bytes, start, end)) return false;
    learned.state = 'named';
    learned.sid0 = this.out.hi;
    learned.sid1 = this.out.lo;
    learned.expires = expires;
    if (this.ids === undefined) return true;
    this.ids.hash(bytes, start, end, this.out);
    learned.sid2 = this.out.hi;
    learned.sid3 = this.out.lo;
    return true;
  }

  /** Takes the name that was hashed last. */
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

/** Default of `idle`. */
export const usualIdleMs = 30 * 60_000;

/** Both times, filled. The default of `idle` is never longer than `absolute`. */
export function fillTimes(idle: number | undefined, absolute: number, usualMs = usualIdleMs): SessionTimes {
  return { idle: idle ?? (absolute === 0 ? usualMs : Math.min(usualMs, absolute)), absolute };
}

/** Reports an idle time that is never reached. */
export function checkTimes({ idle, absolute }: SessionTimes, report: AffinityReport): void {
  if (absolute > 0 && idle > absolute) {
    report.error(['idle'], 'longer than absolute: a session would never be idle that long');
  }
}
