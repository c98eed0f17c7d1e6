/** undici: pipelining, streams both ways, trailers, and what happens when one side gives up. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Client, Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type Echo, httpOrigin } from '../support/origin.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const MB = 1024 * 1024;

describe.each(runtimes)('undici through limpet on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;
  /** What happened to the requests that get no answer, in order. */
  const fates: string[] = [];
  const body = randomBytes(5 * MB);

  beforeAll(async () => {
    const echo = started.use(await httpOrigin('a'));
    const special = started.use(
      await httpOrigin('special', (request, response) => {
        if (request.url === '/special/trailers') {
          response.writeHead(200, { trailer: 'x-checksum' });
          response.write('body');
          response.addTrailers({ 'x-checksum': '1234' });
          response.end();
        } else if (request.url === '/special/large') {
          response.end(body);
        } else {
          request.resume();
          request.on('error', () => {});
          fates.push('arrived');
          response.on('close', () => fates.push(response.writableFinished ? 'answered' : 'gone'));
          if (request.url === '/special/hang-body') response.write('first');
        }
      }),
    );
    limpet = started.use(
      await startLimpet(runtime, {
        config: {
          pools: {
            app: { servers: [{ name: 'a', address: echo.address }] },
            special: { servers: [{ name: 'special', address: special.address }], affinity: 'none' },
          },
          routes: [
            { match: { path: '/special/' }, pool: 'special' },
            { match: { path: '/' }, pool: 'app' },
          ],
        },
      }),
    );
  });
  afterAll(() => started.disposeAsync());

  function connect(): Client {
    const client = new Client(limpet.url);
    onTestFinished(() => client.destroy());
    return client;
  }

  test('a pool that pipelines ten deep gets each answer for its question', async () => {
    const pool = new Pool(limpet.url, { pipelining: 10, connections: 4 });
    onTestFinished(() => pool.destroy());
    await Promise.all(
      Array.from({ length: 400 }, async (_, i) => {
        const reply = await pool.request({ path: `/?n=${i}`, method: 'GET', headers: { 'x-n': String(i) } });
        const echo = (await reply.body.json()) as Echo;
        expect(reply.statusCode).toBe(200);
        expect(echo.url).toBe(`/?n=${i}`);
        expect(echo.headers[echo.headers.indexOf('x-n') + 1]).toBe(String(i));
      }),
    );
  });

  test('a stream of unknown length goes up whole', async () => {
    const client = connect();
    const pieces = Array.from({ length: 80 }, () => randomBytes(65_536));
    const reply = await client.request({ path: '/', method: 'PUT', body: Readable.from(pieces) });
    const echo = (await reply.body.json()) as Echo;
    expect(echo.bodyHash).toBe(createHash('sha256').update(Buffer.concat(pieces)).digest('hex'));
    expect(echo.headers.map((text) => text.toLowerCase())).toContain('chunked');
  });

  test('a large body comes down whole', async () => {
    const client = connect();
    const reply = await client.request({ path: '/special/large', method: 'GET' });
    expect((await buffer(reply.body)).equals(body)).toBe(true);
  });

  test('trailers of the response', async () => {
    const client = connect();
    const reply = await client.request({ path: '/special/trailers', method: 'GET', headers: { te: 'trailers' } });
    expect(await reply.body.text()).toBe('body');
    expect(reply.trailers).toEqual({ 'x-checksum': '1234' });
  });

  test.each(['/special/hang', '/special/hang-body'])('an abort at %s reaches the server', async (path) => {
    fates.length = 0;
    const client = connect();
    const abort = new AbortController();
    const asked = client.request({ path, method: 'GET', signal: abort.signal });
    if (path === '/special/hang-body') await once((await asked).body, 'readable');
    else await until('the request arrives', () => fates.length > 0);
    const ended = asked.then((reply) => reply.body.text());
    abort.abort();
    await expect(ended).rejects.toThrow();
    await until('the server sees it', () => fates.length > 1);
    expect(fates).toEqual(['arrived', 'gone']);
  });

  test('an upload that breaks off is not passed on as complete', async () => {
    fates.length = 0;
    const client = connect();
    async function* broken() {
      yield Buffer.alloc(100_000);
      yield Buffer.alloc(100_000);
      throw new Error('the disk is gone');
    }
    await expect(
      client.request({ path: '/special/hang', method: 'POST', body: Readable.from(broken()) }),
    ).rejects.toThrow('the disk');
    await until('the server sees it', () => fates.length > 1);
    expect(fates).toEqual(['arrived', 'gone']);
  });
});
