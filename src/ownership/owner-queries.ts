/**
 * Questions to the store about owners: who owns a session that the table does not have, and whether a new owner may have it; and what an
 * app's response has said of the name of a session, where other balancers have to know it. Several exchanges that ask the same share one
 * answer.
 */
import type { LearnedId } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { anyEpoch, type ClaimDetails } from '../store/store.ts';
import type { KeyRate } from './key-rate.ts';
import { recentEndSeconds, type SentCopy, type SessionView } from './session.ts';
import { formatHalfId, formatId } from './session-id.ts';
import { refOf, type SessionRef } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

/**
 * The result of a question. known: the table has the answer, look it up again. ended: the session ended before the question, so long ago
 * that the table may not have it. rotated: it has had another id for a moment, which its client may not have yet. lost: the store no longer
 * has the copy that it had. ending: the session is over, but the store has not recorded it yet. postponed: the store was not asked, because
 * too many new names are being recorded; a later request does it. held: the session keeps its owner, for the time being.
 */
export type QueryOutcome = 'known' | 'ended' | 'rotated' | 'failed' | 'lost' | 'ending' | 'postponed' | 'held';

/** A larger state is not sent along with a request: some servers accept no header above 8 KiB. */
const maxSentBytes = 3072;

export interface OwnerQueriesSettings {
  /** Name of the pool. */
  readonly pool: string;
  /** Its sessions have copies, where they have whole ids. */
  readonly keepsCopies: boolean;
  /** Milliseconds for which the store records the owner of a session that has no copy. */
  readonly claimTtlMs: number;
}

export interface OwnerQueriesDependencies {
  readonly access: StoreAccess;
  readonly updates: TableUpdates;
  readonly counters: Counters;
  /** Unix seconds. */
  readonly now: () => number;
  /** Bounds how many names that clients chose are recorded. null: there is no other balancer that has to know them. */
  readonly newKeys: KeyRate | null;
}

/** The answer to an announcement; every exchange that waits for it gets it. */
interface Announced {
  readonly outcome: QueryOutcome;
  readonly copy: SentCopy | null;
}

const failed: Announced = { outcome: 'failed', copy: null };

export class OwnerQueries {
  private readonly settings: OwnerQueriesSettings;
  private readonly deps: OwnerQueriesDependencies;
  /** Questions that are under way, by what they ask. */
  private readonly running = new Map<string, Promise<Announced>>();

  constructor(settings: OwnerQueriesSettings, deps: OwnerQueriesDependencies) {
    this.settings = settings;
    this.deps = deps;
  }

  /**
   * With other balancers nothing is claimed while the store does not answer. `isRefused`: it was asked, and the claim has failed. `mayKeep`:
   * another server may stand in.
   */
  ruleFor(isRefused: boolean, mayKeep: boolean): 'claim' | 'keep' | 'refuse' {
    const { access, now } = this.deps;
    if (!isRefused && access.isWorthAsking(now())) return 'claim';
    // While the store works, it has refused this one claim alone.
    return mayKeep || access.isHealthy ? 'keep' : 'refuse';
  }

  /** Asks for the owner of a session that the table does not have. */
  query(session: SessionView, done: (outcome: QueryOutcome) => void): void {
    const ref = this.refOf(session);
    const { epoch, owner } = session;
    const read = () => this.read(ref, epoch, owner);
    void this.share(`read ${ref.key.id} ${epoch} ${owner}`, read).then(({ outcome }) => done(outcome));
  }

  private async read(ref: SessionRef, epoch: number, owner: number): Promise<Announced> {
    const { access, counters, updates } = this.deps;
    counters.add(counter.sessions_queried);
    const found = await access.call(access.store.read(ref.key));
    if (found === null) return failed;
    if (found.state === 'ending') return { outcome: 'ending', copy: null };
    updates.applyFound(ref, found, epoch, owner);
    if (found.state !== 'ended') return { outcome: 'known', copy: null };
    const { rotatedAgoMs = Number.POSITIVE_INFINITY } = found;
    return { outcome: rotatedAgoMs < recentEndSeconds * 1000 ? 'rotated' : 'ended', copy: null };
  }

  /** The store says that the session has ended, or has another id: also of an end of which this balancer has not been told yet. */
  async isOver(session: SessionView): Promise<boolean> {
    const { access, counters } = this.deps;
    counters.add(counter.sessions_queried);
    // Not the answer to another question, which may be older than the response that waits for this one.
    const found = await access.call(access.store.read(this.refOf(session).key));
    return found !== null && (found.state === 'ended' || found.state === 'ending');
  }

