/** What the store is asked about owners: who owns a session that the table does not know, and whether a new owner may have it. */
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { SentCopy, SessionView } from './session.ts';
import { refOf } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

/**
 * What a question has come to. known: the table has the answer, look again. ended: the session had ended before the question, and
 * the table need not know that any more. lost: the store does not have the copy that it had. ending: the session is over, and the
 * store has yet to be told.
 */
export type QueryOutcome = 'known' | 'ended' | 'failed' | 'lost' | 'ending';

/** Bytes of a state that may go along with a request: some servers take no header above 8 KiB. */
const maxSentBytes = 3072;

export interface OwnerQueriesSettings {
  /** Name of the pool. */
  readonly pool: string;
  /** Milliseconds for which the store remembers the owner of a session of which nothing is kept. */
  readonly claimTtlMs: number;
}

export class OwnerQueries {
  private readonly settings: OwnerQueriesSettings;
  private readonly access: StoreAccess;
  private readonly updates: TableUpdates;
  private readonly counters: Counters;

  constructor(settings: OwnerQueriesSettings, access: StoreAccess, updates: TableUpdates, counters: Counters) {
    this.settings = settings;
    this.access = access;
    this.updates = updates;
    this.counters = counters;
  }

  /** Asks about a session that the table does not know. */
  query(session: SessionView, done: (outcome: QueryOutcome) => void): void {
    const { access, counters, updates } = this;
    const ref = refOf(this.settings.pool, session);
    const { epoch, owner } = session;
    counters.add(counter.sessions_asked);
    access.call(access.store.read(ref.key)).then((found) => {
      if (found === null) done('failed');
      else if (found.state === 'ending') done('ending');
      else {
        updates.applyFound(ref, found, epoch, owner);
        done(found.state === 'ended' ? 'ended' : 'known');
      }
    });
  }

  /**
   * The store is told that `server` owns the session from its epoch on. `copy`: the state that came with it, when that is small
   * enough to go along with the request.
   */
  announce(session: SessionView, server: Server, done: (outcome: QueryOutcome, copy: SentCopy | null) => void): void {
    const { access, counters, updates } = this;
    const { pool, claimTtlMs } = this.settings;
    const ref = refOf(pool, session);
    const { epoch, version } = session;
    access.call(access.store.claim(ref.key, epoch - 1, server.id, claimTtlMs)).then((result) => {
      if (result === null) {
        counters.add(counter.claims_failed);
        done('failed', null);
        return;
      }
      if (result.state === 'ending') {
        done('ending', null);
        return;
      }
      updates.applyClaim(ref, server, epoch, result);
      const copy = result.state === 'claimed' ? result.copy : null;
      if (copy !== null && copy.version === 0 && version > 0) {
        // The new owner would begin with nothing, and nobody would be told.
        updates.noteLost(ref);
        done('lost', null);
        return;
      }
      const isSent = copy !== null && copy.version > 0 && copy.data.length <= maxSentBytes;
      done('known', isSent ? copy : null);
    });
  }

  /**
   * The session is `former`'s again, whose table says so from its epoch on: the store, which was told of a server that never
   * took a request, hears of it now. When it cannot, the session's next request announces it.
   */
  giveBack(session: SessionView, former: Server): void {
    this.announce(session, former, () => {});
  }
}
