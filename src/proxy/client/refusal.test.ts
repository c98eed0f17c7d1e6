import { describe, expect, test } from 'vitest';
import { stageBalancer } from '../../../test/support/stage-balancer.ts';

const pool = { affinity: 'none' };
/** Of a line, when nothing of the request is known. */
const unknown = { method: null, target: null, version: null, host: null };
const known = { method: 'GET', target: '/a?b=c', version: 'HTTP/1.1' };

/** What a client sends, and what its line says. */
const refusals: readonly (readonly [sent: string, line: Readonly<Record<string, unknown> & { fault: string }>])[] = [
  [' / HTTP/1.1\r\n\r\n', { status: 400, fault: 'bad-request-line', ...unknown }],
  ['GE(T /a HTTP/1.1\r\n\r\n', { status: 400, fault: 'bad-method', ...unknown }],
  ['GET /a\tb HTTP/1.1\r\n\r\n', { status: 400, fault: 'bad-target', ...unknown, method: 'GET' }],
  [`GET /${'a'.repeat(300)} HTTP/1.1\r\n\r\n`, { status: 414, fault: 'uri-too-long', ...unknown, method: 'GET' }],
  [
    'GET /a?b=c HTTP/2.0\r\nHost: x\r\n\r\n',
    { status: 505, fault: 'bad-version', ...known, version: 'HTTP/2.0', host: null },
  ],
  ['GET /a?b=c HTTX/1.1\r\nHost: x\r\n\r\n', { status: 400, fault: 'bad-request-line', ...known, version: null }],
  ['GET /a?b=c HTTP/1.1\nHost: x\n\n', { status: 400, fault: 'bare-line-feed', ...known, host: null }],
  ['GET /a?b=c HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n', { status: 400, fault: 'bad-header-name', ...known, host: 'x' }],
  [
    'GET /a?b=c HTTP/1.1\r\nA: \x01\r\nHost: x\r\n\r\n',
    { status: 400, fault: 'bad-header-value', ...known, host: null },
  ],
  ['GET /a?b=c HTTP/1.1\r\nA: b\r\n\r\n', { status: 400, fault: 'host-missing', ...known, host: null }],
  ['GET /a?b=c HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', { status: 400, fault: 'host-repeated', ...known, host: null }],
  [
    `GET /a?b=c HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(7000)}`,
    { status: 431, fault: 'head-too-large', ...known, host: 'x' },
  ],
  [
    `GET /a?b=c HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(200)}\r\n`,
    { status: 431, fault: 'too-many-headers', ...known, host: 'x' },
  ],
  [
    'TRACE /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n',
    { status: 501, fault: 'method-refused', ...known, method: 'TRACE', host: 'x' },
  ],
  [
    'GET /a?b=c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    { status: 501, fault: 'encoding-unknown', ...known, host: 'x' },
  ],
  [
    'GET /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 200-ok\r\n\r\n',
    { status: 417, fault: 'expect-unknown', ...known, host: 'x' },
  ],
  [
    'GET /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nabc',
    { status: 413, fault: 'body-too-large', ...known, host: 'x' },
  ],
];

describe('a request that is refused by its head', () => {
  test.each(refusals.map(([sent, line]) => [line.fault, sent, line] as const))(
    '%s: it has its line',
    (_, sent, line) => {
      const balancer = stageBalancer(pool, 1, { bodyBytes: 50, limits: { headBytes: 5000, uriBytes: 200 } });
      // What an earlier request has left in the scratch head is nothing of this one.
      const before = balancer.connect();
      before.send('DELETE /before HTTP/1.1\r\nHost: before\r\n\r\n');
      before.leave(null);
      const client = balancer.connect();
      client.send(sent);
      expect(client.received).toContain(`HTTP/1.1 ${line.status} `);
      const [, told, ...more] = balancer.accessLines();
      expect(more).toEqual([]);
      expect(told).toMatchObject({
        ...line,
        client: '127.0.0.1',
        listener: 'test',
        pool: null,
        server: null,
        session: null,
        flags: 'UN',
        queueMs: null,
        connectMs: null,
        retries: 0,
        bytesIn: sent.length,
        bytesOut: client.received.length,
      });
      expect(balancer.counters()).toMatchObject({ bytes_out: client.received.length });
    },
  );

  test('comes in pieces: its time is that of the first byte, its bytes those of all', () => {
    const balancer = stageBalancer(pool);
    const client = balancer.connect();
    const sent = 'GET /slow HTTP/1.1\r\nHost: x\r\nA';
    client.send(sent.slice(0, 12));
    balancer.advance(2000);
    client.send(sent.slice(12));
    balancer.advance(60_000);
    expect(client.received).toContain('HTTP/1.1 408 ');
    const [line, ...more] = balancer.accessLines();
    expect(more).toEqual([]);
    const read = { method: 'GET', target: '/slow', version: 'HTTP/1.1', host: 'x' };
    expect(line).toMatchObject({ ...read, status: 408, fault: 'request-timeout', bytesIn: sent.length });
    expect(line).toMatchObject({ bytesOut: client.received.length, time: new Date(1_000_000).toISOString() });
    expect(line?.totalMs).toBe(line?.responseMs);
    expect(line?.totalMs).toBeGreaterThanOrEqual(10_000);
  });

  test('behind a proxy of ours: a head that was read whole says who the client is, another one does not', () => {
    const balancer = stageBalancer(pool, 1, { trusted: ['127.0.0.1'], bodyBytes: 5 });
    const lines = 'Host: x\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 9\r\n';
    balancer.connect().send(`POST / HTTP/1.1\r\n${lines}\r\n`);
    balancer.connect().send(`POST / HTTP/1.1\r\n${lines}Content-Length: 9\r\n\r\n`);
    expect(balancer.accessLines().map(({ status, client }) => [status, client])).toEqual([
      [413, '192.0.2.7'],
      [400, '127.0.0.1'],
    ]);
  });

  test('is the second on its connection: the line counts nothing of the first', () => {
    const balancer = stageBalancer(pool);
    const client = balancer.connect();
    client.send('GET /first HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/9.9\r\n\r\n');
    balancer.endTurn();
    const [server] = balancer.net.peers;
    server!.open();
    server!.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const [first, second] = balancer.accessLines();
    const at = client.received.indexOf('HTTP/1.1 505');
    expect(first).toMatchObject({ target: '/first', status: 200, bytesIn: 32, bytesOut: at });
    expect(second).toMatchObject({ target: '/second', status: 505, bytesIn: 24 });
    expect(second).toMatchObject({ bytesOut: client.received.length - at });
  });
});

test('a connection that is one too many has a line, without a request', () => {
  const balancer = stageBalancer(pool);
  const client = balancer.connect(true);
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const line = { status: 503, fault: 'too-many-connections', ...unknown, bytesIn: 0, bytesOut: client.received.length };
  expect(balancer.accessLines()).toMatchObject([line]);
  expect(client.received).toContain('\r\nRetry-After: 2\r\n');
});

test('a client that connects and asks nothing has none, nor has one that leaves in the middle of a head', () => {
  const balancer = stageBalancer(pool);
  balancer.connect().leave(null);
  const client = balancer.connect();
  client.send('GET / HT');
  client.leave(null);
  expect(balancer.accessLines()).toEqual([]);
});
