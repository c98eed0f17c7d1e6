/** Every hostile HTTP/2 sequence of the tables, whole and cut, through the balancer on both runtimes, over plain connections (h2c). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { H2RawClient } from '../support/h2-raw.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { runtimes } from '../support/runtimes.ts';
import { fieldSequences } from './h2-fields.ts';
import { frameSequences } from './h2-frames.ts';
import { runSequence } from './h2-runner.ts';
import { type RecordingOrigin, recordingOrigin } from './request-runner.ts';
import { limits } from './requests.ts';
import { runAll } from './stage.ts';

const sequences = [...frameSequences, ...fieldSequences];

/** Every cut there is has the fuzzer of frames, without a network: here are some in the preface, in SETTINGS and in what follows. */
function cutsOf(length: number): number[] {
  const places = long
    ? Array.from({ length: 40 }, (_, i) => Math.floor(((i + 1) * length) / 41))
    : [20, 37, length - 8];
  return places.filter((cut) => cut > 0 && cut < length);
}

test('the tables have at least 80 sequences, each with a name of its own', () => {
  expect(sequences.length).toBeGreaterThanOrEqual(80);
  expect(new Set(sequences.map(({ name }) => name)).size).toBe(sequences.length);
});

describe.each(runtimes)('hostile HTTP/2 on %s', (runtime) => {
  let origin: RecordingOrigin;
  let limpet: Limpet;

  beforeAll(async () => {
    origin = await recordingOrigin('origin');
    limpet = await startLimpet(runtime, {
      config: {
        listeners: [{ address: '127.0.0.1:0', protocols: ['h2', 'h1'], limits: { ...limits, h2: { streams: 10 } } }],
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
  for (const one of sequences) {
    test(`${one.name} (${one.source})`, async () => {
      const connect = () => H2RawClient.connect(limpet.port);
      expect(await runSequence(connect, origin, one, []), 'sent whole').toEqual([]);
      if (one.isLong) return;
      const length = one.data.length + (one.raw ? 0 : 33);
      expect(await runAll(cutsOf(length), (cut) => runSequence(connect, origin, one, [cut]))).toEqual([]);
    });
  }

  test('nothing else has reached the server', () => {
    expect(origin.breaches).toEqual([]);
  });
});
