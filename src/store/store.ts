/**
 * Where the copies of sessions are kept, and the one place where ownership moves between machines. Each operation is
 * one atomic step on one session, and answers what it found; nothing is ever half done.
 *
 *      none ── put, claim ──> live (owner, epoch, version, data) ── destroy, rotate, expiry ──> ended ── its time ──> none
 *
 * What holds for every implementation (test/support/store-contract.ts tests it):
 *
 * - Epochs never go down. A put of a lower epoch is fenced; one of a higher epoch wins: its token has seen claims
 *   that this store has not (it was emptied, or is another one).
 * - Of the same epoch a put of a lower or equal version by the same process is superseded: versions are numbered when
 *   the one live object is written down, so the stored one holds its changes. By another process it is fenced: there
 *   are two live objects, and neither holds the other's changes.
 * - Ended stays ended: no put, touch or claim revives it, as long as the tombstone lasts.
 * - Nothing that was acknowledged of a session that has come back is dropped before its time: a store that is full refuses what
 *   is new (`unavailable`). Where the bound is the store's own (memory), sessions that were put once and never came back make
 *   room first, the oldest first: 'none' from then on, as if nothing had been put. A session has come back with a second put, or
 *   a first of version 2 or more, and with a read, claim, touch or rotate that finds it. Beyond half of a memory store tombstones
 *   may go after ten minutes.
 * - Full or not: reads go on, a session can be ended, and a refused change has changed nothing.
 * - What is put may name a user. Until the session ends, expires, or a later put names somebody else or nobody, `ofUser` finds it
 *   by that: the index and the session change in one step, a refused put changes neither.
 *
 * A key or a put that cannot be (an id of another form, a ttl of 0) is a mistake of ours and throws a RangeError.
 */

/** Names one session: 32 hex digits, lower case (128 bits), unique within its pool. */
export type SessionId = string;

/** Names a user: 32 hex digits, lower case, a hash (session/user.ts). What the user is called no store ever hears. */
export type UserHash = string;

/** A pool's name (1 to 255 characters, any) and the id: what a store knows a session by. */
export interface SessionKey {
  readonly pool: string;
  readonly id: SessionId;
}

/** What is kept of a live session. */
export interface Copy {
  /** Id of the server that owns it (fleet/id.ts): 48 bits, the same on every node; 0 before anyone does. */
  readonly owner: number;
  /** Generation of the ownership, from 1. */
  readonly epoch: number;
  /** Number of the last change that is kept; 0: none yet, the session was only claimed. */
  readonly version: number;
  /** The process that wrote that change, as it names itself; '' while version is 0. */
  readonly by: string;
  /** The state as the session library wrote it down. Opaque here; the store's own, so never to be written to. */
  readonly data: Uint8Array;
  /** Whose session it is. Left out: nobody's. */
  readonly user?: UserHash;
  /** Unix milliseconds, by the clock of the process that reads it, from which on it has expired. */
  readonly expires: number;
}

export type Found = { readonly state: 'live'; readonly copy: Copy } | { readonly state: 'none' | 'ended' };

export interface Put {
  readonly owner: number;
  readonly epoch: number;
  readonly version: number;
  readonly by: string;
  /** Copied: the caller may write to it again at once. */
  readonly data: Uint8Array;
  /** Whose session it is from now on. Left out: nobody's. */
  readonly user?: UserHash;
  /** Milliseconds from now, above 0. */
  readonly ttl: number;
}

/**
 * stored: kept, durable as the store promises. superseded: a later change of the same process is there already.
 * fenced: refused, `epoch` and `owner` say who has the session now. ended: refused, the session is over.
 */
export type PutResult =
  | { readonly state: 'stored' | 'superseded' | 'ended' }
  | { readonly state: 'fenced'; readonly epoch: number; readonly owner: number };

/** claimed: `copy` is the session as its new owner has it, under the new epoch. lost: somebody was faster. */
export type ClaimResult =
  | { readonly state: 'claimed'; readonly copy: Copy }
  | { readonly state: 'lost'; readonly epoch: number; readonly owner: number }
  | { readonly state: 'ended' };

