/**
 * Decides to which server a request goes: the owner of its session, a new owner when that one fails, or, for a session without an
 * owner, the server that a policy proposes. The session gets its owner and epoch. Where sessions have copies, the store may have to be
 * called first (`mustQueryStore`); when the table has the answer, `find` is called again.
 */
import { balancerFaults, type Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { Session, SessionView } from '../ownership/session.ts';
import type { Excluded, PlacementPool } from './placement-pool.ts';

/** Owners in turn that may turn out to be unusable before the exchange is refused. */
const maxOwners = 4;

export class Placement {
  /** The server; null: there is none now, see `fault`. It may lack room: then the exchange waits for it. */
  server: Server | null = null;
  /** Why there is no server; null: some server lacks nothing but room, wait for any. */
  fault: Fault | null = null;
  /** The session has an owner, and it could not serve. */
  ownerFailed = false;
  /** The session has a new owner, with the next epoch. */
  claimed = false;
  /** The session left an owner that is up. */
  moved = false;
  /** The owner seems to be lost, but this worker's view is stale: wait before rebinding. */
  viewIsStale = false;
  /** The store has to be called first: about the session, or to announce `server` as its owner (`session.storeState`). */
  mustQueryStore = false;

  /** `excluded`: the servers that have failed this exchange. `now` is Unix seconds. */
  find(pool: PlacementPool, session: Session, excluded: Excluded, now: number): void {
    this.server = null;
    this.fault = null;
    this.ownerFailed = this.claimed = this.moved = this.viewIsStale = this.mustQueryStore = false;
    const { recognition } = session;
    const cameWithSession = recognition.recognised;
    const owner = cameWithSession ? pool.locate(session, now) : null;
    if (session.storeState === 'ending') this.fault = balancerFaults.sessionEnding;
    else if (!recognition.recognised) {
      // The session has ended, or a server that failed may have begun one with this id: the id is not used again.
      const isUsed = cameWithSession || (excluded !== null && recognition.affinity !== null);
      if (pool.replicator !== null && isUsed) pool.rename(session, now);
      this.placeNew(pool, session, excluded);
    } else if (session.storeState === 'must-query') this.mustQueryStore = true;
    else if (owner === null) this.placeKey(pool, session, excluded, now);
    else this.placeAtOwner(pool, session, owner, excluded, now);
  }

  private placeNew(pool: PlacementPool, session: Session, excluded: Excluded): void {
    const { affinity, key } = session.recognition;
    const server = this.take(pool, pool.parts.choose(key, excluded), excluded);
    if (affinity !== null && server !== null) session.owner = server.tokenId;
  }

  /** The client brings a key that has no owner: hashing proposes one, so that it would be the same if the table lost it. */
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
    if (session.former !== 0 && !session.firstPlacement && pool.claimRule(session) !== 'claim') {
      lend(session);
      // Other balancers do not know of this owner.
      session.changeBinding('withheld');
    }
    const other = mayMove(pool, session) ? betterOwner(pool, session, owner, excluded) : undefined;
    if (other !== undefined) this.moveFromOwner(pool, session, other, excluded, now);
    else if (!owner.hasRoom) this.passFullOwner(pool, session, excluded, now);
  }

  /** The owner is up, but the session should leave it for `other`. It stays if it cannot. */
  private moveFromOwner(pool: PlacementPool, session: Session, other: Server, excluded: Excluded, now: number): void {
    if (other === this.server) return;
    const owner = pool.claims.move(session, other, now);
    if (owner === null) return;
    this.moved = owner === other;
    if (this.moved) session.reason = 'move';
    if (isUsable(pool, owner, excluded)) {
      this.server = owner;
      this.announce(session);
    } else this.replaceOwner(pool, session, owner, excluded, now);
  }

  /** A new owner is announced to the store before it gets a request. */
  private announce(session: Session): void {
    if (session.storeState !== 'must-announce') return;
    if (session.reason !== 'move') session.reason = 'rebind';
    this.mustQueryStore = true;
  }

  /** `server`, the owner, is usable but has no room: the exchange waits for it, goes to another owner, or is refused. */
  private passFullOwner(pool: PlacementPool, session: Session, excluded: Excluded, now: number): void {
    const { whenOwnerFull } = pool.settings;
    const { hasId, key } = session.recognition;
    if (whenOwnerFull === 'rebind' && hasId && pool.replicator !== null) {
      const other = mayMove(pool, session) ? pool.parts.choose(key, excluded) : undefined;
      if (other !== undefined) this.moveFromOwner(pool, session, other, excluded, now);
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
    // No server has room: wait for the owner.
    if (other === undefined) return;
    this.server = other;
    if (fixed) return;
    this.server = pool.claims.claim(session, other, now) ?? other;
    this.claimed = this.server === other;
  }

  /** The owner has left the pool, is down, or has failed this exchange: another server stands in or becomes the owner, or it is refused. */
  private replaceOwner(
    pool: PlacementPool,
    session: Session,
    lost: Server | undefined,
    excluded: Excluded,
    now: number,
  ): void {
    if (this.mustWaitForView(pool, lost)) return;
    // A session that this exchange has just given its first owner has no state there that could be lost.
    const { action, fault } = session.firstPlacement ? pool.rebinding : pool.ownerFailure(session);
    this.ownerFailed = true;
    if (action === 'reject') {
      this.fault = fault;
      return;
    }
    const { key } = session.recognition;
    const rule = pool.claimRule(session);
    if (rule === 'refuse') {
      this.fault = balancerFaults.sessionStore;
      return;
    }
    // The owner by a hash or a fixed map cannot be changed: another server stands in until it is back.
    const isBorrowed = isFixed(session) || (action === 'temporary' && !hasCopy(pool, session));
    if (isBorrowed || rule === 'keep') {
      lend(session);
      if (!isBorrowed) session.changeBinding('withheld');
      this.take(pool, pool.parts.chooseSubstitute(key, excluded), excluded);
      return;
    }
    for (let owners = 0; owners < maxOwners; owners++) {
      const proposed = formerOwner(pool, session, excluded) ?? pool.parts.chooseNewOwner(key, excluded);
      const server = this.take(pool, proposed, excluded);
      if (server === null) return;
      const owner = pool.claims.claim(session, server, now);
      this.claimed = owner === server;
      // Another exchange has claimed the session first: its owner is the one to go to, if it is usable.
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

/** Where the session should go from that owner, because it is draining or has too many sessions. undefined: it stays. */
function betterOwner(
  { parts }: PlacementPool,
  { recognition: { key } }: SessionView,
  owner: Server,
  excluded: Excluded,
): Server | undefined {
  // With a stale view: the owner may be ready again.
  if (owner.state === 'draining') return parts.configVersion.isStale ? undefined : parts.choose(key, excluded);
  const full = parts.shouldRebalance(owner);
  if (full === null) return undefined;
  const other = parts.choose(key, full.length === 0 ? excluded : [...full, ...(excluded ?? [])]);
  return other !== undefined && parts.evensOut(owner, other) ? other : undefined;
}

/** The session has a provisional owner that has taken no request: it returns to its former owner if that is usable. */
function formerOwner(pool: PlacementPool, { former }: SessionView, excluded: Excluded): Server | undefined {
  const server = former === 0 ? undefined : pool.parts.fleet.at(former);
  return isUsable(pool, server, excluded) ? server : undefined;
}

/** Another server can read the session's state. */
function hasCopy(pool: PlacementPool, { version }: SessionView): boolean {
  return pool.replicator !== null && version > 0;
}

/** The session can leave an owner that is up. Not without the store: the new owner could not be announced. */
function mayMove({ replicator }: PlacementPool, { mustStay, storeState, version }: SessionView): boolean {
  return replicator !== null && version > 0 && replicator.mayMove && storeState !== 'without-store' && !mustStay;
}

/** The request goes to a server that does not become the owner. */
function lend(session: Session): void {
  session.substitute = session.recognition.hasId;
  session.former = 0;
}

/** Its owner follows from a hash or a fixed map: there is no record that could be changed. */
function isFixed({ recognition }: SessionView): boolean {
  return recognition.kind === 'hash' || recognition.kind === 'fixed';
}
