import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeNet, type FakePeer } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { ActiveOptions } from '../config/options.ts';
import type { Address } from '../net/socket.ts';
import { Probe } from './probe.ts';

const tcp: ActiveOptions = { grpc: null, http: null, interval: 2000, timeout: 1000, rise: 2, fall: 3, jitter: 0.1 };
const http = { path: '/healthz', host: 'shop.example', status: [[200, 399]], body: '' } as const;

/** A probe that has begun, the server's end of it, and what it said. */
function begin(options: ActiveOptions, address: Address = { kind: 'tcp', host: '127.0.0.1', port: 3001 }) {
  const net = new FakeNet();
  const time = new HandTime();
  const verdicts: (string | null)[] = [];
  const probe = new Probe({ net, timers: time }, address, options, (problem) => verdicts.push(problem));
  probe.start();
  return { probe, time, verdicts, peer: net.last };
}

function ask(body = '', status: readonly (readonly [number, number])[] = http.status) {
  const begun = begin({ ...tcp, http: { ...http, body, status } });
  begun.peer.open();
  return begun;
}

function isGone(peer: FakePeer): boolean {
  return peer.state !== 'open' && peer.state !== 'connecting';
}

test.each([
  ['Limpet-Drain: 1', true],
  ['limpet-drain:0', false],
  ['Limpet-Drain: yes', null],
  ['X-Limpet-Drain: 1', null],
])('an answer with %s', (line, asked) => {
  const { peer, probe, verdicts } = ask();
  peer.send(`HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 0\r\n\r\n`);
  expect([verdicts, probe.drainAsked]).toEqual([[null], asked]);
});

describe('over TCP', () => {
  test('a connection is enough, and is closed in a regular way', () => {
    const { peer, verdicts, time } = begin(tcp);
    expect(verdicts).toEqual([]);
    peer.open();
    expect(verdicts).toEqual([null]);
    expect(peer).toMatchObject({ state: 'closed', received: '' });
    expect(time.pending).toBe(0);
  });

  test('a refused connection is a failure, with the reason of the system', () => {
    const { peer, verdicts, time } = begin(tcp);
    peer.fail('connect ECONNREFUSED');
    expect(verdicts).toEqual(['no connection: connect ECONNREFUSED']);
    expect(time.pending).toBe(0);
  });

  test('no connection within the time-out: given up', () => {
    const { peer, verdicts, time } = begin(tcp);
    time.advance(999);
    expect(verdicts).toEqual([]);
    time.advance(1);
    expect(verdicts).toEqual(['no connection within 1000 ms']);
    expect(peer.state).toBe('cancelled');
  });
});

