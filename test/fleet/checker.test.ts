/** The checker of the fleet finds what is planted, and nothing in logs that are right. */
import { expect, test } from 'vitest';
import { judgeFleet, type Trouble } from '../support/fleet-checker.ts';
import type { Outcome } from '../support/fleet-clients.ts';
import type { Visit } from '../support/fleet-visits.ts';

const outcome = { session: 's', kind: 'cookie', node: 'n1', server: 'a', status: 200, failure: '', body: '' } as const;

/** Requests of one session, `at server epoch node`, with an epoch and a node where they matter. `!` for a server: nobody saw it. */
function judged(requests: readonly string[], troubles: readonly Partial<Trouble>[] = []) {
  const visits: Visit[] = [];
  const outcomes: Outcome[] = [];
  for (const [request, text] of requests.entries()) {
    const [at, server = '', epoch, node = 'n1'] = text.split(' ');
    const time = Number(at);
    const isSeen = server !== '!';
    if (isSeen) visits.push({ at: time, request, session: 's', server, epoch: Number(epoch ?? 0) });
    const answer = { server: isSeen ? server : '', failure: isSeen ? '' : 'reset', change: 0 };
    outcomes.push({ ...outcome, request, node, sent: time - 5, ended: time + 5, ...answer });
  }
  const all = troubles.map((one) => ({ server: 'a', node: '*', from: 0, to: Number.POSITIVE_INFINITY, ...one }));
  return judgeFleet(visits, outcomes, { troubles: all, aftermathMs: 100, messageMs: 50 });
}

const killed = { from: 100, to: 200 };

test('a session that stays, and one that leaves a server that was killed', () => {
  expect(judged(['0 a', '10 a', '20 a'])).toMatchObject({ visits: 3, sessions: 1, moves: 0, wrong: [], late: [] });
  expect(judged(['0 a', '150 b', '1000 b'], [killed])).toMatchObject({ moves: 1, wrong: [] });
  // It is out for a moment after it is back.
  expect(judged(['0 a', '250 b', '1000 b'], [killed])).toMatchObject({ moves: 1, wrong: [] });
});

test('a server that is wrong', () => {
  expect(judged(['0 a', '10 b', '20 a']).wrong).toHaveLength(1);
  expect(judged(['0 a', '1000 b', '1010 b'], [killed]).wrong).toHaveLength(2);
  expect(judged(['0 a', '150 b', '1000 a'], [killed]).wrong).toHaveLength(1);
  // Another server had the trouble.
  expect(judged(['0 a', '150 b'], [{ server: 'b' }]).wrong).toHaveLength(1);
});

test('a request that failed in the time of the trouble may have moved it', () => {
  expect(judged(['0 a', '150 !', '1000 b'], [killed])).toMatchObject({ moves: 1, wrong: [] });
  expect(judged(['0 a', '600 !', '1000 b'], [killed]).wrong).toHaveLength(1);
});

test('a server that one node alone cannot use', () => {
  const cut = [{ node: 'n2', ...killed }];
  expect(judged(['0 a 1 n1', '150 b 2 n2', '1000 b 2 n1'], cut)).toMatchObject({ moves: 1, wrong: [] });
  expect(judged(['0 a 1 n1', '150 b 2 n1'], cut).wrong).toHaveLength(1);
});

test('a request at the former owner within the time of a message, and after it', () => {
  const draining = [{ from: 100 }];
  expect(judged(['0 a', '150 b', '160 a', '190 a'], draining)).toMatchObject({ late: [10, 40], wrong: [] });
  expect(judged(['0 a', '150 b', '201 a'], draining)).toMatchObject({ late: [], wrong: [expect.any(String)] });
});

test('a change that is not in a later one, or has the number of another one', () => {
  const lost = (...changes: readonly (readonly [sent: number, ended: number, change: number])[]) => {
    const outcomes = changes.map(([sent, ended, change], request) => ({ ...outcome, request, sent, ended, change }));
    return judgeFleet([], outcomes, { troubles: [], aftermathMs: 0, messageMs: 0 }).lost;
  };
  // The second one failed, or was acknowledged and is in the third one.
  expect(lost([0, 5, 1], [10, 15, 0], [20, 25, 3])).toEqual([]);
  // At the same time: either one may be first.
  expect(lost([0, 9, 2], [1, 8, 1])).toEqual([]);
  expect(lost([0, 5, 2], [10, 15, 1])).toEqual([
    's: change 2 (request 0 by n1, at a) is not in change 1 (request 1 by n1, at a)',
  ]);
  expect(lost([0, 9, 1], [1, 8, 1])).toHaveLength(1);
});

test('an epoch of two servers', () => {
  expect(judged(['0 a 1', '150 b 2'], [{ from: 100 }]).twoOwners).toEqual([]);
  expect(judged(['0 a 1', '150 b 1'], [{ from: 100 }]).twoOwners).toEqual(['s: epoch 1 at a and at b']);
});
