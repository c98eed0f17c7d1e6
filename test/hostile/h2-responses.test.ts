/** Every hostile server of HTTP/2 of the table, behind the balancer on both runtimes, as clients of HTTP/1.1 and HTTP/2 see it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { runH2Response, type ScriptedH2Origin, scriptedH2Origin } from './h2-response-runner.ts';
import { h2ResponseCases } from './h2-responses.ts';

test('the table has at least 25 servers, each with a name of its own', () => {
  expect(h2ResponseCases.length).toBeGreaterThanOrEqual(25);
  expect(new Set(h2ResponseCases.map(({ name }) => name)).size).toBe(h2ResponseCases.length);
});

describe.each(runtimes)('hostile servers of HTTP/2 on %s', (runtime) => {
  let origin: ScriptedH2Origin;
  let limpet: Limpet;

  beforeAll(async () => {
    origin = await scriptedH2Origin();
    limpet = await startLimpet(runtime, {
      config: {
        listeners: [{ address: '127.0.0.1:0', protocols: ['h2', 'h1'] }],
        pools: {
          main: {
            servers: [{ name: 'origin', address: origin.address }],
            protocol: 'h2',
            health: { passive: false },
            timeouts: { response: '2s' },

            // The server says the same to every attempt.
            retry: { attempts: 1 },
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
  for (const one of h2ResponseCases) {
    test(`${one.name} (${one.source})`, async () => {
      expect(await runH2Response(limpet.port, origin, one, 'h1')).toEqual([]);
      expect(await runH2Response(limpet.port, origin, one, 'h2')).toEqual([]);
    });
  }
});
