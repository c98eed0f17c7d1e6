/** A client's connection as its listener sees it, whatever protocol is spoken on it. HTTP/1.1 is `h1-connection.ts`. */
import type { Indexed } from '../indexed-set.ts';
import type { ListenerContext } from './listener-context.ts';

export interface ClientConnection extends Indexed {
  /** Of the config that was in force when the client connected. */
  readonly context: ListenerContext;
  /** There is one connection too many: the client is told so, and the connection ends. */
  refuseConnection(): void;
  /** The listener stops: the connection ends as soon as no request is under way. */
  stop(): void;
  /** Ends the connection if it has been idle for so long. False: it has not. */
  evict(idleMs: number): boolean;
  /** The time to stop is over: the connection ends now. */
  destroy(): void;
}
