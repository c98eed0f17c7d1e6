/**
 * The contract of stores: where the copies of sessions are kept, and the one place where ownership moves between machines. Each
 * operation is one atomic step on one session, and returns what it found; nothing is ever done by halves.
 *
 *      none ── put, claim ──> live (owner, epoch, version, data) ── destroy, rotate, expiry ──> ended ── its time ──> none
 *
 * What holds for every implementation (test/support/store-contract.ts tests it):
 *
 * - Epochs never go down. A put of a lower epoch is fenced; one of a higher epoch wins: its token has seen claims
 *   that this store has not (it was emptied, or is another one).
 * - Of the same epoch a put of a lower or equal version by the same process is superseded: versions are numbered when
 *   the one live object is encoded, so the stored one has its changes. By another process it is fenced: there
 *   are two live objects, and neither has the other's changes.
 * - Ended stays ended: no put, touch or claim revives it, as long as the tombstone lasts.
 * - Nothing that was acknowledged of a session that has come back is dropped before its time: a store that is full refuses what
 *   is new (`unavailable`). Where the bound is the store's own (memory), sessions that were put once and never came back make
 *   room first, the oldest first: 'none' from then on, as if nothing had been put. A session has come back with a second put, or
 *   a first of version 2 or more, and with a read, claim, touch or rotate that finds it. Beyond half of a memory store tombstones
 *   may go after ten minutes.
 * - Full or not: reads go on, a session can be ended, and a refused change has changed nothing.
 * - A put may name a user. Until the session ends, expires, or a later put names another user or none, `ofUser` finds it
 *   by that: the index and the session change in one step, a refused put changes neither.
 *
 * A key or a put that cannot exist (an id of another form, a ttl of 0) is a mistake of the caller and throws a RangeError.
 */

/** Names one session: 32 hex digits, lower case (128 bits), unique within its pool. */
export type SessionId = string;

/** Names a user: 32 hex digits, lower case, a hash (session/data/user.ts). No store learns what the user is called. */
export type UserHash = string;

/** By what a store knows a session. */
export interface SessionKey {
  /** The name of its pool: 1 to 255 characters, any. */
  readonly pool: string;
  /** Its id within that pool. */
  readonly id: SessionId;
}

/** What is kept of a live session. */
export interface Copy {
  /** Id of the server that owns it (fleet/id.ts): 48 bits, the same on every node; 0 before any server does. */
  readonly owner: number;
  /** Generation of the ownership, from 1. */
  readonly epoch: number;
  /** Number of the last change that is stored; 0: none yet, the session was only claimed. */
  readonly version: number;
  /** The process that numbered that change, as it names itself; '' while version is 0. */
  readonly by: string;
  /** The state as the session library has encoded it. Opaque to the store, and owned by it: never to be written to. */
  readonly data: Uint8Array;
  /** The user of the session. Left out: none. */
  readonly user?: UserHash;
  /** When it expires: Unix milliseconds, by the clock of the process that reads it. */
  readonly expires: number;
}

/** What a read has found. */
export type Found =
  | {
      /** The session is live. */
      readonly state: 'live';
      /** What is kept of it. */
      readonly copy: Copy;
    }
  | {
      /** Nothing is known of it. */
      readonly state: 'none';
    }
  | {
      /** It is over. */
      readonly state: 'ended';
      /** It goes on under another id since so many milliseconds. Left out: it does not, or that is not known. */
      readonly rotatedAgoMs?: number;
    };

/** A change to be stored. */
export interface Put {
  /** Id of the server that owns the session, as in {@link Copy}. */
  readonly owner: number;
  /** Generation of the ownership, from 1. */
  readonly epoch: number;
  /** Number of the change, from 1. */
  readonly version: number;
  /** The process that numbered it, as it names itself. */
  readonly by: string;
  /** The encoded state. Copied: the caller may write to it again at once. */
  readonly data: Uint8Array;
  /** The user of the session from now on. Left out: none. */
  readonly user?: UserHash;
  /** Milliseconds from now, above 0, after which it expires. */
  readonly ttl: number;
}

/** Refused: another epoch has the session. */
export interface Fenced {
  /** Refused. */
  readonly state: 'fenced';
  /** The epoch that has the session now. */
  readonly epoch: number;
  /** The server that owns it now. */
  readonly owner: number;
}

/** The result of a put. */
export type PutResult =
  | Fenced
  | {
      /**
       * stored: durable as the store promises. superseded: a later change of the same process is stored already. ended: refused, the
       * session is over.
       */
      readonly state: 'stored' | 'superseded' | 'ended';
    };

/** More of a claim, where several balancers share the store. */
export interface ClaimDetails {
  /**
   * The owner is up, and all balancers have to agree that no request of the session is running (workers/move-agreements.ts). Left out, or '':
   * the owner has failed.
   */
  readonly intent?: string;
  /** Id of the server to which the session goes back if its new owner takes no request. Left out, or 0: not known. */
  readonly returnTo?: number;
  /**
   * What became of an earlier claim. accept: `owner` has taken a request, and is where the session is at home; nothing is claimed, and the
   * result is `lost`, with the present owner. return: its owner
   * took none, and the session goes back, to where the store says that it was before, under the next epoch; to its owner, if that has taken
   * a request of another balancer meanwhile; and to `owner` if nothing is kept of it. Left out, or '': this is another claim.
   */
  readonly step?: 'accept' | 'return' | '';
}

