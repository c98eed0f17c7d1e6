/** What a connection to a server tells of the response to one request: to the exchange, or to a `DrainHandler` in its place. */
import type { Fault } from '../../errors.ts';
import type { ResponseHead } from '../../http/head.ts';
import type { SessionCommand } from '../../http/session-headers.ts';

export interface ResponseHandler {
  /** Of the request, one of `Method` (http/head.ts): whether the response has a body depends on it. */
  readonly method: number;
  /** The request asked for an upgrade. */
  readonly mayUpgrade: boolean;
  /** Number of the client's connection; 0: it seems to be a proxy, with several clients behind it. */
  readonly clientNumber: number;
  onInterim(head: ResponseHead): void;
  /** True: the final response must not go on before `ServerConnection.resumeHeld`, or the exchange has refused it. */
  mustHold(head: ResponseHead): boolean;
  /** The same for the response's end, after what its trailers say of a session. */
  mustHoldEnd(command: SessionCommand | 'bad'): boolean;
  onResponse(head: ResponseHead): void;
  /** True: what follows these bytes is held, as after `mustHold`. */
  onResponseData(bytes: Buffer, start: number, end: number): boolean;
  /** `reusable`: the connection can take another request, once this one has been sent to its end. */
  onResponseEnd(trailers: Buffer | null, reusable: boolean): void;
  /** 101. `early`: bytes of the other protocol that came with the head. */
  onUpgrade(head: ResponseHead, early: Buffer | null): void;
  /** The server has taken what was buffered for it. */
  onServerDrain(): void;
  /** Everything that this read has brought has been reported: what was gathered for the client can be written. */
  flush(): void;
  onServerFault(fault: Fault): void;
  /** The request was pipelined behind another one, and has lost its place: it has to be sent again, on another connection. */
  onRequeued(): void;
}
