/**
 * The sessions in this process's memory, by id: bounded, the one that was used least recently is evicted first.
 *
 * An evicted session is still found as long as a request holds its object (`evicted`, weak references). Otherwise two live
 * objects of one session could write different changes under the same version, and one change would be lost.
 */
import type { LiveSession } from './live-session.ts';
import type { SessionEnd } from './session-end.ts';
import { Tombstones } from './tombstones.ts';

/** Sessions looked at with each request, to find idle ones: more than one, so that they go faster than new ones come. */
const sweptPerRequest = 2;

/** idle: no request used it for so long. memory: there were too many sessions. expired: the caller of `find` said that it is over. */
export type EvictionReason = 'idle' | 'memory' | 'expired';

export class Registry {
  /** In order of use, the one that was used last at the end. */
  private readonly sessions = new Map<string, LiveSession>();
  private readonly evicted = new Map<string, WeakRef<LiveSession>>();
  private readonly tombstones: Tombstones;
  private readonly collected = new FinalizationRegistry<string>((id) => {
    if (this.evicted.get(id)?.deref() === undefined) this.evicted.delete(id);
  });
  private readonly maxSessions: number;
  private readonly idleMsOf: (live: LiveSession) => number;
  private readonly onEvicted: (live: LiveSession, reason: EvictionReason) => void;
  /** The shortest and the longest idle time that any session had, ms. */
  private idleRange = { shortest: Number.POSITIVE_INFINITY, longest: 0 };
  /** Goes round all sessions: with different idle times the one used least recently need not expire first. */
  private sweepCursor = this.sessions.values();

  /** `idleMsOf`: milliseconds after which an unused session is evicted. */
  constructor(
    maxSessions: number,
    idleMsOf: (live: LiveSession) => number,
    onEvicted: (live: LiveSession, reason: EvictionReason) => void = ignore,
  ) {
    this.maxSessions = maxSessions;
    this.tombstones = new Tombstones(maxSessions);
    this.idleMsOf = idleMsOf;
    this.onEvicted = onEvicted;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** The session of that id, marked as used. One that `isExpired` is ended instead. */
  find(
    id: string,
    now: number,
    isExpired: (live: LiveSession, now: number) => boolean = never,
  ): LiveSession | undefined {
    this.sweep(now);
    const live = this.peek(id);
    if (live === undefined) return undefined;
    if (isExpired(live, now)) {
      this.end(live, now);
      this.onEvicted(live, 'expired');
      return undefined;
    }
    this.add(live, now);
    return live;
  }

  /** The session of that id. Does not count as use. */
  peek(id: string): LiveSession | undefined {
    return this.sessions.get(id) ?? this.evicted.get(id)?.deref();
  }

  /** All sessions that are in memory. */
  *all(): Generator<LiveSession> {
    yield* this.sessions.values();
    for (const evicted of this.evicted.values()) {
      const live = evicted.deref();
      if (live !== undefined) yield live;
    }
  }

  /** The object that counts for its id from now on; another one of that id is replaced. */
  add(live: LiveSession, now: number): void {
    const { id } = live;
    const before = this.peek(id);
    if (before !== undefined && before !== live) before.state = 'replaced';
    this.sessions.delete(id);
    this.evicted.delete(id);
    live.lastUsedAt = now;
    this.sessions.set(id, live);
    const idleMs = this.idleMsOf(live);
    const { shortest, longest } = this.idleRange;
    if (idleMs < shortest || idleMs > longest) {
      this.idleRange = { shortest: Math.min(shortest, idleMs), longest: Math.max(longest, idleMs) };
    }
    const [oldest] = this.sessions.values();
    if (this.sessions.size > this.maxSessions && oldest !== undefined) this.evict(oldest, 'memory');
  }

  /** The session is over: requests that hold its object cannot use it, and requests that come late find a tombstone. */
  end(live: LiveSession, now: number): void {
    live.state = 'ended';
    this.remove(live);
    this.addTombstone(live.id, now, live.end);
  }

  /** Takes an end back that nobody outside this process knows of. */
  undoEnd(live: LiveSession, now: number): void {
    live.state = 'live';
    live.end = null;
    this.removeTombstone(live.id);
    this.add(live, now);
  }

  /** Another process has changed or owns the session: the next request reads it anew. */
  markReplaced(live: LiveSession): void {
    live.state = 'replaced';
    this.remove(live);
  }

  /** `end` null: the store says that the session has ended. */
  addTombstone(id: string, now: number, end: SessionEnd | null = null): void {
    this.tombstones.add(id, now, end);
  }

  /** The end of the session never reached its store: the id is in use. */
  removeTombstone(id: string): void {
    this.tombstones.remove(id);
  }

  /** How the session ended, null as in `addTombstone`; undefined: it has not ended here. */
  endOf(id: string, now: number): SessionEnd | null | undefined {
    return this.tombstones.find(id, now);
  }

  remove(live: LiveSession): void {
    if (this.sessions.get(live.id) === live) this.sessions.delete(live.id);
    if (this.evicted.get(live.id)?.deref() === live) this.evicted.delete(live.id);
  }

  /** Looks at `count` sessions and evicts those that were idle for too long. */
  sweep(now: number, count = sweptPerRequest): void {
    for (let i = 0; i < count; i++) {
      const next = this.nextToSweep();
      if (next === undefined || next.lastUsedAt + this.idleMsOf(next) > now) continue;
      this.evict(next, 'idle');
    }
    this.tombstones.sweep(now);
  }

  /** With one idle time for all, the session that was used least recently; with different ones the next in turn. */
  private nextToSweep(): LiveSession | undefined {
    if (this.idleRange.shortest < this.idleRange.longest) {
      const next = this.sweepCursor.next();
      if (!next.done) return next.value;
      this.sweepCursor = this.sessions.values();
    }
    return this.sessions.values().next().value;
  }

  private evict(live: LiveSession, reason: EvictionReason): void {
    this.sessions.delete(live.id);
    this.evicted.set(live.id, new WeakRef(live));
    this.collected.register(live, live.id);
    this.onEvicted(live, reason);
  }
}

function ignore(): void {}

function never(): boolean {
  return false;
}
