/** One HTTP/2 connection of a client: many exchanges at a time, and each way in which a stream or the connection ends. */
import { describe, expect, test } from 'vitest';
import { frame, setting, uint32 } from '../../../test/support/h2-frames.ts';
import { responseWith } from '../../../test/support/heads.ts';
import { block, data, request, stageH2Client } from '../../../test/support/stage-h2-client.ts';
import { defaults } from '../../config/defaults.ts';
import { balancerFaults, serverFaults } from '../../errors.ts';
import { abuseNames } from '../../http/h2/abuse.ts';
import { ErrorCode } from '../../http/h2/errors.ts';
import { clientPreface, FrameType, SettingId } from '../../http/h2/frame.ts';
import { Splice } from '../../http/splice.ts';
import { counter, counterRows } from '../../metrics/counters.ts';
import { noReference } from './client.ts';

const { headers, ping, resetStream, settings, windowUpdate } = FrameType;

function begun(...given: Parameters<typeof stageH2Client>) {
  const stage = stageH2Client(...given);
  stage.begin();
  return stage;
}

const ok = (id: number, body: string): string[] => [
  `headers ${id} :status: 200, date: now, content-length: ${body.length}`,
  `data end ${id} ${body}`,
];

describe('exchanges', () => {
  test('the settings are sent at once, and the ones of the client acknowledged', () => {
    const stage = stageH2Client();
    expect(stage.frames().map((text) => text.slice(0, 8))).toEqual(['settings', 'windowUp']);
    expect(stage.begin()).toEqual(['settings ack 0']);
  });

  test('a request with a body: its exchange begins with the head, then starts', () => {
    const { send, events, frames, last } = begun();
    send(request(1, false, 'POST', '/a', 'content-length: 3'), data(1, 'ab'), data(1, 'c', true));
    expect(events()).toEqual(['POST /a', 'a body of 3', 'body ab', 'body c', 'end', 'start']);
    last().answer('hello');
    expect(frames()).toEqual(ok(1, 'hello'));
  });

  test('several streams at the same time, answered in any order, in one write', () => {
    const { send, peer, exchanges, frames } = begun();
    send(request(1, true, 'GET', '/1'), request(3, true, 'GET', '/2'), request(5, true, 'GET', '/3'));
    expect(exchanges.map(({ events }) => events)).toEqual([
      ['GET /1', 'start'],
      ['GET /2', 'start'],
      ['GET /3', 'start'],
    ]);
    const before = peer.received;
    for (const i of [2, 0, 1]) exchanges[i]!.answer(`${i}`);
    expect(peer.received).toBe(before);
    expect(frames()).toEqual([...ok(5, '2'), ...ok(1, '0'), ...ok(3, '1')]);
  });

  test('a body of unknown length ends with a frame of its own, or with trailers', () => {
    const { send, exchanges, frames } = begun();
    send(request(1, true), request(3, true));
    for (const [i, exchange] of exchanges.entries()) {
      exchange.respond(-1);
      exchange.data('x');
      exchange.finish(i === 0 ? null : 'X-Sum: 5\r\n');
    }
    expect(frames()).toEqual([
      'headers 1 :status: 200, date: now',
      'data 1 x',
      'data end 1',
      'headers 3 :status: 200, date: now',
      'data 3 x',
      'headers end 3 x-sum: 5',
    ]);
  });

  test('a body of known length may have trailers, if its head has announced them', () => {
    const { send, frames, last } = begun();
    send(request(1, true));
    last().client.sendHead(responseWith(200, 'Date: now', 'Content-Length: 1', 'Trailer: X-Sum'), new Splice(), 1);
    last().data('x');
    last().finish('X-Sum: 5\r\n');
    expect(frames()).toEqual([
      'headers 1 :status: 200, date: now, content-length: 1, trailer: X-Sum',
      'data 1 x',
      'headers end 1 x-sum: 5',
    ]);
  });

  test('trailers of a request', () => {
    const { send, events } = begun();
    send(request(1, false, 'POST'), data(1, 'x'), frame(headers, 5, 1, block('x-sum: 1')));
    expect(events()).toEqual(['POST /', 'a body in chunks', 'body x', 'end x-sum: 1\r\n', 'start']);
  });

  test('a client is used again for the next stream, with nothing of the one before', () => {
    const { send, events, frames, last, exchanges } = begun();
    for (const id of [1, 3, 5]) {
      send(request(id, false, 'POST', '/', 'content-length: 4'), data(id, 'abcd', true));
      last().answer('x');
      expect(frames()).toEqual(ok(id, 'x'));
    }
    send(request(7, true));
    expect(last().events).toEqual(['GET /', 'start']);
    expect([exchanges.length, events().length]).toEqual([4, 17]);
    expect([exchanges[0]!.client, exchanges[1]!.client]).toEqual([last().client, last().client]);
  });
});

