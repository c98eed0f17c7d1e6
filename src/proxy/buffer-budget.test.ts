/** One budget for all buffered bytes: what is counted, who is ended when it is spent, and who is not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Counters, counter } from '../metrics/counters.ts';
import { Wheel } from '../time/wheel.ts';
import { BufferAccount, BufferBudget } from './buffer-budget.ts';

function stage(limit: number) {
  const turns: (() => void)[] = [];
  const [wheel, counters] = [new Wheel(0), new Counters()];
  const budget = new BufferBudget(limit, wheel, counters, (run) => void turns.push(run));
  const ended: string[] = [];
  const open = (name: string): BufferAccount => {
    const account: BufferAccount = new BufferAccount(budget, {
      onBuffersFull() {
        ended.push(name);
        account.addBuffered(-account.bytes);
      },
    });
    return account;
  };
  const endTurn = (): void => {
    for (const run of turns.splice(0)) run();
  };
  const gauge = (): number => counters.values[counter.kept_bytes]!;
  const times = (): number => counters.values[counter.kept_bytes_exceeded]!;
  return { budget, wheel, ended, open, endTurn, gauge, times };
}

describe('the budget of buffered bytes', () => {
  test('counts what is buffered now, is crowded from a sixteenth and scarce from three quarters on', () => {
    const { budget, open, gauge } = stage(1000);
    const [a, b] = [open('a'), open('b')];
    a.addBuffered(62);
    expect([a.crowded, b.crowded]).toEqual([false, false]);
    a.addBuffered(1);
    expect([a.crowded, b.crowded]).toEqual([true, true]);
    a.addBuffered(437);
    b.addBuffered(250);
    expect([gauge(), budget.scarce]).toEqual([750, false]);
    b.addBuffered(1);
    expect([gauge(), budget.scarce]).toEqual([751, true]);
    a.addBuffered(-500);
    b.addBuffered(-251);
    expect([gauge(), budget.scarce]).toEqual([0, false]);
  });

  test('nobody is ended at the limit itself, nor inside of the call that goes beyond it, nor before it is stalled', () => {
    const { wheel, ended, open, endTurn, times } = stage(1000);
    const a = open('a');
    a.addBuffered(1000);
    wheel.turn(5000);
    endTurn();
    expect(ended).toEqual([]);
    const b = open('b');
    b.addBuffered(1);
    expect(ended).toEqual([]);
    endTurn();
    expect([ended, times()]).toEqual([['a'], 1]);
    b.addBuffered(1200);
    endTurn();
    wheel.turn(5900);
    b.addBuffered(1);
    endTurn();
    expect([ended, times()]).toEqual([['a'], 1]);
    wheel.turn(6000);
    b.addBuffered(1);
    endTurn();
    expect([ended, times()]).toEqual([['a', 'b'], 2]);
  });

  test('whoever has got rid of it by the end of the turn is not ended', () => {
    const { ended, open, endTurn } = stage(1000);
    const a = open('a');
    a.addBuffered(1600);
    a.addBuffered(-700);
    endTurn();
    expect(ended).toEqual([]);
  });

  test('beyond half as much again those are ended that buffer most, stalled or not', () => {
    const { ended, open, endTurn } = stage(1000);
    const sizes = { little: 100, most: 800, some: 601 };
    for (const [name, size] of Object.entries(sizes)) open(name).addBuffered(size);
    endTurn();
    expect(ended).toEqual(['most']);
  });

  test('of those that buffer as much, the one that has taken nothing for longest goes; seven eighths stay', () => {
    const { wheel, ended, open, endTurn, gauge } = stage(1000);
    const [stalled, slow, fresh] = [open('stalled'), open('slow'), open('fresh')];
    stalled.addBuffered(340);
    slow.addBuffered(340);
    wheel.turn(5000);
    slow.addBuffered(-10);
    fresh.addBuffered(340);
    endTurn();
    expect([ended, gauge()]).toEqual([['stalled'], 670]);
  });

  test('one that buffers little is ended after one that buffers much for as long; one that reads is not ended', () => {
    const { wheel, ended, open, endTurn } = stage(1000);
    const names = ['little', 'much', 'some'];
    for (const [i, size] of [10, 250, 190].entries()) open(names[i]!).addBuffered(size);
    wheel.turn(1000);
    open('reads').addBuffered(600);
    endTurn();
    expect(ended).toEqual(['much']);
  });

  test('whatever is buffered and freed: the gauge is the sum, and after each turn it is within its bound', () => {
    const step = fc.record({ who: fc.nat(19), bytes: fc.integer({ min: -2000, max: 2000 }), turn: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { open, endTurn, gauge } = stage(10_000);
        const all = Array.from({ length: 20 }, (_, i) => open(String(i)));
        for (const { who, bytes, turn } of steps) {
          const one = all[who]!;
          one.addBuffered(Math.max(bytes, -one.bytes));
          expect(gauge()).toBe(all.reduce((sum, account) => sum + account.bytes, 0));
          if (!turn) continue;
          endTurn();
          expect(gauge()).toBeLessThanOrEqual(15_000);
        }
      }),
    );
  });
});
