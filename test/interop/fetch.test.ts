/** The fetch that Node brings: JSON, forms, redirects, compressed and streamed bodies, abort. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('fetch through limpet on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;
  let gone = 0;
  /** Lets `/stream` go on to its next piece. */
  let next: () => void = () => {};

  beforeAll(async () => {
    const origin = await httpOrigin('a', (request, response) => {
      response.on('close', () => {
        if (!response.writableFinished) gone++;
      });
      switch (request.url) {
        case '/gzip':
          response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' });
          response.end(gzipSync('limpet '.repeat(1000)));
          return;
        case '/redirect':
          response.writeHead(302, { location: '/json' }).end();
          return;
        case '/stream':
          response.write('one');
          next = () => response.end('two');
          return;
        case '/hang':
          response.writeHead(200).flushHeaders();
          return;
      }
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ method: request.method, url: request.url, body }));
      });
    });
    started.use(origin);
    limpet = started.use(await startLimpet(runtime, { args: [origin.address] }));
  });
  afterAll(() => started.disposeAsync());

  test('JSON up and down', async () => {
    const reply = await fetch(`${limpet.url}/json?q=%20x`, { method: 'POST', body: JSON.stringify({ cart: [1, 2] }) });
    expect(await reply.json()).toEqual({ method: 'POST', url: '/json?q=%20x', body: '{"cart":[1,2]}' });
  });

  test('a form with a file', async () => {
    const form = new FormData();
    form.set('file', new Blob(['shell '.repeat(20_000)]), 'shell.txt');
    const reply = await fetch(`${limpet.url}/form`, { method: 'POST', body: form });
    const { body } = (await reply.json()) as { body: string };
    expect(body).toContain('filename="shell.txt"');
    expect(body.length).toBeGreaterThan(120_000);
  });

  test('a compressed body stays as it is', async () => {
    const reply = await fetch(`${limpet.url}/gzip`);
    expect(await reply.text()).toBe('limpet '.repeat(1000));
  });

  test('a redirect', async () => {
    const reply = await fetch(`${limpet.url}/redirect`);
    expect([reply.status, new URL(reply.url).pathname]).toEqual([200, '/json']);
  });

  test('the first piece of a stream arrives before the second is sent', async () => {
    const reply = await fetch(`${limpet.url}/stream`);
    const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe('one');
    next();
    expect((await reader.read()).value).toBe('two');
    expect((await reader.read()).done).toBe(true);
  });

  test('an abort reaches the server', async () => {
    gone = 0;
    const abort = new AbortController();
    const reply = await fetch(`${limpet.url}/hang`, { signal: abort.signal });
    abort.abort();
    await expect(reply.text()).rejects.toThrow();
    await until('the server sees it', () => gone === 1);
  });

  test('a hundred at once', async () => {
    const replies = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const reply = await fetch(`${limpet.url}/${i}`);
        return (await reply.json()) as { url: string };
      }),
    );
    expect(replies.map((reply) => reply.url)).toEqual(Array.from({ length: 100 }, (_, i) => `/${i}`));
  });
});