describe('many requests in one read', () => {
  const large = (id: number) =>
    request(id, true, 'GET', `/${id}`, ...Array.from({ length: 40 }, (_, i) => `x-${i}: ${'v'.repeat(100)}`));
  const paths = (exchanges: readonly { readonly events: readonly string[] }[]) =>
    exchanges.map(({ events }) => events[0]);

  test('are served a few in each turn of the event loop, in their order, and nothing is read meanwhile', () => {
    const { send, peer, exchanges, endTurn } = begun();
    send(...[1, 3, 5, 7].map(large));
    expect([paths(exchanges), peer.paused]).toEqual([['GET /1', 'GET /3', 'GET /5'], true]);
    // What had arrived before, and comes all the same.
    send(large(9));
    expect(exchanges).toHaveLength(3);
    endTurn();
    expect([paths(exchanges), peer.paused]).toEqual([['GET /1', 'GET /3', 'GET /5', 'GET /7', 'GET /9'], false]);
  });

  test('a few bytes that stand for many count as many', () => {
    const { send, exchanges, endTurn } = begun();
    // Literal with indexing, then by its place in the table.
    const field = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xc9, 0x05]), Buffer.alloc(840, 'v')]);
    const named = Buffer.alloc(10, 0xbe);
    const head = (id: number, ...rest: readonly Buffer[]) => {
      const [first = Buffer.alloc(0)] = [request(id, true)];
      const block = Buffer.concat([first.subarray(9), ...rest]);
      return frame(headers, 5, id, block);
    };
    send(head(1, field, named), ...Array.from({ length: 9 }, (_, i) => head(2 * i + 3, named)));
    expect(exchanges.length).toBe(2);
    for (let turn = 0; turn < 6; turn++) endTurn();
    expect(exchanges.length).toBe(10);
  });

  test('that wait are dropped with their connection', () => {
    const { send, peer, exchanges, endTurn } = begun();
    send(...[1, 3, 5, 7].map(large));
    peer.handler.onClose(null);
    endTurn();
    expect([exchanges.length, exchanges.map(({ events }) => events.at(-1))]).toEqual([3, ['gone', 'gone', 'gone']]);
  });
});

describe('flow control', () => {
  test('data waits for the window of its stream, and the server for the client', () => {
    const { send, frames, last } = begun();
    send(frame(settings, 0, 0, setting(SettingId.initialWindowSize, 4)), request(1, true));
    frames();
    last().respond(10);
    expect(last().data('0123456789')).toBe(false);
    expect(frames()).toEqual(['headers 1 :status: 200, date: now, content-length: 10', 'data 1 0123']);
    send(frame(windowUpdate, 0, 1, uint32(5)));
    expect(frames()).toEqual(['data 1 45678']);
    expect(last().events).toEqual(['GET /', 'start']);
    send(frame(windowUpdate, 0, 1, uint32(5)));
    expect(frames()).toEqual(['data end 1 9']);
    expect(last().events).toEqual(['GET /', 'start', 'drain']);
  });

  test('streams share the window of the connection in turns', () => {
    const { send, exchanges, frames } = begun();
    send(
      frame(settings, 0, 0, setting(SettingId.initialWindowSize, 1_000_000)),
      request(1, true),
      request(3, true),
      request(5, true),
    );
    frames();
    for (const exchange of exchanges) {
      exchange.respond(60_000);
      exchange.data('x'.repeat(60_000));
    }
    const sizes = (): [string, number][] =>
      frames()
        .filter((text) => text.startsWith('data'))
        .map((text) => [text.slice(0, 8).trim(), text.length]);
    expect(sizes().length).toBe(5);
    send(frame(windowUpdate, 0, 0, uint32(65_536)));
    // 16 KiB each, one after the other.
    expect(sizes().map(([name]) => name)).toEqual(['data 3 x', 'data 5 x', 'data 3 x', 'data 5 x']);
  });

  test('a body that the server does not take holds the window back', () => {
    const { send, frames, last } = begun();
    send(request(1, false, 'POST'));
    last().client.pauseBody();
    const piece = 'x'.repeat(16_384);
    for (let i = 0; i < 10; i++) send(data(1, piece));
    expect(frames()).toEqual([]);
    last().client.resumeBody();
    expect(frames()).toEqual(['windowUpdate 1 163840']);
  });

  test('a slow socket: data is kept, and goes on when it drains', () => {
    const { send, peer, frames, last } = begun();
    send(request(1, true));
    peer.slow = true;
    last().respond(20);
    expect(last().data('0123456789')).toBe(true);
    frames();
    expect(last().data('0123456789')).toBe(false);
    last().finish();
    expect(frames()).toEqual([]);
    peer.drain();
    expect(frames()).toEqual(['data end 1 0123456789']);
  });
});

