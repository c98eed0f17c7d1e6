/** Sessions apart from their requests: the contract that each strategy fulfils for lists, jobs and admin pages. */
import type { UserHash } from '../store/store.ts';
import type { SessionData } from './data/codec.ts';

/** A session as it was stored last. */
export interface StoredSession {
  readonly data: SessionData;
  /** When a request last used it, Unix ms; exact to a quarter of the idle time. */
  readonly lastSeenAt: number;
  /** Unix ms. */
  readonly expiresAt: number;
}

/** Sessions of a strategy that no request has opened. All methods throw SessionError. */
export interface SessionDirectory {
  /** null: there is no such session, or it is over. */
  read(id: string): Promise<StoredSession | null>;
  /** Ends the session, whoever owns it. One that does not exist counts as ended. */
  end(id: string): Promise<void>;
  /** Ids of the user's live sessions; of very many only some. */
  ofUser(user: UserHash): Promise<readonly string[]>;
  /** Ids of all live sessions, in no order. */
  all(): AsyncIterable<string>;
}
