/** What people and programs see when there is no server: a short page of the kind they asked for, and no inner life. */
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, configFor, listen } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('error pages on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;
  let address = '';

  beforeAll(async () => {
    const gone = await listen('gone', createServer());
    await gone.close();
    address = gone.address;
    limpet = started.use(await startLimpet(runtime, { config: configFor([gone]) }));
  });
  afterAll(() => started.disposeAsync());

  test.each([
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', /^text\/html/, /^<!doctype html>/i],
    ['application/json', /^application\/(problem\+)?json/, /^\{/],
    ['application/json;q=0.9, text/html;q=0.5', /^application\/(problem\+)?json/, /^\{/],
    ['text/plain', /^text\/plain/, /^[^<{]/],
    [undefined, /^text\/plain/, /^[^<{]/],
    ['*/*', /^text\/plain/, /^[^<{]/],
  ])('Accept: %s', async (accept, type, body) => {
    const reply = await ask(limpet.url, { headers: accept === undefined ? {} : { accept } });
    expect(reply.status).toBe(503);
    expect(reply.headers['content-type']).toMatch(type);
    expect(reply.body).toMatch(body);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.setCookies).toEqual([]);
    if (reply.body.startsWith('{')) expect(JSON.parse(reply.body)).toMatchObject({ status: 503 });
    // No address, no stack, no file.
    expect(reply.body).not.toContain(address.split(':')[1]);
    expect(reply.body).not.toMatch(/ECONN|\.ts:|\n\s+at /);
  });

  test('HEAD gets the head of it, and the connection goes on', async () => {
    await using client = await RawClient.connect(limpet.port);
    await client.send('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await client.response('HEAD');
    expect(head.status).toBe(503);
    if (oneValueOf(head, 'connection') === 'close') return;
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await client.response()).status).toBe(503);
  });
});

test.each(runtimes)('no route: 404 on %s', async (runtime) => {
  const config = {
    pools: { app: { servers: [{ name: 'a', address: '127.0.0.1:9' }] } },
    routes: [{ match: { path: '/app' }, pool: 'app' }],
  };
  await using limpet = await startLimpet(runtime, { config });
  expect((await ask(`${limpet.url}/elsewhere`)).status).toBe(404);
});
