/**
 * Where an exchange goes: to the owner of its session, to a new owner when that one failed, or, when the session
 * is nobody's, where a policy proposes. The session is told its owner and epoch on the way.
 */
import type { Session } from '../affinity/affinity.ts';
import { balancerFaults, type Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { Pool } from './pool.ts';

export class Placement {
  /** Where to; null: nowhere now, see `fault`. It may lack room: then the exchange waits for it. */
  server: Server | null = null;
  /** Why there is no server; null when there are some that only lack room: wait for any. */
  fault: Fault | null = null;
  /** The session has an owner, and it could not serve. */
  ownerFailed = false;
  /** The session got a new owner, one epoch on. */
  claimed = false;

  /** `tried`: the servers that have failed this exchange; null at first. `now` is Unix seconds. */
  find(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    this.server = null;
    this.fault = null;
    this.ownerFailed = this.claimed = false;
    if (!session.recognised) {
      const server = this.take(pool, pool.parts.choose(session.key, tried), tried);
      if (session.affinity !== null && server !== null) session.owner = server.id;
      return;
    }
    const owner = pool.locate(session, now);
    if (owner !== undefined && pool.isUsable(owner) && tried?.includes(owner) !== true) this.server = owner;
    else this.replaceOwner(pool, session, tried, now);
  }

  /** The owner is gone, down, or has just failed: borrow another server, make it the owner, or say so. */
  private replaceOwner(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    const { whenOwnerFails } = pool.settings;
    this.ownerFailed = true;
    if (whenOwnerFails === 'reject') {
      this.fault = pool.ownerDown;
      return;
    }
    // A key placed by hashing has no owner to change: it falls to the next server, and returns.
    if (whenOwnerFails === 'temporary' || session.owner === 0) {
      this.take(pool, pool.parts.borrow(session.key, tried), tried);
      return;
    }
    const server = this.take(pool, pool.parts.choose(session.key, tried), tried);
    if (server === null) return;
    pool.claim(session, server, now);
    this.claimed = true;
  }

  private take(pool: Pool, server: Server | undefined, tried: readonly Server[] | null): Server | null {
    this.server = server ?? null;
    if (server === undefined && !pool.parts.busy(tried)) this.fault = balancerFaults.noServer;
    return this.server;
  }
}
