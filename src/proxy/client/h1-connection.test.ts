/** The states of a client's connection: one exchange after the other, and each way in which it ends. */
import { describe, expect, test } from 'vitest';
import { stageClient } from '../../../test/support/stage-client.ts';
import { balancerFaults, requestFaults } from '../../errors.ts';

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const post = (body: string, length = body.length): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`;
const ok = (body: string): string =>
  `HTTP/1.1 200 Some Reason\r\nDate: now\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('one exchange after the other', () => {
  test('a request in one read: its exchange begins with the head, then starts', () => {
    const { peer, events } = stageClient();
    peer.send(post('abc'));
    expect(events()).toEqual(['POST /', 'a body of 3', 'body abc', 'end', 'start']);
  });

  test('the next request waits in memory until the response has been sent', () => {
    const { peer, exchanges, events, last } = stageClient();
    peer.send(get('/1') + get('/2') + get('/3').slice(0, 9));
    expect(events()).toEqual(['GET /1', 'start']);
    last().answer('one');
    expect([peer.received, exchanges.length]).toEqual([ok('one'), 2]);
    last().answer('two');
    peer.send(get('/3').slice(9));
    last().answer('three');
    expect(peer.received).toBe(ok('one') + ok('two') + ok('three'));
    expect(events()).toEqual(['GET /1', 'start', 'GET /2', 'start', 'GET /3', 'start']);
  });

  test('responses that end inside of the read do not nest: a thousand requests at once', () => {
    const { peer, exchanges } = stageClient();
    peer.send(get().repeat(1000));
    for (let i = 0; i < 1000; i++) exchanges[i]?.answer('x');
    expect([exchanges.length, peer.received]).toEqual([1000, ok('x').repeat(1000)]);
  });

  test('a client that sends on without waiting is not read any more, until its requests are due', () => {
    const { peer, exchanges, last } = stageClient();
    peer.send(get());
    peer.send(get().repeat(100));
    expect(peer.paused).toBe(false);
    peer.send(get().repeat(1000));
    expect(peer.paused).toBe(true);
    for (let left = 1101; left > 0; left--) {
      expect([left, peer.paused]).toEqual([left, (left - 1) * get().length > 16 * 1024]);
      last().answer('x');
    }
    expect(exchanges.length).toBe(1101);
  });

  test('draining: a client that takes no response gets no other one', () => {
    const { peer, exchanges, last } = stageClient();
    peer.send(get() + get());
    peer.slow = true;
    last().answer('x');
    expect([exchanges.length, peer.paused]).toEqual([1, true]);
    peer.drain();
    expect([exchanges.length, peer.paused]).toEqual([2, false]);
  });

  test('draining: it has timeouts.write for what it takes nothing of, and is reset then', () => {
    const { peer, last, advance } = stageClient();
    peer.send(get());
    peer.slow = true;
    last().answer('x');
    advance(15_100);
    expect(peer.state).toBe('open');
    advance(15_100);
    expect(peer.state).toBe('reset');
  });

  test('the exchange is notified when a slow client has taken everything', () => {
    const { peer, last } = stageClient();
    peer.send(get());
    peer.slow = true;
    last().respond(1000);
    expect(last().data('x'.repeat(500))).toBe(true);
    last().client.flush();
    expect(last().data('x')).toBe(false);
    peer.drain();
    expect(last().events).toEqual(['GET /', 'start', 'drain']);
  });

  test('101: the socket and what has come too early are handed over, and the connection is over with the tunnel', () => {
    const { peer, last, closed, exchanges } = stageClient();
    peer.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly');
    expect(last().events).toEqual(['GET /, upgrade', 'start']);
    const { socket, early } = last().client.takeSocket();
    expect([socket, early?.toString()]).toEqual([peer, 'early']);
    expect(closed()).toBe(0);
    last().client.onExchangeEnd();
    expect([closed(), exchanges.length, peer.state]).toEqual([1, 1, 'open']);
  });
});

