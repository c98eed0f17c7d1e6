/** Decides, when an attempt has failed, whether the request may be sent again, and to which server. A pure function. */
import { type Fault, serverFaults } from '../errors.ts';

export interface Failure {
  readonly fault: Fault;
  /**
   * How far the attempt went. `unsent`: no byte reached a server. `sent`: some did, but no byte of the response has been relayed.
   * `relayed`: the client has part of the response.
   */
  readonly stage: 'unsent' | 'sent' | 'relayed';
  /** The connection had served a request before: the server may have closed it at the same moment (RFC 9112 section 9.3.1). */
  readonly reused: boolean;
  /** The server began to respond on this connection. */
  readonly answered: boolean;
  /** Times that this server has refused to begin with the request. */
  readonly refusals: number;
  readonly idempotent: boolean;
  /** All bytes of the body that were sent are still in memory. */
  readonly replayable: boolean;
  /** Servers tried so far, and the most that may be tried. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Milliseconds left for all attempts. */
  readonly timeLeft: number;
}

/**
 * same: the same server on a new connection; not counted as an attempt, because nothing shows that the server failed. other: another
 * server. refuse: the client gets the fault.
 */
export type Verdict = 'same' | 'other' | 'refuse';

/** After as many refusals a server seems to mean it. */
const maxRefusals = 2;

/**
 * Nothing sent: always repeatable, at the same server when only an idle connection was lost. Sent: only an idempotent request whose
 * body is still in memory, and only when the connection was lost before a response (RFC 9110 section 9.2.2); after a slow or
 * malformed response, a second try would not help. Relayed: never. Sent, but the server has told that it did not begin with it (HTTP/2:
 * REFUSED_STREAM, or a stream above the last one of GOAWAY, RFC 9113 section 8.7): as if nothing had been sent, at the same server first,
 * because the session is there.
 */
export function verdict(failure: Failure): Verdict {
  const { fault, stage } = failure;
  if (fault.side !== 'server' || stage === 'relayed') return 'refuse';
  if (failure.timeLeft <= 0) return 'refuse';
  const lost = fault === serverFaults.closedEarly;
  const isRefused = fault === serverFaults.streamRefused;
  if (stage === 'sent') {
    const isSafe = isRefused || ((lost || fault === serverFaults.streamReset) && failure.idempotent);
    if (!isSafe || !failure.replayable) return 'refuse';
  }
  if (isRefused && failure.refusals < maxRefusals) return 'same';
  if (lost && failure.reused && !failure.answered) return 'same';
  return failure.attempts < failure.maxAttempts ? 'other' : 'refuse';
}
