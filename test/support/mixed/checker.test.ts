/** The checker of the mixed load finds each violation that is planted, and nothing in a log that is right. */
import { describe, expect, test } from 'vitest';
import { type Evidence, expectedCounts, judge, type Outage } from './checker.ts';
import { type Arrival, arrivalLine, type Outcome, outcomeLine, readArrivals, readOutcomes } from './record.ts';

const second = 1_000_000;
const margins = { late: second / 2, recovery: second };

/** Server a is killed at 10 s and back at 12 s; b is removed from 20 s to 20.5 s and back at 30 s. */
const outages: readonly Outage[] = [
  { server: 'a', cause: 'killed', from: 10 * second, gone: 10.0002 * second, until: 11 * second, back: 12 * second },
  { server: 'b', cause: 'removed', from: 20 * second, gone: 20.5 * second, until: 29 * second, back: 30 * second },
];

interface Step {
  readonly at: number;
  /** '' stays where it is logged last; the servers it reached, in order, the last one answers. */
  readonly servers: string;
  readonly method?: string;
  readonly status?: number;
  readonly epoch?: number;
  readonly part?: Outcome['part'];
}

/** A session as the logs show it: each step a request that reaches these servers and is answered by the last. */
function logOf(session: string, steps: readonly Step[], first = 1): Pick<Evidence, 'arrivals' | 'outcomes'> {
  const arrivals: Arrival[] = [];
  const outcomes: Outcome[] = [];
  for (const [n, { at, servers, method = 'GET', status = 200, epoch = 0, part = 'go' }] of steps.entries()) {
    const seq = first + n;
    const names = servers.split(' ').filter((name) => name !== '');
    for (const [i, server] of names.entries()) {
      arrivals.push({ at: at * second + i, server, session, seq, method });
    }
    const server = status === 200 ? (names.at(-1) ?? '-') : '-';
    const sent = at * second - 1000;
    outcomes.push({ sent, received: at * second + 1000, session, seq, method, status, part, server, epoch });
  }
  return { arrivals, outcomes };
}

function judged(steps: readonly Step[]) {
  return judge({ ...logOf('query.1.0', steps), outages, margins });
}

describe('what is right', () => {
  test('a session that stays', () => {
    const judgement = judged([1, 5, 15, 40].map((at) => ({ at, servers: 'c' })));
    expect(judgement).toMatchObject({ requests: 4, sessions: 1, moves: { killed: 0, removed: 0 }, violations: [] });
  });

  test('a move from a killed server, with the request repeated', () => {
    const judgement = judged([
      { at: 1, servers: 'a' },
      { at: 10.001, servers: 'a c' },
      { at: 50, servers: 'c' },
    ]);
    expect(judgement).toMatchObject({ moves: { killed: 1, removed: 0 }, violations: [], arrivals: 4 });
    expect([...judgement.owners]).toEqual([['query.1.0', 'c']]);
  });

  test('a move of one that slept through the outage, within the margin', () => {
    const judgement = judged([
      { at: 1, servers: 'a' },
      { at: 12.9, servers: 'c' },
    ]);
    expect(judgement.violations).toEqual([]);
  });

  test('a move of one that was served by its killed server while that came back', () => {
    const judgement = judged([
      { at: 9, servers: 'a' },
      { at: 11.5, servers: 'a' },
      { at: 11.6, servers: 'c' },
    ]);
    expect(judgement).toMatchObject({ moves: { killed: 1 }, violations: [] });
  });

  test('one that slept and finds its server back', () => {
    expect(judged([1, 13.5, 14].map((at) => ({ at, servers: 'a' }))).violations).toEqual([]);
  });

  test('a request that was on its way to a removed server', () => {
    const judgement = judged([
      { at: 19, servers: 'b' },
      { at: 20.1, servers: 'c' },
      { at: 20.2, servers: 'b' },
      { at: 20.3, servers: 'c' },
    ]);
    expect(judgement).toMatchObject({ late: 1, moves: { killed: 0, removed: 1 }, violations: [] });
  });

  test('a POST that failed because its server was killed', () => {
    const judgement = judged([{ at: 10.0001, servers: 'a', method: 'POST', status: 502 }]);
    expect(judgement).toMatchObject({ failures: { 'POST 502': 1 }, excused: 1, violations: [] });
  });
});

