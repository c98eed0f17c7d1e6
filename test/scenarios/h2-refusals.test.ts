/** Who speaks what: HTTP/2 by prior knowledge where it is configured, and by nothing else. */
import { describe, expect, test } from 'vitest';
import { frame, uint32 } from '../support/h2-frames.ts';
import { H2Session, h2Listener } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf } from '../support/peers.ts';
import { oneValueOf, RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { request } from '../support/stage-h2-client.ts';
import { onlyOver } from '../support/transport.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe.each(runtimes)('which protocol is spoken on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  test('a listener of both takes both', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await H2Session.open(limpet.port);
    expect((await client.ask('/')).status).toBe(200);
    expect((await ask(limpet.url)).status).toBe(200);
  });

  test('a listener of HTTP/2 alone refuses HTTP/1.1', async () => {
    await using origin = await httpOrigin('a');
    const listener = { ...h2Listener, protocols: ['h2'] };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, listener) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const response = await client.response();
    expect([response.status, oneValueOf(response, 'limpet-reason')]).toEqual([505, 'http2-required']);
    await client.closed();
    expect(origin.requests()).toBe(0);
  });

  test('a listener of HTTP/1.1 alone refuses the preface as it always did', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(preface);
    expect((await client.response()).status).toBe(505);
    await client.closed();
  });

  test('Upgrade: h2c is not honoured, and no server sees it', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, websocket\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    const response = await client.response();
    expect(response.status).toBe(200);
    const names = echoOf({ body: response.body.toString() }).headers.map((name) => name.toLowerCase());
    expect(names.filter((name) => name === 'upgrade' || name === 'http2-settings' || name === 'h2c')).toEqual([]);
  });

  test('a malformed request is an error of its stream: no server sees it, and the next one is served', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await RawClient.connect(limpet.port);
    const bad = request(1, true, 'GET', '/', 'te: gzip');
    await client.send(`${preface}${Buffer.concat([frame(4, 0, 0), bad, request(3, true)]).toString('latin1')}`);
    await client.wait('the response', 5000, () => client.rest.includes('"server":"a"'));
    expect(client.rest.includes(frame(3, 0, 1, uint32(1)).toString('latin1'))).toBe(true);
    expect(origin.requests()).toBe(1);
  });

  test('bytes that are no frames end the connection', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, h2Listener) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(`${preface}${frame(6, 0, 0, '12345678').toString('latin1')}`);
    await client.closed();
    expect((await limpet.counters()).h2_connection_errors).toBe(1);
  });
});
