/** One budget for all that waits: what is counted, who is ended when it is spent, and who is not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Counters, counter } from '../metrics/counters.ts';
import { Wheel } from '../time/wheel.ts';
import { BufferAccount, BufferBudget } from './buffer-budget.ts';

function stage(limit: number) {
  const turns: (() => void)[] = [];
  const [wheel, counters] = [new Wheel(0), new Counters()];
  const kept = new BufferBudget(limit, wheel, counters, (run) => void turns.push(run));
  const ended: string[] = [];
  const open = (name: string): BufferAccount => {
    const keeping: BufferAccount = new BufferAccount(kept, {
      giveUp() {
        ended.push(name);
        keeping.keep(-keeping.bytes);
      },
    });
    return keeping;
  };
  const endTurn = (): void => {
    for (const run of turns.splice(0)) run();
  };
  const gauge = (): number => counters.values[counter.kept_bytes]!;
  const times = (): number => counters.values[counter.kept_bytes_exceeded]!;
  return { kept, wheel, ended, open, endTurn, gauge, times };
}

describe('the budget of kept bytes', () => {
  test('counts what is kept now, is crowded from a sixteenth and scarce from three quarters on', () => {
    const { kept, open, gauge } = stage(1000);
    const [a, b] = [open('a'), open('b')];
    a.keep(62);
    expect([a.crowded, b.crowded]).toEqual([false, false]);
    a.keep(1);
    expect([a.crowded, b.crowded]).toEqual([true, true]);
    a.keep(437);
    b.keep(250);
    expect([gauge(), kept.scarce]).toEqual([750, false]);
    b.keep(1);
    expect([gauge(), kept.scarce]).toEqual([751, true]);
    a.keep(-500);
    b.keep(-251);
    expect([gauge(), kept.scarce]).toEqual([0, false]);
  });

  test('nobody is ended at the limit itself, nor inside of the call that goes beyond it, nor before it is stalled', () => {
    const { wheel, ended, open, endTurn, times } = stage(1000);
    const a = open('a');
    a.keep(1000);
    wheel.turn(5000);
    endTurn();
    expect(ended).toEqual([]);
    const b = open('b');
    b.keep(1);
    expect(ended).toEqual([]);
    endTurn();
    expect([ended, times()]).toEqual([['a'], 1]);
    b.keep(1200);
    endTurn();
    wheel.turn(5900);
    b.keep(1);
    endTurn();
    expect([ended, times()]).toEqual([['a'], 1]);
    wheel.turn(6000);
    b.keep(1);
    endTurn();
    expect([ended, times()]).toEqual([['a', 'b'], 2]);
  });

  test('whoever has let go of it by the end of the turn is not ended', () => {
    const { ended, open, endTurn } = stage(1000);
    const a = open('a');
    a.keep(1600);
    a.keep(-700);
    endTurn();
    expect(ended).toEqual([]);
  });

  test('beyond half as much again those go that keep most, stalled or not', () => {
    const { ended, open, endTurn } = stage(1000);
    const sizes = { little: 100, most: 800, some: 601 };
    for (const [name, size] of Object.entries(sizes)) open(name).keep(size);
    endTurn();
    expect(ended).toEqual(['most']);
  });

  test('of those that keep as much, the one that has taken nothing for longest goes; seven eighths stay', () => {
    const { wheel, ended, open, endTurn, gauge } = stage(1000);
    const [stalled, slow, fresh] = [open('stalled'), open('slow'), open('fresh')];
    stalled.keep(340);
    slow.keep(340);
    wheel.turn(5000);
    slow.keep(-10);
    fresh.keep(340);
    endTurn();
    expect([ended, gauge()]).toEqual([['stalled'], 670]);
  });

  test('one that keeps little goes after one that keeps much, and as long; one that reads is not asked', () => {
    const { wheel, ended, open, endTurn } = stage(1000);
    const names = ['little', 'much', 'some'];
    for (const [i, size] of [10, 250, 190].entries()) open(names[i]!).keep(size);
    wheel.turn(1000);
    open('reads').keep(600);
    endTurn();
    expect(ended).toEqual(['much']);
  });

  test('whatever is kept and let go: the gauge is the sum, and after each turn it is within its bound', () => {
    const step = fc.record({ who: fc.nat(19), bytes: fc.integer({ min: -2000, max: 2000 }), turn: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { open, endTurn, gauge } = stage(10_000);
        const all = Array.from({ length: 20 }, (_, i) => open(String(i)));
        for (const { who, bytes, turn } of steps) {
          const one = all[who]!;
          one.keep(Math.max(bytes, -one.bytes));
          expect(gauge()).toBe(all.reduce((sum, keeping) => sum + keeping.bytes, 0));
          if (!turn) continue;
          endTurn();
          expect(gauge()).toBeLessThanOrEqual(15_000);
        }
      }),
    );
  });
});
