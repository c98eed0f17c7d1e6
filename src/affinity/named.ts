/** What affinities have in common whose sessions have a name: it is known by its keyed hash, and the table knows the owner. */
import type { Affinity, Lesson, NameHash, Session } from './affinity.ts';

/** Bytes. What is longer names nothing. */
export const longestName = 4096;

export interface NamedDependencies {
  /** Hashes names for the table. */
  readonly names: NameHash;
  /** Another hash, for the rest of the session id; left out: nobody needs a whole one. */
  readonly ids?: NameHash;
  /** The table's number for how long the sessions live. */
  readonly lifetime: number;
}

/** Fills sessions and lessons from the bytes of names. An empty name, or one that is too long, is none. */
export class Naming {
  private readonly names: NameHash;
  private readonly ids: NameHash | undefined;
  private readonly out = { hi: 0, lo: 0 };

  constructor({ names, ids }: Pick<NamedDependencies, 'names' | 'ids'>) {
    this.names = names;
    this.ids = ids;
  }

  /** True when `bytes[start..end)` is a name: `session`, which is cleared, has it now. */
  recognise(bytes: Uint8Array, start: number, end: number, affinity: Affinity, now: number, session: Session): boolean {
    if (!this.hash(bytes, start, end)) return false;
    session.affinity = affinity;
    session.recognised = true;
    session.kind = 'key';
    session.verdict = 'valid';
    session.sid0 = this.out.hi;
    session.sid1 = this.out.lo;
    if (this.ids !== undefined) {
      this.ids.hash(bytes, start, end, this.out);
      session.sid2 = this.out.hi;
      session.sid3 = this.out.lo;
    }
    session.key = session.sid0;
    session.born = now;
    return true;
  }

  /** True when `bytes[start..end)` is a name: the lesson is that the session has it. */
  teach(bytes: Uint8Array, start: number, end: number, expires: number, lesson: Lesson): boolean {
    if (!this.hash(bytes, start, end)) return false;
    lesson.verdict = 'named';
    lesson.sid0 = this.out.hi;
    lesson.sid1 = this.out.lo;
    lesson.expires = expires;
    return true;
  }

  private hash(bytes: Uint8Array, start: number, end: number): boolean {
    if (end <= start || end - start > longestName) return false;
    this.names.hash(bytes, start, end, this.out);
    return true;
  }
}
