/**
 * The one place that says what the code of today cannot do yet, although issue 12 asks for it: the tests leave it out, and
 * `npm run chaos` does not, unless it is told `--mended`. A name leaves `notYet` when its fault is mended, and the switch that
 * puts the fault back joins `switches`.
 */
import type { Sabotage } from '../../src/store/sabotage.ts';
import type { Violation } from './checker.ts';
import type { StepName } from './client.ts';
import type { FaultName } from './faults.ts';

interface NotYet {
  /** Faults after which this code violates a rule. */
  readonly faults: readonly FaultName[];
  /** What clients do, and this code does not stand. */
  readonly steps: readonly StepName[];
  readonly rules: readonly Violation['what'][];
}

export const notYet: NotYet = {
  faults: [
    'server removed',
    'dead server removed',
    'server added',
    'all servers unreachable',
    'all servers stopped',
    'all servers killed',
    'balancer signalled at its start',
    'clock stepped',
    'redis away',
    'disk full',
  ],
  steps: ['throw', 'overfill'],
  // Failures that are reported by position fall on a neighbour when servers are reordered.
  rules: ['ejected while healthy'],
};

/** What `LIMPET_SABOTAGE` can break in this code. */
export const switches: readonly Sabotage[] = ['fencing', 'gate', 'tombstones'];
