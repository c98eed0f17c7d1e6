/** A checker that finds nothing proves nothing: each rule with a history that breaks it, beside one that does not. */
import { describe, expect, test } from 'vitest';
import { judge, judgeBalancer } from './checker.ts';
import type { Kind, Operation, Seen } from './history.ts';
import { calm, Journal, type Records, type Trouble } from './journal.ts';

/** `what` shows a cart of these numbers of operations; null: not acknowledged. */
function operation(
  number: number,
  [start, end]: readonly [number, number],
  kind: Kind,
  cart: readonly number[] | null,
  more: Partial<Seen> = {},
  { isGhost = false, size = 0, node = '', why = '' } = {},
): Operation {
  const seen = cart && {
    server: 'a',
    epoch: 1,
    reason: 'held',
    user: 'u',
    count: 0,
    size: 0,
    echo: `u.${number}`,
    ...more,
    cart: cart.map((one) => `${more.user || 'u'}.${one}`),
  };
  return { id: `u.${number}`, kind, start, end, node, seen, why, isGhost, size };
}

const empty = { user: '' };
const ghost = { isGhost: true };
const failed = { why: '500' };
const b2 = { server: 'b', epoch: 2 };
const judged = (records: Records, operations: readonly Operation[]) =>
  judge({ user: 'u', operations: [...operations] }, records).map(({ what }) => what);
const found = (...operations: Operation[]) => judged(calm, operations);
const trouble = (server: string, from: number, to: number) => ({ server, what: 'fault', from, to });

test('a node that cannot know of the end may still show the session, and takes no change', () => {
  const signOut = operation(1, [0, 1], 'sign-out', []);
  const at = (kind: Kind, from: number, node = 'n1') =>
    operation(2, [from, from + 1], kind, kind === 'add' ? [2] : [], {}, { ...ghost, node });
  const cutOff = { ...calm, cutOffs: [{ node: 'n1', from: 400, to: 500 }] };
  expect(judged(cutOff, [signOut, at('read', 450)])).toEqual([]);
  expect(judged(cutOff, [signOut, at('read', 2400)])).toEqual([]);
  expect(judged(cutOff, [signOut, at('read', 2600)])).toEqual(['revived']);
  expect(judged(cutOff, [signOut, at('read', 450, 'n2')])).toEqual(['revived']);
  expect(judged(cutOff, [signOut, at('add', 450)])).toEqual(['revived']);
  // The message is on its way.
  expect([found(signOut, at('read', 200)), found(signOut, at('read', 300))]).toEqual([[], ['revived']]);
});

test('a good session: sequential, concurrent, with answers that did not come', () => {
  expect(
    found(
      operation(1, [0, 1], 'sign-in', []),
      operation(2, [2, 9], 'add', [2]),
      operation(3, [3, 8], 'add', [2, 3]),
      operation(4, [3, 4], 'read', [2]),
      operation(5, [10, 11], 'add', null),
      operation(6, [12, 13], 'count', [2, 3, 5], { count: 1, epoch: 2 }),
      operation(7, [14, 15], 'rotate', [2, 3, 5], { count: 1, epoch: 2 }),
      // With the old id, while the new one was on its way.
      operation(11, [13, 15], 'read', [], empty),
      operation(8, [16, 17], 'add', [8], empty, ghost),
      operation(9, [18, 19], 'sign-out', null),
      operation(10, [20, 21], 'read', [], empty),
    ),
  ).toEqual([]);
});

