/** What a placement needs of the pool in which it looks for a server. */
import type { Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { OwnerClaims } from '../ownership/owner-claims.ts';
import type { OwnerLookup } from '../ownership/owner-lookup.ts';
import type { Session, SessionView } from '../ownership/session.ts';

/** Servers that are left out: they have failed this exchange. null: none has yet. */
export type Excluded = readonly Server[] | null;

/** What becomes of a session whose owner failed. */
export interface OwnerFailure {
  readonly action: 'rebind' | 'temporary' | 'reject';
  /** What the client gets when the action is `reject`. */
  readonly fault: Fault;
}

/** How a server is found where no owner says which. Answers servers with room; undefined: there is none. */
export interface ServerChoice {
  /** For a session that is nobody's: a policy proposes. */
  choose(key: number, excluded: Excluded): Server | undefined;
  /** For a key that is nobody's: where hashing puts it. */
  chooseForKey(key: number, excluded: Excluded): Server | undefined;
  /** In place of an owner that cannot serve: where hashing puts the key among the servers that are up. */
  chooseSubstitute(key: number, excluded: Excluded): Server | undefined;
  /** Some server that is not excluded lacks nothing but room. */
  lacksRoom(excluded: Excluded): boolean;
  /** A session should leave that owner now, if it can, for another one than these; null: it may stay. */
  shouldRebalance(owner: Server): readonly Server[] | null;
}

export interface PlacementPool {
  readonly settings: { readonly whenOwnerFull: 'queue' | 'rebind' | 'reject' };
  readonly parts: ServerChoice & {
    readonly fleet: { at(slot: number): Server | undefined };
    /** A stale view may take a server for lost that is up again. */
    readonly configVersion: { readonly isStale: boolean };
  };
  readonly owners: Pick<OwnerLookup, 'assign'>;
  readonly claims: Pick<OwnerClaims, 'claim' | 'move'>;
  /** null: the servers do not speak the session protocol. */
  readonly replicator: { readonly mayMove: boolean } | null;
  /** What becomes of a session that has nothing to lose. */
  readonly rebinding: OwnerFailure;
  ownerFailure(session: SessionView): OwnerFailure;
  /** The owner of a recognised session, usable or not; undefined: it is gone. null: the session is nobody's. */
  locate(session: Session, now: number): Server | undefined | null;
  /** A session that is nobody's gets another id, if an affinity gives ids. */
  rename(session: Session, now: number): void;
  isUsable(server: Server): boolean;
}