/** The result of a claim. */
export type ClaimResult =
  | {
      /** The claim has succeeded. */
      readonly state: 'claimed';
      /**
       * Id of the server to which the session goes back if its new owner takes no request: where it was before several balancers began to
       * claim it, one after the other. Left out: not known.
       */
      readonly returnTo?: number;
      /** The session as its new owner has it, under the new epoch. */
      readonly copy: Copy;
    }
  | {
      /** Another server was faster. */
      readonly state: 'lost';
      /** True: another balancer has made it the owner. */
      readonly byOther?: boolean;
      /** The epoch that has the session now. */
      readonly epoch: number;
      /** The server that owns it now. */
      readonly owner: number;
    }
  | {
      /**
       * Refused, and nothing has changed. Another balancer has claimed the session a moment ago (each balancer is refused once for that),
       * or a request has gone to the owner since all balancers agreed to the move.
       */
      readonly state: 'held';
    }
  | {
      /** The session is over. */
      readonly state: 'ended';
    };

/** The result of an end. */
export type EndResult =
  | Fenced
  | {
      /** The session is over. */
      readonly state: 'ended';
    };

/** The result of a change of id. */
export type RotateResult =
  | Fenced
  | {
      /**
       * stored: also when a later change of the same process was stored already, which then has the new id. ended: refused, the session
       * is over. taken: the new id is known already.
       */
      readonly state: 'stored' | 'ended' | 'taken';
    };

/** Ids that `ofUser` returns at most. */
export const mostOfUser = 1000;

/** The epoch of an end that does not depend on who owns the session: no session ever has a higher one. */
export const anyEpoch = Number.MAX_SAFE_INTEGER;

/**
 * A store. What goes wrong is thrown as a StoreError. Times are passed as Unix milliseconds where the store has no clock of its own (memory,
 * lmdb); redis uses its own.
 */
export interface Store {
  /** Names this life of the copies: another one when they were lost (restart of `memory`, a flushed Redis). */
  readonly incarnation: string;
  /** Reads a session. */
  read(key: SessionKey): Promise<Found>;
  /** Stores a change, unless the session has ended, another epoch has it, or a later change is stored already. */
  put(key: SessionKey, put: Put): Promise<PutResult>;
  /**
   * Makes `owner` the owner, at `epoch` + 1, if the session's epoch is `epoch` or lower, or nothing is kept of it: then
   * only the claim is kept (version 0, no data) for `ttl` milliseconds, so that a late put of the former owner is fenced.
   * A live copy keeps its own expiry. A session at a higher epoch is lost.
   */
  claim(key: SessionKey, epoch: number, owner: number, ttl: number, details?: ClaimDetails): Promise<ClaimResult>;
  /**
   * Ends the session, also an unknown one: a tombstone stays for `tombstoneTime`. Fenced when `epoch` is lower than its own;
   * with `anyEpoch` never.
   */
  destroy(key: SessionKey, epoch: number): Promise<EndResult>;
  /**
   * Stores `put` under the id `to`, and ends `key`: one step. Fenced as in `put`, except that the very change that is stored may be put
   * again. When a later put of the same process has overtaken this one, that later one gets the new id. Taken: `to` is known already, as a
   * session or a tombstone, and nothing has changed.
   */
  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult>;
  /** Sets a live session's expiry to `ttl` milliseconds from now. False: not live, or its epoch is higher: nothing changed. */
  touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean>;
  /** Ids of the live sessions of that user, in no order; of more than 1,000, some 1,000 of them. */
  ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]>;
  /**
   * Removes what has expired, as much as fits into one short step. Returns how many it had to look at; 0: nothing is
   * left to do now. A store that removes by itself checks its `incarnation` here: to be called every second or so.
   */
  expire(): Promise<number>;
  /** Counts the live sessions of a pool, or of all. */
  count(pool?: string): Promise<number>;
  /** All live sessions, in no order; a session that changes meanwhile may be there in either state. */
  scan(pool?: string): AsyncIterable<{
    /** By what the store knows the session. */
    readonly key: SessionKey;
    /** What is kept of it. */
    readonly copy: Copy;
  }>;
  /** Closes files and connections. What is stored stays. */
  close(): Promise<void>;
}

/** What every store is made with. */
export interface StoreOptions {
  /** Milliseconds that a tombstone lasts: longer than any request can. Default 24 hours. */
  readonly tombstoneTime: number;
  /** Largest `data`, bytes. Default 1 MiB. Larger: `put` and `rotate` throw a StoreError `state-too-large`. */
  readonly stateBytes: number;
  /** Encrypts `data` at rest (AES-256-GCM, bound to the key of its session); null: stored as it is. */
  readonly secret: Uint8Array | null;
}

/** What a store with a bound of its own calls when it makes room. */
export interface Eviction {
  /** Called before a session that was put once is removed: whether it has come back without a call of the store. */
  readonly hasReturned: (key: SessionKey) => boolean;
  /** It was removed. */
  readonly onEvicted: (key: SessionKey) => void;
}

/** For a store whose calls are all that is known of its sessions. */
export const silentEviction: Eviction = { hasReturned: () => false, onEvicted() {} };

/**
 * The store has failed; whether the operation was done is unknown unless `code` says that it cannot be. `ending`: the session is over, and
 * its end is stored as soon as that is possible (endings.ts); until then nothing else can be done with it.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'unavailable' | 'state-too-large' | 'damaged' | 'ending';

  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
