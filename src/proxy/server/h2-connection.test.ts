/** Requests that share HTTP/2 connections to a server: what goes out, what comes back, and each way in which it ends. */
import { describe, expect, test } from 'vitest';
import { frame, uint32 } from '../../../test/support/h2-frames.ts';
import { PlayedH2Server } from '../../../test/support/played-h2-server.ts';
import { type StagedBalancer, type StageOptions, stageBalancer } from '../../../test/support/stage-balancer.ts';
import { ErrorCode } from '../../http/h2/errors.ts';
import { FrameType } from '../../http/h2/frame.ts';
import type { ProtocolSettings } from '../../http/h2/protocol-handler.ts';

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const post = (body: string): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const pool = { affinity: 'none', balance: 'round-robin', protocol: 'h2', retry: { attempts: 3 } };

const statusOf = (received: string): string => received.slice(9, 12);
const bodyOf = (received: string): string => received.slice(received.indexOf('\r\n\r\n') + 4);

/** A client whose request has reached the server of a balancer with one server. */
function begin(
  request = get,
  {
    settings = {},
    options = {},
    limits = {},
  }: {
    settings?: Partial<ProtocolSettings>;
    options?: Record<string, unknown>;
    limits?: StageOptions['limits'];
  } = {},
) {
  const balancer = stageBalancer({ ...pool, ...options }, 1, { limits });
  const client = balancer.connect();
  client.send(request);
  const server = open(balancer, settings);
  return { balancer, client, server };
}

/** The connection that is being made is accepted, and what waits for it arrives. */
function open(balancer: StagedBalancer, settings: Partial<ProtocolSettings> = {}): PlayedH2Server {
  const { last } = balancer.net;
  last.open();
  balancer.endTurn();
  const server = new PlayedH2Server(last, settings);
  balancer.endTurn();
  return server.look();
}

function send(balancer: StagedBalancer, request = get) {
  const client = balancer.connect();
  client.send(request);
  balancer.endTurn();
  return client;
}

describe('a request', () => {
  test('becomes a stream, and its response one of HTTP/1.1', () => {
    const { client, server } = begin();
    expect(server.request().fields).toMatchObject({
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': 'x',
      ':path': '/',
      te: 'trailers',
    });
    expect(server.request().ended).toBe(true);
    server.answer(server.request(), 'ok', 'Content-Length: 2\r\nX-A: 1\r\n');
    expect(statusOf(client.received)).toBe('200');
    expect(client.received).toMatch(/^HTTP\/1\.1 200 \r\ncontent-length: 2\r\nx-a: 1\r\nDate: [^\r]+\r\n\r\nok$/);
  });

  test('with a body and trailers', () => {
    const { client, server, balancer } = begin(
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n',
    );
    expect(server.request()).toMatchObject({ body: 'abc', ended: false });
    client.send('2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n');
    balancer.endTurn();
    server.look();
    expect(server.request()).toMatchObject({ body: 'abcde', ended: true, trailers: { 'x-sum': '5' } });
    server.head(server.request(), 200).data(server.request(), 'yes').trailers(server.request(), 'X-Status: 0\r\n');
    expect(client.received).toContain('Transfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\nx-status: 0\r\n\r\n');
  });

  test('requests of one loop turn leave in one write, on one connection', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    server.look();
    const writes: number[] = [];
    const { peer } = server;
    const writeCopy = peer.writeCopy.bind(peer);
    peer.writeCopy = (bytes, length) => {
      writes.push(length);
      return writeCopy(bytes, length);
    };
    const clients = Array.from({ length: 20 }, () => balancer.connect());
    for (const client of clients) client.send(get);
    balancer.endTurn();
    server.look();
    expect([writes.length, server.requests.length, balancer.net.peers.length]).toEqual([1, 21, 1]);
    // In any order.
    for (const request of server.requests.slice(1).reverse()) server.answer(request, `${request.stream.id}`);
    expect(clients.map(({ received }) => bodyOf(received).split('\r\n')[1])).toEqual(
      clients.map((_, i) => `${2 * i + 3}`),
    );
  });

  test.each([
    ['HEAD', 200, 'Content-Length: 5\r\n'],
    ['GET', 204, ''],
    ['GET', 304, 'Content-Length: 5\r\n'],
  ])('%s answered with %i has no body', (method, status, lines) => {
    const { client, server, balancer } = begin(get.replace('GET', method));
    server.head(server.request(), status, lines, true);
    expect([statusOf(client.received), bodyOf(client.received)]).toEqual([`${status}`, '']);
    // The connection of the client goes on.
    client.send(get);
    balancer.endTurn();
    server.look().answer(server.request(), 'next');
    expect(client.received).toContain('next');
  });

  test('interim responses are passed on, and too many of them are not', () => {
    const { client, server } = begin(get, { options: { limits: { interim: 2 } } });
    server.head(server.request(), 103, 'Link: </a>\r\n').head(server.request(), 103).answer(server.request());
    expect(client.received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 103', 'HTTP/1.1 103', 'HTTP/1.1 200']);
    const flood = begin(get, { options: { limits: { interim: 2 } } });
    for (let i = 0; i < 3; i++) flood.server.head(flood.server.request(), 103);
    expect(flood.client.received).toContain('Limpet-Reason: too-many-interim');
  });
});

