/** Which server a request goes to, and what it waits for before: room, for the session's owner or for any server. */
import { describe, expect, test } from 'vitest';
import type { FakePeer } from '../../test/support/fake-net.ts';
import { type StagedBalancer, stageBalancer } from '../../test/support/stage-balancer.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const server = (name: string, maxRequests: number) => ({
  name,
  address: `127.0.0.1:${name.charCodeAt(0)}`,
  maxRequests,
});
const full = { servers: [server('a', 1)], queue: { max: 2, timeout: '10s' }, retry: { attempts: 3 }, affinity: 'none' };

function get(balancer: StagedBalancer, cookie = ''): FakePeer {
  const client = balancer.connect();
  client.send(`GET / HTTP/1.1\r\nHost: x\r\n${cookie === '' ? '' : `Cookie: ${cookie}\r\n`}\r\n`);
  balancer.endTurn();
  return client;
}

/** The last server to be connected to answers. */
function answer({ net }: StagedBalancer): void {
  if (net.last.state === 'connecting') net.last.open();
  net.last.send(ok);
}

/** The response's status and, of one that the balancer made, the reason. */
function reasonOf({ received }: FakePeer): string {
  const status = /^HTTP\/1.1 (\d+)/.exec(received)?.[1] ?? 'nothing';
  return status + (/Limpet-Reason: (\S+)/.exec(received)?.[1] ?? '');
}

describe('without room', () => {
  test('requests wait, and are served in the order in which they came', () => {
    const balancer = stageBalancer(full);
    const clients = [get(balancer), get(balancer), get(balancer)];
    expect(balancer.counters()).toMatchObject({ queue_depth: 2, queued: 2 });
    for (const [i, client] of clients.entries()) {
      answer(balancer);
      balancer.endTurn();
      expect([i, reasonOf(client)]).toEqual([i, '200']);
    }
    expect(balancer.counters().queue_depth).toBe(0);
  });

  test('one more than queue.max is refused at once', () => {
    const balancer = stageBalancer(full);
    const clients = [get(balancer), get(balancer), get(balancer), get(balancer)];
    expect(clients.map(reasonOf)).toEqual(['nothing', 'nothing', 'nothing', '503queue-full']);
  });

  test('nobody waits longer than queue.timeout', () => {
    const balancer = stageBalancer(full);
    get(balancer);
    balancer.net.last.open();
    const waiting = get(balancer);
    balancer.advance(9000);
    expect(reasonOf(waiting)).toBe('nothing');
    balancer.advance(1500);
    expect(reasonOf(waiting)).toBe('503queue-timeout');
    expect(balancer.counters().queue_depth).toBe(0);
  });

  test('who leaves while it waits gives up its turn', () => {
    const balancer = stageBalancer(full);
    get(balancer);
    const [left, next] = [get(balancer), get(balancer)];
    left.leave(null);
    expect(balancer.counters().queue_depth).toBe(1);
    answer(balancer);
    balancer.endTurn();
    answer(balancer);
    expect([reasonOf(next), left.received]).toEqual(['200', '']);
  });

  test('a body that comes while its request waits is held back, and sent when there is room', () => {
    const balancer = stageBalancer({ ...full, retry: { attempts: 1, bufferBody: 16 } });
    get(balancer);
    const client = balancer.connect();
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n');
    expect(client.paused).toBe(true);
    client.send('x'.repeat(20));
    answer(balancer);
    expect(client.paused).toBe(false);
    client.send('y'.repeat(20));
    expect(balancer.net.last.received).toMatch(/\r\n\r\nx{20}y{20}$/);
  });
});

describe('a session', () => {
  /** Two servers, and the cookie of a session of the one that is named. */
  function owned(name: 'a' | 'b', options: Readonly<Record<string, unknown>> = {}) {
    const affinity = [{ route: { cookie: 'at', map: { a: 'a', b: 'b' } } }];
    const balancer = stageBalancer({ ...full, affinity, servers: [server('a', 1), server('b', 1)], ...options }, 2);
    const portOf = (peer: FakePeer) => (peer.address.kind === 'tcp' ? String.fromCharCode(peer.address.port) : '');
    return { balancer, cookie: `at=${name}`, servers: () => balancer.net.peers.map(portOf) };
  }

  test('goes to its owner, whoever has more room', () => {
    const { balancer, cookie, servers } = owned('b');
    get(balancer, cookie);
    answer(balancer);
    get(balancer, cookie);
    expect(servers()).toEqual(['b']);
  });

  test('waits for its owner when that is full, while others have room', () => {
    const { balancer, cookie, servers } = owned('b');
    get(balancer, cookie);
    const second = get(balancer, cookie);
    expect([servers(), balancer.counters().queue_depth]).toEqual([['b'], 1]);
    answer(balancer);
    balancer.endTurn();
    answer(balancer);
    expect(reasonOf(second)).toBe('200');
  });

  test('whenOwnerFull: reject says so', () => {
    const { balancer, cookie } = owned('b', { whenOwnerFull: 'reject' });
    get(balancer, cookie);
    expect(reasonOf(get(balancer, cookie))).toBe('503owner-full');
  });

  test('goes elsewhere when its owner has failed the request', () => {
    const { balancer, cookie, servers } = owned('b');
    const client = get(balancer, cookie);
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    answer(balancer);
    expect([servers(), reasonOf(client)]).toEqual([['b', 'a'], '200']);
  });

  test('whenOwnerFails: reject goes nowhere, with the status of the config', () => {
    const { balancer, cookie, servers } = owned('b', { whenOwnerFails: { reject: 404 } });
    const client = get(balancer, cookie);
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    expect([servers(), reasonOf(client)]).toEqual([['b'], '404owner-down']);
  });
});

test('with no server left, the fault of the last one is told', () => {
  const balancer = stageBalancer({ ...full, servers: [server('a', 0), server('b', 0)] }, 2);
  const client = get(balancer);
  balancer.net.last.fail('refused', 'ECONNREFUSED');
  balancer.net.last.fail('refused', 'ECONNREFUSED');
  expect(reasonOf(client)).toBe('503connect-refused');
});
