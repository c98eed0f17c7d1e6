/** Servers that are too slow: to accept, to answer, or to finish. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, rawOrigin } from '../support/origin.ts';
import { drip } from '../support/pace.ts';
import { ask, configFor, echoOf, startServer, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const deaf = new URL('../support/deaf-server.ts', import.meta.url);

describe.each(runtimes)('time-outs on %s', (runtime) => {
  test('no answer: 504, and the server is told to stop', async () => {
    let gone = 0;
    await using origin = await httpOrigin('a', (_, response) => {
      response.on('close', () => {
        gone++;
      });
    });
    const timeouts = { response: '300ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], { timeouts }) });
    const reply = await ask(limpet.url, { method: 'POST', body: 'x' });
    expect(reply.status).toBe(504);
    await until('the server sees it', () => gone === 1);
    expect(origin.requests()).toBe(1);
  });

  test('an upload that takes long does not count as the time to answer', async () => {
    await using origin = await httpOrigin('a');
    const timeouts = { response: '300ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], { timeouts }) });
    await using client = await RawClient.connect(limpet.port);
    const pieces = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n';
    await client.send(pieces);
    await drip((piece) => client.send(piece), 'xxxxxxxx', 80);
    const response = await client.response('POST');
    expect(echoOf({ body: response.body.toString() }).bodyLength).toBe(8);
  });

  test('an answer that stops is cut off, not completed', async () => {
    await using origin = await rawOrigin('a', (connection) =>
      connection.say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
    );
    const timeouts = { responseBody: '300ms' };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], { timeouts }) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const response = await client.response();
    expect([response.status, response.body.toString(), response.complete]).toEqual([200, 'half', false]);
    await until('the server sees it', () => origin.connections[0]?.ended() !== 'no');
  });

  test('a server that does not accept connections is passed over', async () => {
    await using stuck = await startServer(deaf, 'stuck');
    await until('its process has stopped', () => readFileSync(`/proc/${stuck.pid}/stat`, 'utf8').includes(') T '));
    // Its queue holds a few connections; when it is full, further ones get no answer at all.
    const queued: Socket[] = [];
    for (let i = 0; i < 8; i++) queued.push(connect(stuck.port, host).on('error', () => {}));
    await using up = await httpOrigin('up');
    const pool = {
      affinity: 'none',
      balance: 'round-robin',
      timeouts: { connect: '300ms' },
      health: { passive: false },
    };
    await using limpet = await startLimpet(runtime, { config: configFor([stuck, up], pool) });
    for (let i = 0; i < 3; i++) {
      expect(echoOf(await ask(limpet.url, { method: 'POST', body: 'x' }))).toMatchObject({
        server: 'up',
        bodyLength: 1,
      });
    }
    for (const socket of queued) socket.destroy();
  });
});
