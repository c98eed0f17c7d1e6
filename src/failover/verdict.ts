/** Anything went wrong: may the request go to a server again, and to which? One pure decision, asked once. */
import { type Fault, serverFaults } from '../errors.ts';

export interface Failure {
  readonly fault: Fault;
  /**
   * How far it went. `unsent`: no byte reached a server. `sent`: some did, no byte of the response has been
   * relayed. `relayed`: the client has part of the response.
   */
  readonly stage: 'unsent' | 'sent' | 'relayed';
  /** The connection had served a request before: the server may have closed it just as we wrote (RFC 9112 section 9.3.1). */
  readonly reused: boolean;
  /** The server began to answer on this connection. */
  readonly answered: boolean;
  readonly idempotent: boolean;
  /** All bytes of the body that were sent are still here. */
  readonly replayable: boolean;
  /** Servers asked so far, and the most that may be. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Milliseconds left of the time for all attempts. */
  readonly timeLeft: number;
}

/**
 * same: the same server on a fresh connection, not counted as an attempt, because nothing says that the server
 * failed. other: another server. refuse: the client gets the fault.
 */
export type Verdict = 'same' | 'other' | 'refuse';

/**
 * Nothing sent: always repeatable, at the same server when only an idle connection was lost. Sent: only an idempotent
 * request whose body is still here, and only when the connection was lost before an answer (RFC 9110 section 9.2.2); a slow
 * or garbled answer is not made better by asking twice. Relayed: never.
 */
export function verdict(failure: Failure): Verdict {
  const { fault, stage } = failure;
  if (fault.side !== 'server' || stage === 'relayed') return 'refuse';
  if (failure.timeLeft <= 0) return 'refuse';
  const lost = fault === serverFaults.closedEarly;
  if (stage === 'sent' && !(lost && failure.idempotent && failure.replayable)) return 'refuse';
  if (lost && failure.reused && !failure.answered) return 'same';
  return failure.attempts < failure.maxAttempts ? 'other' : 'refuse';
}
