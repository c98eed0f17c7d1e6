/**
 * Every hostile HTTP/2 sequence of the tables through the balancer on both runtimes: whole and cut over plain connections (h2c), and whole
 * over TLS, where the bytes go another way to the same reader.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { H2RawClient } from '../support/h2-raw.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { runtimes } from '../support/runtimes.ts';
import type { H2Case } from './h2-case.ts';
import { fieldSequences } from './h2-fields.ts';
import { frameSequences } from './h2-frames.ts';
import { runSequence } from './h2-runner.ts';
import { type RecordingOrigin, recordingOrigin } from './request-runner.ts';
import { limits } from './requests.ts';
import { runAll } from './stage.ts';
import { makeCertificates } from './tls-stage.ts';

const sequences = [...frameSequences, ...fieldSequences];

/** Every cut there is has the fuzzer of frames, without a network: here are some in the preface, in SETTINGS and in what follows. */
function cutsOf(length: number): number[] {
  const places = long
    ? Array.from({ length: 40 }, (_, i) => Math.floor(((i + 1) * length) / 41))
    : [20, 37, length - 8];
  return places.filter((cut) => cut > 0 && cut < length);
}

async function connectSecure(port: number): Promise<H2RawClient> {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    servername: 'a.test',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
  });
  socket.setNoDelay(true);
  await new Promise<void>((done, fail) => socket.once('secureConnect', done).once('error', fail));
  return new H2RawClient(socket);
}

/** What a server is told over TLS. */
function secure(one: H2Case): H2Case {
  const seen = one.seen.map((request) =>
    request.has?.['X-Forwarded-Proto'] === 'http'
      ? { ...request, has: { ...request.has, 'X-Forwarded-Proto': 'https' } }
      : request,
  );
  return { ...one, seen };
}

test('the tables have at least 80 sequences, each with a name of its own', () => {
  expect(sequences.length).toBeGreaterThanOrEqual(80);
  expect(new Set(sequences.map(({ name }) => name)).size).toBe(sequences.length);
});

describe.each(runtimes)('hostile HTTP/2 on %s', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-h2-'));
  let origin: RecordingOrigin;
  let limpet: Limpet;
  let plainPort: number;
  let tlsPort: number;

  beforeAll(async () => {
    origin = await recordingOrigin('origin');
    const { servers } = makeCertificates(folder);
    plainPort = await freePort();
    tlsPort = await freePort();
    const listener = { protocols: ['h2', 'h1'], limits: { ...limits, h2: { streams: 10 } } };
    limpet = await startLimpet(runtime, {
      config: {
        listeners: [
          { address: `127.0.0.1:${plainPort}`, ...listener },
          { address: `127.0.0.1:${tlsPort}`, ...listener, tls: { certificates: servers.slice(0, 1) } },
        ],
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
    rmSync(folder, { recursive: true, force: true });
  });

  // Not test.each: it shortens long names.
  for (const one of sequences) {
    test(`${one.name} (${one.source})`, async () => {
      const connect = () => H2RawClient.connect(plainPort);
      expect(await runSequence(connect, origin, one, []), 'sent whole').toEqual([]);
      if (one.isUncut) return;
      const length = one.data.length + (one.raw ? 0 : 33);
      expect(await runAll(cutsOf(length), (cut) => runSequence(connect, origin, one, [cut]))).toEqual([]);
    });
  }

  // The way differs by runtime alone: one of them each time, both in a long run.
  if (long || runtime === runtimes[0]) {
    for (const one of sequences) {
      test(`over TLS: ${one.name} (${one.source})`, async () => {
        expect(await runSequence(() => connectSecure(tlsPort), origin, secure(one), [])).toEqual([]);
      });
    }
  }

  test('nothing else has reached the server', () => {
    expect(origin.breaches).toEqual([]);
  });
});
