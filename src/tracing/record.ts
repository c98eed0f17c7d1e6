/** What one sampled exchange says of itself for its spans: plain data, because it goes from thread to thread. Without session ids, cookies and queries. */

export interface ExchangeTrace {
  /** 32 and 16 hex digits, as in traceparent. */
  readonly traceId: string;
  readonly spanId: string;
  /** The span of the caller; '': the trace begins here. */
  readonly parentId: string;
  /** tracestate as it came. */
  readonly state: string;
  readonly flags: number;
  /** The trace that an untrusted caller has named, and that was not continued; null: none. */
  readonly link: { readonly traceId: string; readonly spanId: string; readonly flags: number } | null;
  /** Unix milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
  readonly method: string;
  readonly path: string;
  readonly secure: boolean;
  /** As the client has named it, with its port. */
  readonly host: string;
  /** Of HTTP on the client's side: `HTTP/1.1`. */
  readonly version: string;
  readonly client: string;
  readonly peer: string;
  /** 0: the client got no response. */
  readonly status: number;
  /** Code of the fault; '': none. */
  readonly fault: string;
  /** '': there is none. */
  readonly requestId: string;
  readonly pool: string;
  /** The two letters of the access log. */
  readonly verdict: string;
  /** 0: no session. */
  readonly epoch: number;
  /** Why the request went to its server; '': it has no session. */
  readonly placement: string;
  readonly attempts: readonly AttemptTrace[];
}

/** One attempt at a server. */
export interface AttemptTrace {
  readonly spanId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly server: string;
  /** Host and port, or the path of a socket with port 0. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** 0: it did not answer. */
  readonly status: number;
  /** Code of the fault; '': none. */
  readonly fault: string;
}

/** Spans that it becomes. */
export function spansOf({ attempts }: ExchangeTrace): number {
  return 1 + attempts.length;
}