describe('what a server may not send', () => {
  test.each([
    ['a head that is too large', `X: ${'x'.repeat(3000)}\r\n`, 'response-head-too-large'],
    ['two lengths', 'Content-Length: 1\r\nContent-Length: 1\r\n', 'bad-response'],
    ['an upper-case name', 'bad name: 1\r\n', 'bad-response'],
  ])('%s', (_, lines, reason) => {
    const { client, server, balancer } = begin(get, { limits: { headBytes: 2048 } });
    server.head(server.request(), 200, lines);
    expect(client.received).toContain(`Limpet-Reason: ${reason}`);
    balancer.endTurn();
    server.look();
    expect(server.request().reset).not.toBe(null);
    // The other streams of the connection go on.
    const other = send(balancer);
    server.look().answer(server.request());
    expect(statusOf(other.received)).toBe('200');
  });

  test.each([
    ['more data than Content-Length', 'Content-Length: 2\r\n', 'abc'],
    ['less data than Content-Length', 'Content-Length: 4\r\n', 'abc'],
  ])('%s', (_, lines, body) => {
    const { client, server, balancer } = begin();
    server.answer(server.request(), body, lines);
    expect(client.ended).toBe(true);
    expect(balancer.misframed).toHaveLength(1);
  });

  test('data where none may be', () => {
    const { client, server, balancer } = begin(get.replace('GET', 'HEAD'));
    server.head(server.request(), 200).data(server.request(), 'x', true);
    expect([statusOf(client.received), bodyOf(client.received)]).toEqual(['200', '']);
    expect(balancer.misframed).toHaveLength(1);
  });

  test('frames that break the connection: each of its requests fails as on a lost connection', () => {
    const { balancer, client, server } = begin(post('a'));
    server.raw(frame(FrameType.windowUpdate, 0, 0, uint32(0)));
    expect([statusOf(client.received), server.peer.state]).toEqual(['502', 'reset']);
    expect(client.received).toContain('Limpet-Reason: closed-early');
    expect(server.look().goaways).toEqual([ErrorCode.protocolError]);
    expect(balancer.misframed).toEqual(['a: A WINDOW_UPDATE adds nothing.']);
  });
});

