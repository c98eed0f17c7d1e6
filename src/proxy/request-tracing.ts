/** What is configured of request ids and traces, for all requests of a worker. */
import type { TraceSink } from '../tracing/batch.ts';
import type { RandomIds } from '../tracing/ids.ts';

/** From whom something is accepted: from every client, from trusted proxies, or from nobody. */
export type Acceptance = 'always' | 'trusted' | 'never';

/** At least one of the first two is there. */
export interface RequestTracing {
  /** null: requests have no id. `lower` is `header` in lower case. */
  readonly requestId: {
    readonly header: string;
    readonly lower: string;
    readonly accept: Acceptance;
    readonly respond: boolean;
  } | null;
  /** null: trace context passes like any other header. `sample`: the share, 0 to 1, of the traces that begin here. */
  readonly context: { readonly accept: Acceptance; readonly sample: number } | null;
  readonly ids: RandomIds;
  /** Takes sampled traces; null: nobody wants them. */
  readonly sink: TraceSink | null;
}

export function isAccepted(accept: Acceptance, isTrusted: boolean): boolean {
  return accept === 'always' || (accept === 'trusted' && isTrusted);
}
