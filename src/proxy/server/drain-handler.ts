/**
 * Reads and drops the response of a request whose client has gone, so that the responses behind it on the connection still reach the
 * exchanges they belong to.
 */
import type { ResponseHandler } from './response-handler.ts';

/** What it needs of the connection. */
export interface DrainedConnection {
  release(reusable: boolean): void;
  abort(handler: ResponseHandler): void;
  reset(): void;
}

/** Bytes of body. A longer response is not worth reading: the connection ends, and the requests behind it are sent again. */
const maxDrainBytes = 64 * 1024;

export class DrainHandler implements ResponseHandler {
  readonly method: number;
  readonly mayUpgrade = false;
  readonly clientNumber = 0;
  private readonly connection: DrainedConnection;
  private bytes = 0;

  /** `method`: of the request. */
  constructor(connection: DrainedConnection, method: number) {
    this.connection = connection;
    this.method = method;
  }

  onInterim(): void {}
  onResponse(): void {}
  onServerDrain(): void {}
  flush(): void {}
  /** Nobody waits for it: it need not be sent again. */
  onRequeued(): void {}

  mustHold(): boolean {
    return false;
  }

  mustHoldEnd(): boolean {
    return false;
  }

  onResponseData(_bytes: Buffer, start: number, end: number): boolean {
    this.bytes += end - start;
    if (this.bytes > maxDrainBytes) this.connection.reset();
    return false;
  }

  onResponseEnd(_trailers: Buffer | null, reusable: boolean): void {
    this.connection.release(reusable);
  }

  onUpgrade(): void {
    this.connection.reset();
  }

  onServerFault(): void {
    this.connection.abort(this);
  }
}