export type EndResult =
  | { readonly state: 'ended' }
  | { readonly state: 'fenced'; readonly epoch: number; readonly owner: number };

/** stored: also when a later change of the same process was there already; then it is that one which goes on. */
export type RotateResult =
  | { readonly state: 'stored' | 'ended' | 'taken' }
  | { readonly state: 'fenced'; readonly epoch: number; readonly owner: number };

/** Ids that `ofUser` answers at most. */
export const mostOfUser = 1000;

/** The epoch of an end that does not depend on who owns the session: no session ever has a higher one. */
export const anyEpoch = Number.MAX_SAFE_INTEGER;

/** Times are handed in as Unix milliseconds where the store has no clock of its own (memory, lmdb); redis uses its own. */
export interface Store {
  /** Names this life of the copies: another one when they were lost (restart of `memory`, a flushed Redis). */
  readonly incarnation: string;
  read(key: SessionKey): Promise<Found>;
  put(key: SessionKey, put: Put): Promise<PutResult>;
  /**
   * `owner` becomes the owner, with `epoch` + 1, if the session's epoch is `epoch` or lower, or nothing is kept of it: then
   * only the claim is kept (version 0, no data) for `ttl` milliseconds, so that a late put of the former owner is fenced.
   * A live copy keeps its own expiry. A session that is already beyond `epoch` is lost.
   */
  claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult>;
  /**
   * Ends the session: a tombstone for `tombstoneTime`. Of one that is unknown, too. Fenced when `epoch` is lower than its own;
   * with `anyEpoch` never.
   */
  destroy(key: SessionKey, epoch: number): Promise<EndResult>;
  /**
   * The session goes on under `to` with all that `put` says, and `key` is ended: one step. 'fenced' as in `put`, except that
   * the very change that is kept may be put again. A put that a later one of the same process has overtaken moves that
   * later one. 'taken': `to` is known already, as a session or a tombstone, and nothing has changed.
   */
  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult>;
  /** Sets a live session's expiry to `ttl` milliseconds from now. False: not live, or its epoch is higher: nothing changed. */
  touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean>;
  /** Ids of live sessions of that user, in no order: of more than `mostOfUser`, some `mostOfUser` of them. */
  ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]>;
  /**
   * Forgets what has expired, as much as fits into one short step. Answers how many it had to look at; 0: nothing is
   * left to do now. A store that forgets by itself looks after its `incarnation` here: to be called every second or so.
   */
  expire(): Promise<number>;
  /** Live sessions of a pool, or of all. */
  count(pool?: string): Promise<number>;
  /** All live sessions, in no order; a session that changes meanwhile may be there in either state. */
  scan(pool?: string): AsyncIterable<{ readonly key: SessionKey; readonly copy: Copy }>;
  close(): Promise<void>;
}

/** What every store is made with. */
export interface StoreOptions {
  /** Milliseconds that a tombstone lasts: longer than any request can. Default 24 hours. */
  readonly tombstoneTime: number;
  /** Largest `data`, bytes. Default 1 MiB. Larger: `put` and `rotate` throw a StoreError `state-too-large`. */
  readonly stateBytes: number;
  /** Encrypts `data` at rest (AES-256-GCM, bound to the key of its session); null: kept as it is. */
  readonly secret: Uint8Array | null;
}

/** What a store with a bound of its own asks and tells when it makes room. */
export interface Eviction {
  /** Asked before a session is forgotten that was put once: whether it has come back without the store hearing of it. */
  readonly hasReturned: (key: SessionKey) => boolean;
  /** It is forgotten. */
  readonly onEvicted: (key: SessionKey) => void;
}

/** Nobody knows more than the store does. */
export const silentEviction: Eviction = { hasReturned: () => false, onEvicted() {} };

/**
 * The store could not do it; whether it was done is unknown unless `code` says it cannot be. `ending`: the session is over, and the
 * store is told as soon as it can be (endings.ts); until then nothing else can be done with it.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'unavailable' | 'state-too-large' | 'damaged' | 'ending';

  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
