/** What all sticky sessions of a process share. */
import type { FilledOptions } from '../filled-options.ts';
import type { Registry } from '../registry.ts';
import type { UserSessions } from '../user-sessions.ts';
import type { StoreClient } from './store-client.ts';

export interface StickyContext {
  readonly options: FilledOptions;
  readonly registry: Registry;
  readonly client: StoreClient;
  readonly users: UserSessions;
  /** Names this process in its puts. */
  readonly processId: string;
  /** Warns of a cookie attribute that the balancer does not allow, once of each. */
  readonly warnOnce: (message: string) => void;
}
