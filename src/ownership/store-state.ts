/**
 * What one exchange still has to ask the store, and what the store has answered, where sessions have copies:
 *
 *      not-asked ── record-missing ────> must-query ────┐                ┌─> known          the table has the answer
 *          │                                            ├── answer ──────┼─> ended          the session is over
 *          ├─────── record-unannounced ─> must-announce ┘                └─> without-store  the store failed: the exchange goes
 *          └─────── record-ending ──────> ending                                            on by token and table
 *
 * `record-...` is what the session table has; it is read again at each placement. `answered`, `answered-ended` and `failed` are
 * results of a question to the store.
 */

/**
 * not-asked: the table has the session, or the pool keeps no copies. must-query: the table does not have it, so the store is asked
 * first. must-announce: the session has a new owner, and the store has to record it before that owner gets a request. known: the store
 * was asked, and the table has the answer. ending: the session is over, but the store has not recorded it yet: no server may serve
 * the session, and no new one may take its place. ended: the store says that the session is over; the table may not have that, for
 * lack of room or because it is too long ago. without-store: the store failed, and the pool lets the exchange go on.
 */
export type StoreState = 'not-asked' | 'must-query' | 'must-announce' | 'known' | 'ending' | 'ended' | 'without-store';

export type StoreEvent =
  | 'record-known'
  | 'record-unannounced'
  | 'record-missing'
  | 'record-ending'
  | 'answered'
  | 'answered-ended'
  | 'failed';

/**
 * The state after an event. These transitions do not exist:
 *
 * - from `ended` and `ending`: a session that is over stays so for the rest of the exchange.
 * - from `known` and `without-store` to `must-query`: an exchange asks about its session once. If the store has nothing of it, or the
 *   table no room for the answer, it would ask for ever.
 * - from `without-store` to `must-announce`: the pool lets the exchange go on although the store does not answer. The next exchange of
 *   the session announces the owner.
 */
export function nextStoreState(state: StoreState, event: StoreEvent): StoreState {
  if (state === 'ended' || state === 'ending') return state;
  switch (event) {
    case 'record-known':
      return state === 'known' || state === 'without-store' ? state : 'not-asked';
    case 'record-unannounced':
      return state === 'without-store' ? state : 'must-announce';
    case 'record-missing':
      return state === 'known' || state === 'without-store' ? state : 'must-query';
    case 'record-ending':
      return 'ending';
    case 'answered':
      return state === 'without-store' ? state : 'known';
    case 'answered-ended':
      return 'ended';
    case 'failed':
      return 'without-store';
  }
}
