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
    if (owner === undefined || !pool.isUsable(owner) || tried?.includes(owner) === true) {
      this.replaceOwner(pool, session, tried, now);
      return;
    }
    this.server = owner;
    if (!owner.hasRoom) this.passFullOwner(pool, session, tried, now);
  }

  /** The owner is well and has no room: wait for it, live elsewhere from now on, or say so. */
  private passFullOwner(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    const { whenOwnerFull } = pool.settings;
    if (whenOwnerFull === 'queue') return;
    if (whenOwnerFull === 'reject') {
      this.server = null;
      this.fault = balancerFaults.ownerFull;
      return;
    }
    const fixed = session.epoch === 0;
    const other = fixed ? pool.parts.borrow(session.key, tried) : pool.parts.choose(session.key, tried);
    // Everyone is full: then the owner is the one to wait for.
    if (other === undefined) return;
    this.server = other;
    if (fixed) return;
    pool.claim(session, other, now);
    this.claimed = true;
  }

  /** The owner is gone, down, or has just failed: borrow another server, make it the owner, or say so. */
  private replaceOwner(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    const { whenOwnerFails } = pool.settings;
    this.ownerFailed = true;
    if (whenOwnerFails === 'reject') {
      this.fault = pool.ownerDown;
      return;
    }
    // Placed by a hash or by a fixed map there is no ownership to change: it falls to the next server, and returns.
    if (whenOwnerFails === 'temporary' || session.epoch === 0) {
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