describe('the end after a response', () => {
  test.each([
    ['the client wanted it', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 'closed'],
    ['the client speaks HTTP/1.0', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n', 'closed'],
    // What else it sends would make the kernel reset the connection, and with it the response.
    ['the client wanted it, and sends on all the same', `GET / HTTP/1.0\r\nHost: x\r\n\r\n${get()}`, 'open'],
  ])('%s', (_, request, state) => {
    const { peer, last, exchanges } = stageClient();
    peer.send(request);
    last().answer('x');
    expect([peer.state, peer.ended, exchanges.length]).toEqual([state, state === 'open', 1]);
    expect(peer.received).toContain('\r\nConnection: close\r\n');
  });

  test('a response that begins before the request is complete is the last one, and the rest of the request is dropped', () => {
    const { peer, last, exchanges, counters } = stageClient();
    peer.send(post('abc', 10));
    last().answer('no');
    expect(peer.received).toContain('\r\nConnection: close\r\n');
    expect([peer.state, peer.ended]).toEqual(['open', true]);
    peer.send(`defghij${get()}`);
    expect([exchanges.length, last().events.at(-1)]).toEqual([1, 'start']);
    expect(counters()).toMatchObject({ responses_early: 1, linger_bytes: 7 + get().length });
    peer.handler.onEnd();
    expect(peer.state).toBe('closed');
  });

  test('it is cut: chunks without the last one tell the client, and the connection lingers', () => {
    const { peer, last } = stageClient();
    peer.send(get());
    last().respond(-1);
    last().data('abc');
    last().client.truncate();
    last().client.onExchangeEnd();
    expect(peer.received.endsWith('\r\n\r\n3\r\nabc\r\n')).toBe(true);
    expect([peer.state, peer.ended]).toEqual(['open', true]);
  });

  test('it is cut, to HTTP/1.0: only a reset can tell, once the kernel has sent everything', () => {
    const { peer, last, advance, closed } = stageClient();
    peer.send('GET / HTTP/1.0\r\nHost: x\r\n\r\n');
    last().respond(-1);
    last().data('abc');
    last().client.truncate();
    last().client.onExchangeEnd();
    expect([peer.received.endsWith('abc'), peer.state, peer.ended]).toEqual([true, 'open', false]);
    for (let i = 0; i < 40; i++) advance(100);
    expect(peer.state).toBe('reset');
    peer.leave(null);
    expect(closed()).toBe(1);
  });

  test('there is no room for it: reset at once, and what it has not taken is dropped', () => {
    const { peer, last } = stageClient();
    peer.send(get());
    last().respond(3);
    last().client.reset();
    last().client.onExchangeEnd();
    expect([peer.state, peer.received]).toEqual(['reset', '']);
  });
});

describe('FIN of the client', () => {
  test('between two requests the connection closes', () => {
    const { peer, last, closed } = stageClient();
    peer.send(get());
    last().answer('x');
    peer.handler.onEnd();
    expect([peer.state, closed()]).toEqual(['closed', 0]);
    peer.leave(null);
    expect(closed()).toBe(1);
  });

  test.each([
    ['in the middle of a head', get().slice(0, 9)],
    ['behind an empty line', '\r\n'],
  ])('%s it closes without a response', (_, bytes) => {
    const { peer, exchanges } = stageClient();
    peer.send(bytes);
    peer.handler.onEnd();
    expect([peer.state, peer.received, exchanges.length]).toEqual(['closed', '', 0]);
  });

  test.each([
    ['of one whose request is not complete', post('abc', 10), true],
    ['where the listener does not allow it', get(), false],
  ])('before the response, %s: the client has gone', (_, request, halfClose) => {
    const { peer, last, closed } = stageClient({ halfClose });
    peer.send(request);
    peer.handler.onEnd();
    expect(peer.state).toBe('reset');
    peer.leave(null);
    expect([last().events.at(-1), closed()]).toEqual(['gone', 1]);
  });

  test('half-closed: the response is still sent, says that it is the last one, and then the connection closes', () => {
    const { peer, last, exchanges } = stageClient({ halfClose: true });
    peer.send(get('/1') + get('/2'));
    peer.handler.onEnd();
    expect(peer.state).toBe('open');
    last().answer('x');
    expect(peer.received).toContain('\r\nConnection: close\r\n');
    expect([peer.state, exchanges.length]).toEqual(['closed', 1]);
  });
});

describe('time', () => {
  test('a head has timeouts.requestHead from its first byte on', () => {
    const { peer, advance, counters, exchanges } = stageClient();
    peer.send(get().slice(0, 9));
    for (let i = 0; i < 9; i++) {
      advance(1000);
      peer.send('x');
    }
    expect(peer.ended).toBe(false);
    advance(1200);
    expect(peer.received).toContain('HTTP/1.1 408 ');
    expect([peer.ended, exchanges.length, counters().requests_refused_request_timeout]).toEqual([true, 0, 1]);
  });

  test('the first one has it from the connection on: nothing was asked, and nothing is told', () => {
    const { peer, advance } = stageClient();
    advance(10_200);
    expect([peer.state, peer.received]).toEqual(['closed', '']);
  });

  test('between two requests there is timeouts.keepAlive', () => {
    const { peer, last, advance } = stageClient();
    peer.send(get());
    last().answer('x');
    advance(59_000);
    expect(peer.state).toBe('open');
    advance(1200);
    expect([peer.state, peer.received]).toEqual(['closed', ok('x')]);
  });

  test('none runs while an exchange does: that is for the exchange to see to', () => {
    const { peer, advance } = stageClient();
    peer.send(get());
    for (let i = 0; i < 100; i++) advance(10_000);
    expect([peer.state, peer.ended]).toEqual(['open', false]);
  });

  test('a client that is told 408 lingers only until it is silent for 2 s', () => {
    const { peer, last, advance } = stageClient();
    peer.send(post('abc', 10));
    last().onRequestFault(requestFaults.requestTimeout);
    for (let i = 0; i < 5; i++) {
      advance(1500);
      peer.send('x');
      expect(peer.state).toBe('open');
    }
    advance(2200);
    expect(peer.state).toBe('closed');
  });
});

describe('what the listener asks for', () => {
  test('one connection too many: told so, and read for a moment', () => {
    const { connection, peer, advance, exchanges } = stageClient();
    connection.refuseConnection();
    peer.send(get());
    expect(peer.received).toContain(`HTTP/1.1 503 `);
    expect(peer.received).toContain(`Limpet-Reason: ${balancerFaults.tooManyConnections.code}`);
    expect([peer.ended, exchanges.length]).toEqual([true, 0]);
    advance(2200);
    expect(peer.state).toBe('closed');
  });

  test('stop: an idle connection closes, one that had a response a moment ago lingers for what may cross', () => {
    const idle = stageClient();
    idle.advance(5000);
    idle.connection.stop();
    expect(idle.peer.state).toBe('closed');

    const { connection, peer, last, advance } = stageClient();
    peer.send(get());
    last().answer('x');
    advance(1000);
    connection.stop();
    expect([peer.state, peer.ended]).toEqual(['open', true]);
    advance(2200);
    expect(peer.state).toBe('closed');
  });

  test('stop: an exchange under way comes to its end, and the client is told that no other may follow', () => {
    const { connection, context, peer, last, exchanges } = stageClient();
    peer.send(get('/1') + get('/2'));
    context.stopping = true;
    connection.stop();
    last().answer('x');
    expect(peer.received).toContain('\r\nConnection: close\r\n');
    expect([peer.ended, exchanges.length]).toEqual([true, 1]);
  });

  test('evict: only a connection that has been idle for so long', () => {
    const { connection, peer, last, advance } = stageClient();
    peer.send(get());
    advance(5000);
    expect(connection.evict(1000)).toBe(false);
    last().answer('x');
    advance(500);
    expect(connection.evict(1000)).toBe(false);
    advance(600);
    peer.send('GET');
    expect(connection.evict(1000)).toBe(false);
    peer.send(get().slice(3));
    last().answer('x');
    advance(1100);
    expect([connection.evict(1000), peer.state]).toEqual([true, 'closed']);
  });

  test('evict: a connection that lingers, and whose client sends nothing', () => {
    const { connection, peer, last, advance } = stageClient();
    peer.send(post('abc', 10));
    last().answer('x');
    advance(900);
    peer.send('d');
    advance(900);
    expect(connection.evict(1000)).toBe(false);
    advance(200);
    expect([connection.evict(1000), peer.state]).toEqual([true, 'closed']);
  });

  test.each([
    ['nothing is under way', '', 'closed'],
    ['a response whose length the client knows is under way', get(), 'closed'],
    ['a response is under way that ends with the connection', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n', 'reset'],
  ])('destroy, while %s', (_, request, state) => {
    const { connection, peer, exchanges } = stageClient();
    if (request !== '') peer.send(request);
    exchanges[0]?.respond(-1);
    connection.destroy();
    expect(peer.state).toBe(state);
  });
});

describe('no room for what is buffered', () => {
  test('of a request under way: it fails', () => {
    const { peer, last, endTurn } = stageClient({}, 1000);
    peer.send(get());
    peer.send('x'.repeat(2000));
    endTurn();
    expect(last().events.at(-1)).toBe('buffers-full');
  });

  test('of a request that has no exchange yet: reset, and counted', () => {
    const { peer, endTurn, counters, exchanges } = stageClient({}, 1000);
    peer.send(`GET / HTTP/1.1\r\nX: ${'x'.repeat(2000)}`);
    endTurn();
    expect([peer.state, exchanges.length, counters().requests_refused_buffers_full]).toEqual(['reset', 0, 1]);
  });
});

test('closed is terminal: an exchange that ends because of it asks for nothing', () => {
  const { peer, last, closed, advance } = stageClient();
  peer.send(get() + get());
  peer.leave(new Error('ECONNRESET'));
  expect([last().events.at(-1), closed(), peer.paused]).toEqual(['gone', 1, false]);
  peer.handler.onDrain();
  advance(100_000);
  expect([closed(), peer.state, peer.received]).toEqual([1, 'gone', '']);
});
