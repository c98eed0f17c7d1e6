/** Health checks of gRPC (grpc.health.v1) and of HTTP over HTTP/2, against servers of node:http2. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { h2Origin } from '../support/h2-origin.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** Answers health checks with this status of serving, and everything else with its name. */
function serving(read: () => number) {
  return (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, name: string): void => {
    if (headers[':path'] !== '/grpc.health.v1.Health/Check') {
      stream.respond({ ':status': 200 });
      stream.end(name);
      return;
    }
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const isAsked = Buffer.concat(chunks).toString('latin1').endsWith('shop.Cart');
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': isAsked ? '0' : '5' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, read()]));
    });
  };
}

describe.each(runtimes)('health checks over HTTP/2 on %s', (runtime) => {
  test('SERVING is up, NOT_SERVING down, and each is named in the log', { timeout: 60_000 }, async () => {
    let status = 1;
    await using a = await h2Origin(
      'a',
      serving(() => status),
    );
    await using b = await h2Origin(
      'b',
      serving(() => 1),
    );
    const health = { grpc: 'shop.Cart', interval: '100ms', timeout: '2s', fall: 2, rise: 2 };
    const pool = { protocol: 'h2', affinity: 'none', balance: 'round-robin', health };
    await using limpet = await startLimpet(runtime, { config: { ...configFor([a, b], pool), workers: 1 } });
    const names = async (): Promise<Set<string>> => {
      const replies = await Promise.all(Array.from({ length: 6 }, () => ask(limpet.url)));
      return new Set(replies.map(({ body }) => body));
    };
    expect(await names()).toEqual(new Set(['a', 'b']));
    status = 2;
    await until('a is out', () => limpet.stderr().includes('the service is NOT_SERVING'));
    await until('only b serves', async () => (await names()).size === 1);
    expect(await names()).toEqual(new Set(['b']));
    status = 1;
    await until('a is back', async () => (await names()).size === 2);
  });

  test('a server without gRPC health checking is down, and so says the log', { timeout: 60_000 }, async () => {
    await using a = await h2Origin('a', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
    });
    const health = { grpc: '', interval: '100ms', timeout: '2s', fall: 1 };
    const pool = { protocol: 'h2', affinity: 'none', health };
    await using limpet = await startLimpet(runtime, { config: { ...configFor([a], pool), workers: 1 } });
    await until('it is named', () => limpet.stderr().includes('UNIMPLEMENTED'));
  });

  test('a path is asked for over HTTP/2, too', { timeout: 60_000 }, async () => {
    let isWell = true;
    await using a = await h2Origin('a', (stream, headers, name) => {
      stream.respond({ ':status': headers[':path'] === '/healthz' && !isWell ? 503 : 200 });
      stream.end(name);
    });
    const health = {
      path: '/healthz',
      body: 'a',
      interval: '100ms',
      timeout: '2s',
      fall: 2,
      rise: 1,
      panicThreshold: 0,
    };
    const pool = { protocol: 'h2', affinity: 'none', health };
    await using limpet = await startLimpet(runtime, { config: { ...configFor([a], pool), workers: 1 } });
    expect((await ask(limpet.url)).status).toBe(200);
    isWell = false;
    await until('it is out', async () => (await ask(limpet.url)).status === 503);
    // The workers know of it before the log is written.
    await until('the log says why', () => limpet.stderr().includes('status 503'));
    isWell = true;
    await until('it is back', async () => (await ask(limpet.url)).status === 200);
  });
});