describe('the end of a stream', () => {
  test('a response before the end of its request ends the request', () => {
    const { send, frames, last, counters } = begun();
    send(request(1, false, 'POST'), data(1, 'x'));
    last().answer('no');
    expect(frames()).toEqual([...ok(1, 'no'), `resetStream 1 ${ErrorCode.noError}`]);
    expect(counters()).toMatchObject({ responses_early: 1 });
    send(data(1, 'more'), request(3, true));
    expect(last().events).toEqual(['GET /', 'start']);
  });

  test('the client resets it: its exchange ends, and no other', () => {
    const { send, exchanges, counters, last } = begun();
    send(request(1, true), request(3, true), frame(resetStream, 0, 1, uint32(ErrorCode.cancel)));
    expect(exchanges.map(({ events }) => events.at(-1))).toEqual(['gone', 'start']);
    expect(counters()).toMatchObject({ h2_streams: 2, h2_resets: 1 });
    last().answer('x');
  });

  test('a response that breaks off cannot be taken for complete', () => {
    const { send, frames, last } = begun();
    send(request(1, true));
    last().respond(-1);
    last().data('x');
    last().client.truncate();
    last().client.onExchangeEnd();
    expect(frames()).toEqual([
      'headers 1 :status: 200, date: now',
      'data 1 x',
      `resetStream 1 ${ErrorCode.internalError}`,
    ]);
  });

  test('what the client does not take of it has the write time-out', () => {
    const { send, frames, last, advance } = begun();
    send(frame(settings, 0, 0, setting(SettingId.initialWindowSize, 1)), request(1, true));
    last().answer('hello');
    frames();
    advance(15_100);
    expect(frames()).toEqual([]);
    advance(15_100);
    expect(frames()).toEqual([`resetStream 1 ${ErrorCode.cancel}`]);
  });

  test.each([
    ['too little', 'content-length: 5', 'abc', 'bad-content-length'],
    ['too much', 'content-length: 2', 'abc', 'bad-content-length'],
  ])('content-length and DATA do not agree: %s', (_, length, body, code) => {
    const { send, frames, last } = begun();
    send(request(1, false, 'POST', '/', length), data(1, body, true));
    expect(last().events.filter((event) => !event.startsWith('body '))).toEqual([
      'POST /',
      `a body of ${length.slice(-1)}`,
      code,
    ]);
    const sent = frames();
    expect(sent[0]).toMatch(/^headers 1 :status: 400/);
    expect(sent[1]).toMatch(/^data end 1/);
  });

  test('a body is not whole before the end of its stream, although all bytes that were announced have come', () => {
    const { send, events, exchanges } = begun();
    send(request(1, false, 'POST', '/a', 'content-length: 3'), data(1, 'abc'));
    expect(events()).toEqual(['POST /a', 'a body of 3', 'body ab', 'start']);
    send(data(1, '', true));
    expect(events()).toEqual(['POST /a', 'a body of 3', 'body ab', 'start', 'body c', 'end']);
    send(request(3, false, 'POST', '/b', 'content-length: 1'), data(3, 'a'));
    send(data(3, 'more', true));
    expect(exchanges[1]?.events).toEqual(['POST /b', 'a body of 1', 'start', 'bad-content-length']);
    send(request(5, false, 'POST', '/c', 'content-length: 0'));
    send(data(5, 'more', true));
    expect(exchanges[2]?.events).toEqual(['POST /c', 'a body in chunks', 'start', 'bad-content-length']);
  });

  test('a body beyond limits.bodyBytes', () => {
    const { send, events, frames, exchanges } = begun({ bodyBytes: 4 });
    send(request(1, false, 'POST', '/', 'content-length: 5'));
    expect([exchanges.length, frames()[0]?.slice(0, 22)]).toEqual([0, 'headers 1 :status: 413']);
    send(request(3, false, 'POST'), data(3, 'abc'), data(3, 'de'));
    expect(events()).toEqual(['POST /', 'a body in chunks', 'body abc', 'body-too-large']);
  });
});

