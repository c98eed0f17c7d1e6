/** Every hostile response of the table, whole and cut at every byte, through the balancer on both runtimes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { comesLate, runResponse, type ScriptedOrigin, scriptedOrigin } from './response-runner.ts';
import { responseCases } from './responses.ts';
import { cutsOf, runAll } from './stage.ts';

describe.each(runtimes)('hostile responses on %s', (runtime) => {
  let origin: ScriptedOrigin;
  let limpet: Limpet;

  beforeAll(async () => {
    origin = await scriptedOrigin('origin');
    limpet = await startLimpet(runtime, {
      config: {
        pools: {
          main: {
            servers: [{ name: 'origin', address: origin.address }],
            health: { passive: false },
            // The server says the same to every attempt.
            retry: { attempts: 1 },
          },
        },
      },
    });
  });

  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await origin?.close();
  });

  // Not test.each: it shortens long names.
  for (const one of responseCases) {
    test(`${one.name} (${one.source})`, async () => {
      const { port } = limpet;
      expect(await runResponse(port, origin, one, 0), 'said in one piece').toEqual([]);
      const cuts = cutsOf(one.data.length + one.extra.length);
      const early = cuts.filter((cut) => !comesLate(one, cut));
      const late = cuts.filter((cut) => comesLate(one, cut));
      expect(await runAll(early, (cut) => runResponse(port, origin, one, cut))).toEqual([]);
      expect(await runAll(late, (cut) => runResponse(port, origin, one, cut), 1)).toEqual([]);
    });
  }

  test('no abused connection has been used again', () => {
    expect(origin.breaches).toEqual([]);
  });
});