const planted: readonly [string, readonly Step[], RegExp][] = [
  [
    'a session on two servers',
    [
      { at: 1, servers: 'a' },
      { at: 2, servers: 'c' },
    ],
    /arrived at c although its owner a is usable$/,
  ],
  [
    'concurrent first requests that are split',
    [
      { at: 1, servers: 'c' },
      { at: 1.0001, servers: 'd' },
    ],
    /arrived at d although its owner c is usable$/,
  ],
  [
    'a return to the old server',
    [
      { at: 9, servers: 'a' },
      { at: 10.5, servers: 'c' },
      { at: 14, servers: 'a' },
    ],
    /arrived at a although its owner c is usable$/,
  ],
  [
    'a return to a removed server that is back',
    [
      { at: 19, servers: 'b' },
      { at: 20.1, servers: 'c' },
      { at: 31, servers: 'b' },
    ],
    /arrived at b although its owner c is usable$/,
  ],
  [
    'a third server during the outage',
    [
      { at: 9, servers: 'a' },
      { at: 10.5, servers: 'c' },
      { at: 10.6, servers: 'd' },
    ],
    /arrived at d although its owner c is usable$/,
  ],
  [
    'a move long after the server is back',
    [
      { at: 9, servers: 'a' },
      { at: 13.5, servers: 'c' },
    ],
    /arrived at c although its owner a is usable \(last killed 3500 ms before\)$/,
  ],
  [
    'a move after the session was served by the server that is in the config again',
    [
      { at: 19, servers: 'b' },
      { at: 30.1, servers: 'b' },
      { at: 30.2, servers: 'c' },
    ],
    /arrived at c although its owner b is usable/,
  ],
  [
    'a move after the session was served by the server that is back',
    [
      { at: 9, servers: 'a' },
      { at: 12.1, servers: 'a' },
      { at: 12.2, servers: 'c' },
    ],
    /arrived at c although its owner a is usable/,
  ],
  ['a move before the kill', [9, 9.9].map((at, n) => ({ at, servers: n === 0 ? 'a' : 'c' })), /owner a is usable$/],
  ['a request at a removed server', [{ at: 25, servers: 'b' }], /arrived at b, sent 4499 ms after b was removed$/],
  [
    'a move of one that was served by its removed server while that came back',
    [
      { at: 19, servers: 'b' },
      { at: 29.5, servers: 'b' },
      { at: 29.6, servers: 'c' },
    ],
    /arrived at c although its owner b is usable/,
  ],
  [
    'a move after the removed server is back',
    [
      { at: 19, servers: 'b' },
      { at: 30.1, servers: 'c' },
    ],
    /arrived at c although its owner b is usable/,
  ],
  ['a GET that failed', [{ at: 10.0001, servers: 'a', status: 502 }], /GET 1 failed with 502/],
  ['a broken connection', [{ at: 3, servers: 'c', status: 0 }], /GET 1 failed with 0/],
  [
    'a POST that failed without a kill',
    [{ at: 3, servers: 'c', method: 'POST', status: 502 }],
    /POST 1 failed with 502/,
  ],
  ['an answer to another request', [{ at: 10.0001, servers: 'a', method: 'POST', status: -1 }], /failed with -1/],
  ['a POST that was repeated', [{ at: 10, servers: 'a c', method: 'POST' }], /POST 1 was sent to servers 2 times$/],
  [
    'two owners in one epoch',
    [
      { at: 9, servers: 'a', epoch: 1 },
      { at: 10.5, servers: 'c', epoch: 1 },
    ],
    /epoch 1 has two owners, a and c$/,
  ],
];

describe('is found', () => {
  test.each(planted)('%s', (_, steps, expected) => {
    expect(judged(steps).violations).toEqual([expect.stringMatching(expected)]);
  });

  test('an answer of a server that never saw the request', () => {
    const { arrivals, outcomes } = logOf('query.1.0', [{ at: 1, servers: 'c' }]);
    const moved = outcomes.map((outcome) => ({ ...outcome, server: 'd' }));
    expect(judge({ arrivals, outcomes: moved, outages, margins }).violations).toEqual([
      expect.stringMatching(/was answered by d, which never saw it$/),
    ]);
  });

  test('a request that arrives as one of another session', () => {
    const { arrivals, outcomes } = logOf('query.1.0', [{ at: 1, servers: 'c' }]);
    const crossed = arrivals.map((arrival) => ({ ...arrival, session: 'query.2.0' }));
    expect(judge({ arrivals: crossed, outcomes, outages, margins }).violations).toEqual([
      expect.stringMatching(/arrived as one of query\.2\.0$/),
    ]);
  });

  test('a request that nobody sent', () => {
    const { arrivals } = logOf('query.1.0', [{ at: 1, servers: 'c' }]);
    expect(judge({ arrivals, outcomes: [], outages, margins }).violations).toHaveLength(1);
  });
});

test('the sessions of each server: ended ones and cookies that never came back do not count', () => {
  const logs = [
    logOf('query.1.0', [{ at: 1, servers: 'c' }], 1),
    logOf(
      'query.2.0',
      [1, 2].map((at) => ({ at, servers: 'd', part: at === 2 ? 'end' : 'go' })),
      10,
    ),
    logOf('cookie.3.0', [{ at: 1, servers: 'c', part: 'begin' }], 20),
    logOf(
      'cookie.4.0',
      [1, 2].map((at) => ({ at, servers: 'c', part: at === 1 ? 'begin' : 'go' })),
      30,
    ),
    logOf(
      'address.5.0',
      [1, 10.5].map((at) => ({ at, servers: at === 1 ? 'a' : 'd' })),
      40,
    ),
  ];
  const arrivals = logs.flatMap((log) => log.arrivals);
  const outcomes = logs.flatMap((log) => log.outcomes);
  const judgement = judge({ arrivals, outcomes, outages, margins });
  expect(judgement.violations).toEqual([]);
  const counts = expectedCounts(judgement, outcomes, (kind) => (kind === 'address' ? 'address' : 'mixed'));
  expect(Object.fromEntries(counts)).toEqual({ 'mixed/c': 2, 'address/d': 1 });
});

test('records are read as they were written, and a line cut by a kill is left out', () => {
  const { arrivals, outcomes } = logOf('path.1.0', [{ at: 1, servers: 'c', epoch: 3 }]);
  const text = arrivals.map(arrivalLine).join('');
  expect(readArrivals('c', `${text}123456 path.1`)).toEqual(arrivals);
  expect(readOutcomes(outcomes.map(outcomeLine).join(''))).toEqual(outcomes);
  expect(() => readArrivals('c', 'one two three\n')).toThrow('expected 4 fields');
});
