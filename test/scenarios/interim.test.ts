/** 1xx responses: early hints reach the client at once, and 100 Continue comes from whom it should. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, rawOrigin } from '../support/origin.ts';
import { configFor, echoOf } from '../support/peers.ts';
import { oneValueOf, RawClient, valuesOf } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { isHttp2 } from '../support/transport.ts';

describe.each(runtimes)('1xx on %s', (runtime) => {
  test('103 Early Hints arrives before the response is ready', async () => {
    let finish: () => void = () => {};
    await using origin = await httpOrigin('a', (_, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
      finish = () => response.end('page');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const hints = await client.response();
    expect([hints.status, oneValueOf(hints, 'link')]).toEqual([103, '</style.css>; rel=preload; as=style']);
    // The session is bound by the final response only.
    expect(valuesOf(hints, 'set-cookie')).toEqual([]);
    finish();
    const page = await client.response();
    expect([page.status, page.body.toString()]).toEqual([200, 'page']);
    expect(valuesOf(page, 'set-cookie')).toHaveLength(1);
  });

  test('several interim responses in a row; an HTTP/1.0 client gets none of them', async () => {
    await using origin = await rawOrigin('a', (connection) =>
      connection.say(
        'HTTP/1.1 102 Processing\r\n\r\n'.repeat(40),
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
        'HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      ),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const statuses: number[] = [];
    while (statuses.at(-1) !== 200) statuses.push((await client.response()).status);
    expect(statuses).toEqual([...Array<number>(40).fill(102), 103, 103, 200]);

    if (isHttp2) return;
    await using old = await RawClient.connect(limpet.port);
    await old.send('GET / HTTP/1.0\r\n\r\n');
    expect((await old.response()).status).toBe(200);
  });

  test('Expect: 100-continue: the body is sent when it is asked for', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
    expect((await client.response('POST')).status).toBe(100);
    await client.send('body');
    const response = await client.response('POST');
    expect(echoOf({ body: response.body.toString() })).toMatchObject({ method: 'POST', bodyLength: 4 });
    // Exactly one: the connection is in step for the next request.
    await client.send('GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(echoOf({ body: (await client.response()).body.toString() }).url).toBe('/next');
  });

  test('Expect: 100-continue with the body sent at once', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody');
    let response = await client.response('POST');
    if (response.status === 100) response = await client.response('POST');
    expect(echoOf({ body: response.body.toString() }).bodyLength).toBe(4);
  });

  test('a server that does not want the body says so, and the body is never taken for a request', async () => {
    const body = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    await using origin = await rawOrigin('a', (connection, received) => {
      const answered = received.includes('GET /next HTTP/1.1') ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 413 Content Too Large';
      if (received.toString('latin1').endsWith('\r\n\r\n'))
        return connection.say(`${answered}\r\nContent-Length: 2\r\n\r\nno`);
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    await using client = await RawClient.connect(limpet.port);
    await client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`);
    let response = await client.response('POST');
    if (response.status === 100) response = await client.response('POST');
    expect([response.status, response.body.toString()]).toEqual([413, 'no']);
    // RFC 9110 section 10.1.1: close the connection, or read the body and forget it.
    await client.send(`${body}GET /next HTTP/1.1\r\nHost: x\r\n\r\n`);
    const statuses: number[] = [];
    while (statuses.at(-1) !== 200) {
      const next = await client.response().catch(() => undefined);
      if (next === undefined) break;
      statuses.push(next.status);
    }
    expect(statuses.length === 0 || statuses.join() === '200').toBe(true);
  });
});
