/** One stream breaks off: what the other side sees of it, and that the other streams of the connection see nothing. */

import type { ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { H2Session, h2Listener, replyTo } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('streams that break off on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('the client resets one: its server sees the end, the others go on', async () => {
    const held: ServerResponse[] = [];
    let aborted = 0;
    await using origin = await httpOrigin('a', (_, response) => {
      held.push(response);
      response.on('close', () => {
        if (!response.writableFinished) aborted++;
      });
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const [one, two] = ['/1', '/2'].map((path) => client.request(path));
    await until('both are at the server', () => held.length === 2);
    one!.close(constants.NGHTTP2_CANCEL);
    await until('the server sees that one is gone', () => aborted === 1);
    const reply = replyTo(two!);
    for (const response of held) response.end('ok');
    expect((await reply).body).toBe('ok');
    expect(await limpet.counters()).toMatchObject({ aborted_by_client: 1, h2_resets: 1, h2_connection_errors: 0 });
  });

  test('the connection of the client breaks: all its servers see the end', async () => {
    let open = 0;
    await using origin = await httpOrigin('a', (_, response) => {
      open++;
      response.on('close', () => open--);
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    for (let i = 0; i < 5; i++) client.request('/');
    await until('all are at the server', () => open === 5);
    client.session.destroy();
    await until('the server sees the end of all', () => open === 0);
    await until('it is counted', async () => (await limpet.counters()).aborted_by_client === 5);
  });

  test.each([
    ['of known length', { 'content-length': 1000 }],
    ['in chunks', {}],
  ])('a server breaks off in a response %s: it cannot be taken for complete', async (_, headers) => {
    await using origin = await httpOrigin('a', (request, response) => {
      if (request.url === '/whole') {
        response.end('whole');
        return;
      }
      response.writeHead(200, headers);
      response.write('hello', () => response.destroy());
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    await expect(client.ask('/cut')).rejects.toMatchObject({ code: constants.NGHTTP2_INTERNAL_ERROR, body: 'hello' });
    expect((await client.ask('/whole')).body).toBe('whole');
  });

  test('a response before the end of its request stops the upload', async () => {
    await using origin = await httpOrigin('a', (_, response) => response.writeHead(413).end('too much'));
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const upload = client.request('/', { ':method': 'POST' }, false);
    upload.write('some');
    const reply = await replyTo(upload);
    expect([reply.status, reply.body]).toEqual([413, 'too much']);
    expect((await limpet.counters()).responses_early).toBe(1);
  });

  test('a request that no server can take gets an error page', async () => {
    await using origin = await httpOrigin('a');
    const { address } = origin;
    await origin.close();
    await using limpet = await startLimpet(runtime, { config: configFor([{ name: 'a', address }], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    const reply = await client.ask('/', { accept: 'application/json' });
    expect([reply.status, reply.headers['limpet-reason']]).toEqual([503, 'connect-refused']);
    expect(JSON.parse(reply.body)).toMatchObject({ error: 'connect-refused' });
    const head = await client.ask('/', { ':method': 'HEAD' });
    expect([head.status, head.body]).toEqual([503, '']);
  });
});
