/** Whoever takes nothing is kept little for: each kind of kept bytes shows in the gauge, has a bound, and is gone with the connection. */
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, listen, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { http1, onlyOver, transport } from '../support/transport.ts';
import { untilStill } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
/** The most that one read of a runtime brings, which cannot be given back once the other side takes no more. */
const chunk: Readonly<Record<Runtime, number>> = {
  bun: 512 * KiB,
  // Node says only in the next turn of its loop whether a write to TLS was taken: until then two reads count as taken (net/node).
  node: (transport === 'tls' ? 3 : 1) * 64 * KiB,
};
const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

const keptBy = async (limpet: Limpet): Promise<number> => (await limpet.counters()).kept_bytes!;

/** The gauge, once it is above `floor` and stands still: the client for whom something is kept has come, and takes no more. */
async function settled(limpet: Limpet, floor = 0): Promise<number> {
  await until(`more than ${floor} bytes are kept`, async () => (await keptBy(limpet)) > floor);
  await untilStill('kept bytes', () => keptBy(limpet));
  return keptBy(limpet);
}

const nothingKept = (limpet: Limpet) => until('nothing is kept', async () => (await keptBy(limpet)) === 0);

describe.each(runtimes)('stalled readers on %s', (runtime) => {
  const big = (size: number) =>
    httpOrigin('big', (_, response) => {
      response.writeHead(200, { 'Content-Length': size }).end(Buffer.alloc(size, 'x'));
    });

  test('a client that reads nothing of a long answer: one read at most is kept, and all of it arrives later', async () => {
    const size = 16 * MiB;
    await using origin = await big(size);
    await using limpet = await startLimpet(runtime, { config: { workers: 1, ...configFor([origin]) } });
    await using client = await RawClient.connect(limpet.port);
    client.pause();
    await client.send(get);
    expect(await settled(limpet)).toBeLessThanOrEqual(chunk[runtime]);
    client.resume();
    expect((await client.response()).body.length).toBe(size);
    await nothingKept(limpet);
  });

  test('a client that leaves takes what was kept for it along', async () => {
    await using origin = await big(16 * MiB);
    await using limpet = await startLimpet(runtime, { config: { workers: 1, ...configFor([origin]) } });
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(limpet.port)));
    for (const client of clients) {
      client.pause();
      await client.send(get);
    }
    expect(await settled(limpet)).toBeLessThanOrEqual(8 * chunk[runtime]);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await nothingKept(limpet);
  });

  test('pipelined requests behind a slow one: no more than two reads are kept, and all are answered', async () => {
    onlyOver(http1, 'the requests of an HTTP/2 connection do not wait for each other');
    const waiting: (() => void)[] = [];
    let served = 0;
    await using origin = await httpOrigin('slow', (_, response) => {
      served++;
      if (served === 1) waiting.push(() => response.end('first'));
      else response.end('next');
    });
    await using limpet = await startLimpet(runtime, { config: { workers: 1, ...configFor([origin]) } });
    await using client = await RawClient.connect(limpet.port);
    const behind = 500;
    const padded = get.replace('Host', `X-Padding: ${'x'.repeat(300)}\r\nHost`);
    await client.send(padded.repeat(1 + behind));
    expect(await settled(limpet)).toBeLessThanOrEqual(chunk[runtime] + 16 * KiB);
    for (const answer of waiting) answer();
    for (let i = 0; i <= behind; i++) expect((await client.response()).status).toBe(200);
    await nothingKept(limpet);
  });

  test('a body that waits for a server, or is kept for a repeat, is counted, and gone with its answer', async () => {
    let answer: (() => void) | null = null;
    let hasHead = false;
    await using origin = await httpOrigin('a', (request, response) => {
      hasHead = true;
      request.resume();
      request.on('end', () => {
        answer = () => response.end('done');
      });
    });
    await using limpet = await startLimpet(runtime, { config: { workers: 1, ...configFor([origin]) } });
    const body = 'x'.repeat(40 * KiB);
    await using client = await RawClient.connect(limpet.port);
    await client.send(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
    // What comes in one piece with the head is kept with it, and not counted.
    await until('the server has the head', () => hasHead);
    await client.send(body);
    await until('the server has the body', () => answer !== null);
    expect(await keptBy(limpet)).toBe(body.length);
    answer!();
    expect((await client.response('PUT')).status).toBe(200);
    await nothingKept(limpet);
  });

  test('a tunnel whose far end reads nothing keeps one read at most', async () => {
    onlyOver(http1, 'this server does not know of the key of a WebSocket, which HTTP/2 needs');
    let far: Socket | null = null;
    const server = createServer((socket) => {
      far = socket;
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      });
    });
    await using address = await listen('far', server);
    await using limpet = await startLimpet(runtime, {
      config: { workers: 1, ...configFor([address]) },
    });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await client.wait('the upgrade', 5000, () => client.received.includes('\r\n\r\n'));
    await client.send(Buffer.alloc(16 * MiB));
    expect(await settled(limpet)).toBeLessThanOrEqual(chunk[runtime]);
    far!.destroy();
    await nothingKept(limpet);
  });

  test('of many that read nothing, each further one costs little, and all get everything later', async () => {
    onlyOver(['h1', 'h2', 'h2-shared', 'h2c'], 'the kernel keeps all of it on the two connections of a bridge');
    const [size, many] = [6 * MiB, 24];
    await using origin = await big(size);
    const config = { workers: 1, limits: { keptBytes: '8M' }, ...configFor([origin]) };
    await using limpet = await startLimpet(runtime, { config });
    const clients: RawClient[] = [];
    let kept = 0;
    for (let n = 0; n < many; n++) {
      const client = await RawClient.connect(limpet.port);
      clients.push(client);
      client.pause();
      await client.send(get);
      // One after the other, until so much is kept that the balancer reads in small pieces.
      if (n < 4) kept = await settled(limpet, kept);
    }
    // A sixteenth is 512 KiB: what came before it, and the small rests of the others.
    expect(await settled(limpet)).toBeLessThanOrEqual(4 * chunk[runtime] + many * 64 * KiB);
    for (const client of clients) client.resume();
    for (const client of clients) expect((await client.response()).body.length).toBe(size);
    expect(await limpet.counters()).toMatchObject({ kept_bytes_exceeded: 0, requests_refused_buffers_full: 0 });
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await nothingKept(limpet);
  });

  test('beyond limits.keptBytes those that take nothing are ended, and whoever reads is served', async () => {
    onlyOver(['h1', 'h2', 'h2-shared', 'h2c'], 'the kernel keeps all of it on the two connections of a bridge');
    const size = 8 * MiB;
    await using origin = await big(size);
    const config = { workers: 1, limits: { keptBytes: '1M' }, ...configFor([origin]) };
    await using limpet = await startLimpet(runtime, { config });
    // Each keeps 27 KB or so, once much is kept: many more than would just reach the limit.
    const clients = await Promise.all(Array.from({ length: 120 }, () => RawClient.connect(limpet.port)));
    for (const client of clients) {
      client.pause();
      await client.send(get);
    }
    await until('some are ended', async () => {
      const counters = await limpet.counters();
      return counters.kept_bytes_exceeded! > 0 && counters.requests_refused_buffers_full! > 0;
    });
    // While they still come, so much may be kept that anybody is ended.
    await untilStill('kept bytes', () => keptBy(limpet));
    expect((await ask(limpet.url)).body.length).toBe(size);
    const counters = await limpet.counters();
    expect(counters.kept_bytes).toBeLessThanOrEqual(1.5 * MiB);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await nothingKept(limpet);
  });
});
