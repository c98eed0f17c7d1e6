/** Every hostile request of the table, whole and cut at every byte, through the balancer on both runtimes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { type RecordingOrigin, type Run, recordingOrigin, runRequest } from './request-runner.ts';
import { limits, requestCases } from './requests.ts';
import { cutsOf, runAll } from './stage.ts';

describe.each(runtimes)('hostile requests on %s', (runtime) => {
  let origin: RecordingOrigin;
  let limpet: Limpet;

  beforeAll(async () => {
    origin = await recordingOrigin('origin');
    limpet = await startLimpet(runtime, {
      config: {
        listeners: [{ address: '127.0.0.1:0', limits }],
        pools: {
          main: {
            servers: [{ name: 'origin', address: origin.address }],
            affinity: [{ cookie: { name: 'limpet' } }],
            health: { passive: false },
          },
        },
        log: { access: 'off' },
      },
    });
  });

  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await origin?.close();
  });

  // Not test.each: it shortens long names.
  for (const one of requestCases) {
    test(`${one.name} (${one.source})`, async () => {
      const port = limpet.port;
      const whole: Run = { cuts: [], followed: false };
      expect(await runRequest(port, origin, one, whole), 'sent whole').toEqual([]);
      const runs: Run[] = cutsOf(one.data.length).map((cut) => ({ cuts: [cut], followed: false }));
      // Behind a message that is still open, more bytes would belong to it.
      if (one.seen.length === 0 && !one.fin) runs.push({ cuts: [], followed: true });
      expect(await runAll(runs, (run) => runRequest(port, origin, one, run))).toEqual([]);
    });
  }

  test('nothing else has reached the server', () => {
    expect(origin.breaches).toEqual([]);
  });

  test('every refusal has been counted by its reason', async () => {
    const counters = await limpet.counters();
    const reasons = new Set(requestCases.flatMap((one) => one.answers.flatMap((answer) => answer.split(' ')[1] ?? [])));
    const uncounted = [...reasons].filter((reason) => !counters[`requests_refused_${reason.replaceAll('-', '_')}`]);
    expect(uncounted).toEqual([]);
  });
});
