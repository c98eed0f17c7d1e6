/** A session as it was when the store was called: exchanges and their sessions are used again before the answer comes. */
import type { SessionKey } from '../store/store.ts';
import type { SessionView } from './session.ts';
import { formatId, type TableKey, tableKeyOf } from './session-id.ts';

export interface SessionRef extends TableKey {
  /** What the store knows it by. */
  readonly key: SessionKey;
  /** The table's number for how long the session lives. */
  readonly lifetime: number;
  /** Its id is one that the balancer made, not the hash of a name that a client may have made up. */
  readonly given: boolean;
}

/** The session of an exchange. */
export function refOf(pool: string, { recognition }: SessionView): SessionRef {
  return {
    key: { pool, id: formatId(recognition) },
    hi: recognition.sid0,
    lo: recognition.sid1,
    lifetime: recognition.affinity?.lifetime ?? 0,
    given: recognition.kind === 'token',
  };
}

/** A session of which a server has told the id, outside of any exchange. */
export function refOfId(pool: string, id: string, lifetime: number): SessionRef {
  return { key: { pool, id }, ...tableKeyOf(id), lifetime, given: false };
}