describe.each<[string, Operation[]]>([
  ['of another session', [operation(1, [0, 1], 'read', [], { user: 'v' })]],
  [
    'of another session',
    [operation(1, [0, 1], 'read', [1], { user: '' }), operation(2, [2, 3], 'read', [7], { user: 'v' })],
  ],
  ['lost session', [operation(1, [0, 1], 'sign-in', []), operation(2, [2, 3], 'read', [], empty)]],
  // An acknowledged change of ids is no reason.
  ['lost session', [operation(1, [0, 1], 'rotate', []), operation(2, [2, 3], 'read', [], empty)]],
  ['forked', [operation(1, [0, 5], 'add', [1]), operation(2, [0, 5], 'add', [2])]],
  ['forked', [operation(1, [0, 1], 'add', [1]), operation(2, [2, 3], 'add', [2]), operation(3, [4, 5], 'read', [2])]],
  ['went back', [operation(1, [0, 1], 'add', [1]), operation(2, [2, 3], 'read', [])]],
  ['went back', [operation(1, [0, 1], 'count', [], { count: 1 }), operation(2, [2, 3], 'read', [], { count: 0 })]],
  ['lost write', [operation(1, [0, 1], 'add', [])]],
  ['written twice', [operation(1, [0, 1], 'add', [1]), operation(2, [2, 3], 'read', [1, 1])]],
  ['never written', [operation(1, [0, 1], 'read', [2])]],
  ['never written', [operation(1, [0, 1], 'read', [2]), operation(2, [2, 3], 'add', [2])]],
  ['wrong count', [operation(1, [0, 1], 'count', [], { count: 1 }), operation(2, [2, 3], 'read', [], { count: 2 })]],
  ['wrong count', [operation(1, [0, 1], 'count', [], { count: 1 }), operation(2, [2, 3], 'count', [], { count: 1 })]],
  ['epoch went back', [operation(1, [0, 1], 'read', [], { epoch: 2 }), operation(2, [2, 3], 'read', [])]],
  ['revived', [operation(1, [0, 1], 'sign-out', []), operation(2, [2, 3], 'read', [])]],
  [
    'revived',
    [operation(1, [0, 1], 'sign-out', null), operation(2, [2, 3], 'read', [], empty), operation(3, [4, 5], 'read', [])],
  ],
  ['revived', [operation(1, [0, 1], 'rotate', []), operation(2, [2, 3], 'read', [], {}, ghost)]],
  ['of another request', [operation(1, [0, 1], 'read', [], { echo: 'u.2' })]],
  ['not undone', [operation(1, [0, 1], 'throw', null, {}, failed), operation(2, [2, 3], 'read', [1])]],
  [
    'not undone',
    [operation(1, [0, 1], 'overfill', null, {}, { size: 99 }), operation(2, [2, 3], 'read', [], { size: 99 })],
  ],
  ['wrong size', [operation(1, [0, 1], 'read', [], { size: 7 })]],
  [
    'wrong size',
    [operation(1, [0, 1], 'fill', [], { size: 7 }, { size: 7 }), operation(2, [2, 3], 'read', [], { size: 0 })],
  ],
  [
    'wrong size',
    [
      operation(1, [0, 1], 'fill', [], { size: 7 }, { size: 7 }),
      operation(2, [2, 3], 'fill', [], { size: 8 }, { size: 8 }),
      operation(3, [4, 5], 'read', [], { size: 7 }),
    ],
  ],
  ['two owners', [operation(1, [0, 9], 'read', []), operation(2, [0, 9], 'read', [], { server: 'b' })]],
  ['moved for nothing', [operation(1, [0, 1], 'read', []), operation(2, [2, 3], 'read', [], b2)]],
])('%s', (what, operations) => {
  test(operations.map(({ kind }) => kind).join(', '), () => expect(found(...operations)).toContain(what));
});

describe('what is right', () => {
  test.each<[string, Operation[]]>([
    [
      'a throw beside others, which share its object',
      [operation(1, [0, 5], 'throw', null, {}, failed), operation(2, [2, 3], 'count', [1], { count: 1 })],
    ],
    [
      'a throw beside what its client had given up, on a server that was stopped',
      [
        operation(1, [0, 3000], 'count', null, {}, { why: '504 response-timeout' }),
        operation(2, [3100, 3200], 'throw', null, {}, failed),
        operation(3, [3300, 3301], 'read', [2], { count: 1 }),
      ],
    ],
    [
      'sizes one after the other, and one whose answer did not come',
      [
        operation(1, [0, 1], 'fill', [], { size: 7 }, { size: 7 }),
        operation(2, [2, 3], 'fill', null, {}, { size: 8 }),
        operation(3, [4, 5], 'read', [], { size: 7 }),
        operation(4, [6, 7], 'read', [], { size: 8 }),
      ],
    ],
    [
      'a move that the balancer says',
      [operation(1, [0, 1], 'read', []), operation(2, [2, 3], 'read', [], { ...b2, reason: 'move' })],
    ],
  ])('%s', (_, operations) => expect(found(...operations)).toEqual([]));
});

