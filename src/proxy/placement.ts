/**
 * Where an exchange goes: to the owner of its session, to a new owner when that one failed, or, when the session
 * is nobody's, where a policy proposes. The session is told its owner and epoch on the way. Where sessions have copies, the
 * store may have to be asked in between: then `mustAskStore`, and when the table knows the answer, `find` goes on.
 */
import { balancerFaults, type Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { Session, SessionView } from '../ownership/session.ts';
import type { Excluded, PlacementPool } from './placement-pool.ts';

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
  /** The store first: about the session, or to tell it that `server` owns it now (`session.storeState`). */
  mustAskStore = false;

  /** `excluded`: the servers that have failed this exchange. `now` is Unix seconds. */
  find(pool: PlacementPool, session: Session, excluded: Excluded, now: number): void {
    this.server = null;
    this.fault = null;
    this.ownerFailed = this.claimed = this.moved = this.viewIsStale = this.mustAskStore = false;
    const { recognition } = session;
    const cameWithSession = recognition.recognised;
    const owner = cameWithSession ? pool.locate(session, now) : null;
    if (session.storeState === 'ending') this.fault = balancerFaults.sessionEnding;
    else if (!recognition.recognised) {
      // One that has ended, or whose server may have begun it before it failed: its id is not used again.
      const isUsed = cameWithSession || (excluded !== null && recognition.affinity !== null);
      if (pool.replicator !== null && isUsed) pool.rename(session, now);
      this.placeNew(pool, session, excluded);
    } else if (session.storeState === 'must-query') this.mustAskStore = true;
    else if (owner === null) this.placeKey(pool, session, excluded, now);
    else this.placeAtOwner(pool, session, owner, excluded, now);
  }

  private placeNew(pool: PlacementPool, session: Session, excluded: Excluded): void {
    const { affinity, key } = session.recognition;
    const server = this.take(pool, pool.parts.choose(key, excluded), excluded);
    if (affinity !== null && server !== null) session.owner = server.id;
  }

  /** The client brings a name that nobody owns: hashing proposes, so that even without a table the answer would be the same. */
  private placeKey(pool: PlacementPool, session: Session, excluded: Excluded, now: number): void {
    const server = this.take(pool, pool.parts.chooseForKey(session.recognition.key, excluded), excluded);
    if (server === null) return;
    const owner = pool.owners.assign(session, server, now);
    if (owner !== server) this.placeAtOwner(pool, session, owner, excluded, now);
    else this.announce(session);
  }

  private placeAtOwner(
    pool: PlacementPool,
    session: Session,
    owner: Server | undefined,
    excluded: Excluded,
    now: number,
  ): void {
    if (!isUsable(pool, owner, excluded)) {
      this.replaceOwner(pool, session, owner, excluded, now);
      return;
    }
    this.server = owner;
    if (session.storeState === 'must-announce') {
      this.announce(session);
      return;
    }
    const closed = mayMove(pool, session) ? closedToLeaver(pool, owner) : null;
    if (closed !== null) this.moveFromOwner(pool, session, closed, excluded, now);
    else if (!owner.hasRoom) this.passFullOwner(pool, session, excluded, now);
  }

  /** The owner lives, and the session can live elsewhere, but not at a server of `closed`: it goes if it can, and stays if not. */
  private moveFromOwner(
    pool: PlacementPool,
    session: Session,
    closed: readonly Server[],
    excluded: Excluded,
    now: number,
  ): void {
    const without = closed.length === 0 ? excluded : [...closed, ...(excluded ?? [])];
    const other = pool.parts.choose(session.recognition.key, without);
    if (other === undefined || other === this.server) return;
    const owner = pool.claims.move(session, other, now);
    if (owner === null) return;
    this.moved = owner === other;
    if (this.moved) session.reason = 'move';
    if (isUsable(pool, owner, excluded)) {
      this.server = owner;
      this.announce(session);
    } else this.replaceOwner(pool, session, owner, excluded, now);
  }

  /** The store hears of a new owner before that one gets a request. */
  private announce(session: Session): void {
    if (session.storeState !== 'must-announce') return;
    if (session.reason !== 'move') session.reason = 'rebind';
    this.mustAskStore = true;
  }

  /** `server` is the owner, is well and has no room: wait for it, live elsewhere from now on, or say so. */
  private passFullOwner(pool: PlacementPool, session: Session, excluded: Excluded, now: number): void {
    const { whenOwnerFull } = pool.settings;
    const { hasId, key } = session.recognition;
    if (whenOwnerFull === 'rebind' && hasId && pool.replicator !== null) {
      if (mayMove(pool, session)) this.moveFromOwner(pool, session, [], excluded, now);
      return;
    }
    if (whenOwnerFull === 'reject') {
      this.server = null;
      this.fault = balancerFaults.ownerFull;
      return;
    }
    if (whenOwnerFull === 'queue') return;
    const fixed = isFixed(session);
    const other = fixed ? pool.parts.chooseSubstitute(key, excluded) : pool.parts.choose(key, excluded);
    // Everyone is full: then the owner is the one to wait for.
    if (other === undefined) return;
    this.server = other;
    if (fixed) return;
    this.server = pool.claims.claim(session, other, now) ?? other;
    this.claimed = this.server === other;
  }

  /** The owner is gone, down, or has just failed: borrow another server, make it the owner, or say so. */
  private replaceOwner(
    pool: PlacementPool,
    session: Session,
    lost: Server | undefined,
    excluded: Excluded,
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
    const { hasId, key } = session.recognition;
    // Placed by a hash or by a fixed map there is no ownership to change: it falls to the next server, and returns.
    if (isFixed(session) || (action === 'temporary' && !hasCopy(pool, session))) {
      session.substitute = hasId;
      session.former = 0;
      this.take(pool, pool.parts.chooseSubstitute(key, excluded), excluded);
      return;
    }
    for (let owners = 0; owners < maxOwners; owners++) {
      const proposed = formerOwner(pool, session, excluded) ?? pool.parts.choose(key, excluded);
      const server = this.take(pool, proposed, excluded);
      if (server === null) return;
      const owner = pool.claims.claim(session, server, now);
      this.claimed = owner === server;
      // Another exchange has found a new owner before us: there it lives now, if that one can serve.
      if (owner !== undefined) this.server = owner;
      if (this.claimed) session.reason = 'rebind';
      else if (!isUsable(pool, owner, excluded)) {
        if (this.mustWaitForView(pool, owner)) return;
        continue;
      }
      this.announce(session);
      return;
    }
    this.server = null;
    this.fault = balancerFaults.noServer;
  }

  /** The owner cannot be used, as far as this worker knows. True: its view is stale, and the exchange waits until it is current. */
  private mustWaitForView(pool: PlacementPool, owner: Server | undefined): boolean {
    if (!pool.parts.configVersion.isStale || (owner !== undefined && pool.isUsable(owner))) return false;
    this.server = null;
    this.viewIsStale = true;
    return true;
  }

  private take(pool: PlacementPool, server: Server | undefined, excluded: Excluded): Server | null {
    this.server = server ?? null;
    if (server === undefined && !pool.parts.lacksRoom(excluded)) this.fault = balancerFaults.noServer;
    return this.server;
  }
}