describe('flow control', () => {
  test('a request waits for the window, and its client is told to pause', () => {
    const { balancer, client, server } = begin('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n', {
      settings: { streamWindowBytes: 1000 },
    });
    server.takes = false;
    client.send('x'.repeat(100_000));
    balancer.endTurn();
    server.look();
    expect([server.request().body.length, client.paused]).toEqual([1000, true]);
    // Other requests are not held up.
    const other = send(balancer);
    server.look().answer(server.request());
    expect(statusOf(other.received)).toBe('200');
    server.takes = true;
    const request = server.requests[0]!;
    server.protocol.consume(request.stream, 1000);
    for (let i = 0; i < 300; i++) {
      server.look();
      balancer.endTurn();
    }
    expect([server.look().requests[0]?.body.length, client.paused]).toEqual([100_000, false]);
    client.send('y'.repeat(100_000));
    for (let i = 0; i < 300; i++) {
      balancer.endTurn();
      server.look();
    }
    expect(server.requests[0]).toMatchObject({ ended: true });
    expect(server.requests[0]?.body.length).toBe(200_000);
  });

  test('a slow client holds up its own stream only', () => {
    const { balancer, client, server } = begin();
    client.slow = true;
    const slow = server.request();
    server.head(slow, 200).data(slow, 'x'.repeat(40_000));
    balancer.endTurn();
    server.look();
    const before = slow.stream.sendWindow.left;
    server.data(slow, 'x'.repeat(200_000));
    balancer.endTurn();
    server.look();
    // Nothing is given back to it.
    expect(slow.stream.sendWindow.left).toBe(before - 200_000);
    const other = send(balancer);
    server.look();
    const fast = server.request();
    server.head(fast, 200);
    for (let i = 0; i < 50; i++) {
      server.data(fast, 'y'.repeat(100_000));
      balancer.endTurn();
      server.look();
    }
    expect(other.received.length).toBeGreaterThan(4_000_000);
    client.drain();
    balancer.endTurn();
    server.look();
    expect(slow.stream.sendWindow.left).toBeGreaterThan(before - 200_000);
  });

  test('a server that takes nothing: its requests wait, and others get another connection', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    server.peer.slow = true;
    send(balancer, post('x'.repeat(5000)));
    send(balancer);
    expect(balancer.net.peers).toHaveLength(2);
    const second = open(balancer);
    expect(second.requests).toHaveLength(1);
  });
});

