/** A checker that finds nothing proves nothing: each rule with a history that breaks it, beside one that does not. */
import { describe, expect, test } from 'vitest';
import { judge } from './checker.ts';
import type { Kind, Operation, Seen } from './history.ts';

/** `what` shows a cart of these numbers of operations; null: not acknowledged. */
function operation(
  number: number,
  [start, end]: readonly [number, number],
  kind: Kind,
  cart: readonly number[] | null,
  more: Partial<Seen> = {},
  isGhost = false,
): Operation {
  const seen = cart && {
    server: 'a',
    epoch: 1,
    user: 'u',
    count: 0,
    ...more,
    cart: cart.map((one) => `${more.user || 'u'}.${one}`),
  };
  return { id: `u.${number}`, kind, start, end, seen, why: '', isGhost };
}

const empty = { user: '' };
const found = (...operations: Operation[]) => [...new Set(judge({ user: 'u', operations }).map(({ what }) => what))];

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
      operation(8, [16, 17], 'add', [8], empty, true),
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
  ['revived', [operation(1, [0, 1], 'rotate', []), operation(2, [2, 3], 'read', [], {}, true)]],
])('%s', (what, operations) => {
  test(operations.map(({ kind }) => kind).join(', '), () => expect(found(...operations)).toContain(what));
});
