import type { FilledOptions } from '../options.ts';
import type { Registry } from '../registry.ts';
import type { UserSessions } from '../user-sessions.ts';
import type { StoreClient } from './store-client.ts';

/** What all sticky sessions of a process share. */
export interface StickyParts {
  readonly options: FilledOptions;
  readonly registry: Registry;
  readonly client: StoreClient;
  readonly users: UserSessions;
  /** Names this process in its puts. */
  readonly by: string;
  /** Warns of what the balancer does not allow, once of each. */
  readonly warnOnce: (message: string) => void;
}
