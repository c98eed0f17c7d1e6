/** Interim responses: any number of them, each of which says that the server is at work; a flood of them is refused. */
import { expect, test } from 'vitest';
import { stageBalancer } from '../../../test/support/stage-balancer.ts';

const processing = 'HTTP/1.1 102 Processing\r\n\r\n';
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A client whose request the server has got; `pool` as in a config. */
function stage(request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', pool: Readonly<Record<string, unknown>> = {}) {
  const balancer = stageBalancer({ affinity: 'none', ...pool });
  const client = balancer.connect();
  client.send(request);
  balancer.endTurn();
  const server = balancer.net.last;
  server.open();
  balancer.endTurn();
  const statuses = () => [...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  const refused = () => balancer.counters().requests_refused_too_many_interim;
  return { balancer, client, server, statuses, refused };
}

test('thousands, within the rate, and each begins timeouts.response anew', () => {
  const { balancer, server, statuses, refused } = stage(undefined, { timeouts: { response: '5s' } });
  for (let i = 0; i < 2000; i++) {
    server.send(processing);
    balancer.advance(4500);
  }
  server.send(answer);
  expect([statuses().length, statuses().at(-1), refused()]).toEqual([2001, 200, 0]);
  const { responses_1xx, responses_2xx } = balancer.counters();
  expect([responses_1xx, responses_2xx]).toEqual([2000, 1]);
});

test('a server that falls silent behind one is given up after timeouts.response', () => {
  const { balancer, server, statuses } = stage(undefined, { timeouts: { response: '5s' }, retry: { attempts: 1 } });
  server.send(processing);
  balancer.advance(4000);
  server.send(processing);
  balancer.advance(4000);
  expect(statuses()).toEqual([102, 102]);
  balancer.advance(2000);
  expect(statuses()).toEqual([102, 102, 504]);
});

test.each([
  ['by default', {}, 1000],
  ['with limits.interim', { limits: { interim: 3 } }, 3],
])('as many in a second as may be, and again in the next, but one more is refused: %s', (_, pool, most) => {
  const { balancer, server, statuses, refused } = stage(undefined, { ...pool, retry: { attempts: 1 } });
  for (let second = 0; second < 3; second++) {
    server.send(processing.repeat(most));
    balancer.advance(1100);
  }
  expect([statuses().length, refused()]).toEqual([3 * most, 0]);
  server.send(processing.repeat(most + 1));
  expect([statuses().length, statuses().at(-1), refused()]).toEqual([4 * most + 1, 502, 1]);
  expect(server.state).toBe('reset');
});

test('a connection that is used again begins to count anew', () => {
  const { balancer, client, server, statuses } = stage(undefined, { limits: { interim: 3 } });
  for (let i = 0; i < 4; i++) {
    server.send(processing.repeat(3) + answer);
    // What comes behind a response after an interim one might be its body: the connection is quarantined (idle-connections.ts).
    balancer.advance(200);
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    balancer.endTurn();
  }
  expect([balancer.net.peers.length, statuses().length]).toEqual([1, 16]);
});

test('an HTTP/1.0 client gets none of them, and they hold off timeouts.response all the same', () => {
  const { balancer, server, statuses } = stage('GET / HTTP/1.0\r\n\r\n', { timeouts: { response: '5s' } });
  for (let i = 0; i < 3; i++) {
    server.send(processing);
    balancer.advance(4000);
  }
  server.send(answer);
  expect([statuses(), balancer.counters().responses_1xx]).toEqual([[200], 0]);
});

test('100 Continue: the time for the body runs from there', () => {
  const request = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n';
  const { balancer, client, server, statuses } = stage(request);
  // The listener gives 30 s.
  balancer.advance(20_000);
  server.send(processing);
  balancer.advance(20_000);
  server.send('HTTP/1.1 100 Continue\r\n\r\n');
  balancer.advance(20_000);
  client.send('body');
  server.send(answer);
  expect(statuses()).toEqual([102, 100, 200]);
  expect(server.received.endsWith('\r\n\r\nbody')).toBe(true);
});

test('a client that does not send its body after 100 Continue is refused', () => {
  const request = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n';
  const { balancer, server, statuses } = stage(request);
  server.send('HTTP/1.1 100 Continue\r\n\r\n');
  balancer.advance(40_000);
  expect(statuses()).toEqual([100, 408]);
});
