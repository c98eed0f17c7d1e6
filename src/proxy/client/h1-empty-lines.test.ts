/** Empty lines before a request: some clients end a body with one that its length does not count. They begin no head. */
import { expect, test } from 'vitest';
import { stageBalancer } from '../../../test/support/stage-balancer.ts';

const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A client whose first request has been answered. */
function stage() {
  const balancer = stageBalancer({ affinity: 'none' });
  const client = balancer.connect();
  const statuses = () => [...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  const answerOne = () => {
    balancer.endTurn();
    if (balancer.net.last.state === 'connecting') balancer.net.last.open();
    balancer.endTurn();
    balancer.net.last.send(answer);
    balancer.endTurn();
  };
  client.send(request);
  answerOne();
  return { balancer, client, statuses, answerOne };
}

test.each([
  ['one', ['\r\n']],
  ['one in two pieces', ['\r', '\n']],
  ['16 of them, one at a time', Array<string>(16).fill('\r\n')],
])('%s after a request: the connection stays idle, not in the middle of a head', (_, pieces) => {
  const { balancer, client, statuses, answerOne } = stage();
  for (const piece of pieces) client.send(piece);
  // Longer than a head may take, and shorter than a connection may be idle.
  balancer.advance(30_000);
  expect([client.state, client.ended, statuses()]).toEqual(['open', false, [200]]);
  client.send(request);
  answerOne();
  expect(statuses()).toEqual([200, 200]);
  balancer.advance(70_000);
  expect([client.state, statuses()]).toEqual(['closed', [200, 200]]);
});

test('they do not keep an idle connection open', () => {
  const { balancer, client, statuses } = stage();
  let sent = 0;
  for (; client.state === 'open'; sent++) {
    client.send('\r\n');
    balancer.advance(20_000);
  }
  expect([sent, statuses()]).toEqual([3, [200]]);
});

test('a head that begins behind one has its time', () => {
  const { balancer, client, statuses } = stage();
  client.send('\r\nGET / HT');
  balancer.advance(30_000);
  expect([client.ended, statuses()]).toEqual([true, [200, 408]]);
});

test('17 of them are refused, however they arrive', () => {
  for (const pieces of [['\r\n'.repeat(17)], Array<string>(17).fill('\r\n'), Array.from('\r\n'.repeat(17))]) {
    const { balancer, client, statuses } = stage();
    for (const piece of pieces) client.send(piece);
    expect(statuses()).toEqual([200, 400]);
    expect(balancer.counters().requests_refused_bad_request_line).toBe(1);
  }
});