describe('over HTTP', () => {
  test('asks with its own name and one connection per check', () => {
    const { peer } = ask();
    expect(peer.received).toBe(
      'GET /healthz HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: limpet-health\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    );
  });

  test.each([
    [{ kind: 'tcp', host: '::1', port: 80 }, '[::1]:80'],
    [{ kind: 'unix', path: '/run/app.sock' }, 'localhost'],
  ] as const)('without a host of its own it names the address: %j', (address, host) => {
    const { peer } = begin({ ...tcp, http: { ...http, host: '' } }, address);
    peer.open();
    expect(peer.received).toContain(`\r\nHost: ${host}\r\n`);
  });

  test.each([
    ['HTTP/1.1 200 OK\r\n\r\n', null],
    ['HTTP/1.0 204\r\nA: b\r\n\r\n', null],
    ['HTTP/1.1 399 \r\n\r\n', null],
    ['HTTP/1.1 400 Bad Request\r\n', 'status 400'],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'status 101'],
    ['HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', null],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\n\r\n', 'status 500'],
    ['HTTP/1.2 600 No\r\n', 'status 600'],
    ['HTTP/1.1 2000 OK\r\n', 'the status line is malformed'],
    ['HTTP/1.1  200 OK\r\n', 'the status line is malformed'],
    ['HTTP/2 200\r\n', 'the answer is not HTTP/1'],
    ['SSH-2.0-OpenSSH', 'the answer is not HTTP/1'],
  ])('%j: %s', (answer, verdict) => {
    const { peer, verdicts, time } = ask();
    peer.send(answer);
    expect(verdicts).toEqual([verdict]);
    expect(peer.state).toBe(verdict === null ? 'closed' : 'reset');
    expect(time.pending).toBe(0);
  });

  test('a head without end is cut off', () => {
    const { peer, verdicts } = ask();
    peer.send(`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(17_000)}`);
    expect(verdicts).toEqual(['the response head is too large']);
  });

  test('50,000 interim responses in one piece do not overflow the stack', () => {
    const { peer, verdicts } = ask();
    peer.send(`${'HTTP/1.1 100 \r\n\r\n'.repeat(50_000)}HTTP/1.1 200 OK\r\n\r\n`);
    expect(verdicts).toEqual([null]);
  });

  test('only the demanded statuses are good', () => {
    const only = [[503, 503]] as const;
    const [good, bad] = [ask('', only), ask('', only)];
    good.peer.send('HTTP/1.1 503 x\r\n\r\n');
    bad.peer.send('HTTP/1.1 200 x\r\n\r\n');
    expect([good.verdicts, bad.verdicts]).toEqual([[null], ['status 200']]);
  });

  test('the wanted text counts in the body only', () => {
    const { peer, verdicts } = ask('ready');
    peer.send('HTTP/1.1 200 ready\r\nX: ready\r\n\r\nnot re');
    expect(verdicts).toEqual([]);
    peer.send('ady');
    expect(verdicts).toEqual([null]);
  });

  test('the wanted text must lie in the first 64 KiB', () => {
    const at = (offset: number) => {
      const { peer, verdicts } = ask('ready');
      peer.send(`HTTP/1.1 200 OK\r\n\r\n${'.'.repeat(offset)}`);
      peer.send('ready');
      return verdicts;
    };
    expect(at(65_531)).toEqual([null]);
    expect(at(65_532)).toEqual(['the first 64 KiB of the body lack the wanted text']);
  });

  test('every way to cut an answer gives the same verdict', () => {
    const answers = [
      { answer: 'HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nstatus: ready\n', verdict: null },
      { answer: 'HTTP/1.1 500 Oh\r\n\r\nready', verdict: 'status 500' },
      { answer: 'HTTP/1.1x200 OK\r\n\r\nready', verdict: 'the status line is malformed' },
    ];
    for (const { answer, verdict } of answers) {
      fc.assert(
        fc.property(fc.array(fc.nat(answer.length), { maxLength: 12 }), (cuts) => {
          const { peer, verdicts } = ask('ready');
          let from = 0;
          for (const to of [...cuts.sort((a, b) => a - b), answer.length]) {
            if (to > from) peer.send(answer.slice(from, to));
            from = to;
          }
          expect(verdicts).toEqual([verdict]);
          expect(isGone(peer)).toBe(true);
        }),
      );
    }
  });

  test.each([
    ['', 'no answer'],
    ['HTTP/1.1 200 OK\r\nA: b\r\n', 'no answer'],
    ['HTTP/1.1 200 OK\r\n\r\nrea', 'the wanted text did not come'],
  ])('after %j: what ends the wait is named, and the connection is gone', (answer, missing) => {
    const cases = [
      ['within 1000 ms', ({ time }) => time.advance(1000)],
      ['before the server closed the connection', ({ peer }) => peer.handler.onEnd()],
      ['before the connection broke: ECONNRESET', ({ peer }) => peer.handler.onClose(new Error('ECONNRESET'))],
    ] as const satisfies readonly (readonly [string, (begun: ReturnType<typeof ask>) => void])[];
    for (const [ending, happen] of cases) {
      const begun = ask('ready');
      begun.peer.send(answer);
      happen(begun);
      expect(begun.verdicts).toEqual([`${missing} ${ending}`]);
      expect(begun.time.pending).toBe(0);
      // A broken connection is gone by itself: nothing is left to reset.
      expect(begun.peer.state).toBe(ending.includes('broke') ? 'open' : 'reset');
    }
  });

  test('what comes after the verdict changes nothing', () => {
    const { peer, verdicts, time } = ask();
    peer.send('HTTP/1.1 200 OK\r\n\r\n');
    peer.send('HTTP/1.1 500 No\r\n\r\n');
    peer.handler.onEnd();
    peer.handler.onClose(null);
    time.advance(5000);
    expect(verdicts).toEqual([null]);
  });

  test('a request that the kernel has not taken is not waited for', () => {
    const { peer } = ask();
    peer.pending = 10;
    peer.send('HTTP/1.1 200 OK\r\n\r\n');
    expect(peer.state).toBe('reset');
  });
});

test('cancelled: silent, and nothing stays open', () => {
  const [connecting, open] = [begin(tcp), ask()];
  for (const one of [connecting, open]) {
    one.probe.cancel();
    one.probe.cancel();
    one.time.advance(5000);
    expect(one.verdicts).toEqual([]);
    expect(one.time.pending).toBe(0);
  }
  expect([connecting.peer.state, open.peer.state]).toEqual(['cancelled', 'reset']);
});
