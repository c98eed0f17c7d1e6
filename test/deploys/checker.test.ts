/** The checker of `npm run deploy:proof` finds what is planted, and nothing in logs that are right. */
import { expect, test } from 'vitest';
import { judge, skewBySecond } from './checker.ts';
import type { Arrival, Outcome } from './visits.ts';

/** Each visit is `client server count`; a server `x!` got the request and did not answer it. */
function logsOf(...visits: string[]): [Arrival[], Outcome[]] {
  const arrivals: Arrival[] = [];
  const outcomes: Outcome[] = [];
  for (const [request, visit] of visits.entries()) {
    const [client = '', server = '', count = ''] = visit.split(' ');
    const isFailed = server.endsWith('!');
    const one = { at: request, request, client: Number(client), server: server.replace('!', ''), count: Number(count) };
    arrivals.push(one);
    outcomes.push({ ...one, ...(isFailed && { server: '' }), failure: isFailed ? 'Error: 502' : '' });
  }
  return [arrivals, outcomes];
}

test('sessions that stay, and one that moves with all it had', () => {
  const found = judge(...logsOf('1 a 1', '2 b 1', '1 a 2', '1 b 3', '2 b 2'));
  expect(found).toMatchObject({ requests: 5, sessions: 2, failures: [], lost: [], contradictions: [], repeated: 0 });
  expect(found.moves).toEqual([{ request: 3, client: 1, from: 'a', to: 'b' }]);
});

test('a session that begins anew is lost once, and so is one that forgot a visit', () => {
  expect(judge(...logsOf('1 a 1', '1 a 2', '1 b 1', '1 b 2')).lost).toEqual([{ request: 2, client: 1 }]);
  expect(judge(...logsOf('1 a 1', '1 a 2', '1 b 2', '1 b 3')).lost).toEqual([{ request: 2, client: 1 }]);
});

test('a request that failed is no loss, whether it was counted or not', () => {
  const found = judge(...logsOf('1 a 1', '1 a! 2', '1 b 3'));
  expect(found).toMatchObject({ failures: ['request 1: Error: 502'], lost: [], contradictions: [] });
  expect(judge(...logsOf('1 a 1', '1 a! 2', '1 b 2')).contradictions).toHaveLength(1);
});

test('an answer that no server has given, and a loss that only one side knows of', () => {
  const [arrivals, outcomes] = logsOf('1 a 1', '1 a 2', '1 a 3');
  expect(judge(arrivals.slice(1), outcomes).contradictions).toEqual([
    'request 0: answered by a with count 1, logged by no server',
  ]);
  const wrong = outcomes.map((one) => (one.request === 2 ? { ...one, count: 1 } : one));
  expect(judge(arrivals, wrong).contradictions).toHaveLength(2);
});

test('a request that the balancer has repeated', () => {
  const [arrivals, outcomes] = logsOf('1 a 1', '1 b 2');
  const first: Arrival = { at: 0.5, request: 1, client: 1, server: 'a', count: 2 };
  expect(judge([...arrivals, first], outcomes)).toMatchObject({ repeated: 1, contradictions: [], lost: [] });
});

test('the skew, second by second', () => {
  const arrivals = [1, 2, 3, 4].map((client) => ({ at: 10, request: client, client, server: 'a', count: 1 }));
  const later = [3, 4].map((client) => ({ at: 1500, request: client + 4, client, server: 'b', count: 2 }));
  const end = { at: 2500, request: 9, client: 1, server: 'a', count: 3 };
  expect(skewBySecond([...arrivals, ...later, end], ['a', 'b'], 0)).toEqual([2, 1]);
});
