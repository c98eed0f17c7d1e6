/** Which way sessions went, told from counts. */
import { expect, test } from 'vitest';
import type { ServerView } from '../api/types.ts';
import { crossingsBetween } from './derived.ts';

function server(name: string, live: number, state: ServerView['state'] = 'up', pool = 'shop'): ServerView {
  const sessions = { live, copied: live, uncopied: 0 };
  return { pool, name, address: '', state, drained: false, weight: 1, inflight: 0, sessions };
}

const before = [server('a', 10), server('b', 10), server('c', 10), server('x', 5, 'up', 'chat')];

test('from a server that is down to those that gained', () => {
  const now = [server('a', 7, 'down'), server('b', 12), server('c', 11), server('x', 9, 'up', 'chat')];
  const crossings = crossingsBetween(before, now, { moved: 0, rescued: 3 }, 50);
  expect(crossings.map(({ from, to, kind }) => `${kind} ${from} ${to}`).sort()).toEqual([
    'rescued shop/a shop/b',
    'rescued shop/a shop/b',
    'rescued shop/a shop/c',
  ]);
});

test('never more than were counted, nor than are wanted; sessions that end or begin cross nothing', () => {
  const now = [server('a', 0, 'draining'), server('b', 15), server('c', 15), server('x', 0, 'up', 'chat')];
  expect(crossingsBetween(before, now, { moved: 4, rescued: 9 }, 50)).toHaveLength(4);
  expect(crossingsBetween(before, now, { moved: 10, rescued: 0 }, 3)).toHaveLength(3);
  expect(crossingsBetween(before, now, { moved: 0, rescued: 0 }, 50)).toEqual([]);
  expect(crossingsBetween([], now, { moved: 5, rescued: 5 }, 50)).toEqual([]);
});