function isUsable(pool: PlacementPool, server: Server | undefined, excluded: Excluded): server is Server {
  return server !== undefined && pool.isUsable(server) && excluded?.includes(server) !== true;
}

/**
 * The owner is to be emptied, or has too many sessions while others have not: servers that have their share of sessions, and take
 * none from it. null: its sessions stay.
 */
function closedToLeaver({ parts }: PlacementPool, owner: Server): readonly Server[] | null {
  if (owner.state !== 'draining') return parts.shouldRebalance(owner);
  // It may be ready again, and another worker may know.
  return parts.configVersion.isStale ? null : [];
}

/** One that was to leave its owner, and has not arrived anywhere yet, stays there if it can. */
function formerOwner(pool: PlacementPool, { former }: SessionView, excluded: Excluded): Server | undefined {
  const server = former === 0 ? undefined : pool.parts.fleet.at(former);
  return isUsable(pool, server, excluded) ? server : undefined;
}

/** Its state can be read elsewhere. */
function hasCopy(pool: PlacementPool, { version }: SessionView): boolean {
  return pool.replicator !== null && version > 0;
}

/** Never without the store: it could not be told of the new owner. */
function mayMove({ replicator }: PlacementPool, { storeState, version }: SessionView): boolean {
  return replicator !== null && version > 0 && replicator.mayMove && storeState !== 'without-store';
}

/** No record says where it lives, so none can be changed. */
function isFixed({ recognition }: SessionView): boolean {
  return recognition.kind === 'hash' || recognition.kind === 'fixed';
}
