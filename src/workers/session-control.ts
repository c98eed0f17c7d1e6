/**
 * What operators see and change of sessions: lists of the table, one session by what its client carries, moves and ends.
 *
 *      list    pages of the table, a bounded number in one call
 *      find    the pool's affinities read a request that is made up of what is asked for (session-finder.ts)
 *      move    a claim for another server; the session's next request announces it to the store and goes there
 *      end     a tombstone in table and store, as a sign-out by another server makes it
 */
import type { EndOutcome, MoveOutcome } from '../admin/dependencies.ts';
import type { FoundSession, SessionFilter, SessionPage, SessionQuery } from '../admin/schemas.ts';
import { createFleet, idKeysOf } from '../balancer/fleets.ts';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import type { EventPublisher } from '../events/bus.ts';
import type { Load } from '../fleet/load.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { pastEndSeconds } from '../ownership/session.ts';
import { idWord } from '../ownership/session-id.ts';
import { type Numbers, poolName, serverName } from '../shared/slots.ts';
import type { Copy } from '../store/store.ts';
import { readPage } from '../table/page-reader.ts';
import type { Fingerprint } from '../table/pages.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import { type Clock, unixSeconds } from '../time/clock.ts';
import { type Recognised, recognise } from './session-finder.ts';
import type { StoreService } from './store-service.ts';

export interface SessionControlDependencies {
  /** The config in force, with token keys. */
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  readonly table: SessionTable;
  readonly tableSecret: Buffer;
  readonly load: Load;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly events: EventPublisher;
  /** null: no copies of sessions are kept. */
  readonly store: () => Pick<StoreService, 'keepsCopies' | 'read' | 'end' | 'idOf'> | null;
}

type SessionView = SessionPage['sessions'][number];

const byOperator = 'by an operator';

/** The most pages of the table that one call reads: some 10 ms. */
const mostPages = 1000;

export class SessionControl {
  private readonly deps: SessionControlDependencies;

  constructor(deps: SessionControlDependencies) {
    this.deps = deps;
  }

  /** The page of the table that is begun is read to its end: up to 126 more than `limit` may come. */
  list({ pool, server, cursor = '0', limit }: SessionFilter): SessionPage {
    const { table, clock } = this.deps;
    const owners = this.owners();
    const now = unixSeconds(clock);
    const sessions: SessionView[] = [];
    const first = Number(cursor);
    let page = first;
    for (; page < first + mostPages && sessions.length < limit; page++) {
      const exists = readPage(table, page, now, (key, entry) => {
        const owner = owners.get(entry.server);
        if (owner === undefined) return;
        if ((pool !== undefined && owner.pool !== pool) || (server !== undefined && owner.server !== server)) return;
        sessions.push(viewOf(key, entry, owner));
      });
      if (!exists) return { sessions, cursor: null };
    }
    return { sessions, cursor: String(page) };
  }

  /** One for each pool that recognises a session in it. */
  async find(query: SessionQuery): Promise<readonly FoundSession[] | 'no-such-pool'> {
    const { options } = this.deps;
    const { pools } = options();
    const asked = pools.filter(({ name }) => query.pool === undefined || query.pool === name);
    if (asked.length === 0) return 'no-such-pool';
    const found: FoundSession[] = [];
    for (const pool of asked) {
      if (query.id?.length === 8) {
        for (const id of this.idsOf(query.id)) {
          const one = await this.describe(pool, { affinity: 'id', kind: 'token', id, ownerId: 0, epoch: 0 });
          if (one.session !== null) found.push(one);
        }
        continue;
      }
      const recognised = recognise(query, pool, this.deps);
      if (recognised === null) continue;
      const one = await this.describe(pool, recognised);
      // An id is the same text in every pool.
      if (query.id === undefined || one.session !== null || one.copy !== null) found.push(one);
    }
    return found;
  }

  /** The ids in the table with these first eight digits, which choose the page. */
  private idsOf(tag: string): string[] {
    const { table, clock } = this.deps;
    const hi = idWord(tag, 0);
    const { pages } = table;
    const ids: string[] = [];
    readPage(table, pages.numberOf({ hi, lo: 0 }), unixSeconds(clock), (key) => {
      if (key.hi >>> 0 === hi) ids.push(`${tag}${(key.lo >>> 0).toString(16).padStart(8, '0')}`);
    });
    return ids;
  }

  private async describe(pool: PoolOptions, recognised: Recognised): Promise<FoundSession> {
    const { table, tableSecret, clock, load, numbers, options } = this.deps;
    const { affinity, kind, id, ownerId, epoch } = recognised;
    const fleet = createFleet(pool, { load, numbers: numbers(), idKeys: idKeysOf(options(), tableSecret) });
    const named = ownerId === 0 ? null : (fleet.find(ownerId)?.name ?? null);
    const base = { pool: pool.name, affinity, kind, id, tag: id === null ? null : id.slice(0, 8) };
    if (id === null) {
      const why = named === null ? null : kind === 'fixed' ? 'config' : 'token';
      return { ...base, state: 'none', server: named, why, session: null, copy: null };
    }
    const entry = new Entry();
    const key = keyOf(id);
    const state = table.find(key, unixSeconds(clock), entry);
    const owner = this.owners().get(entry.server);
    const isHere = state === 'live' && owner?.pool === pool.name;
    const session = isHere ? viewOf(key, entry, owner) : null;
    const isNewer = session !== null && (entry.epoch >= epoch || named === null);
    const server = isNewer ? session.server : named;
    const copy = id.length === 32 ? await this.copyOf(pool.name, id) : null;
    return {
      ...base,
      state: state === 'live' && !isHere ? 'none' : state,
      server,
      why: isNewer ? 'table' : named === null ? null : 'token',
      session,
      copy,
    };
  }

