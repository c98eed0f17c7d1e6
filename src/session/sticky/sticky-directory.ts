/**
 * Sticky sessions apart from any request. Where the store is, a process knows from the requests that it gets: each names the store
 * interface of its balancer. Of several balancers each is told of an end, so that none of them goes on by its own table.
 */
import type { UserHash } from '../../store/store.ts';
import { idleOf } from '../cookie.ts';
import type { Directory, KeptSession } from '../directory.ts';
import { SessionError } from '../error.ts';
import { Ending } from '../live-session.ts';
import { ttlOf, type Word } from './protocol.ts';
import type { StickyParts } from './sticky-context.ts';
import type { Place, Restored } from './store-client.ts';

/** The store interface of one balancer, for one pool that this process is a server of. */
interface Known extends Pick<Word, 'pool' | 'store' | 'allow'> {
  /** When a request last named it, ms. */
  at: number;
}

/** A session as the store has it, and where. */
export interface Looked {
  readonly place: Place & Pick<Word, 'allow'>;
  readonly found: Restored & { readonly state: 'live' };
}

/** Balancers and pools that are kept in mind. */
const mostKnown = 16;
/** Milliseconds after which one that sends nothing is not asked any more, as long as others of its pool are there. */
const silence = 10 * 60_000;

export class StickyDirectory implements Directory {
  private readonly parts: Omit<StickyParts, 'users'>;
  /** The one heard of last comes first. */
  private known: Known[] = [];

  constructor(parts: Omit<StickyParts, 'users'>) {
    this.parts = parts;
  }

  /** No request has named any yet. */
  get isEmpty(): boolean {
    return this.known.length === 0;
  }

  /** A request has named a store. */
  learn({ pool, store, allow }: Word, now: number): void {
    const first = this.known[0];
    if (first !== undefined && first.store === store && first.pool === pool) {
      first.at = now;
      return;
    }
    const others = this.known.filter((one) => one.store !== store || one.pool !== pool);
    this.known = [{ pool, store, allow, at: now }, ...others].slice(0, mostKnown);
  }

  /** null: no store has it, or one says that it has ended. */
  async look(id: string): Promise<Looked | null> {
    const { client } = this.parts;
    const answers = await this.everywhere(async ({ pool, store, allow }) => {
      const place = { id, pool, store, allow };
      return { place, found: await client.read(place) };
    });
    let looked: Looked | null = null;
    for (const { place, found } of answers) {
      if (found.state === 'ended') return null;
      if (found.state === 'live' && looked === null) looked = { place, found };
    }
    return looked;
  }

  async read(id: string): Promise<KeptSession | null> {
    const looked = await this.look(id);
    if (looked === null) return null;
    const { options } = this.parts;
    const { text, ttl } = looked.found;
    const data = options.codec.decode(text);
    const idle = idleOf(options, { data });
    const now = options.clock.now();
    const seen = Math.min(now, now + ttl - ttlOf(idle));
    return { data, seen, expires: seen + idle };
  }

  async end(id: string): Promise<void> {
    const { client } = this.parts;
    try {
      await this.everywhere((at) => client.endAnyway({ ...at, id }));
    } catch (error) {
      if (error instanceof SessionError && error.code === 'session-ending') this.endHere(id);
      throw error;
    }
    this.endHere(id);
  }

  async ofUser(user: UserHash): Promise<readonly string[]> {
    const { client } = this.parts;
    const lists = await this.everywhere((at) => client.ofUser(at, user));
    return [...new Set(lists.flat())];
  }

  /** By what the stores have: one at a time is asked for, when it is its turn. */
  async *all(): AsyncGenerator<string> {
    const { client } = this.parts;
    const lists = await this.everywhere((at) => client.all(at));
    const [first = [], ...others] = lists;
    yield* first;
    if (others.length === 0) return;
    const seen = new Set(first);
    for (const id of others.flat()) if (!seen.has(id) && seen.add(id)) yield id;
  }

  /** Requests in flight lose what they have not kept yet. */
  private endHere(id: string): void {
    const { registry, options } = this.parts;
    const now = options.clock.now();
    const live = registry.peek(id);
    if (live === undefined) {
      registry.bury(id, now);
      return;
    }
    const ending = new Ending(false, live.epoch);
    ending.confirmed = true;
    ending.close(now);
    live.ending = ending;
    registry.end(live, now);
  }

  /** The answers of all places. One whose balancer is gone need not answer when another of its pool does. */
  private async everywhere<T>(ask: (at: Known) => Promise<T>): Promise<T[]> {
    const places = this.places();
    const results = await Promise.allSettled(places.map(ask));
    const answers: T[] = [];
    const answered = new Set(places.filter((_, n) => results[n]?.status === 'fulfilled').map(({ pool }) => pool));
    for (const [n, result] of results.entries()) {
      if (result.status === 'fulfilled') answers.push(result.value);
      else if (!isGone(result.reason) || !answered.has(places[n]!.pool)) throw result.reason;
    }
    return answers;
  }

  private places(): readonly Known[] {
    const { known } = this;
    if (known.length === 0) {
      throw new SessionError(
        'no-balancer',
        'strategy sticky: found no request of a balancer since this process was started, expected one: it says where the store is',
      );
    }
    const now = this.parts.options.clock.now();
    return known.filter(({ pool, at }, n) => now - at < silence || known.findIndex((one) => one.pool === pool) === n);
  }
}

/** Nobody listens there any more. */
function isGone(error: unknown): boolean {
  const { cause } = Object(error);
  return cause instanceof Error && 'code' in cause && (cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT');
}