describe('an upgrade', () => {
  const upgrade =
    'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';

  test('becomes an extended CONNECT, and a tunnel both ways', () => {
    const { balancer, client, server } = begin(upgrade, { settings: { connectProtocol: true } });
    balancer.endTurn();
    const request = server.look().request();
    expect(request.fields).toMatchObject({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/chat',
      ':authority': 'x',
      'sec-websocket-version': '13',
    });
    expect(Object.keys(request.fields)).not.toContain('sec-websocket-key');
    server.head(request, 200, 'X-A: 1\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 101 /);
    // RFC 6455 section 1.3 has this pair.
    expect(client.received).toContain('sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    server.data(request, 'from the server');
    expect(client.received).toMatch(/\r\n\r\nfrom the server$/);
    client.send('from the client');
    balancer.endTurn();
    expect(server.look().request().body).toBe('from the client');
    server.data(request, '', true);
    expect(client.ended).toBe(true);
    client.handler.onEnd();
    balancer.endTurn();
    expect([server.look().request().ended, server.peer.state]).toEqual([true, 'open']);
    // Its place is free.
    balancer.advance(4200);
    expect(server.peer.state).toBe('closed');
  });

  test('a tunnel whose stream is reset is cut at the client, too, and the connection goes on', async () => {
    const { balancer, client, server } = begin(upgrade, { settings: { connectProtocol: true } });
    balancer.endTurn();
    server.look().head(server.request(), 200).reset(server.request(), ErrorCode.cancel);
    await Promise.resolve();
    for (let i = 0; i < 8; i++) balancer.advance(450);
    expect([client.state, server.peer.state]).toEqual(['reset', 'open']);
  });

  test('a slow client of a tunnel holds its window back', () => {
    const { balancer, client, server } = begin(upgrade, { settings: { connectProtocol: true } });
    balancer.endTurn();
    const { stream } = server.look().head(server.request(), 200).request();
    client.slow = true;
    const before = stream.sendWindow.left;
    server.data(server.request(), 'x'.repeat(1000)).data(server.request(), 'x'.repeat(before - 1000));
    balancer.endTurn();
    server.look();
    expect(stream.sendWindow.left).toBeLessThan(before / 2);
    client.drain();
    balancer.endTurn();
    server.look();
    expect(stream.sendWindow.left).toBeGreaterThan(before / 2);
  });

  test('that the server refuses is answered as it says', () => {
    const { balancer, client, server } = begin(upgrade, { settings: { connectProtocol: true } });
    balancer.endTurn();
    server.look().head(server.request(), 403).data(server.request(), 'no', true);
    expect([statusOf(client.received), client.received.includes('no')]).toEqual(['403', true]);
  });

  test('to a server that has not announced extended CONNECT is refused by name', () => {
    const { balancer, client } = begin(upgrade);
    balancer.endTurn();
    expect(statusOf(client.received)).toBe('501');
    expect(client.received).toContain('Limpet-Reason: upgrade-unsupported');
  });
});

describe('the end of a request', () => {
  test('a client that leaves resets its stream', () => {
    const { balancer, client, server } = begin();
    client.leave(null);
    balancer.endTurn();
    expect(server.look().request().reset).toBe(ErrorCode.cancel);
    expect(server.peer.state).toBe('open');
    // What the server had sent meanwhile is no error.
    server.raw(frame(FrameType.data, 0, server.request().stream.id, 'late'));
    const other = send(balancer);
    server.look().answer(server.request());
    expect(statusOf(other.received)).toBe('200');
  });

  test('a response before the request is whole: the rest of it is not sent', () => {
    const { balancer, client, server } = begin('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc');
    server.head(server.request(), 413, 'Content-Length: 0\r\n', true).reset(server.request(), ErrorCode.noError);
    expect(statusOf(client.received)).toBe('413');
    balancer.endTurn();
    expect(server.look().peer.state).toBe('open');
    expect(server.error).toBe('');
  });

  test.each([
    ['INTERNAL_ERROR', ErrorCode.internalError, 502, 'stream-reset'],
    ['CANCEL', ErrorCode.cancel, 502, 'stream-reset'],
    ['ENHANCE_YOUR_CALM', ErrorCode.enhanceYourCalm, 503, 'server-overloaded'],
  ])('RST_STREAM %s before a response to a POST', (_, code, status, reason) => {
    const { client, server } = begin(post('a'));
    server.reset(server.request(), code);
    expect(statusOf(client.received)).toBe(`${status}`);
    expect(client.received).toContain(`Limpet-Reason: ${reason}`);
  });

  test('RST_STREAM in the middle of a response cuts it off', () => {
    const { client, server } = begin();
    server.head(server.request(), 200).data(server.request(), 'abc').reset(server.request(), ErrorCode.internalError);
    expect(client.received).toMatch(/3\r\nabc\r\n$/);
    expect(client.ended).toBe(true);
  });

  test('REFUSED_STREAM: a POST goes to the same server again, twice, and then fails', () => {
    const { balancer, client, server } = begin(post('abc'));
    for (let i = 0; i < 2; i++) {
      server.reset(server.request(), ErrorCode.refusedStream);
      for (let turn = 0; turn < 3; turn++) balancer.endTurn();
      server.look();
      expect([server.requests.length, server.request().body]).toEqual([i + 2, 'abc']);
    }
    server.reset(server.request(), ErrorCode.refusedStream);
    expect(client.received).toContain('Limpet-Reason: stream-refused');
    expect(balancer.counters()).toMatchObject({ upstream_refused: 3, retries: 0 });
  });

  test('GOAWAY: streams above the last one go to another connection, the others finish', () => {
    const { balancer, client, server } = begin();
    const late = send(balancer, post('abc'));
    // The server has not seen it when it says so.
    server.goaway();
    expect(balancer.net.peers).toHaveLength(2);
    const next = open(balancer);
    expect([next.requests.length, next.request().body]).toEqual([1, 'abc']);
    next.answer(next.request(), 'late');
    server.answer(server.request(), 'first');
    expect([client.received.includes('first'), late.received.includes('late')]).toEqual([true, true]);
    balancer.endTurn();
    expect([server.peer.state, next.peer.state]).toEqual(['closed', 'open']);
  });

  test('a lost connection: a GET goes to a fresh one, a POST that was sent fails', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    const gets = send(balancer);
    const posts = send(balancer, post('a'));
    server.peer.leave(new Error('reset'));
    const next = open(balancer);
    next.answer(next.request());
    expect([statusOf(gets.received), statusOf(posts.received)]).toEqual(['200', '502']);
    expect(balancer.counters()).toMatchObject({ upstream_stale: 1 });
  });

  test('nothing of it was written yet: a POST goes to a fresh one, too', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    const client = balancer.connect();
    client.send(post('a'));
    server.peer.leave(null);
    const next = open(balancer);
    next.answer(next.request());
    expect(statusOf(client.received)).toBe('200');
  });
});

