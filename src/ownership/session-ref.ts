/** What is needed of a session after the store has answered: by then the exchange may be over, and its session object in use again. */
import type { SessionKey } from '../store/store.ts';
import type { SessionView } from './session.ts';
import { formatHalfId, formatId, idWord, type TableKey, tableKeyOf } from './session-id.ts';

export interface SessionRef extends TableKey {
  /** The session's key in the store. */
  readonly key: SessionKey;
  /** The table's number for how long the session lives. */
  readonly lifetime: number;
  /** The balancer made its id. False: it is a hash of a name that the client may have invented. */
  readonly given: boolean;
}

/** The session of an exchange. `isCopied` false: the store has only its owner, under the half of its id that the table knows. */
export function refOf(pool: string, { recognition }: SessionView, isCopied = true): SessionRef {
  const { sid0, sid1 } = recognition;
  return {
    key: { pool, id: isCopied ? formatId(recognition) : formatHalfId(sid0, sid1) },
    hi: sid0,
    lo: sid1,
    lifetime: recognition.affinity?.lifetime ?? 0,
    given: recognition.kind === 'token',
  };
}

/** The session with an id that a server sent, outside of any exchange. */
export function refOfId(pool: string, id: string, lifetime: number): SessionRef {
  return { key: { pool, id }, ...tableKeyOf(id), lifetime, given: false };
}

/** As `tagOf` of its session. `given`: the balancer made its id. */
export function tagOfRef({ key: { id } }: SessionRef, given: boolean): number {
  return idWord(id, given ? 3 : 1);
}
