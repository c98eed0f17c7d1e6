/** What a connection to a server, and one that is being made, ask of the pool to which they belong. */
import type { Server } from '../../fleet/server.ts';
import type { PoolConnection } from './connections.ts';
import type { PipeliningGuard } from './pipelining-guard.ts';

export interface ConnectionOwner {
  readonly settings: {
    readonly name: string;
    /** `interim`: responses of 1xx to one request in a second. */
    readonly limits: { readonly interim: number };
  };
  /** Keeps the connection for the next request. False: it is not used again, and has to close. */
  addIdle(connection: PoolConnection): boolean;
  /** It is not idle any more. */
  removeIdle(connection: PoolConnection): void;
  /** Its server has sent what HTTP does not allow, so that the beginning of the next response is not certain. */
  onMisframed(connection: { readonly server: Server }, how: string): void;
  /** No encrypted connection could be made to the server, and why, for a person. */
  onTlsFailed(server: Server, how: string): void;
  pipeliningGuardOf(server: Server): PipeliningGuard;
  /** There may be room at the server. */
  offer(server: Server): void;
}
