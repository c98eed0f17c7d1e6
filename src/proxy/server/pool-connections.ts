/** The connections from one worker to the servers of one pool, whatever protocol they speak: connections.ts for HTTP/1.1, h2-connections.ts. */
import type { Server } from '../../fleet/server.ts';
import type { ServerConnection } from './server-connection.ts';

export interface PoolConnections {
  /** One that can take a request of the client with this number (0: it may be several clients). undefined: one has to be made. */
  takeIdle(server: Server, client: number): ServerConnection | undefined;
  /** The same for a request that may share a connection with others of this loop turn. */
  takeGathering(server: Server, client: number): ServerConnection | undefined;
  /** Closes those to this server that are idle. False: there was none. */
  close(server: Server): boolean;
  closeAll(): boolean;
  /** The server has left the pool. */
  remove(server: Server): void;
  /** From now on none is kept, and those that are idle close. */
  retire(): void;
}
