/**
 * What one exchange still needs of the store, and what the store has said to it, where sessions have copies:
 *
 *      not-asked ── record-missing ────> must-query ────┐                ┌─> known          the table has the answer
 *          │                                            ├── answer ──────┼─> ended          nobody's any more
 *          ├─────── record-unannounced ─> must-announce ┘                └─> without-store  it failed; the exchange may go on
 *          └─────── record-ending ──────> ending                             by the token and the table alone
 *
 * `record-...` is what the session table has, read again at each placement; `answered`, `answered-ended` and `failed` are what a
 * question to the store has come to.
 */

/**
 * not-asked: the table knows the session, or the pool keeps no copies. must-query: the table does not know it, so the store has to
 * be asked before the session goes anywhere. must-announce: it has a new owner, and the store has to hear of that before the owner
 * gets a request. known: asked, and the table has the answer. ending: it is over, and the store does not know that yet: nobody may
 * serve it, or begin anew in its place. ended: the store says that it is over; the table may have no room or no time for that.
 * without-store: the store failed, and the pool lets the exchange go on.
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
 * The state after an event. What never happens:
 *
 * - `ended` and `ending` are left by no event: a session that is over does not live again within the exchange that has heard so.
 * - `known` and `without-store` do not become `must-query`: the store is asked about a session once. It may have nothing of it, and
 *   the table no room for the answer; the exchange would ask for ever.
 * - `without-store` does not become `must-announce`: the exchange has been told to go on although the store does not answer, and
 *   whoever comes next announces the owner.
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