test('after many resets a request is placed once the read is over: one that is reset within it reaches no server', () => {
  const { send, exchanges } = begun();
  const reset = (id: number) => frame(FrameType.resetStream, 0, id, uint32(ErrorCode.cancel));
  const resetAt = (count: number) => {
    for (let i = 0; i < count; i++) send(request(2 * i + 1, true), reset(2 * i + 1));
    return exchanges.map(({ events }) => events.includes('start'));
  };
  const started = resetAt(40);
  expect([started.indexOf(false), started.lastIndexOf(true)]).toEqual([33, 32]);
  send(request(101, true), request(103, true));
  expect(exchanges.slice(-2).map(({ events }) => events)).toEqual([
    ['GET /', 'start'],
    ['GET /', 'start'],
  ]);
});

test('a malformed message that is one too many ends the connection, and no client is free for two streams', () => {
  const { send, frames, connection } = begun();
  const { forcedResets } = defaults.listener.limits.h2.perMinute;
  for (let i = 0; i <= forcedResets; i++)
    send(request(2 * i + 1, false, 'POST', '/', 'content-length: 9'), data(2 * i + 1, 'x', true));
  expect(frames().at(-1)).toMatch(new RegExp(`^goaway 0 ${2 * forcedResets + 1} ${ErrorCode.enhanceYourCalm}$`));
  const spare: unknown[] = Reflect.get(Reflect.get(connection, 'streams'), 'spare');
  expect(new Set(spare).size).toBe(spare.length);
});

