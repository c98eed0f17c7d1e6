/** Who an answer is for: the exchange whose request it answers, or nobody any more. */

import type { Fault } from '../../errors.ts';
import type { ResponseHead } from '../../http/head.ts';
import type { SessionWord } from '../../http/session-headers.ts';
import type { ServerConnection } from './connection.ts';

export interface ResponseHandler {
  /** Of the request, one of `Method` (http/head.ts): whether the answer has a body depends on it. */
  readonly method: number;
  readonly mayUpgrade: boolean;
  /** Number of the connection of its client; 0: a proxy seems to be there, with several clients. */
  readonly user: number;
  onInterim(head: ResponseHead): void;
  /** True: the final response has to wait for `proceed` before it may go on, or it has been refused. */
  mustHold(head: ResponseHead): boolean;
  /** The same for its end, after what its trailers say of a session. */
  mustHoldEnd(word: SessionWord | 'bad'): boolean;
  onResponse(head: ResponseHead): void;
  onResponseData(bytes: Buffer, start: number, end: number): void;
  /** `reusable`: so is the connection, once the request is. */
  onResponseEnd(trailers: Buffer | null, reusable: boolean): void;
  onUpgrade(head: ResponseHead, early: Buffer | null): void;
  onServerDrain(): void;
  /** All that this read has brought has been told. */
  flush(): void;
  failed(fault: Fault): void;
  /** It was behind another on the connection that it has no more: to be sent once more. */
  repeat(): void;
}

/** An answer that nobody waits for is read for at most so many bytes of body, for the sake of those behind it. */
const patience = 64 * 1024;

/** Takes the answer of an exchange whose client has gone, so that the answers behind it stay in step. */
export class DrainHandler implements ResponseHandler {
  readonly method: number;
  readonly mayUpgrade = false;
  readonly user = 0;
  private readonly upstream: ServerConnection;
  private bytes = 0;

  constructor(upstream: ServerConnection, method: number) {
    this.upstream = upstream;
    this.method = method;
  }

  onInterim(): void {}
  onResponse(): void {}
  onServerDrain(): void {}
  flush(): void {}
  repeat(): void {}

  mustHold(): boolean {
    return false;
  }

  mustHoldEnd(): boolean {
    return false;
  }

  onResponseData(_bytes: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    if (this.bytes > patience) this.upstream.discard();
  }

  onResponseEnd(_trailers: Buffer | null, reusable: boolean): void {
    this.upstream.release(reusable);
  }

  onUpgrade(): void {
    this.upstream.discard();
  }

  failed(): void {
    this.upstream.breakOff(this);
  }
}
