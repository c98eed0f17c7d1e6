/** The response on its way back: flow control, what a slow side costs, and what the client gets when it breaks off. */
import { describe, expect, test } from 'vitest';
import { stageBalancer } from '../../test/support/stage-balancer.ts';

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n';
const times = { response: '10s', responseBody: '20s' };

function begin(request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n') {
  const balancer = stageBalancer({ affinity: 'none', retry: { attempts: 1 }, timeouts: times });
  const client = balancer.connect();
  client.send(request);
  const server = balancer.net.last;
  server.open();
  return { balancer, client, server };
}

const bodyOf = (received: string): string => received.slice(received.indexOf('\r\n\r\n') + 4);

describe('flow control', () => {
  test('a client that does not take the response makes the server wait, and lets it go on when it does', () => {
    const { client, server } = begin();
    client.slow = true;
    server.send(`${head}01234`);
    server.send('56789');
    expect(server.paused).toBe(true);
    client.drain();
    expect(server.paused).toBe(false);
    server.send('9876543210');
    expect(bodyOf(client.received)).toBe('01234567899876543210');
  });

  test('a server that does not take the request makes the client wait', () => {
    const { client, server } = begin('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n');
    server.slow = true;
    client.send('0123456789');
    expect(client.paused).toBe(true);
    server.drain();
    expect(client.paused).toBe(false);
    client.send('9876543210');
    expect(bodyOf(server.received)).toBe('01234567899876543210');
  });

  test('a client that takes nothing for timeouts.write is reset, and no server is blamed', () => {
    const { balancer, client, server } = begin();
    client.slow = true;
    server.send(`${head}01234`);
    server.send('56789');
    balancer.advance(31_000);
    balancer.advance(31_000);
    expect([client.state, server.state]).toEqual(['reset', 'reset']);
    expect(balancer.counters()).toMatchObject({ requests_refused_client_gone: 1, requests_refused_body_timeout: 0 });
  });

  test('a client that takes a little from time to time is only slow', () => {
    const { balancer, client, server } = begin();
    client.slow = true;
    server.send(`${head}01234`);
    server.send('56789');
    for (let i = 0; i < 9; i++) {
      client.pending--;
      balancer.advance(31_000);
    }
    expect([client.state, server.state]).toEqual(['open', 'open']);
  });
});

describe('a server that is late', () => {
  test('with the head: 504', () => {
    const { balancer, client, server } = begin();
    balancer.advance(11_000);
    expect([client.received.slice(0, 12), server.state]).toEqual(['HTTP/1.1 504', 'reset']);
  });

  test('with the head, but at work: an interim response gives it its time again, and goes to the client', () => {
    const { balancer, client, server } = begin();
    balancer.advance(8000);
    server.send('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
    balancer.advance(8000);
    server.send(`${head}${'x'.repeat(20)}`);
    expect(client.received).toMatch(/^HTTP\/1.1 103 Early Hints\r\n.*HTTP\/1.1 200 OK\r\n/s);
  });

  test('with the body: the client gets what came, and no regular end', () => {
    const { balancer, client, server } = begin();
    server.send(`${head}0123456789`);
    balancer.advance(19_000);
    expect(client.ended).toBe(false);
    balancer.advance(2000);
    expect([bodyOf(client.received), client.ended, server.state]).toEqual(['0123456789', true, 'reset']);
    expect(balancer.counters().requests_refused_body_timeout).toBe(1);
  });

  test('each piece gives it its time again', () => {
    const { balancer, client, server } = begin();
    server.send(head);
    for (let i = 0; i < 20; i++) {
      balancer.advance(15_000);
      server.send('x');
    }
    expect(bodyOf(client.received)).toBe('x'.repeat(20));
  });
});

test('a response that has begun before the request is whole may be quiet for timeouts.responseBody after it, too', () => {
  const { balancer, client, server } = begin('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  server.send(`${head}01234`);
  client.send('3\r\nabc\r\n0\r\n\r\n');
  balancer.advance(11_000);
  server.send('56789');
  expect(bodyOf(client.received)).toBe('0123456789');
  expect(balancer.counters()).toMatchObject({ requests_refused_body_timeout: 0 });
  balancer.advance(21_000);
  expect(balancer.counters()).toMatchObject({ requests_refused_body_timeout: 1 });
});

describe('a client that is late', () => {
  test('with the body: 408, and the server sees that the request broke off', () => {
    const { balancer, client, server } = begin('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n0123');
    balancer.advance(61_000);
    expect([client.received.slice(0, 12), server.ended]).toEqual(['HTTP/1.1 408', true]);
  });
});

test('101: both sides talk to each other, and the exchange is over when they have finished', () => {
  const { balancer, client, server } = begin(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  server.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly');
  client.send('hello');
  server.send('world');
  expect(bodyOf(client.received)).toBe('earlyworld');
  expect(bodyOf(server.received)).toBe('hello');
  expect(balancer.accessLines()).toEqual([]);
  client.handler.onEnd();
  server.handler.onEnd();
  expect(balancer.accessLines()).toMatchObject([{ status: 101 }]);
});
