/**
 * Sticky sessions apart from any request. A process learns from its requests where the stores are: each names the store interface of its
 * balancer. All balancers are told of an end, so that none of them goes on by its own table.
 */
import type { UserHash } from '../../store/store.ts';
import { idleMsOf } from '../cookie.ts';
import type { SessionDirectory, StoredSession } from '../directory.ts';
import { hasCode, SessionError } from '../error.ts';
import { SessionEnd } from '../session-end.ts';
import { copyTtlMs, type SessionHeader } from './protocol.ts';
import type { StickyContext } from './sticky-context.ts';
import type { LiveCopy, SessionAddress } from './store-client.ts';

/** The store interface of one balancer, for one pool that this process is a server of. */
interface KnownStore extends Pick<SessionHeader, 'pool' | 'store' | 'allow'> {
  /** When a request last named it, Unix ms. */
  lastNamedAt: number;
}

/** A session as a store has it, and where. */
export interface FoundSession {
  readonly address: SessionAddress & Pick<SessionHeader, 'allow'>;
  readonly copy: LiveCopy;
}

/** Balancers times pools. */
const maxStores = 16;
/** A store that no request has named for so long is not asked any more, as long as its pool has others. */
const staleAfterMs = 10 * 60_000;

export class StickyDirectory implements SessionDirectory {
  private readonly context: Omit<StickyContext, 'users'>;
  /** The one that was named last comes first. */
  private stores: KnownStore[] = [];

  constructor(context: Omit<StickyContext, 'users'>) {
    this.context = context;
  }

  /** No request has named a store yet. */
  get hasNoStore(): boolean {
    return this.stores.length === 0;
  }

  /** A request has named a store. `now`: Unix ms. */
  addStore({ pool, store, allow }: SessionHeader, now: number): void {
    const first = this.stores[0];
    if (first !== undefined && first.store === store && first.pool === pool) {
      first.lastNamedAt = now;
      return;
    }
    const others = this.stores.filter((other) => other.store !== store || other.pool !== pool);
    this.stores = [{ pool, store, allow, lastNamedAt: now }, ...others].slice(0, maxStores);
  }

  /** null: no store has it, or one says that it has ended. */
  async find(id: string): Promise<FoundSession | null> {
    const { client } = this.context;
    const results = await this.queryAll(async ({ pool, store, allow }) => {
      const address = { id, pool, store, allow };
      return { address, copy: await client.read(address) };
    });
    let found: FoundSession | null = null;
    for (const { address, copy } of results) {
      if (copy.state === 'ended') return null;
      if (copy.state === 'live' && found === null) found = { address, copy };
    }
    return found;
  }

  async read(id: string): Promise<StoredSession | null> {
    const found = await this.find(id);
    if (found === null) return null;
    const { options } = this.context;
    const { text, ttlMs } = found.copy;
    const data = options.codec.decode(text);
    const idleMs = idleMsOf(options, { data });
    const now = options.clock.now();
    const lastSeenAt = Math.min(now, now + ttlMs - copyTtlMs(idleMs));
    return { data, lastSeenAt, expiresAt: lastSeenAt + idleMs };
  }

  async end(id: string): Promise<void> {
    const { client } = this.context;
    try {
      await this.queryAll((store) => client.endAtAnyEpoch({ ...store, id }));
    } catch (error) {
      if (hasCode(error, 'session-ending')) this.endInMemory(id);
      throw error;
    }
    this.endInMemory(id);
  }

  async ofUser(user: UserHash): Promise<readonly string[]> {
    const { client } = this.context;
    const lists = await this.queryAll((store) => client.ofUser(store, user));
    return [...new Set(lists.flat())];
  }

  /** The ids that the stores have now; what has become of each session is read when it is its turn. */
  async *all(): AsyncGenerator<string> {
    const { client } = this.context;
    const lists = await this.queryAll((store) => client.all(store));
    const [first = [], ...others] = lists;
    yield* first;
    if (others.length === 0) return;
    const seen = new Set(first);
    for (const id of others.flat()) if (!seen.has(id) && seen.add(id)) yield id;
  }

  /** Open requests of the session lose what is not stored yet. */
  private endInMemory(id: string): void {
    const { registry, options } = this.context;
    const now = options.clock.now();
    const live = registry.peek(id);
    if (live === undefined) {
      registry.addTombstone(id, now);
      return;
    }
    const end = new SessionEnd(false, live.epoch);
    end.isConfirmed = true;
    end.markResponseClosed(now);
    live.end = end;
    registry.end(live, now);
  }

  /** The results of all stores. One whose balancer is gone may fail, when another one of its pool answers. */
  private async queryAll<T>(query: (store: KnownStore) => Promise<T>): Promise<T[]> {
    const stores = this.storesToQuery();
    const results = await Promise.allSettled(stores.map(query));
    const values: T[] = [];
    const answeredPools = new Set(stores.filter((_, i) => results[i]?.status === 'fulfilled').map(({ pool }) => pool));
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') values.push(result.value);
      else if (!isGone(result.reason) || !answeredPools.has(stores[i]?.pool ?? '')) throw result.reason;
    }
    return values;
  }

  private storesToQuery(): readonly KnownStore[] {
    const { stores } = this;
    if (stores.length === 0) {
      throw new SessionError(
        'no-balancer',
        'strategy sticky: found no request of a balancer since this process was started, expected one: it says where the store is',
      );
    }
    const now = this.context.options.clock.now();
    const isFirstOfPool = (pool: string, index: number) => stores.findIndex((other) => other.pool === pool) === index;
    return stores.filter(({ pool, lastNamedAt }, i) => now - lastNamedAt < staleAfterMs || isFirstOfPool(pool, i));
  }
}

/** Nobody listens at that address any more. */
function isGone(error: unknown): boolean {
  const { cause } = Object(error);
  return cause instanceof Error && 'code' in cause && (cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT');
}
