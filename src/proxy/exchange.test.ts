/** The whole of an exchange: what is counted and logged when it is over, and that nothing of it reaches the next one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FakePeer } from '../../test/support/fake-net.ts';
import { type StagedBalancer, stageBalancer } from '../../test/support/stage-balancer.ts';

const pool = { affinity: [{ cookie: { name: 'limpet' } }], retry: { attempts: 2, bufferBody: 1024 } };

function get(balancer: StagedBalancer, path = '/'): FakePeer {
  const client = balancer.connect();
  client.send(`GET ${path} HTTP/1.1\r\nHost: shop.example\r\n\r\n`);
  balancer.endTurn();
  return client;
}

const answer = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

describe('when it is over', () => {
  test('it is counted, and logged with what it was', () => {
    const balancer = stageBalancer(pool);
    get(balancer, '/cart');
    balancer.advance(300);
    balancer.net.last.open();
    balancer.net.last.send(answer('ok'));
    expect(balancer.accessLines()).toMatchObject([
      { method: 'GET', target: '/cart', host: 'shop.example', status: 200, pool: 'app', server: 'a', retries: 0 },
    ]);
    expect(balancer.counters()).toMatchObject({ requests: 1, responses_2xx: 1, sessions_new: 1, queue_depth: 0 });
  });

  test('a failure is counted once, whatever was tried', () => {
    const balancer = stageBalancer(pool, 2);
    get(balancer);
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    expect(balancer.counters()).toMatchObject({
      requests: 1,
      responses_5xx: 1,
      retries: 1,
      requests_refused_connect_refused: 1,
    });
    expect(balancer.accessLines()).toMatchObject([{ status: 503, fault: 'connect-refused', retries: 1 }]);
  });

  test('of a client that left, status 0, and the server’s connection is not used again', () => {
    const balancer = stageBalancer(pool);
    const client = get(balancer);
    balancer.net.last.open();
    const server = balancer.net.last;
    client.leave(null);
    balancer.advance(60_000);
    expect(server.state).toBe('reset');
    expect(balancer.accessLines()).toMatchObject([{ status: 0, fault: 'client-gone' }]);
  });
});

/** What can happen to an exchange, in any order; steps that do not fit its state do nothing. */
type Step = 'connect' | 'refuse' | 'answer' | 'half' | 'rest' | 'server-leaves' | 'client-leaves' | 'time' | 'turn';
const steps: readonly Step[] = [
  'connect',
  'refuse',
  'answer',
  'half',
  'rest',
  'server-leaves',
  'client-leaves',
  'time',
  'turn',
];

function play(step: Step, balancer: StagedBalancer, clients: readonly FakePeer[]): void {
  const servers = balancer.net.peers;
  const connecting = servers.find(({ state }) => state === 'connecting');
  const open = servers.find(({ state }) => state === 'open');
  if (step === 'connect') connecting?.open();
  else if (step === 'refuse') connecting?.fail('refused', 'ECONNREFUSED');
  else if (step === 'answer') open?.send(answer('whole'));
  else if (step === 'half') open?.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  else if (step === 'rest') open?.send('rest');
  else if (step === 'server-leaves') open?.leave(null);
  else if (step === 'client-leaves') clients.find(({ state }) => state === 'open')?.leave(null);
  else if (step === 'time') balancer.advance(7000);
  else balancer.endTurn();
}

/** The kernel says so when a connection that was closed or reset is gone. */
function settle({ net }: StagedBalancer, clients: readonly FakePeer[]): void {
  for (const peer of [...net.peers, ...clients])
    if (peer.state === 'closed' || peer.state === 'reset') peer.leave(null);
}

test('whatever happens, every exchange comes to one end, and gives back all that it had', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...steps), { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      (played, requests) => {
        const servers = [{ name: 'a', address: '127.0.0.1:2', maxRequests: 2 }];
        const balancer = stageBalancer({ ...pool, servers });
        const clients = Array.from({ length: requests }, (_, i) => get(balancer, `/${i}`));
        for (const step of played) {
          play(step, balancer, clients);
          settle(balancer, clients);
        }
        for (const client of clients) if (client.state === 'open') client.leave(null);
        balancer.endTurn();
        for (let i = 0; i < 100; i++) {
          balancer.advance(10_000);
          settle(balancer, clients);
        }
        const counters = balancer.counters();
        expect(balancer.accessLines()).toHaveLength(requests);
        expect(counters).toMatchObject({ requests, queue_depth: 0, connecting: 0, kept_bytes: 0 });
        // The places are free: as many new requests as there are places reach the server at once.
        balancer.net.onConnect = (server) => {
          server.open();
          server.send(answer('next'));
        };
        const next = get(balancer, '/next');
        expect(next.received).toMatch(/^HTTP\/1.1 (200|503)/);
        expect(next.received.includes('half') || next.received.includes('whole')).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
});
