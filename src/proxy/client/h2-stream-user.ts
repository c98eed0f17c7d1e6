/** Who has a stream of an HTTP/2 connection (the client of an exchange, or a tunnel), and what it finds there. */
import type { StreamOwner } from '../../http/h2/streams.ts';
import type { Socket } from '../../net/socket.ts';
import type { Indexed } from '../indexed-set.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import type { KeptHead } from './h2-kept-head.ts';
import type { H2Scratch } from './h2-scratch.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { Peer } from './peer.ts';
import type { ExchangeSource } from './request-handler.ts';

export interface StreamUser extends StreamOwner, Indexed {
  /** Bytes that the client does not take yet. */
  readonly keptBytes: number;
  /** The socket takes no more bytes; `onSocketDrain` follows. */
  onSocketFull(): void;
  /** The socket takes bytes again. */
  onSocketDrain(): void;
  /** There is no room for what is kept. */
  onBuffersFull(): void;
  /** The balancer stops: what has been sent is delivered, and the client sees that it is not all. */
  cut(): void;
  /** The connection is gone. */
  onGone(): void;
}

export interface UserContext {
  readonly context: ListenerContext;
  readonly settings: ListenerSettings;
  readonly exchanges: ExchangeSource;
  readonly scratch: H2Scratch;
  readonly kept: KeptHead;
  readonly peer: Peer;
  readonly socket: Socket;
  readonly output: FrameOutput;
  add(user: StreamUser): void;
  /** False: it was not there. */
  remove(user: StreamUser): boolean;
}