  /**
   * Announces to the store that `server` owns the session from its epoch on. `copy`: the state that the store answered with, if it is
   * small enough to be sent along with the request.
   */
  announce(session: SessionView, server: Server, done: (outcome: QueryOutcome, copy: SentCopy | null) => void): void {
    const { epoch, former, version, isMoving } = session;
    if (session.firstPlacement && !this.mayRecordKey()) {
      this.deps.counters.add(counter.owners_postponed);
      queueMicrotask(() => done('postponed', null));
      return;
    }
    const ref = this.refOf(session);
    const { newKeys, updates } = this.deps;
    const details = newKeys === null ? {} : { intent: isMoving ? 'move' : '', returnTo: updates.storeIdAt(former) };
    const claim = () => this.claim(ref, server, epoch, version, details);
    const name = `claim ${ref.key.id} ${epoch} ${server.storeId} ${version}`;
    void this.share(name, claim).then(({ outcome, copy }) => done(outcome, copy));
  }

  private async claim(
    ref: SessionRef,
    server: Server,
    epoch: number,
    version: number,
    details: ClaimDetails = {},
  ): Promise<Announced> {
    const { access, counters, newKeys, updates } = this.deps;
    const { claimTtlMs } = this.settings;
    const result = await access.call(access.store.claim(ref.key, epoch - 1, server.storeId, claimTtlMs, details));
    if (result === null) {
      counters.add(counter.claims_failed);
      if (newKeys !== null) updates.noteUnanswered(ref, server, epoch);
      return failed;
    }
    if (result.state === 'ending') return { outcome: 'ending', copy: null };
    updates.applyClaim(ref, server, epoch, result);
    if (result.state === 'held') return { outcome: 'held', copy: null };
    const copy = result.state === 'claimed' ? result.copy : null;
    if (copy !== null && copy.version === 0 && version > 0) {
      // The new owner would begin with an empty session, and nobody would notice.
      updates.noteLost(ref);
      return { outcome: 'lost', copy: null };
    }
    // A failover of the store has lost what its new master did not have yet. An older state is better than none, and is counted.
    if (copy !== null && copy.version < version) counters.add(counter.copies_lost);
    const isSent = copy !== null && copy.version > 0 && copy.data.length <= maxSentBytes;
    return { outcome: 'known', copy: isSent ? copy : null };
  }

  /**
   * Announces that `former` owns the session again, after a provisional owner took no request; the store may know better where it was. If that
   * fails, the session's next request announces it.
   */
  giveBack(session: SessionView, former: Server): void {
    const { epoch, version } = session;
    const ref = this.refOf(session);
    const name = `return ${ref.key.id} ${epoch} ${former.storeId}`;
    void this.share(name, () => this.claim(ref, former, epoch, version, { step: 'return' }));
  }

  /** `server`, the owner, has taken a request, whichever balancer has claimed the session for it: none of them gives the session back. */
  accept(session: SessionView, server: Server): void {
    const { access } = this.deps;
    const { key } = this.refOf(session);
    const { claimTtlMs } = this.settings;
    void access.call(access.store.claim(key, session.epoch - 1, server.storeId, claimTtlMs, { step: 'accept' }));
  }

  /** A response of `server` has named a session: the store records who owns it, unless it knows that. False: it has failed. */
  async record(learned: LearnedId, lifetime: number, server: Server): Promise<boolean> {
    const { outcome } = await this.claim(this.refOfLearned(learned, lifetime), server, 1, 0);
    return outcome !== 'failed';
  }

  /** The app has ended that session of the exchange. False: the store has failed. */
  async end(session: SessionView): Promise<boolean> {
    const { access } = this.deps;
    return (await access.call(access.store.destroy(this.refOf(session).key, anyEpoch))) !== null;
  }

  private mayRecordKey(): boolean {
    const { newKeys, now } = this.deps;
    return newKeys === null || newKeys.take(now());
  }

  private refOf(session: SessionView): SessionRef {
    const { keepsCopies, pool } = this.settings;
    return refOf(pool, session, keepsCopies && session.recognition.hasId);
  }

  private refOfLearned(learned: LearnedId, lifetime: number): SessionRef {
    const { keepsCopies, pool } = this.settings;
    const { sid0: hi, sid1: lo, sid2, sid3 } = learned;
    const id = keepsCopies && (sid2 | sid3) !== 0 ? formatId(learned) : formatHalfId(hi, lo);
    return { key: { pool, id }, hi, lo, lifetime, given: true };
  }

  /** The answer to the same question that is under way already, or to this one. */
  private share(name: string, query: () => Promise<Announced>): Promise<Announced> {
    const { access, newKeys, now } = this.deps;
    const shared = this.running.get(name);
    if (shared !== undefined) return shared;
    if (newKeys !== null) {
      if (!access.isWorthAsking(now())) return Promise.resolve(failed);
      access.noteAsked(now());
    }
    const answer = query().finally(() => this.running.delete(name));
    this.running.set(name, answer);
    return answer;
  }
}
