/** Questions to the store about owners: who owns a session that the table does not have, and whether a new owner may have it. */
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { SentCopy, SessionView } from './session.ts';
import { refOf } from './session-ref.ts';
import type { StoreAccess } from './store-access.ts';
import type { TableUpdates } from './table-updates.ts';

/**
 * The result of a question. known: the table has the answer, look it up again. ended: the session ended before the question, so long ago
 * that the table may not have it. lost: the store no longer has the copy that it had. ending: the session is over, but the store has not
 * recorded it yet.
 */
export type QueryOutcome = 'known' | 'ended' | 'failed' | 'lost' | 'ending';

/** A larger state is not sent along with a request: some servers accept no header above 8 KiB. */
const maxSentBytes = 3072;

export interface OwnerQueriesSettings {
  /** Name of the pool. */
  readonly pool: string;
  /** Milliseconds for which the store records the owner of a session that has no copy. */
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

  /** Asks for the owner of a session that the table does not have. */
  query(session: SessionView, done: (outcome: QueryOutcome) => void): void {
    const { access, counters, updates } = this;
    const ref = refOf(this.settings.pool, session);
    const { epoch, owner } = session;
    counters.add(counter.sessions_queried);
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
   * Announces to the store that `server` owns the session from its epoch on. `copy`: the state that the store answered with, if it is
   * small enough to be sent along with the request.
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
        // The new owner would begin with an empty session, and nobody would notice.
        updates.noteLost(ref);
        done('lost', null);
        return;
      }
      const isSent = copy !== null && copy.version > 0 && copy.data.length <= maxSentBytes;
      done('known', isSent ? copy : null);
    });
  }

  /**
   * Announces that `former` owns the session again, after a provisional owner took no request. If that fails, the session's next
   * request announces it.
   */
  giveBack(session: SessionView, former: Server): void {
    this.announce(session, former, () => {});
  }
}
