/**
 * Where an exchange goes: to the owner of its session, to a new owner when that one failed, or, when the session
 * is nobody's, where a policy proposes. The session is told its owner and epoch on the way. Where sessions have copies, the
 * store may have to be asked in between: then `asks` says what, and when the table knows the answer, `find` goes on.
 */
import { balancerFaults, type Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { Session, SessionView } from '../ownership/session.ts';
import type { Pool } from './pool.ts';

/** Times that the owner may turn out to be another one that fails too, before the exchange is refused. */
const maxOwners = 4;

export class Placement {
  /** Where to; null: nowhere now, see `fault`. It may lack room: then the exchange waits for it. */
  server: Server | null = null;
  /** Why there is no server; null when there are some that only lack room: wait for any. */
  fault: Fault | null = null;
  /** The session has an owner, and it could not serve. */
  ownerFailed = false;
  /** The session got a new owner, one epoch on. */
  claimed = false;
  /** It left an owner that lives. */
  moved = false;
  /** The owner seems to be lost, but this worker's view is stale: wait before rebinding. */
  viewIsStale = false;
  /** The store first: what it knows of the session, or that `server` owns it now. */
  asks: 'nothing' | 'session' | 'owner' = 'nothing';
  /** Servers that have their share of sessions: none that leaves another one goes there. */
  private full: readonly Server[] | null = null;

  /** `tried`: the servers that have failed this exchange; null at first. `now` is Unix seconds. */
  find(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    this.server = null;
    this.fault = null;
    this.asks = 'nothing';
    this.ownerFailed = this.claimed = this.moved = this.viewIsStale = false;
    const { recognition } = session;
    const known = recognition.recognised;
    const owner = known ? pool.locate(session, now) : null;
    if (session.storeState === 'ending') {
      this.fault = balancerFaults.sessionEnding;
      return;
    }
    if (!recognition.recognised) {
      // One that has ended, or whose server may have begun it before it failed: its id is not used again.
      if (pool.copies !== null && (known || (tried !== null && recognition.affinity !== null)))
        pool.rename(session, now);
      this.placeNew(pool, session, tried);
    } else if (session.storeState === 'must-query') this.asks = 'session';
    else if (owner === null) this.placeNamed(pool, session, tried, now);
    else this.goHome(pool, session, owner, tried, now);
  }

  private placeNew(pool: Pool, session: Session, tried: readonly Server[] | null): void {
    const server = this.take(pool, pool.parts.choose(session.recognition.key, tried), tried);
    if (session.recognition.affinity !== null && server !== null) session.owner = server.id;
  }

  /** The client brings a name that nobody owns: hashing proposes, so that even without a table the answer would be the same. */
  private placeNamed(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    const server = this.take(pool, pool.parts.chooseForKey(session.recognition.key, tried), tried);
    if (server === null) return;
    const owner = pool.owners.settle(session, server, now);
    if (owner !== server) this.goHome(pool, session, owner, tried, now);
    else this.announce(session);
  }

  private goHome(
    pool: Pool,
    session: Session,
    owner: Server | undefined,
    tried: readonly Server[] | null,
    now: number,
  ): void {
    if (!this.isUsable(pool, owner, tried)) {
      this.replaceOwner(pool, session, owner, tried, now);
      return;
    }
    this.server = owner!;
    if (session.storeState === 'must-announce') this.announce(session);
    else if (mayMove(pool, session) && this.shouldLeave(pool, owner!)) this.leaveOwner(pool, session, tried, now);
    else if (!owner!.hasRoom) this.passFullOwner(pool, session, owner!, tried, now);
  }

  /** The owner is to be emptied, or has too many sessions while others have not. */
  private shouldLeave(pool: Pool, owner: Server): boolean {
    this.full = null;
    // It may be ready again, and another worker may know.
    if (owner.state === 'draining') return !pool.parts.configVersion.isStale;
    this.full = pool.parts.shouldRebalance(owner);
    return this.full !== null;
  }

  /** The owner lives, and the session can live elsewhere: it goes if it can, and stays if not. */
  private leaveOwner(pool: Pool, session: Session, tried: readonly Server[] | null, now: number): void {
    const { full } = this;
    this.full = null;
    const other = pool.parts.choose(session.recognition.key, full === null ? tried : [...full, ...(tried ?? [])]);
    if (other === undefined || other === this.server) return;
    const owner = pool.owners.move(session, other, now);
    if (owner === null) return;
    this.moved = owner === other;
    if (this.moved) session.reason = 'move';
    if (this.isUsable(pool, owner, tried)) {
      this.server = owner!;
      this.announce(session);
    } else this.replaceOwner(pool, session, owner, tried, now);
  }

  /** The store hears of a new owner before that one gets a request. */
  private announce(session: Session): void {
    if (session.storeState !== 'must-announce') return;
    if (session.reason !== 'move') session.reason = 'rebind';
    this.asks = 'owner';
  }

  /** The owner is well and has no room: wait for it, live elsewhere from now on, or say so. */
  private passFullOwner(
    pool: Pool,
    session: Session,
    owner: Server,
    tried: readonly Server[] | null,
    now: number,
  ): void {
    const { whenOwnerFull } = pool.settings;
    if (whenOwnerFull === 'rebind' && session.recognition.hasId && pool.copies !== null) {
      if (mayMove(pool, session)) this.leaveOwner(pool, session, tried, now);
      return;
    }
    if (whenOwnerFull === 'reject') {
      this.server = null;
      this.fault = balancerFaults.ownerFull;
      return;
    }
    this.server = owner;
    if (whenOwnerFull === 'queue') return;
    const fixed = isFixed(session);
    const other = fixed
      ? pool.parts.chooseSubstitute(session.recognition.key, tried)
      : pool.parts.choose(session.recognition.key, tried);
    // Everyone is full: then the owner is the one to wait for.
    if (other === undefined) return;
    this.server = other;
    if (fixed) return;
    this.server = pool.owners.claim(session, other, now) ?? other;
    this.claimed = this.server === other;
  }

  /** The owner is gone, down, or has just failed: borrow another server, make it the owner, or say so. */
  private replaceOwner(
    pool: Pool,
    session: Session,
    lost: Server | undefined,
    tried: readonly Server[] | null,
    now: number,
  ): void {
    if (this.mustWaitForView(pool, lost)) return;
    // One that was given its first owner a moment ago has nothing there to lose.
    const { action, fault } = session.firstPlacement ? pool.rebinding : pool.ownerFailure(session);
    this.ownerFailed = true;
    if (action === 'reject') {
      this.fault = fault;
      return;
    }
    // Placed by a hash or by a fixed map there is no ownership to change: it falls to the next server, and returns.
    if (isFixed(session) || (action === 'temporary' && !hasCopy(pool, session))) {
      session.substitute = session.recognition.hasId;
      session.former = 0;
      this.take(pool, pool.parts.chooseSubstitute(session.recognition.key, tried), tried);
      return;
    }
    for (let owners = 0; owners < maxOwners; owners++) {
      const server = this.take(
        pool,
        this.formerOwner(pool, session, tried) ?? pool.parts.choose(session.recognition.key, tried),
        tried,
      );
      if (server === null) return;
      const owner = pool.owners.claim(session, server, now);
      this.claimed = owner === server;
      // Another exchange has found a new owner before us: there it lives now, if that one can serve.
      if (owner !== undefined) this.server = owner;
      if (this.claimed) session.reason = 'rebind';
      else if (!this.isUsable(pool, owner, tried)) {
        if (this.mustWaitForView(pool, owner)) return;
        continue;
      }
      this.announce(session);
      return;
    }
    this.server = null;
    this.fault = balancerFaults.noServer;
  }

  /** One that was to leave its owner, and has not arrived anywhere yet, stays there if it can. */
  private formerOwner(pool: Pool, { former }: SessionView, tried: readonly Server[] | null): Server | undefined {
    const server = former === 0 ? undefined : pool.parts.fleet.at(former);
    return this.isUsable(pool, server, tried) ? server : undefined;
  }

  /** The owner cannot be used, as far as this worker knows. True: its view is stale, and the exchange waits until it is current. */
  private mustWaitForView(pool: Pool, owner: Server | undefined): boolean {
    if (!pool.parts.configVersion.isStale || (owner !== undefined && pool.isUsable(owner))) return false;
    this.server = null;
    this.viewIsStale = true;
    return true;
  }

  private isUsable(pool: Pool, server: Server | undefined, tried: readonly Server[] | null): boolean {
    return server !== undefined && pool.isUsable(server) && tried?.includes(server) !== true;
  }

  private take(pool: Pool, server: Server | undefined, tried: readonly Server[] | null): Server | null {
    this.server = server ?? null;
    if (server === undefined && !pool.parts.lacksRoom(tried)) this.fault = balancerFaults.noServer;
    return this.server;
  }
}

/** Its state can be read elsewhere. */
function hasCopy(pool: Pool, session: SessionView): boolean {
  return pool.copies !== null && session.version > 0;
}

/** Never without the store: it could not be told of the new owner. */
function mayMove(pool: Pool, session: SessionView): boolean {
  if (session.storeState === 'without-store') return false;
  return hasCopy(pool, session) && pool.copies!.well && pool.copies!.kept;
}

/** No record says where it lives, so none can be changed. */
function isFixed({ recognition }: SessionView): boolean {
  const { kind } = recognition;
  return kind === 'hash' || kind === 'fixed';
}
