/** Metrics of the store of sessions: how long its operations take, and which fail. */
import { type Family, labelText, type Sample, sample, samplesOf } from './exposition.ts';
import { distributionOf } from './histogram.ts';

export interface StoreFigures {
  /** By operation, the array with its histogram and where that begins. */
  readonly durations: readonly (readonly [operation: string, words: Float64Array, at: number])[];
  readonly errors: readonly (readonly [operation: string, code: string, count: number])[];
}

export function storeFamilies({ durations, errors }: StoreFigures): Family[] {
  const samples: Sample[] = [];
  for (const [operation, words, at] of durations)
    samples.push(...samplesOf(labelText({ operation }), distributionOf([words], at)));
  return [
    {
      name: 'limpet_store_operation_duration_seconds',
      type: 'histogram',
      help: 'Seconds that an operation of the store took, as the supervisor sees it; failed ones too.',
      samples,
    },
    {
      name: 'limpet_store_errors_total',
      type: 'counter',
      help: 'Operations of the store that failed, by the code of the error.',
      samples: errors.map(([operation, code, count]) => sample(labelText({ operation, code }), count)),
    },
  ];
}
