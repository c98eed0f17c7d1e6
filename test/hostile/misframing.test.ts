/**
 * What is trusted of a server that may break the framing of HTTP, case by case (RFC 9112 section 6.3), on a network without a
 * kernel: the bytes that a server sends where none may be are nobody's, and never another client's answer (I7).
 */
import { describe, expect, test } from 'vitest';
import type { FakePeer } from '../support/fake-net.ts';
import { type StagedBalancer, stageBalancer } from '../support/stage-balancer.ts';

const pool = { affinity: 'none', maxIdle: 4, health: { passive: false } };
const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON';

function ok(body: string, ...lines: string[]): string {
  return ['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

function ask(method: string, path: string, ...lines: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n');
}

/** With one idle connection to its server, that has served a request. */
function stage(more: Readonly<Record<string, unknown>> = {}): StagedBalancer {
  const balancer = stageBalancer({ ...pool, ...more });
  const client = balancer.connect();
  client.send(ask('GET', '/first'));
  balancer.net.last.open();
  balancer.endTurn();
  balancer.net.last.send(ok('first'));
  expect(client.received).toContain('\r\n\r\nfirst');
  return balancer;
}

/** Has the client ask, and gives the server's end of the connection on which the request came. */
function send(balancer: StagedBalancer, client: FakePeer, ...asked: Parameters<typeof ask>): FakePeer {
  client.received = '';
  client.send(ask(...asked));
  for (const peer of balancer.net.peers) if (peer.state === 'connecting') peer.open();
  balancer.endTurn();
  return balancer.net.peers.find((peer) => peer.received.includes(` ${asked[1]} HTTP`))!;
}

/** Those that come within one turn of the loop. */
function together(balancer: StagedBalancer, ...paths: string[]): FakePeer[] {
  const clients = paths.map(() => balancer.connect());
  for (const [i, path] of paths.entries()) clients[i]!.send(ask('GET', path));
  balancer.endTurn();
  return clients;
}

const bodiless: [name: string, method: string, answer: string][] = [
  ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n'],
  ['HEAD that says it would be chunked', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 45\r\n\r\n'],
  ['an empty body', 'GET', 'HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n'],
  ['an interim response', 'GET', `HTTP/1.1 103 Early Hints\r\n\r\n${ok('x')}`],
];

describe('after an answer without a body', () => {
  test.each(bodiless)('the connection is no other client’s before it has rested: %s', (_, method, answer) => {
    const balancer = stage();
    const [attacker, victim] = [balancer.connect(), balancer.connect()];
    const peer = send(balancer, attacker, method, '/attack');
    peer.send(answer);
    const other = send(balancer, victim, 'GET', '/victim');
    expect(other).not.toBe(peer);
    // What comes late is nobody's answer, and such a server is not trusted any more.
    peer.send(poison);
    other.send(ok('mine'));
    expect(victim.received).toContain('\r\n\r\nmine');
    expect([peer.state, balancer.misframed]).toEqual(['closed', ['a: bytes that answer nothing']]);
  });

  test.each(bodiless)('the client itself may have it at once, and nobody beside it: %s', (_, method, answer) => {
    const balancer = stage({ pipelining: 16 });
    const client = balancer.connect();
    const peer = send(balancer, client, method, '/one');
    peer.send(answer);
    client.send(ask('GET', '/two'));
    const other = balancer.connect();
    other.send(ask('GET', '/other'));
    balancer.endTurn();
    expect(peer.received).toContain('/two');
    expect(peer.received).not.toContain('/other');
    peer.send(ok('two') + poison);
    expect(client.received).toMatch(/two$/);
    expect(other.received).toBe('');
  });

  test.each(bodiless)('and anybody when it has rested: %s', (_, method, answer) => {
    const balancer = stage();
    const peer = send(balancer, balancer.connect(), method, '/one');
    peer.send(answer);
    balancer.advance(99);
    expect(send(balancer, balancer.connect(), 'GET', '/early')).not.toBe(peer);
    balancer.advance(101);
    expect(send(balancer, balancer.connect(), 'GET', '/two')).toBe(peer);
  });

  test.each(bodiless)('what the client has got of it meanwhile does not make it anybody’s: %s', (_, method, answer) => {
    const balancer = stage();
    const attacker = balancer.connect();
    const peer = send(balancer, attacker, method, '/one');
    peer.send(answer);
    expect(send(balancer, attacker, 'GET', '/two')).toBe(peer);
    // Its own poison is the answer, and that to its second request is still to come.
    peer.send(poison);
    const victim = balancer.connect();
    expect(send(balancer, victim, 'GET', '/victim')).not.toBe(peer);
    peer.send(ok('two'));
    expect([victim.received, balancer.misframed.length]).toEqual(['', 1]);
  });

  test('a client behind a proxy is not one client', () => {
    const balancer = stage();
    const proxy = balancer.connect();
    const peer = send(balancer, proxy, 'HEAD', '/one', 'Via: 1.1 cdn');
    peer.send('HTTP/1.1 200 OK\r\n\r\n');
    expect(send(balancer, proxy, 'GET', '/two', 'Via: 1.1 cdn')).not.toBe(peer);
  });

  test('no more than so many rest: then the first of them has to do', () => {
    const balancer = stage({ maxIdle: 64 });
    const peers: FakePeer[] = [];
    for (let i = 0; i < 64; i++) {
      const peer = send(balancer, balancer.connect(), 'HEAD', `/${i}-`);
      peer.send('HTTP/1.1 200 OK\r\n\r\n');
      peers.push(peer);
    }
    expect(new Set(peers).size).toBe(64);
    expect(send(balancer, balancer.connect(), 'GET', '/next')).toBe(peers[0]);
  });
});

describe('where others are behind', () => {
  const final = bodiless.filter(([name, method]) => method === 'GET' && name !== 'an interim response');
  test.each(final)('they are repeated elsewhere: %s', (_, _method, answer) => {
    const balancer = stage({ pipelining: 16 });
    const [attacker, victim] = together(balancer, '/attack', '/victim') as [FakePeer, FakePeer];
    const peer = balancer.net.last;
    expect(peer.received).toContain('/victim');
    peer.send(answer + poison);
    expect([attacker.received.includes('POISON'), victim.received]).toEqual([false, '']);
    expect(balancer.net.last).not.toBe(peer);
    balancer.net.last.open();
    balancer.net.last.send(ok('mine'));
    expect(victim.received).toMatch(/mine$/);
    expect(balancer.counters().upstream_requeued).toBe(1);
  });

  test.each(
    [
      // The server neither says how long it is, nor ends the connection.
      ['an answer that does not tell its length', `HTTP/1.1 200 OK\r\n\r\none${ok('two')}`],
      // What it adds says that it is long enough for all that follows.
      [
        'an interim response',
        `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n${ok('one')}${ok('two')}`,
      ],
    ].flatMap(([name, said]) => [
      { name, said, late: false },
      { name, said, late: true },
    ]),
  )('$name is believed only without them, late: $late', ({ said, late }) => {
    const balancer = stage({ pipelining: 16 });
    const [first, second] = together(balancer, '/one', '/two') as [FakePeer, FakePeer];
    const shared = balancer.net.last;
    // Too late for the second one, which is asked elsewhere by then; the server answers it here too.
    if (late) balancer.advance(300);
    shared.send(said!);
    expect([first.received, second.received]).toEqual(['', '']);
    const fresh = balancer.net.peers.filter(({ state }) => state === 'connecting');
    expect(fresh).toHaveLength(2);
    for (const peer of fresh) {
      peer.open();
      peer.send(ok(/GET \/(\w+)/.exec(peer.received)![1]!));
    }
    expect([first.received.endsWith('\r\n\r\none'), second.received.endsWith('\r\n\r\ntwo')]).toEqual([true, true]);
  });

  test.each([
    ['HEAD', []],
    ['OPTIONS', []],
    ['GET', ['If-None-Match: "1"']],
    ['GET', ['If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT']],
    ['DELETE', []],
  ] as const)('nothing rides behind %s %j, nor it behind others', (method, lines) => {
    const balancer = stage({ pipelining: 16 });
    const clients = ['/a', '/b', '/c'].map((path, i) => {
      const client = balancer.connect();
      client.send(i === 1 ? ask(method, path, ...lines) : ask('GET', path));
      return client;
    });
    balancer.endTurn();
    for (const peer of balancer.net.peers) if (peer.state === 'connecting') peer.open();
    const one = balancer.net.peers.find((peer) => peer.received.includes(' /b HTTP'))!;
    expect(one.received.match(/ \/[abc] HTTP/g)).toEqual([' /b HTTP']);
    expect(clients).toHaveLength(3);
  });

  test('with a deadline for retries, which is over: each has its own answer', () => {
    const balancer = stage({ pipelining: 16, retry: { deadline: '100ms' } });
    const [first, second] = together(balancer, '/one', '/two') as [FakePeer, FakePeer];
    balancer.advance(100);
    balancer.net.last.send(ok('one', 'Connection: close'));
    expect(first.received).toMatch(/one$/);
    balancer.net.last.open();
    balancer.net.last.send(ok('two'));
    expect(second.received).toMatch(/two$/);
  });
});

const breaches: [name: string, happen: (balancer: StagedBalancer, peer: FakePeer) => void][] = [
  ['a byte behind an answer', (_, peer) => peer.send(`${ok('x')}y`)],
  [
    'bytes on an idle connection',
    (_, peer) => {
      peer.send(ok('x'));
      peer.send(poison);
    },
  ],
  [
    'an answer before its request has been written',
    (balancer, peer) => {
      peer.send(ok('x'));
      balancer.connect().send(ask('GET', '/early'));
      peer.send(poison);
    },
  ],
  ['two lengths', (_, peer) => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy')],
  ['a length and chunks', (_, peer) => peer.send(ok('x', 'Transfer-Encoding: chunked'))],
  ['a folded line', (_, peer) => peer.send('HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n')],
  ['no chunks', (_, peer) => peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello')],
  ['what is not HTTP', (_, peer) => peer.send('hello\r\n\r\n')],
  ['a 204 with a body', (_, peer) => peer.send('HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx')],
  ['an upgrade unasked', (_, peer) => peer.send('HTTP/1.1 101 Switching Protocols\r\n\r\n')],
];

describe('a server that has broken the framing', () => {
  test.each(breaches)('is told of and counted: %s', (_, happen) => {
    const balancer = stage();
    happen(balancer, send(balancer, balancer.connect(), 'GET', '/one'));
    expect([balancer.misframed.length, balancer.counters().upstream_misframed]).toEqual([1, 1]);
    happen(balancer, send(balancer, balancer.connect(), 'GET', '/two'));
    expect([balancer.misframed.length, balancer.counters().upstream_misframed]).toEqual([1, 2]);
  });

  test('is not pipelined to again', () => {
    const balancer = stage({ pipelining: 16 });
    send(balancer, balancer.connect(), 'GET', '/bad').send(`${ok('x')}y`);
    const before = balancer.counters().upstream_pipelined;
    const peer = send(balancer, balancer.connect(), 'GET', '/good');
    peer.send(ok('good'));
    balancer.advance(200);
    together(balancer, '/one', '/two', '/three');
    expect(balancer.counters().upstream_pipelined).toBe(before);
  });

  test('has a connection for each answer without a body, and the others rest', () => {
    const balancer = stage();
    send(balancer, balancer.connect(), 'GET', '/bad').send(`${ok('x')}y`);
    const client = balancer.connect();
    const peer = send(balancer, client, 'GET', '/good');
    peer.send(ok('good'));
    expect(send(balancer, balancer.connect(), 'GET', '/other')).not.toBe(peer);
    balancer.advance(200);
    expect(send(balancer, client, 'HEAD', '/head')).toBe(peer);
    peer.send('HTTP/1.1 200 OK\r\n\r\n');
    expect([client.received.startsWith('HTTP/1.1 200 OK'), peer.state]).toEqual([true, 'reset']);
  });

  test('is none that ends an idle connection with 408, or cuts an answer off', () => {
    const balancer = stage();
    balancer.net.last.send('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
    const peer = send(balancer, balancer.connect(), 'GET', '/cut');
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut');
    peer.handler.onEnd();
    expect([balancer.misframed, balancer.counters().upstream_misframed]).toEqual([[], 0]);
  });
});