describe('refusals', () => {
  test.each([
    ['a method', ['TRACE', '/'], '501'],
    ['a target', ['GET', '/#'], '400'],
    ['a field value', ['GET', '/', 'a: \x01'], '400'],
  ])('%s gets an error response', (_, [method, path, ...fields], status) => {
    const { send, frames, exchanges, counters } = begun();
    send(request(1, true, method, path, ...fields));
    const sent = frames();
    expect(sent[0]).toMatch(new RegExp(`^headers 1 :status: ${status}, content-type: text/plain; charset=utf-8`));
    expect(sent.length).toBe(2);
    expect([exchanges.length, counters()]).toMatchObject([0, { requests: 1, responses_4xx: status === '501' ? 0 : 1 }]);
  });

  test('a malformed request is an error of its stream, and no server sees it', () => {
    const { send, frames, exchanges, counters } = begun();
    send(request(1, true, 'GET', '/', 'connection: close'), request(3, true));
    expect(frames()).toEqual([`resetStream 1 ${ErrorCode.protocolError}`]);
    expect([exchanges.length, counters()]).toMatchObject([1, { requests: 1, requests_refused_bad_fields: 1 }]);
  });

  test('plain CONNECT', () => {
    const { send, frames } = begun();
    send(frame(headers, 5, 1, block(':method: CONNECT', ':authority: x:80')));
    expect(frames()[0]).toMatch(/^headers 1 :status: (400|501)/);
  });

  test('to clients of gRPC: fields alone, with a status of gRPC', () => {
    const { send, frames, last } = begun();
    const error = (reason: string, status: number, message: string) =>
      expect.stringMatching(
        new RegExp(
          `^headers end \\d :status: 200, content-type: application/grpc, grpc-status: ${status}, grpc-message: ${message}, .*limpet-reason: ${reason}`,
        ),
      );
    const call = (id: number) => request(id, false, 'POST', '/a.B/C', 'content-type: application/grpc');
    send(call(1));
    last().client.refuse(balancerFaults.noServer, null, noReference);
    last().client.onExchangeEnd();
    const message = 'No server is available at the moment. \\(no-server\\)';
    expect(frames()).toEqual([error('no-server', 14, message), `resetStream 1 ${ErrorCode.noError}`]);
    // The same head again: from the second time on it is not read anew.
    for (const id of [3, 5]) {
      send(call(id));
      last().client.refuse(serverFaults.responseTimeout, null, noReference);
      last().client.onExchangeEnd();
      expect(frames()[0]).toEqual(error('response-timeout', 4, '.*'));
    }
    send(request(7, true, 'GET'));
    last().client.refuse(balancerFaults.noServer, null, noReference);
    last().client.onExchangeEnd();
    expect(frames()[0]).toMatch(/^headers 7 :status: 503, content-type: text\/plain/);
  });

  test('to clients of gRPC: of a head that is refused', () => {
    const { send, exchanges, frames } = begun();
    send(request(1, false, 'POST', '/a b', 'content-type: application/grpc'));
    send(request(3, false, 'POST', '/', 'content-type: application/grpc', 'expect: magic'));
    expect(exchanges).toHaveLength(0);
    const heads = frames().filter((text) => text.startsWith('headers'));
    expect(heads.at(-1)).toMatch(/^headers end 3 :status: 200, content-type: application\/grpc, grpc-status: 2,/);
  });

  test('one connection too many: GOAWAY says so', () => {
    const stage = stageH2Client();
    stage.connection.refuseConnection();
    expect(stage.frames().at(-1)).toBe(`goaway 0 0 ${ErrorCode.enhanceYourCalm}`);
    expect(stage.peer.ended).toBe(true);
  });
});

