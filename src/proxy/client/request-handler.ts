/** What a client's connection tells of a request that it reads: to the exchange, of which it knows nothing else. */
import type { Fault } from '../../errors.ts';
import type { RequestHead } from '../../http/head.ts';
import type { Client } from './client.ts';

export interface RequestHandler {
  /**
   * A head is complete. It is in `head` during this call, and in `raw` from `start` on for as long as the exchange needs it. What has
   * already come of the body follows, and then `start`.
   */
  begin(client: Client, head: RequestHead, raw: Buffer, start: number, mayUpgrade: boolean): void;
  start(): void;
  /** A piece of the body. `isKept`: it came with the head, and its bytes stay in memory with it. */
  onRequestData(piece: Buffer, isKept: boolean): void;
  onRequestEnd(trailers: Buffer | null): void;
  /** The rest of the request is malformed, too large or too late; or there is no room to buffer it. */
  onRequestFault(fault: Fault): void;
  /** The client has taken everything that was buffered for it. */
  onClientDrain(): void;
  /** The client's connection takes nothing at present; `onClientDrain` follows. Only said of connections that several exchanges share. */
  onClientFull(): void;
  onClientGone(): void;
}

/** Where exchanges come from. */
export interface ExchangeSource {
  take(): RequestHandler;
}