describe('where a session lived', () => {
  const left = [operation(1, [1000, 1001], 'read', []), operation(2, [9000, 9001], 'read', [], b2)];

  test.each<[string, Partial<Records>, string[]]>([
    ['its owner had failed', { troubles: [trouble('a', 5000, 6000)] }, []],
    ['its owner has failed, and still does', { troubles: [trouble('a', 5000, Number.POSITIVE_INFINITY)] }, []],
    ['all were in trouble', { troubles: [trouble('*', 5000, 6000)] }, []],
    ['its owner was down by the balancer', { notUp: [trouble('a', 5000, 6000)] }, []],
    ['another server had failed', { troubles: [trouble('b', 5000, 6000)] }, ['moved for nothing']],
    ['its owner failed later', { troubles: [trouble('a', 9500, 9600)] }, ['moved for nothing']],
  ])('%s', (_, records, expected) => expect(judged({ ...calm, ...records }, left)).toEqual(expected));

  const outage = { ...calm, troubles: [trouble('*', 2000, 8000)], outages: [{ from: 2000, to: 8000 }] };

  test('after an outage at home, or not', () => {
    expect(judged(outage, left)).toEqual(['not at home']);
    expect(judged(outage, [left[0]!, operation(2, [9000, 9001], 'read', [])])).toEqual([]);
    // With a later epoch, by which it was handed back.
    expect(judged(outage, [left[0]!, operation(2, [9000, 9001], 'read', [], { epoch: 3 })])).toEqual([]);
  });

  test('its home failed once more before anybody was served', () => {
    const withTroubles = (...troubles: Trouble[]) =>
      judged({ ...outage, troubles: [...outage.troubles, ...troubles] }, left);
    expect(withTroubles(trouble('a', 8500, 8600))).toEqual([]);
    expect(withTroubles(trouble('b', 8500, 8600), trouble('a', 9500, 9600))).toEqual(['not at home']);
  });

  test('while a balancer of a fleet was cut off from the store', () => {
    const withCutOff = (from: number, to: number) => judged({ ...outage, cutOffs: [{ node: '*', from, to }] }, left);
    expect(withCutOff(6000, 7000)).toEqual([]);
    expect(withCutOff(9500, 9600)).toEqual(['not at home']);
  });

  test('what had moved before the outage, or was served meanwhile, or had ended', () => {
    expect(
      judged(outage, [operation(1, [1000, 1001], 'read', [], b2), operation(2, [9000, 9001], 'read', [], b2)]),
    ).toEqual([]);
    expect(judged(outage, [left[0]!, operation(3, [3000, 3001], 'read', [], b2), left[1]!])).toEqual([]);
    expect(
      judged(outage, [
        operation(1, [1000, 1001], 'sign-out', []),
        operation(2, [9000, 9001], 'read', [], { ...b2, ...empty }),
      ]),
    ).toEqual([]);
  });
});

describe('what is no session’s', () => {
  const ejection = { server: 'a', at: 5000, reason: '2 connection errors in a row' };
  const kinds = (records: Partial<Records>) => judgeBalancer({ ...calm, ...records }).map(({ what }) => what);

  test('a healthy server was ejected', () => {
    expect(kinds({ ejections: [ejection] })).toEqual(['ejected while healthy']);
    expect(kinds({ ejections: [ejection], troubles: [trouble('b', 4000, 6000)] })).toEqual(['ejected while healthy']);
    expect(kinds({ ejections: [ejection], troubles: [trouble('a', 4000, 4500)] })).toEqual([]);
  });

  test('a process ended', () => {
    expect(kinds({ ends: [{ at: 1, how: 'ended by itself (1)' }] })).toEqual(['process ended']);
  });
});

test('the journal reads the balancer’s log', () => {
  let now = 1;
  const journal = new Journal(() => now);
  journal.read('limpet: server shop/gull is out: 2 connection errors in a row: ejected for 1000 ms');
  journal.read('limpet: server shop/kelp is out: health check failed');
  const over = journal.trouble('gull', 'fault');
  now = 2;
  journal.read('limpet: server shop/gull is tried again, and has not answered yet: ejection time is over');
  over();
  expect(journal.notUp).toEqual([
    { server: 'gull', node: '', what: 'down', from: 1, to: 2 },
    { server: 'kelp', node: '', what: 'down', from: 1, to: Number.POSITIVE_INFINITY },
  ]);
  expect(journal.troubles).toEqual([{ server: 'gull', what: 'fault', from: 1, to: 2 }]);
  expect(journal.ejections.map(({ server, at }) => [server, at])).toEqual([['gull', 1]]);
});
