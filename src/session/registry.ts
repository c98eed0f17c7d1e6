/**
 * The sessions in this process's memory, by id: bounded, the one used least recently goes first.
 *
 * One that has gone is still found as long as a request holds its object (`evicted`, weak): two live objects of one
 * session in one process would write different changes under the same version, and one of them would be lost.
 */
import type { Ending, Live } from './live-session.ts';

/** Milliseconds that this process remembers an ended id: longer than a response needs to reach the balancer. */
const tombstoneTime = 60_000;
/** Of idle sessions, looked at with each request: more than one, so that they go faster than new ones come. */
const sweep = 2;

/** idle: nobody asked for it for so long. memory: there were too many. over: whoever asked for it had said that it is. */
export type Gone = 'idle' | 'memory' | 'over';

export class Registry {
  /** In order of use, the last at the end. */
  private readonly lives = new Map<string, Live>();
  private readonly evicted = new Map<string, WeakRef<Live>>();
  private readonly tombstones = new Map<string, { readonly until: number; readonly ending: Ending | null }>();
  private readonly gone = new FinalizationRegistry<string>((id) => {
    if (this.evicted.get(id)?.deref() === undefined) this.evicted.delete(id);
  });
  private readonly limit: number;
  private readonly idleOf: (live: Live) => number;
  private readonly onGone: (live: Live, why: Gone) => void;
  /** The shortest and the longest time that any of them had. */
  private idles = { shortest: Number.POSITIVE_INFINITY, longest: 0 };
  /** Goes round all of them, where those used least recently are not the first to go. */
  private walk = this.lives.values();

  /** `limit`: sessions. `idleOf`: milliseconds after which an unused one is let go. */
  constructor(limit: number, idleOf: (live: Live) => number, onGone: (live: Live, why: Gone) => void = nobodyListens) {
    this.limit = limit;
    this.idleOf = idleOf;
    this.onGone = onGone;
  }

  get size(): number {
    return this.lives.size;
  }

  /** One that `isOver` is forgotten instead. */
  find(id: string, now: number, isOver: (live: Live, now: number) => boolean = never): Live | undefined {
    this.sweep(now);
    const live = this.lives.get(id) ?? this.evicted.get(id)?.deref();
    if (live === undefined) return undefined;
    if (isOver(live, now)) {
      this.end(live, now);
      this.onGone(live, 'over');
      return undefined;
    }
    this.add(live, now);
    return live;
  }

  /** The same, of whom nobody uses it by that. */
  peek(id: string): Live | undefined {
    return this.lives.get(id) ?? this.evicted.get(id)?.deref();
  }

  /** All that are in memory. */
  *all(): Generator<Live> {
    yield* this.lives.values();
    for (const evicted of this.evicted.values()) {
      const live = evicted.deref();
      if (live !== undefined) yield live;
    }
  }

  /** The object that counts from now on for its id; one that was there before is replaced. */
  add(live: Live, now: number): void {
    const { id } = live;
    const before = this.lives.get(id) ?? this.evicted.get(id)?.deref();
    if (before !== undefined && before !== live) before.state = 'replaced';
    this.lives.delete(id);
    this.evicted.delete(id);
    live.usedAt = now;
    this.lives.set(id, live);
    const idle = this.idleOf(live);
    const { shortest, longest } = this.idles;
    if (idle < shortest || idle > longest) {
      this.idles = { shortest: Math.min(shortest, idle), longest: Math.max(longest, idle) };
    }
    const [oldest] = this.lives.values();
    if (this.lives.size > this.limit && oldest !== undefined) this.evict(oldest, 'memory');
  }

  /** The session is over: its object is dead for all who hold it, and its id for who comes late. */
  end(live: Live, now: number): void {
    live.state = 'ended';
    this.forget(live);
    this.bury(live.id, now, live.ending);
  }

  /** Somebody else has changed or owns it: the next request reads it anew. */
  replace(live: Live): void {
    live.state = 'replaced';
    this.forget(live);
  }

  /** Its end was taken back before anybody outside had heard of it. */
  revive(live: Live, now: number): void {
    live.state = 'live';
    live.ending = null;
    this.unbury(live.id);
    this.add(live, now);
  }

  /** `ending` null: the store has said it. */
  bury(id: string, now: number, ending: Ending | null = null): void {
    this.tombstones.delete(id);
    this.tombstones.set(id, { until: now + tombstoneTime, ending });
    if (this.tombstones.size > this.limit) this.tombstones.delete(this.tombstones.keys().next().value ?? '');
  }

  /** Its end never got through: the id lives on. */
  unbury(id: string): void {
    this.tombstones.delete(id);
  }

  /** How it ended, null as for `bury`; undefined: it did not. */
  endingOf(id: string, now: number): Ending | null | undefined {
    const tombstone = this.tombstones.get(id);
    return tombstone !== undefined && tombstone.until > now ? tombstone.ending : undefined;
  }

  forget(live: Live): void {
    if (this.lives.get(live.id) === live) this.lives.delete(live.id);
    if (this.evicted.get(live.id)?.deref() === live) this.evicted.delete(live.id);
  }

  /** Lets go of some that were idle for too long: looks at `most`. */
  sweep(now: number, most = sweep): void {
    for (let i = 0; i < most; i++) {
      const one = this.sweepable();
      if (one === undefined || one.usedAt + this.idleOf(one) > now) continue;
      this.evict(one, 'idle');
    }
    const [tombstone] = this.tombstones;
    if (tombstone !== undefined && tombstone[1].until <= now) this.tombstones.delete(tombstone[0]);
  }

  /** The one that is the first to go; with different times any. */
  private sweepable(): Live | undefined {
    if (this.idles.shortest < this.idles.longest) {
      const next = this.walk.next();
      if (!next.done) return next.value;
      this.walk = this.lives.values();
    }
    return this.lives.values().next().value;
  }

  private evict(oldest: Live, why: Gone): void {
    this.lives.delete(oldest.id);
    this.evicted.set(oldest.id, new WeakRef(oldest));
    this.gone.register(oldest, oldest.id);
    this.onGone(oldest, why);
  }
}

function nobodyListens(): void {}

function never(): boolean {
  return false;
}
