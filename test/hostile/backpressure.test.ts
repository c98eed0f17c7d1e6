/** Clients that ask and do not read: nothing may grow without bound, and no connection may stay asleep behind them (I9). */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { until, untilStill } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

/** Resident memory of a process in bytes. */
function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * KiB;
}

describe.each(runtimes)('clients that do not read on %s', (runtime) => {
  let origin: HttpOrigin;
  /** Bytes that the server has handed to its kernel for the last request. */
  let sent: () => number;
  let limpet: Limpet;

  beforeAll(async () => {
    // The path says how many bytes are wanted.
    origin = await httpOrigin('origin', (request, response) => {
      const body = Buffer.alloc(Number(request.url?.slice(1)), 'x');
      const { socket } = request;
      const before = socket.bytesWritten - socket.writableLength;
      sent = () => socket.bytesWritten - socket.writableLength - before;
      response.writeHead(200, { 'Content-Length': body.length }).end(body);
    });
    limpet = await startLimpet(runtime, { config: { pools: { main: { servers: [origin.address], maxIdle: 1 } } } });
  });

  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await origin?.close();
  });

  test('a connection whose last bytes had to wait for a slow client serves the next one', async () => {
    // Somewhere in these sizes it is the very last piece that the kernel does not take at once.
    for (let size = MiB; size <= 6 * MiB; size += 64 * KiB) {
      await using slow = await RawClient.connect(limpet.port);
      slow.pause();
      const before = origin.requests();
      await slow.send(get(`/${size}`));
      await until('the server has the request', () => origin.requests() > before, 5000, 1);
      await untilStill('what the server has sent', () => sent(), { looks: 3, everyMs: 5 });
      slow.resume();
      expect((await slow.response()).body.length).toBe(size);
      await using next = await RawClient.connect(limpet.port);
      await next.send(get('/5'));
      const response = await next.response('GET', 3_000).catch((error: Error) => error.message);
      expect(typeof response === 'string' ? response : response.status, `after ${size} bytes`).toBe(200);
    }
  }, 60_000);

  test.skipIf(process.platform !== 'linux')(
    'pipelined requests without reading stop being answered',
    async () => {
      await using client = await RawClient.connect(limpet.port);
      client.pause();
      const before = memoryOf(limpet.pid);
      const served = origin.requests();
      // About 1 GB of answers.
      for (let i = 0; i < 100; i++) await client.send(get(`/${50 * KiB}`).repeat(200));
      await until('the first of them', () => origin.requests() > served);
      await untilStill('the number of requests that the server gets', () => origin.requests());
      expect(memoryOf(limpet.pid) - before).toBeLessThan(100 * MiB);
      expect(origin.requests()).toBeLessThan(10_000);
    },
    60_000,
  );

  test('many pipelined requests are all answered, in order', async () => {
    await using client = await RawClient.connect(limpet.port);
    const sizes = Array.from({ length: 3000 }, (_, i) => i);
    await client.send(sizes.map((size) => get(`/${size}`)).join(''));
    for (const size of sizes.slice(0, 400)) expect((await client.response()).body.length).toBe(size);
    await client.wait('all responses', 20_000, () => client.received.length > (sizes.length * (sizes.length - 1)) / 2);
  }, 60_000);
});
