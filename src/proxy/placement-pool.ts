/** What `Placement` needs of the pool in which it looks for a server. */
import type { Fault } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import type { OwnerClaims } from '../ownership/owner-claims.ts';
import type { OwnerLookup } from '../ownership/owner-lookup.ts';
import type { Session, SessionView } from '../ownership/session.ts';

/** Servers that have failed this exchange, and are not chosen again. null: none has. */
export type Excluded = readonly Server[] | null;

/** What becomes of a session whose owner failed. */
export interface OwnerFailure {
  readonly action: 'rebind' | 'temporary' | 'reject';
  /** What the client gets when the action is `reject`. */
  readonly fault: Fault;
}

/** Chooses a server with room where no owner decides; undefined: there is none. */
export interface ServerChoice {
  /** For a session without an owner: a policy chooses. */
  choose(key: number, excluded: Excluded): Server | undefined;
  /** For a key without an owner: hashing chooses. */
  chooseForKey(key: number, excluded: Excluded): Server | undefined;
  /** Instead of an owner that cannot serve: hashing chooses among the servers that are up. */
  chooseSubstitute(key: number, excluded: Excluded): Server | undefined;
  /**
   * The new owner of a session whose owner failed: a policy chooses. In a fleet the same server as `chooseSubstitute`, so that all nodes
   * choose the same one, whether the store answers them or not.
   */
  chooseNewOwner(key: number, excluded: Excluded): Server | undefined;
  /** Some server that is not excluded lacks nothing but room. */
  lacksRoom(excluded: Excluded): boolean;
  /** One session should leave that owner now, for any server but these; null: it stays. */
  shouldRebalance(owner: Server): readonly Server[] | null;
  /** That session has another owner from now on, if this makes the shares of the two more even. */
  evensOut(from: Server, to: Server): boolean;
}

export interface PlacementPool {
  readonly settings: { readonly whenOwnerFull: 'queue' | 'rebind' | 'reject' };
  readonly parts: ServerChoice & {
    readonly fleet: { at(slot: number): Server | undefined };
    /** Stale: a server that seems to be down may be up again. */
    readonly configVersion: { readonly isStale: boolean };
  };
  readonly owners: Pick<OwnerLookup, 'assign'>;
  readonly claims: Pick<OwnerClaims, 'claim' | 'move'>;
  /** null: the servers do not speak the session protocol. */
  readonly replicator: { readonly mayMove: boolean } | null;
  /**
   * keep: the store does not answer, and other balancers have to agree to a new owner: nothing is claimed, another server stands in.
   * refuse: the same, and the exchange fails.
   */
  claimRule(session: SessionView): 'claim' | 'keep' | 'refuse';
  /** For a session that has no state yet. */
  readonly rebinding: OwnerFailure;
  ownerFailure(session: SessionView): OwnerFailure;
  /** The owner of a recognised session, usable or not; undefined: it has left the pool. null: there is no owner. */
  locate(session: Session, now: number): Server | undefined | null;
  /** A session without an owner gets another id, if an affinity of the pool makes ids. */
  rename(session: Session, now: number): void;
  isUsable(server: Server): boolean;
}
