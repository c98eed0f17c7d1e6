/**
 * Keeps what the store of a fleet has of the owners of sessions alive as long as the sessions are used: those that were used since the last
 * round are renewed, a quarter of their longest idle time apart. No request waits for it. A record that the store has lost is made again.
 */
import { setImmediate } from 'node:timers/promises';
import { formatHalfId } from '../ownership/session-id.ts';
import type { Store } from '../store/store.ts';
import { readPage } from '../table/page-reader.ts';
import type { Entry } from '../table/records.ts';
import type { SessionTable } from '../table/table.ts';
import { type Clock, type Timers, unixSeconds } from '../time/clock.ts';
import type { FollowedPool } from './followed-pools.ts';

export interface OwnerRenewalDependencies {
  readonly table: SessionTable;
  readonly store: Pick<Store, 'touch' | 'claim'>;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** A share of the time for which the store keeps an owner: a quarter of the longest idle time. */
const renewalShare = 6;
const shortestPauseMs = 1000;
/** Renewals that are under way at the same time. */
const mostRunning = 64;

export class OwnerRenewal {
  private readonly deps: OwnerRenewalDependencies;
  /** By the slot of each server. */
  private pools: ReadonlyMap<number, FollowedPool> = new Map();
  private pauseMs = shortestPauseMs;
  /** Unix seconds: sessions that were seen before have been renewed. */
  private since = 0;
  private isStopped = false;
  private cancelTimer: () => void = () => {};

  constructor(deps: OwnerRenewalDependencies) {
    this.deps = deps;
  }

  /** Another config is in force. */
  follow(pools: readonly FollowedPool[]): void {
    this.pools = new Map(pools.flatMap((pool) => pool.fleet.servers.map(({ slot }) => [slot, pool] as const)));
    this.pauseMs = Math.max(shortestPauseMs, Math.min(...pools.map(({ ttl }) => ttl)) / renewalShare);
  }

  start(): void {
    if (this.isStopped) return;
    this.cancelTimer = this.deps.timers.after(this.pauseMs, () => void this.run().finally(() => this.start()));
  }

  /** For good. */
  stop(): void {
    this.isStopped = true;
    this.cancelTimer();
  }

  /** One round. Resolves when it is over, also when the store does not answer. */
  async run(): Promise<void> {
    const { table, clock } = this.deps;
    const { since } = this;
    const now = unixSeconds(clock);
    let running: Promise<void>[] = [];
    for (let page = 0; ; page++) {
      const exists = readPage(table, page, now, (key, entry) => {
        if (entry.seen >= since && !entry.copied) running.push(this.renew(key, entry));
      });
      if (!exists) break;
      if (running.length >= mostRunning) {
        await Promise.all(running);
        running = [];
      } else if (page % mostRunning === 0) await setImmediate();
    }
    await Promise.all(running);
    this.since = now;
  }

  private async renew({ hi, lo }: { readonly hi: number; readonly lo: number }, entry: Entry): Promise<void> {
    const { store } = this.deps;
    const { server, epoch, lifetime } = entry;
    const pool = this.pools.get(server);
    if (pool === undefined || (epoch < 2 && !pool.named.has(lifetime))) return;
    const owner = pool.fleet.at(server);
    const key = { pool: pool.name, id: formatHalfId(hi, lo) };
    try {
      const isKnown = await store.touch(key, epoch, pool.ttl);
      // Of a whole id a second record would come about, which tells other balancers of an owner that the first one may not have.
      if (!isKnown && owner !== undefined && !pool.hasCopies)
        await store.claim(key, epoch - 1, owner.storeId, pool.ttl);
    } catch {
      // It does not answer. The owner is renewed with the next round, or recorded when the session has another one.
    }
  }
}
