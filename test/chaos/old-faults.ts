/**
 * The faults that there once were, each with what brings it out, and the rules that it violates. Where a build has
 * a switch that puts one back (`LIMPET_INJECTED_FAULT`, src/store/injected-fault.ts), the tests expect that it is found.
 */
import type { InjectedFault } from '../../src/store/injected-fault.ts';
import type { Runtime } from '../support/runtimes.ts';
import type { Violation } from './checker.ts';
import type { FaultName } from './faults.ts';
import type { StoreKind } from './stage.ts';

export interface OldFault {
  readonly injectedFault: InjectedFault;
  readonly store: StoreKind;
  readonly runtime: Runtime;
  /** Those that bring it out soonest. */
  readonly faults: readonly FaultName[];
  /** One of them has to be found. */
  readonly violates: readonly Violation['what'][];
  /** Within which it has been found every time. */
  readonly seconds: number;
}

export const oldFaults: readonly OldFault[] = [
  {
    injectedFault: 'fencing',
    store: 'memory',
    runtime: 'bun',
    // A former owner that is alive, and one that has forgotten.
    faults: ['health flapped'],
    violates: ['forked', 'lost write', 'went back', 'wrong count', 'wrong size'],
    seconds: 120,
  },
  {
    injectedFault: 'gate',
    store: 'memory',
    runtime: 'node',
    faults: ['health flapped', 'server killed'],
    violates: ['forked', 'lost session', 'lost write', 'went back', 'wrong count', 'wrong size', 'revived'],
    seconds: 120,
  },
  {
    injectedFault: 'tombstones',
    store: 'memory',
    runtime: 'bun',
    faults: ['health flapped', 'server killed', 'server drained', 'rebalanced'],
    violates: ['revived', 'of another session', 'forked', 'never written', 'lost session'],
    seconds: 120,
  },
  {
    injectedFault: 'outage-claims',
    store: 'memory',
    runtime: 'node',
    faults: ['all servers unreachable'],
    violates: ['not at home'],
    seconds: 60,
  },
  {
    injectedFault: 'unknown-server-404',
    store: 'memory',
    runtime: 'node',
    faults: ['server removed', 'server killed'],
    violates: ['lost session', 'went back', 'wrong count', 'wrong size', 'revived'],
    seconds: 180,
  },
  {
    injectedFault: 'forgotten-signout',
    store: 'redis',
    runtime: 'bun',
    faults: ['redis away'],
    violates: ['revived'],
    seconds: 120,
  },
  {
    injectedFault: 'commit-exit',
    store: 'lmdb',
    runtime: 'bun',
    faults: ['disk full'],
    violates: ['process ended'],
    seconds: 60,
  },
  {
    injectedFault: 'reports-by-position',
    store: 'memory',
    runtime: 'bun',
    faults: ['dead server removed', 'servers reordered', 'server killed'],
    violates: ['ejected while healthy', 'moved for nothing'],
    seconds: 120,
  },
  {
    injectedFault: 'clock-steps',
    store: 'memory',
    runtime: 'node',
    faults: ['clock stepped'],
    violates: ['lost session', 'revived', 'unreachable'],
    seconds: 60,
  },
];
