/** The bridge against Node's own servers: what it says, and how each side's end reaches the other. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer as createPlain,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ask, until } from '../peers.ts';
import { oneValueOf, RawClient } from '../raw.ts';
import { openBridge } from './bridge.ts';
import { testCertificate } from './certificate.ts';

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** A server of both protocols behind a bridge. */
async function stage(over: 'tls' | 'h2' | 'h2-shared' | 'h2c', handler: Handler | null) {
  const { certFile, keyFile } = testCertificate();
  const secure = { cert: readFileSync(certFile), key: readFileSync(keyFile), allowHTTP1: true };
  const settings = { enableConnectProtocol: true };
  const server = over === 'h2c' ? createPlain({ settings }) : createSecureServer({ ...secure, settings });
  if (handler !== null) server.on('request', handler);
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const bridge = await openBridge('127.0.0.1', 0, '127.0.0.1', port, over);
  return {
    server,
    connections,
    port: bridge.port,
    url: `http://127.0.0.1:${bridge.port}`,
    [Symbol.asyncDispose]: async () => {
      await bridge[Symbol.asyncDispose]();
      for (const connection of connections) connection.destroy();
      server.close();
    },
  };
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`;

describe.each(['tls', 'h2', 'h2-shared', 'h2c'] as const)('the bridge over %s', (over) => {
  const version = over === 'tls' ? '1.1' : '2.0';

  test('requests and responses, with their bodies and trailers, one after the other', async () => {
    await using it = await stage(over, async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      const { httpVersion, method, url, headers, trailers } = request;
      const host = request.authority || headers.host;
      response.setHeader('trailer', 'x-after');
      const from = request.socket.remoteAddress;
      response.write(JSON.stringify({ httpVersion, method, url, host, cookie: headers.cookie, trailers, body, from }));
      response.addTrailers({ 'x-after': 'all' });
      response.end();
    });
    for (const localAddress of ['127.0.0.1', '127.0.0.9']) {
      const reply = await ask(`${it.url}/path?q`, {
        headers: { cookie: 'a=1; b=2', host: 'a.example:1' },
        localAddress,
      });
      const seen = { httpVersion: version, method: 'GET', url: '/path?q', host: 'a.example:1', cookie: 'a=1; b=2' };
      expect(JSON.parse(reply.body)).toEqual({ ...seen, trailers: {}, body: '', from: localAddress });
      expect(reply.trailers).toEqual({ 'x-after': 'all' });
    }
    await using client = await RawClient.connect(it.port);
    for (const cuts of [[], [10, 60, 90, 120], Array.from({ length: 140 }, (_, i) => i)]) {
      const chunks = '5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n';
      await client.send(`POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`, cuts);
      const echo = JSON.parse((await client.response('POST')).body.toString());
      expect(echo).toMatchObject({ method: 'POST', body: 'hello world', trailers: { 'x-sum': '1' } });
    }
  });

  test('responses without a body, and interim ones', async () => {
    await using it = await stage(over, (request, response) => {
      const status = Number(request.url.slice(1));
      if (status === 200) response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.writeHead(status, status === 200 ? { 'content-length': '5' } : {});
      response.end(status === 200 && request.method === 'GET' ? 'hello' : '');
    });
    await using client = await RawClient.connect(it.port);
    await client.send(get('/200'));
    expect((await client.response()).status).toBe(103);
    expect((await client.response()).body.toString()).toBe('hello');
    await client.send(get('/204') + get('/304') + get('/201') + get('/200').replace('GET', 'HEAD') + get('/404'));
    for (const status of [204, 304, 201]) expect((await client.response()).status).toBe(status);
    expect((await client.response()).status).toBe(103);
    const head = await client.response('HEAD');
    expect([head.status, oneValueOf(head, 'content-length')]).toEqual([200, '5']);
    expect((await client.response()).status).toBe(404);
  });

  test('pipelined requests are answered in order', async () => {
    const held: (() => void)[] = [];
    await using it = await stage(over, (request, response) => {
      held.unshift(() => response.end(request.url.repeat(20_000)));
      // Over HTTP/2 all are there at the same time: the last one is answered first.
      if (over === 'tls' || held.length === 6) for (const answer of held.splice(0)) answer();
    });
    await using client = await RawClient.connect(it.port);
    const paths = ['/1', '/2', '/3', '/4', '/5', '/6'];
    await client.send(paths.map((path) => get(path)).join(''));
    for (const path of paths) expect((await client.response()).body.toString()).toBe(path.repeat(20_000));
  });

  test('a response that is cut, and one that never begins', async () => {
    await using it = await stage(over, (request, response) => {
      if (request.url === '/none') request.stream ? request.stream.close(2) : request.socket.destroy();
      else response.write('begun', () => (request.stream ? request.stream.close(2) : request.socket.destroy()));
    });
    await using cut = await RawClient.connect(it.port);
    await cut.send(get('/cut'));
    const response = await cut.response();
    expect([response.body.toString(), response.complete]).toEqual(['begun', false]);
    await using none = await RawClient.connect(it.port);
    await none.send(get('/none'));
    const ends = await none.closed();
    if (over !== 'tls') expect(ends).toBe('reset');
    expect(none.received.length).toBe(0);
  });

  test.each(['reset', 'end'] as const)('a client that leaves by %s', async (how) => {
    let arrived = 0;
    let gone = 0;
    await using it = await stage(over, (_, response) => {
      arrived++;
      response.on('close', () => gone++);
    });
    await using client = await RawClient.connect(it.port);
    await client.send(get('/'));
    await until('it arrives', () => arrived === 1);
    client[how]();
    if (over !== 'tls' || how === 'reset') await until('it is gone', () => gone === 1);
    if (over !== 'h2-shared' && over !== 'tls')
      await until('its connection is closed', () => it.connections.size === 0);
  });

  test('nobody reads, and nobody writes on', async () => {
    let sent = 0;
    await using it = await stage(over, (request, response) => {
      const piece = Buffer.alloc(64 * 1024, 'x');
      const more = () => {
        while (sent < 600) {
          sent++;
          if (sent === 600) response.end(piece);
          else if (!response.write(piece)) return;
        }
      };
      request.resume();
      response.on('drain', more);
      more();
    });
    await using client = await RawClient.connect(it.port);
    client.pause();
    await client.send(get('/'));
    await until('it has begun', () => sent > 0);
    let before = -1;
    await until('it stops', () => before === (before = sent), 10_000, 200);
    // 40 MB do not fit into the kernel and the bridge.
    expect(sent).toBeLessThan(300);
    client.resume();
    expect((await client.response('GET', 30_000)).body.length).toBe(600 * 64 * 1024);
  });

  test('an upload is not read ahead of its server', async () => {
    let read: (() => void) | undefined;
    await using it = await stage(over, (request, response) => {
      let length = 0;
      read = () => {
        request.on('data', (piece: Buffer) => {
          length += piece.length;
        });
        request.on('end', () => response.end(String(length)));
      };
    });
    await using client = await RawClient.connect(it.port);
    const body = Buffer.alloc(30_000_000);
    await client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
    let isSent = false;
    const sending = client.sent(body).then(() => {
      isSent = true;
    });
    await until('it is there', () => read !== undefined);
    expect(isSent).toBe(false);
    read?.();
    await sending;
    expect((await client.response('POST', 20_000)).body.toString()).toBe(String(body.length));
  });

  test.skipIf(over === 'tls')('WebSocket is an extended CONNECT', async () => {
    await using it = await stage(over, null);
    it.server.on('stream', (stream: ServerHttp2Stream, headers) => {
      if (headers[':protocol'] !== 'websocket') return;
      // The client may go before it has read the last frame.
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      // A frame of text as a server sends it, and whatever comes back.
      stream.write(Buffer.from([0x81, 2, 0x68, 0x69]));
      stream.once('data', () => stream.end(Buffer.from([0x88, 0])));
    });
    const socket = new WebSocket(it.url.replace('http', 'ws'));
    const [message] = await once(socket, 'message');
    expect(String(message)).toBe('hi');
    socket.send('bye');
    await once(socket, 'close');
  });

  test('a request that HTTP/2 cannot carry is not carried', async () => {
    let arrived = 0;
    await using it = await stage(over, (_, response) => {
      arrived++;
      response.end();
    });
    await using client = await RawClient.connect(it.port);
    await client.send('GET / HTTP/1.1\r\nHost: x\r\nbad header: 1\r\n\r\n');
    if (over === 'tls') expect((await client.response()).status).toBe(400);
    else expect(await client.closed()).toBe('reset');
    expect(arrived).toBe(0);
  });

  test('nobody listens before a server that has gone', async () => {
    await using it = await stage(over, (_, response) => response.end('ok'));
    it.server.close();
    await until('connections are refused', () =>
      RawClient.connect(it.port).then(
        (another) => another[Symbol.asyncDispose]().then(() => false),
        (error) => error.code === 'ECONNREFUSED',
      ),
    );
  });
});