describe('the end of the connection', () => {
  test('stop: GOAWAY, and after a round trip the real one; streams end by themselves', () => {
    const { send, frames, connection, last, peer } = begun();
    send(request(1, true));
    connection.stop();
    expect(frames()).toEqual([`goaway 0 ${2 ** 31 - 1} 0`, 'ping 0 0000000000000000']);
    // It was on its way.
    send(request(3, true), frame(ping, 1, 0, '\0'.repeat(8)), request(5, true));
    expect(frames()).toEqual(['goaway 0 3 0']);
    last().answer('x');
    expect(peer.ended).toBe(false);
    send(frame(resetStream, 0, 1, uint32(0)));
    expect([frames(), peer.ended]).toEqual([ok(3, 'x'), true]);
  });

  test('stop: a client that answers no PING does not hold it up', () => {
    const { frames, connection, advance, peer } = begun();
    connection.stop();
    frames();
    advance(2100);
    expect([frames(), peer.ended]).toEqual([['goaway 0 0 0'], true]);
  });

  test('idle for timeouts.keepAlive', () => {
    const { send, frames, last, advance, peer } = begun();
    advance(50_000);
    send(request(1, true));
    advance(70_000);
    last().answer('x');
    frames();
    send(frame(ping, 0, 0, '12345678'));
    advance(59_000);
    expect([frames(), peer.ended]).toEqual([['ping ack 0 3132333435363738'], false]);
    advance(1100);
    expect([frames(), peer.ended]).toEqual([['goaway 0 1 0'], true]);
    peer.leave(null);
  });

  test.each([
    ['the preface', clientPreface.subarray(0, 10), true],
    ['the settings', clientPreface, true],
    ['a frame', request(1, true).subarray(0, 20), false],
    ['a header block', frame(headers, 1, 1, block(':method: GET')), false],
  ])('%s does not come in timeouts.requestHead', (_, bytes, isFirst) => {
    const stage = stageH2Client();
    if (!isFirst) stage.begin();
    stage.send(bytes);
    stage.frames();
    stage.advance(9000);
    if (isFirst) stage.send(Buffer.alloc(0));
    expect(stage.peer.ended).toBe(false);
    stage.advance(1100);
    expect(stage.frames()).toEqual([`goaway 0 0 ${ErrorCode.enhanceYourCalm}`]);
    expect([stage.peer.ended, stage.counters().h2_timeouts]).toEqual([true, 1]);
  });

  test('an error of the connection: GOAWAY names it, and all exchanges end', () => {
    const { send, frames, exchanges, peer, counters } = begun();
    send(request(1, true), request(3, true), data(9, 'x'));
    expect(frames()).toEqual([`goaway 0 3 ${ErrorCode.protocolError}`]);
    expect(exchanges.map(({ events }) => events.at(-1))).toEqual(['gone', 'gone']);
    expect([peer.ended, counters().h2_connection_errors]).toEqual([true, 1]);
  });

  test('too many resets in a minute are counted by their limit', () => {
    const { send, counters, peer } = begun();
    for (let id = 1; id < 2100; id += 2) if (!peer.ended) send(request(id, true), frame(resetStream, 0, id, uint32(8)));
    expect(counters()).toMatchObject({ h2_limit_resets: 1, h2_connection_errors: 1 });
  });

  test('the client is gone: so are its exchanges', () => {
    const { send, exchanges, peer, closed } = begun();
    send(request(1, true), request(3, true));
    peer.leave(null);
    expect(exchanges.map(({ events }) => events.at(-1))).toEqual(['gone', 'gone']);
    expect(closed()).toBe(1);
  });

  test('destroy: what is not complete is reset', () => {
    const { send, frames, exchanges, connection, peer } = begun();
    send(request(1, true), request(3, true));
    exchanges[0]!.answer('x');
    exchanges[1]!.respond(-1);
    connection.destroy();
    expect(frames().slice(-2)).toEqual([`resetStream 3 ${ErrorCode.internalError}`, 'goaway 0 3 0']);
    expect(peer.state).toBe('closed');
  });

  test('evict: only without a request, and idle for so long', () => {
    const { send, connection, last, frames, advance, peer } = begun();
    send(request(1, true));
    advance(5000);
    expect(connection.evict(1000)).toBe(false);
    last().answer('x');
    frames();
    expect(connection.evict(1000)).toBe(false);
    advance(1100);
    expect([connection.evict(1000), peer.state]).toEqual([true, 'closed']);
  });

  test('a client that takes nothing at all for timeouts.write is cut off', () => {
    const { send, peer, last, frames, advance } = begun();
    peer.slow = true;
    send(request(1, true));
    last().respond(1000);
    last().data('x'.repeat(100));
    frames();
    advance(15_100);
    expect(peer.state).toBe('open');
    advance(15_100);
    expect(peer.state).toBe('reset');
  });
});

test('each limit of http/h2/abuse.ts has its counter, in the same order', () => {
  for (const [i, name] of abuseNames.entries())
    expect(counterRows[counter.h2_limit_resets + i]?.name).toBe(`h2_limit_${name.replaceAll('-', '_')}`);
});

test('no room for what is kept: the streams that keep bytes end', () => {
  const { send, frames, exchanges, advance, endTurn } = begun({}, 10_000);
  send(frame(settings, 0, 0, setting(SettingId.initialWindowSize, 10)), request(1, true), request(3, true));
  frames();
  for (const exchange of exchanges) exchange.respond(100_000);
  exchanges[0]!.data('x'.repeat(9000));
  endTurn();
  advance(2000);
  exchanges[0]!.data('x'.repeat(9000));
  endTurn();
  expect(exchanges.map(({ events }) => events.at(-1))).toEqual(['buffers-full', 'start']);
});

describe('a WebSocket (RFC 8441)', () => {
  const connect = (id: number, protocol = 'websocket') =>
    frame(
      headers,
      4,
      id,
      block(
        ':method: CONNECT',
        `:protocol: ${protocol}`,
        ':scheme: http',
        ':path: /chat',
        ':authority: x',
        'sec-websocket-version: 13',
      ),
    );

  test('is an upgrade to the exchange', () => {
    const { send, events } = begun();
    send(connect(1));
    expect(events()).toEqual(['GET /chat, upgrade', 'start']);
  });

  test('to a protocol that is not passed on is refused', () => {
    const { send, exchanges, frames } = begun();
    send(connect(1, 'connect-udp'));
    expect([exchanges.length, frames()[0]?.slice(0, 22)]).toEqual([0, 'headers 1 :status: 501']);
  });
});
