/** After a response that came before the end of its request: what the client still sends is read and dropped, within bounds. */
import { expect, test } from 'vitest';
import type { FakePeer } from '../../../test/support/fake-net.ts';
import { type StagedBalancer, type StageOptions, stageBalancer } from '../../../test/support/stage-balancer.ts';

const limits = { bodyBytes: 1024, lingerBytes: 10_240 };
const piece = 'x'.repeat(500);
const post = (length: number): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${piece}`;

/** A server that responds as soon as it has the head. */
function responding(balancer: StagedBalancer, response: string): void {
  balancer.net.onConnect = (server) => {
    server.open();
    server.send(response);
  };
}

const early = (status: string): string => `HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`;

function refused(name: string, status: number, request: string, response = '') {
  return { name, status, request, response };
}

const kinds = [
  refused("a server's 413", 413, post(900), early('413 Payload Too Large')),
  refused("a server's 401", 401, post(900), early('401 Unauthorized')),
  refused("a server's 200", 200, post(900), early('200 OK')),
  refused('a body that is too large by its length', 413, post(5000)),
  refused(
    'a body that grows too large',
    413,
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n${'x'.repeat(0x500)}`,
  ),
  refused('a body that is malformed', 400, `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno chunk`),
  refused('a head that is malformed', 400, `POST / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n${piece}`),
  refused('a head that is too large', 431, `POST / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(2 ** 21)}`),
  refused('no server', 503, post(900), 'fails'),
];

function begin({ request, response }: (typeof kinds)[number], options: StageOptions = limits) {
  const balancer = stageBalancer({ affinity: 'none', retry: { attempts: 1 } }, 1, options);
  if (response === 'fails') balancer.net.onConnect = (server) => server.fail('refused', 'ECONNREFUSED');
  else responding(balancer, response);
  const client = balancer.connect();
  client.send(request);
  balancer.endTurn();
  return { balancer, client };
}

const isOpen = (client: FakePeer): boolean => client.state === 'open';

test.each(kinds)('$name: the client is told that it was the last, and may write on for a minute', (kind) => {
  const { balancer, client } = begin(kind);
  expect(client.received).toMatch(new RegExp(`^HTTP/1.1 ${kind.status} .*\\r\\nConnection: close\\r\\n`, 's'));
  expect([client.ended, client.state, client.paused]).toEqual([true, 'open', false]);
  for (let second = 0; second < 55; second += 5) {
    balancer.advance(5000);
    client.send('x');
    expect([second, client.state]).toEqual([second, 'open']);
  }
  client.handler.onEnd();
  expect(client.state).toBe('closed');
  expect(balancer.counters()).toMatchObject({ linger_bytes: 11, linger_exceeded: 0 });
});

test.each(kinds)('$name: who does not come to an end is closed, and counted', (kind) => {
  const { balancer, client } = begin(kind);
  for (let second = 0; second < 70 && isOpen(client); second++) {
    balancer.advance(1000);
    client.send('x');
  }
  expect(client.state).toBe('closed');
  expect(balancer.counters().linger_exceeded).toBe(1);
});

test.each(kinds)('$name: so is who sends more than limits.lingerBytes', (kind) => {
  const { balancer, client } = begin(kind);
  for (let i = 0; i < 20; i++) client.send(piece);
  expect(client.state).toBe('open');
  client.send(piece);
  expect(client.state).toBe('closed');
  expect(balancer.counters()).toMatchObject({ linger_bytes: 10_500, linger_exceeded: 1 });
});

test('the time is timeouts.linger', () => {
  const { balancer, client } = begin(kinds[0]!, { linger: 5000 });
  balancer.advance(4900);
  expect(client.state).toBe('open');
  balancer.advance(300);
  expect(client.state).toBe('closed');
  // It was silent: nobody has been kept from anything.
  expect(balancer.counters().linger_exceeded).toBe(0);
});

test('responses to requests that are not complete are counted', () => {
  const { balancer } = begin(kinds[0]!);
  expect(balancer.counters().responses_early).toBe(1);
});

test('one that was slow with its request is read until it is silent', () => {
  const slow = refused('a slow head', 408, 'GET / HTTP/1.1\r\nHost');
  const { balancer, client } = begin(slow);
  balancer.advance(10_100);
  expect(client.received).toContain('HTTP/1.1 408 ');
  for (let i = 0; i < 10; i++) {
    balancer.advance(1500);
    client.send('x');
    expect(client.state).toBe('open');
  }
  balancer.advance(2200);
  expect(client.state).toBe('closed');
});

test('a slow reader of the response is not reset while it takes something', () => {
  const kind = kinds[0]!;
  const balancer = stageBalancer({ affinity: 'none' }, 1, limits);
  responding(balancer, kind.response);
  const client = balancer.connect();
  client.slow = true;
  client.send(kind.request);
  for (let i = 0; i < 5; i++) {
    client.pending -= 10;
    balancer.advance(29_000);
    client.send('x');
    expect(client.state).toBe('open');
  }
});