describe('connections', () => {
  test('as many as the streams that the server allows need, up to limits.h2Connections; then requests wait', () => {
    const { balancer, client, server } = begin(get, {
      settings: { maxConcurrentStreams: 1 },
      options: { limits: { h2Connections: 2 } },
    });
    const others = [send(balancer), send(balancer)];
    const second = open(balancer, { maxConcurrentStreams: 1 });
    // Two came while the second one was being made: the server refuses what is too much, and it waits.
    for (let turn = 0; turn < 4; turn++) {
      balancer.endTurn();
      server.look();
      second.look();
    }
    expect(balancer.net.peers).toHaveLength(2);
    expect(balancer.counters().queue_depth).toBe(1);
    server.answer(server.requests[0]!);
    second.answer(second.requests[0]!);
    for (let turn = 0; turn < 4; turn++) {
      balancer.endTurn();
      server.look();
      second.look();
    }
    const waiting = [...server.requests, ...second.requests].find(({ stream }) => stream.state !== 'closed');
    expect(waiting).toBeDefined();
    (server.requests.includes(waiting!) ? server : second).answer(waiting!);
    expect([client, ...others].map(({ received }) => statusOf(received))).toEqual(['200', '200', '200']);
  });

  test('requests that come while one is being made wait for it together', () => {
    const balancer = stageBalancer(pool);
    const clients = [get, get, get].map((request) => send(balancer, request));
    expect(balancer.net.peers).toHaveLength(1);
    clients[1]!.leave(null);
    const server = open(balancer);
    expect(server.requests).toHaveLength(2);
    expect(balancer.counters()).toMatchObject({ upstream_connects: 1, connecting: 0 });
  });

  test('one that nobody waits for any more is given up', () => {
    const balancer = stageBalancer(pool);
    const client = send(balancer);
    client.leave(null);
    expect(balancer.net.last.state).toBe('cancelled');
  });

  test('one that fails fails all that wait for it', () => {
    const balancer = stageBalancer({ ...pool, retry: { attempts: 1 } });
    const clients = [send(balancer), send(balancer)];
    balancer.net.last.fail('ECONNREFUSED', 'ECONNREFUSED');
    expect(clients.map(({ received }) => /Limpet-Reason: (\S+)/.exec(received)?.[1])).toEqual([
      'connect-refused',
      'connect-refused',
    ]);
    expect(balancer.counters()).toMatchObject({ connecting: 0 });
  });

  test('one that is not made in its time', () => {
    const balancer = stageBalancer({ ...pool, retry: { attempts: 1 }, timeouts: { connect: '1s' } });
    const client = send(balancer);
    balancer.advance(1200);
    expect([balancer.net.last.state, statusOf(client.received)]).toEqual(['cancelled', '503']);
  });

  test('idle for timeouts.keepAlive, one closes with GOAWAY', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    balancer.advance(4200);
    expect([server.peer.state, server.look().goaways]).toEqual(['closed', [ErrorCode.noError]]);
    send(balancer);
    expect(balancer.net.peers).toHaveLength(2);
  });

  test('one that was silent gets PING with its next request, and ends when it does not answer', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    server.look();
    balancer.advance(2000);
    const client = send(balancer);
    balancer.advance(10_200);
    expect(server.peer.state).toBe('reset');
    const next = open(balancer);
    next.answer(next.request());
    expect(statusOf(client.received)).toBe('200');
  });

  test('one that answers PING is kept, however slow the response is', () => {
    const { balancer, server } = begin();
    server.answer(server.request());
    balancer.endTurn();
    server.look();
    balancer.advance(2000);
    const client = send(balancer);
    server.look();
    balancer.advance(10_200);
    server.answer(server.request());
    expect([server.peer.state, statusOf(client.received)]).toEqual(['open', '200']);
  });

  test('a response that does not come in its time: the others on the connection go on', () => {
    const { balancer, client, server } = begin(get, { options: { timeouts: { response: '1s' } } });
    balancer.advance(500);
    const other = send(balancer);
    server.look();
    balancer.advance(600);
    expect(client.received).toContain('Limpet-Reason: response-timeout');
    server.answer(server.request());
    expect(statusOf(other.received)).toBe('200');
  });
});