  private async copyOf(pool: string, id: string): Promise<FoundSession['copy']> {
    const copy: Copy | null = (await this.deps.store()?.read(pool, id)) ?? null;
    if (copy === null || copy.version === 0) return null;
    const { version, epoch, data, expires } = copy;
    return { version, epoch, bytes: data.length, expires: new Date(expires).toISOString() };
  }

  /**
   * The session's next request goes to that server. 'no-copy': its state would stay behind (`force`: all the same). 'busy': one of its
   * requests is running.
   */
  move(pool: string, session: string, to: string, force: boolean): MoveOutcome {
    const { table, clock, counters, numbers, events } = this.deps;
    const options = this.poolOf(pool);
    if (options === undefined) return 'no-such-pool';
    if (!options.servers.some(({ name }) => name === to)) return 'no-such-server';
    const slot = numbers().slots.get(serverName(pool, to)) ?? 0;
    const now = unixSeconds(clock);
    const key = keyOf(session);
    const entry = new Entry();
    const isLive = table.find(key, now, entry) === 'live';
    const owner = this.owners().get(entry.server);
    if (!isLive || owner?.pool !== pool) return 'no-such-session';
    if (entry.server === slot) return 'is-there';
    if (!entry.copied && !force) return 'no-copy';
    const from = owner.server ?? '';
    const { copied } = entry;
    const isAnnounced = options.sessions && this.deps.store()?.keepsCopies === true;
    const how = { provisional: false, counted: false, moving: true, announce: isAnnounced, most: 0 };
    const outcome = table.claim(key, entry.epoch, slot, now, entry, how);
    if (outcome === 'busy') return 'busy';
    if (outcome !== 'claimed') return outcome === 'lost' ? 'busy' : 'no-such-session';
    counters.add(counter.sessions_moved);
    events.publish('session.moved', { pool, session: session.slice(0, 8), from, to, copied, reason: byOperator });
    return 'done';
  }

  /**
   * No late write revives it, and a request with its cookie begins a new session. 'ending': the store gets to know when it is back.
   * 'needs-whole-id': without the other half of its id the store cannot be told. 'store-failed': the session goes on.
   */
  async end(pool: string, session: string): Promise<EndOutcome> {
    const { table, clock, counters, events } = this.deps;
    const options = this.poolOf(pool);
    if (options === undefined) return 'no-such-pool';
    const key = keyOf(session);
    const entry = new Entry();
    const isLive = table.find(key, unixSeconds(clock), entry) === 'live';
    const owner = this.owners().get(entry.server);
    if (isLive && owner?.pool !== pool) return 'no-such-session';
    const store = options.sessions ? this.deps.store() : null;
    let outcome: 'ended' | 'ending' = 'ended';
    if (store?.keepsCopies === true) {
      const id = session.length === 32 ? session : await store.idOf(pool, session);
      if (id === null) return isLive ? 'needs-whole-id' : 'no-such-session';
      if (!isLive && (await store.read(pool, id)) === null) return 'no-such-session';
      const ended = await store.end(pool, id);
      if (ended === 'failed') return 'store-failed';
      outcome = ended;
    } else {
      if (!isLive) return 'no-such-session';
      // The client still has the cookie: it may begin a new session at once.
      if (table.end(key, unixSeconds(clock), unixSeconds(clock) - pastEndSeconds)) counters.add(counter.sessions_ended);
    }
    events.publish('session.ended', {
      pool,
      session: session.slice(0, 8),
      server: owner?.server ?? '',
      reason: byOperator,
    });
    return outcome;
  }

  private poolOf(name: string): PoolOptions | undefined {
    return this.deps.options().pools.find((pool) => pool.name === name);
  }

  /** Pool and server of each number in the table. */
  private owners(): ReadonlyMap<number, { readonly pool: string; readonly server: string | null }> {
    const { slots } = this.deps.numbers();
    const owners = new Map<number, { readonly pool: string; readonly server: string | null }>();
    for (const { name: pool, servers } of this.deps.options().pools) {
      owners.set(slots.get(poolName(pool)) ?? 0, { pool, server: null });
      for (const { name } of servers) owners.set(slots.get(serverName(pool, name)) ?? 0, { pool, server: name });
    }
    return owners;
  }
}

function keyOf(id: string): Fingerprint {
  return { hi: idWord(id, 0), lo: idWord(id, 1) };
}

function viewOf(
  { hi, lo }: Fingerprint,
  { epoch, born, seen, copied, version, inflight }: Entry,
  owner: { readonly pool: string; readonly server: string | null },
): SessionView {
  const id = [hi, lo].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  return { id, ...owner, epoch, born: isoTime(born), seen: isoTime(seen), copied, version, inflight };
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
