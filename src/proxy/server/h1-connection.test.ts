/** The states of a connection to a server: idle, busy, and each way in which it ends; requests that share it. */
import { describe, expect, test } from 'vitest';
import { stageServer } from '../../../test/support/stage-server.ts';
import { Method } from '../../http/head.ts';

const ok = (body = 'ok'): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const partBody = { held: [Buffer.from('abc')], ended: false, trailers: null };

describe('one request after the other', () => {
  test('a response that is complete makes it idle again, and the next request uses it', () => {
    const { connection, peer, send, isIdle } = stageServer();
    const first = send();
    expect([connection.depth, connection.reused, connection.responseStarted]).toEqual([1, false, false]);
    peer.send(ok().slice(0, 20));
    expect(connection.responseStarted).toBe(true);
    peer.send(ok().slice(20));
    expect([first.events, isIdle(), connection.depth]).toEqual([['200', 'ok', 'end, reusable'], true, 0]);
    const second = send();
    expect([connection.reused, connection.responseStarted]).toEqual([true, false]);
    peer.send(ok('2nd'));
    expect([second.events, isIdle(), peer.state]).toEqual([['200', '2nd', 'end, reusable'], true, 'open']);
  });

  test.each([
    ['the server says so', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['the server speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a 204 claims a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n'],
  ])('it closes behind a response when %s', (_, response) => {
    const { peer, send } = stageServer();
    const handler = send();
    peer.send(response);
    expect([handler.events.at(-1), peer.state]).toEqual(['end', 'closed']);
  });

  test('it closes when the pool has enough idle ones', () => {
    const { peer, send } = stageServer({ maxIdle: 0 });
    send();
    peer.send(ok());
    expect(peer.state).toBe('closed');
  });

  test('idle for timeouts.keepAlive, it closes', () => {
    const { peer, send, isIdle, advance } = stageServer();
    send();
    peer.send(ok());
    advance(60_200);
    expect([peer.state, isIdle()]).toEqual(['closed', false]);
  });

  test('101 hands the socket over', () => {
    const { connection, peer, send, misframed } = stageServer();
    const handler = send({ mayUpgrade: true });
    peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly');
    expect(handler.events).toEqual(['101, early early']);
    expect([connection.takeSocket(), misframed]).toEqual([peer, []]);
    // It is not this connection's any more.
    connection.close();
    connection.reset();
    expect(peer.state).toBe('open');
  });

  test('101 that was not asked for', () => {
    const { peer, send, misframed } = stageServer();
    const handler = send();
    peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect([handler.events, misframed]).toEqual([['bad-response'], ['an upgrade that was not asked for']]);
    expect(peer.state).toBe('reset');
  });
});

describe('quarantine', () => {
  test('after a response without a body, until 100 ms have passed without a byte', () => {
    const { connection, peer, send, isIdle, advance } = stageServer();
    send({ method: Method.head, clientNumber: 7 });
    peer.send(ok(''));
    expect([connection.quarantined, connection.clientNumber, isIdle()]).toEqual([true, 7, true]);
    advance(200);
    expect([connection.quarantined, isIdle(), peer.state]).toEqual([false, true, 'open']);
  });

  test('a byte within it ends the connection, and the server is known to break HTTP', () => {
    const { peer, send, isIdle, misframed } = stageServer();
    send({ method: Method.head });
    peer.send(ok(''));
    peer.send('a body all the same');
    expect([misframed, isIdle(), peer.state]).toEqual([['bytes that answer nothing'], false, 'closed']);
  });

  test('the same client may use it meanwhile: it is over only when it has been idle for that long', () => {
    const { connection, peer, send, advance } = stageServer();
    send({ method: Method.head });
    peer.send(ok(''));
    send();
    advance(5000);
    peer.send(ok());
    expect(connection.quarantined).toBe(true);
    advance(200);
    expect(connection.quarantined).toBe(false);
  });

  test('with a server that breaks HTTP every connection has it, and one without a body ends', () => {
    const { connection, server, peer, send } = stageServer();
    server.setMisframed(true);
    send();
    peer.send(ok());
    expect([connection.quarantined, peer.state]).toEqual([true, 'open']);
    send({ method: Method.head });
    peer.send(ok(''));
    expect(peer.state).toBe('reset');
  });
});

describe('bytes without a request', () => {
  test.each([
    ['on an idle connection', 0, ['bytes that answer nothing']],
    ['but a 408 before the server closes', 1, []],
  ])('%s: it ends', (_, index, how) => {
    const { peer, send, isIdle, misframed } = stageServer();
    send();
    peer.send(ok());
    peer.send([ok(), 'HTTP/1.1 408 Request Timeout\r\n\r\n'][index] ?? '');
    expect([misframed, isIdle(), peer.state]).toEqual([how, false, 'closed']);
  });

  test('behind a response: it is not used again', () => {
    const { peer, send, isIdle, misframed } = stageServer();
    const handler = send();
    peer.send(`${ok()}and more`);
    expect(handler.events).toEqual(['200', 'ok', 'end']);
    expect([misframed, isIdle(), peer.state]).toEqual([['bytes that answer nothing'], false, 'closed']);
  });
});

describe('the server’s end', () => {
  test('FIN of an idle connection', () => {
    const { peer, send, isIdle } = stageServer();
    send();
    peer.send(ok());
    peer.handler.onEnd();
    expect([isIdle(), peer.state]).toEqual([false, 'closed']);
  });

  test.each([
    ['before a response', '', ['closed-early']],
    ['in its head', ok().slice(0, 20), ['closed-early']],
    ['in its body', ok('0123456789').slice(0, -3), ['200', '0123456', 'body-cut']],
  ])('FIN %s', (_, bytes, events) => {
    const { peer, send } = stageServer();
    const handler = send();
    if (bytes !== '') peer.send(bytes);
    peer.handler.onEnd();
    expect([handler.events, peer.state]).toEqual([events, 'reset']);
  });

  test('FIN is the end of a body that has no other', () => {
    const { peer, send } = stageServer();
    const handler = send();
    peer.send('HTTP/1.1 200 OK\r\n\r\nabc');
    peer.send('def');
    peer.handler.onEnd();
    expect([handler.events, peer.state]).toEqual([['200', 'abc', 'def', 'end'], 'closed']);
  });

  test('a reset is not', () => {
    const { peer, send } = stageServer();
    const handler = send();
    peer.send('HTTP/1.1 200 OK\r\n\r\nabc');
    peer.leave(new Error('ECONNRESET'));
    expect(handler.events).toEqual(['200', 'abc', 'body-cut']);
  });

  test('closed is terminal', () => {
    const { connection, peer, send, advance } = stageServer();
    const handler = send();
    peer.leave(new Error('ECONNRESET'));
    const events = [...handler.events];
    peer.handler.onData(Buffer.from(ok()));
    peer.handler.onDrain();
    connection.cancel(handler);
    connection.release(true);
    advance(100_000);
    expect([handler.events, connection.depth, peer.state]).toEqual([events, 0, 'gone']);
  });
});

describe('interim responses', () => {
  test('are passed on, up to so many in a second', () => {
    const { peer, send, advance } = stageServer({ interim: 3 });
    const handler = send();
    peer.send('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(3));
    advance(1100);
    peer.send('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(3));
    expect(handler.events).toEqual(Array<string>(6).fill('103'));
    peer.send('HTTP/1.1 103 Early Hints\r\n\r\n');
    expect([handler.events.at(-1), peer.state]).toEqual(['too-many-interim', 'reset']);
  });

  test('what comes behind one may be its body: quarantine', () => {
    const { connection, peer, send } = stageServer();
    send();
    peer.send(`HTTP/1.1 103 Early Hints\r\n\r\n${ok()}`);
    expect(connection.quarantined).toBe(true);
  });
});

describe('a response that is held', () => {
  test('at its head: it is read again when it goes on, with what has come meanwhile', () => {
    const { connection, peer, send, isIdle } = stageServer();
    const handler = send({ holds: 'head' });
    peer.send(ok('0123').slice(0, -2));
    expect([handler.events, peer.paused]).toEqual([['held at its head'], true]);
    peer.send('23');
    connection.resumeHeld();
    expect([handler.events.slice(1), peer.paused, isIdle()]).toEqual([['200', '0123', 'end, reusable'], false, true]);
  });

  const trailers =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nLimpet-Session-Delete: epoch=1\r\n\r\n';

  test('at its end', () => {
    const { connection, peer, send, isIdle } = stageServer();
    const handler = send({ holds: 'end' });
    peer.send(trailers);
    expect(handler.events).toEqual(['200', 'trailer', 'held at its end', 'abc']);
    connection.resumeHeld();
    expect([handler.events.slice(4), isIdle()]).toEqual([['end, reusable'], true]);
  });

  test.each([
    ['FIN', 'closed', ['end']],
    ['FIN, and then the connection is gone', 'gone', ['end']],
  ])('at its end: the server’s %s waits, and the connection is not used again', (what, state, events) => {
    const { connection, peer, send, isIdle } = stageServer();
    const handler = send({ holds: 'end' });
    peer.send(trailers);
    peer.handler.onEnd();
    if (what !== 'FIN') peer.leave(null);
    expect(handler.events.at(-1)).toBe('abc');
    connection.resumeHeld();
    expect([handler.events.slice(4), isIdle(), peer.state]).toEqual([events, false, state]);
  });

  test.each([
    ['in the same read', ['0123'], []],
    ['with more to come', ['01'], ['23']],
    ['and what comes meanwhile', ['01', '2'], ['3']],
  ])('at a piece of its body, %s', (_, before, after) => {
    const { connection, peer, send, isIdle } = stageServer();
    const handler = send({ holds: 'data' });
    const [head] = ok('0123').split('0123');
    peer.send(`${head}${before[0]}`);
    for (const piece of before.slice(1)) peer.send(piece);
    const piece = before[0];
    expect([handler.events, peer.paused, isIdle()]).toEqual([['200', 'held at its data', piece], true, false]);
    connection.resumeHeld();
    for (const later of after) peer.send(later);
    const rest = '0123'.slice(piece?.length);
    expect(handler.events.slice(3).join('')).toBe(`${rest}end, reusable`);
    expect([peer.paused, isIdle()]).toEqual([false, true]);
  });

  test('at its head: a reset meanwhile counts only behind what has come', () => {
    const { connection, peer, send } = stageServer();
    const handler = send({ holds: 'head' });
    peer.send(ok('0123').slice(0, -2));
    peer.leave(new Error('ECONNRESET'));
    connection.resumeHeld();
    expect(handler.events).toEqual(['held at its head', '200', '01', 'body-cut']);
  });

  test('its client has gone: reset', () => {
    const { connection, peer, send } = stageServer();
    const handler = send({ holds: 'head' });
    peer.send(ok());
    connection.cancel(handler);
    expect(peer.state).toBe('reset');
  });
});

describe('a request that is not complete', () => {
  test('its client has gone: the server gets what has come, and FIN', () => {
    const { connection, peer, send } = stageServer();
    const handler = send({}, { body: partBody, chunked: true });
    connection.cancel(handler);
    expect([peer.received.endsWith('3\r\nabc\r\n'), peer.ended, peer.state]).toEqual([true, true, 'open']);
    peer.handler.onEnd();
    expect(peer.state).toBe('closed');
  });

  test('it is complete, but the server has not taken it: then a reset', () => {
    const { connection, peer, send, advance } = stageServer();
    const handler = send();
    peer.pending = 10;
    connection.cancel(handler);
    expect(peer.state).toBe('open');
    for (let i = 0; i < 120; i++) advance(100);
    expect(peer.state).toBe('reset');
  });

  test('the server takes it again: the exchange is notified', () => {
    const { connection, peer, send, out } = stageServer();
    const handler = send({}, { body: partBody });
    peer.slow = true;
    expect(connection.sendData(Buffer.from('def'), out)).toBe(false);
    peer.drain();
    expect(handler.events).toEqual(['drain']);
  });
});

describe('requests of one loop turn', () => {
  test('leave in one write when it ends, and the responses come in order', () => {
    const { connection, peer, gather, endTurn, isIdle, counters } = stageServer();
    const [first, second] = gather(2);
    expect([peer.received, connection.isUnwritten, connection.depth]).toEqual(['', true, 2]);
    endTurn();
    expect(peer.received).toBe('GET /0 HTTP/1.1\r\n\r\nGET /1 HTTP/1.1\r\n\r\n');
    expect([connection.isUnwritten, connection.isGathering]).toEqual([false, false]);
    peer.send(ok('one') + ok('two').slice(0, -1));
    expect([first?.events, second?.events]).toEqual([
      ['200', 'one', 'end, reusable'],
      ['200', 'tw'],
    ]);
    peer.send('o');
    expect([second?.events.at(-1), isIdle(), counters().upstream_pipelined]).toEqual(['end, reusable', true, 1]);
  });

  test('others may be added only behind one that allows it', () => {
    const pipelined = stageServer();
    pipelined.gather(1);
    expect(pipelined.connection.isGathering).toBe(true);
    const alone = stageServer();
    alone.gather(1, { mayPipeline: false });
    expect(alone.connection.isGathering).toBe(false);
  });

  test.each([
    ['bytes come', (peer: ReturnType<typeof stageServer>['peer']) => peer.send(ok())],
    ['the server ends', (peer: ReturnType<typeof stageServer>['peer']) => peer.handler.onEnd()],
    ['it breaks', (peer: ReturnType<typeof stageServer>['peer']) => peer.handler.onClose(null)],
  ])('%s before they are written: nothing of them has been sent', (_, happen) => {
    const { peer, gather, endTurn } = stageServer();
    const [first, second] = gather(2);
    happen(peer);
    expect([first?.events, second?.events]).toEqual([['closed-early, unwritten'], ['requeued, unwritten']]);
    endTurn();
    expect([peer.received, peer.state]).toEqual(['', 'reset']);
  });

  const requeues: [string, string, string[]][] = [
    ['it is long', 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc', ['200', 'abc']],
    ['its length is not known', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', ['200', 'abc']],
    ['it ends with the connection', 'HTTP/1.1 200 OK\r\n\r\nabc', ['requeued']],
    ['it is an interim one', 'HTTP/1.1 103 Early Hints\r\n\r\n', ['requeued']],
    ['it is not HTTP', 'nonsense\r\n\r\n', ['bad-response']],
  ];
  test.each(requeues)('those behind the first response are sent again: %s', (_, response, events) => {
    const { peer, gather, endTurn, guard, counters } = stageServer();
    const [first, ...others] = gather(3);
    endTurn();
    peer.send(response);
    expect([first?.events, ...others.map((one) => one.events)]).toEqual([events, ['requeued'], ['requeued']]);
    expect([guard.allows(), counters().upstream_requeued]).toEqual([false, 2]);
    expect(peer.state).toBe(events.includes('200') ? 'open' : 'reset');
  });

  test('so are they when it is late, or its client slow; it goes on, and the connection ends with it', () => {
    for (const how of ['late', 'slow'] as const) {
      const { connection, peer, gather, endTurn, advance, misframed } = stageServer();
      const [first, second] = gather(2);
      endTurn();
      if (how === 'late') advance(300);
      else expect([connection.pause(second!), connection.pause(first!)]).toEqual([false, true]);
      expect([second?.events, peer.state]).toEqual([['requeued'], 'open']);
      connection.resume();
      // What the server still sends for the others is no fault of its own, and nobody reads it.
      peer.send(ok('one') + ok('two'));
      expect([first?.events, second?.events, peer.state]).toEqual([['200', 'one', 'end'], ['requeued'], 'closed']);
      expect(misframed).toEqual([]);
    }
  });

  test('behind a response without a body nobody can tell where the next begins: sent again', () => {
    const { peer, gather, endTurn } = stageServer();
    const [first, second] = gather(2, { method: Method.get });
    endTurn();
    peer.send(ok('') + ok('two'));
    expect([first?.events, second?.events, peer.state]).toEqual([['200', 'end'], ['requeued'], 'closed']);
  });

  test('a client that has gone: its response is dropped, whether it is the first or not', () => {
    for (const i of [0, 1]) {
      const { connection, peer, gather, endTurn, isIdle } = stageServer();
      const handlers = gather(2);
      endTurn();
      const gone = handlers[i];
      if (gone !== undefined) connection.cancel(gone);
      peer.send(ok('one') + ok('two'));
      const events = [
        ['200', 'one', 'end, reusable'],
        ['200', 'two', 'end, reusable'],
      ];
      events[i] = [];
      expect([handlers.map((one) => one.events), isIdle()]).toEqual([events, true]);
    }
  });

  test('nor is a long one read for nobody', () => {
    const { connection, peer, gather, endTurn } = stageServer();
    const [first, second] = gather(2);
    endTurn();
    if (first !== undefined) connection.cancel(first);
    peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n`);
    expect([first?.events, second?.events, peer.state]).toEqual([[], ['requeued'], 'reset']);
  });
});

test('no room for what it buffers: one that is left to deliver the rest of a request is reset', () => {
  const { connection, peer, send } = stageServer();
  const handler = send({}, { body: partBody });
  connection.cancel(handler);
  expect([peer.ended, peer.state]).toEqual([true, 'open']);
  connection.onBuffersFull();
  expect(peer.state).toBe('reset');
});
