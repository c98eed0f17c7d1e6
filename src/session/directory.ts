/** Sessions apart from their requests: the contract that each strategy fulfils for lists, jobs and admin pages. */
import type { UserHash } from '../store/store.ts';
import type { SessionData } from './data/codec.ts';

/** A session as it was last kept. */
export interface KeptSession {
  readonly data: SessionData;
  /** Unix ms; `seen` to a quarter of the idle time. */
  readonly seen: number;
  readonly expires: number;
}

/** What a strategy knows of sessions that no request has opened. Throws SessionError. */
export interface Directory {
  /** null: there is none, or none any more. */
  read(id: string): Promise<KeptSession | null>;
  /** It is over, whoever owns it; one that is not there, too. */
  end(id: string): Promise<void>;
  /** Ids of live sessions; of very many only some. */
  ofUser(user: UserHash): Promise<readonly string[]>;
  /** Ids of all live sessions, in no order. */
  all(): AsyncIterable<string>;
}
