/** How long a request takes at a rate that is given, below saturation: an open loop, timed from when it was due. */
import { latencies } from '../kinds.ts';
import { headOf, runLoad } from '../load.ts';
import { metered } from '../meter.ts';
import { type Load, usual, type Workload } from '../workload.ts';
import { responseBytes } from './requests.ts';

/** Seconds after the end in which all must be answered; beyond it, and 2 % of the round, the rate was not kept. */
const grace = 0.05;

function latencyAt(
  { name, title, when }: Pick<Workload, 'name' | 'title' | 'when'>,
  rateOf: (load: Load) => number,
): Workload {
  return {
    name,
    title,
    kind: latencies,
    stage: usual,
    when,
    async run(load) {
      const rate = Math.round(rateOf(load));
      const time = ['-c', String(load.connections), '-t', String(load.seconds * 1000)];
      const options = [...time, '-r', String(rate), '-l', String(responseBytes)];
      const heads = load.cookies.map((cookie) => headOf({ cookie }));
      return metered(load, async () => {
        const result = await runLoad({ source: 'load/http.c', core: load.core, port: load.port, heads, options });
        if (result.behind > 0 || result.seconds > load.seconds * 1.02 + grace) {
          const done = result.requests / result.seconds;
          throw new Error(`it does ${done.toFixed(0)} of ${rate} requests a second`);
        }
        return result;
      });
    },
  };
}

/** Slow enough for every rival. */
const slow = 1_000;
const share = 0.7;

export const latencyWorkloads: readonly Workload[] = [
  latencyAt(
    { name: 'latency-1000', title: `Latency at ${slow.toLocaleString('en')} requests a second`, when: 'full' },
    () => slow,
  ),
  latencyAt(
    { name: 'latency-70', title: `Latency at ${share * 100} % of HAProxy's rate at saturation`, when: 'always' },
    (load) => share * load.saturation(),
  ),
];
