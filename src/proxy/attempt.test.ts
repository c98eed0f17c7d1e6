/** One attempt on one server: which connection, what it sends, and what comes after a failure. */
import { describe, expect, test } from 'vitest';
import { type StagedBalancer, stageBalancer } from '../../test/support/stage-balancer.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody';
const put = post.replace('POST', 'PUT');

const pool = { affinity: 'none', balance: 'round-robin', retry: { attempts: 3 } };

/** A server that takes one request at a time. */
const one = { servers: [{ name: 'a', address: '127.0.0.1:2', maxRequests: 1 }] };

/** A client that has sent this request; the balancer is connecting to a server for it. */
function begin(request: string, servers = 2, options: Readonly<Record<string, unknown>> = {}) {
  const balancer = stageBalancer({ ...pool, ...options }, servers);
  const client = balancer.connect();
  client.send(request);
  return { balancer, client, server: balancer.net.last };
}

const statusOf = (received: string): string => received.slice(9, 12);
const portsOf = ({ net }: StagedBalancer) =>
  net.peers.map(({ address }) => (address.kind === 'tcp' ? address.port : 0));

describe('a connection', () => {
  test('is made for the first request, and used again for the next', () => {
    const { balancer, client, server } = begin(get, 1);
    server.open();
    server.send(ok);
    client.send(get);
    balancer.endTurn();
    server.send(ok);
    expect(client.received.match(/200 OK/g)).toHaveLength(2);
    expect(balancer.net.peers).toHaveLength(1);
    expect(balancer.counters()).toMatchObject({ upstream_connects: 1, upstream_reused: 1, retries: 0 });
  });

  test('that was closed when the request was to use it is replaced by a fresh one: that is no other attempt', () => {
    const { balancer, client, server } = begin(get, 1, { retry: { attempts: 1 } });
    server.open();
    server.send(ok);
    client.send(get);
    balancer.endTurn();
    server.leave(null);
    balancer.net.last.open();
    balancer.net.last.send(ok);
    expect(client.received.match(/200 OK/g)).toHaveLength(2);
    expect(balancer.counters()).toMatchObject({ upstream_stale: 1, retries: 0 });
  });

  test('that is not made in its time fails the attempt, and is cancelled', () => {
    const { balancer, client, server } = begin(get, 1, { retry: { attempts: 1 }, timeouts: { connect: '1s' } });
    balancer.advance(1200);
    expect([server.state, statusOf(client.received)]).toEqual(['cancelled', '503']);
  });

  test('that is being made when the client leaves is cancelled', () => {
    const { balancer, client, server } = begin(get);
    client.leave(null);
    expect([server.state, balancer.counters().aborted_by_client]).toEqual(['cancelled', 1]);
  });
});

describe('what was not sent', () => {
  test.each([
    ['GET', get],
    ['POST', post],
    ['PUT', put],
  ])('%s goes to another server when the first refuses the connection', (_method, request) => {
    const { balancer, client, server } = begin(request);
    server.fail('refused', 'ECONNREFUSED');
    balancer.net.last.open();
    balancer.net.last.send(ok);
    expect(statusOf(client.received)).toBe('200');
    expect(new Set(portsOf(balancer)).size).toBe(2);
    expect(balancer.counters().retries).toBe(1);
    if (request !== get) expect(balancer.net.last.received).toMatch(/\r\n\r\nbody$/);
  });

  test('is tried as often as retry.attempts says, on each server once, and the last fault is told', () => {
    const { balancer, client } = begin(get, 5);
    for (let i = 0; i < 3; i++) balancer.net.last.fail('refused', 'ECONNREFUSED');
    expect([statusOf(client.received), balancer.net.peers.length]).toEqual(['503', 3]);
    expect(new Set(portsOf(balancer)).size).toBe(3);
  });

  test('is not tried for longer than retry.deadline', () => {
    const { balancer, client, server } = begin(get, 3, {
      retry: { attempts: 3, deadline: '1s' },
      timeouts: { connect: '5s' },
    });
    balancer.advance(2000);
    server.fail('refused', 'ECONNREFUSED');
    expect([statusOf(client.received), balancer.net.peers.length]).toEqual(['503', 1]);
  });
});

describe('what was sent, and not answered', () => {
  test.each([
    ['GET', get, '200', 2],
    ['PUT', put, '200', 2],
    ['POST', post, '502', 1],
  ])('%s on a fresh connection: %s', (_method, request, status, connections) => {
    const { balancer, client, server } = begin(request);
    server.open();
    server.leave(null);
    if (balancer.net.peers.length > 1) {
      balancer.net.last.open();
      balancer.net.last.send(ok);
    }
    expect([statusOf(client.received), balancer.net.peers.length]).toEqual([status, connections]);
  });

  test('is not repeated when its body is larger than what is kept for a repeat', () => {
    const large = `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(1000)}`;
    const { client, server } = begin(large, 2, { retry: { attempts: 3, bufferBody: 1024 } });
    server.open();
    client.send('x'.repeat(1000));
    server.leave(null);
    expect(statusOf(client.received)).toBe('502');
  });

  test('a response of which a part has gone to the client is never repeated, and cannot be taken for whole', () => {
    const { balancer, client, server } = begin(get);
    server.open();
    server.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    server.leave(null);
    expect([statusOf(client.received), balancer.net.peers.length]).toEqual(['200', 1]);
    // Its length says that more should have come, so the end of the connection does not pass for the response's.
    expect([client.received.endsWith('half'), client.ended]).toEqual([true, true]);
  });
});

describe('the place on the server', () => {
  test('is free when the response is whole: the next request has it', () => {
    const { balancer, client, server } = begin(get, 1, one);
    const next = balancer.connect();
    next.send(get);
    expect(balancer.counters().queue_depth).toBe(1);
    server.open();
    server.send(ok);
    expect(statusOf(client.received)).toBe('200');
    expect(balancer.counters().queue_depth).toBe(0);
    balancer.endTurn();
    balancer.net.last.send(ok);
    expect(statusOf(next.received)).toBe('200');
  });

  test('is free when the attempt has failed, and when the client has left', () => {
    const { balancer, client, server } = begin(get, 1, { ...one, retry: { attempts: 1 } });
    server.fail('refused', 'ECONNREFUSED');
    expect(statusOf(client.received)).toBe('503');
    const second = balancer.connect();
    second.send(get);
    second.leave(null);
    const third = balancer.connect();
    third.send(get);
    balancer.net.last.open();
    balancer.net.last.send(ok);
    expect(statusOf(third.received)).toBe('200');
  });
});
