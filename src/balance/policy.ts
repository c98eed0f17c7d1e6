/**
 * A policy proposes servers for a session that is nobody's; it never sees a request. The caller's
 * `accept` filters the unusable ones (excluded, full, over the bound), so that a policy is only its algorithm.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';

export type Accept = (server: Server) => boolean;

export interface Policy {
  readonly name: string;
  /**
   * Proposes servers of `snapshot.up` in this policy's order, each at most once, until `accept` takes one.
   * `key` is an unsigned 32-bit hash of the session's key, for policies that place by hash; others ignore it.
   * Undefined when accept took none. A policy that keeps state between calls keeps it per snapshot
   * (`snapshot !== this.snapshot` is the sign to rebuild) and starts anew with little disturbance.
   */
  select(snapshot: Snapshot, key: number, accept: Accept): Server | undefined;
}

/** The description of a policy for config, command line and explanations. `index.ts` lists all of them. */
export interface PolicyDescriptor {
  /** In a config, and `Policy.name`. */
  readonly name: string;
  /** The choice depends on the session's key and on which servers are up, neither on load nor on chance. */
  readonly byKey?: true;
  /** A policy has state, so each pool gets its own. */
  create(options: PolicyOptions): Policy;
}

export interface PolicyOptions {
  /** Uniform in [0, 1): handed in, so that tests and the simulator repeat. */
  readonly random: () => number;
  /** Keeps turns for all threads that choose for one pool. Left out: this policy is alone. */
  readonly turns?: Turns;
}

export interface Turns {
  /** Slot of the server whose turn was last; any number before the first turn. */
  last(): number;
  /** The turn goes on from the server of slot `from` to that of slot `to`; false: another thread was quicker, and nothing has changed. */
  pass(from: number, to: number): boolean;
}
