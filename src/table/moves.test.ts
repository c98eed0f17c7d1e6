import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Moves } from './moves.ts';

describe('Moves', () => {
  test('tells of a move that the token has not heard of, and of no other', () => {
    const moves = new Moves(10, 60, () => {});
    expect(moves.isEmpty).toBe(true);
    moves.record(1, 2, 5, 3, 1000);
    expect(moves.newer(1, 2, 4, 1000)).toMatchObject({ epoch: 5, server: 3 });
    expect(moves.newer(1, 2, 5, 1000)).toBeUndefined();
    expect(moves.newer(1, 2, 6, 1000)).toBeUndefined();
    expect(moves.newer(2, 1, 4, 1000)).toBeUndefined();
    expect(moves.newer(1, 2 + 0x1000, 4, 1000)).toBeUndefined();
    expect(moves.newer(0xffffffff, 0xffffffff, 0, 1000)).toBeUndefined();
  });

  test('the last move of a session counts', () => {
    const moves = new Moves(10, 60, () => {});
    moves.record(1, 0, 2, 7, 1000);
    moves.record(1, 0, 3, 8, 1010);
    expect(moves.newer(1, 0, 1, 1010)).toMatchObject({ epoch: 3, server: 8 });
    expect(moves.newer(1, 0, 1, 1069)).toMatchObject({ epoch: 3, server: 8 });
    expect(moves.newer(1, 0, 1, 1070)).toBeUndefined();
    expect(moves.isEmpty).toBe(true);
  });

  test('expire forgets exactly what is over', () => {
    const moves = new Moves(10, 60, () => {});
    moves.record(1, 0, 2, 0, 1000);
    moves.record(2, 0, 2, 0, 1005);
    moves.record(1, 0, 3, 0, 1010);
    moves.expire(1064);
    expect(moves.newer(2, 0, 1, 1064)).toBeDefined();
    moves.expire(1065);
    expect(moves.newer(2, 0, 1, 0)).toBeUndefined();
    expect(moves.newer(1, 0, 1, 0)).toBeDefined();
    moves.expire(1070);
    expect(moves.isEmpty).toBe(true);
  });

  test('does what a plain list does', () => {
    const step = fc.record({
      session: fc.nat(12),
      epoch: fc.nat(5),
      wait: fc.nat(4),
      what: fc.constantFrom('record', 'newer', 'expire'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let told = 0;
        const moves = new Moves(5, 10, () => told++);
        let list: { session: number; epoch: number; server: number; expires: number }[] = [];
        let now = 0;
        let evicted = 0;
        for (const [server, { session, epoch, wait, what }] of steps.entries()) {
          now += wait;
          if (what === 'record') {
            list = list.filter((move) => move.session !== session);
            if (list.length === 5) {
              list.shift();
              evicted++;
            }
            list.push({ session, epoch, server, expires: now + 10 });
            moves.record(session, 77, epoch, server, now);
          } else if (what === 'expire') {
            list = list.filter((move) => now < move.expires);
            moves.expire(now);
          } else {
            const known = list.find((move) => move.session === session);
            if (known !== undefined && now >= known.expires) list.splice(list.indexOf(known), 1);
            const expected =
              known !== undefined && now < known.expires && known.epoch > epoch ? known.server : undefined;
            expect(moves.newer(session, 77, epoch, now)?.server).toBe(expected);
          }
          expect(moves.isEmpty).toBe(list.length === 0);
          expect(told).toBe(evicted);
        }
      }),
      { numRuns: 300 },
    );
  });
});
