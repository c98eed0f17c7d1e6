/** The parts of a config on which the process is built: a reload leaves them as they were at the start. */
import { isDeepStrictEqual } from 'node:util';
import type { LimpetOptions } from './options.ts';

const restartFields = ['workers', 'table', 'stateDir', 'log', 'sessions', 'fleet', 'admin'] as const;

/** Those that a reload was asked to change, and did not. */
export function keptTillRestart(before: LimpetOptions, after: LimpetOptions): string[] {
  const kept: string[] = restartFields.filter((field) => !isDeepStrictEqual(before[field], after[field]));
  // Without `tracing` nothing is exported from the reload on.
  const { tracing } = after;
  if (tracing !== null && !isDeepStrictEqual(before.tracing?.export ?? null, tracing.export))
    kept.push('tracing.export');
  return kept;
}
