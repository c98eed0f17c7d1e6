import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SendTurns, type TurnTaker } from './send-turns.ts';

class Sender implements TurnTaker {
  nextTurn: TurnTaker | null = null;
  previousTurn: TurnTaker | null = null;
  left: number;
  private readonly name: string;
  private readonly log: string[];

  constructor(name: string, left: number, log: string[]) {
    this.name = name;
    this.left = left;
    this.log = log;
  }

  sendTurn(maxBytes: number): number {
    const bytes = Math.min(this.left, maxBytes);
    this.left -= bytes;
    if (bytes > 0) this.log.push(`${this.name}${bytes}`);
    return bytes;
  }
}

test('streams send in turns, one frame each', () => {
  const turns = new SendTurns();
  const log: string[] = [];
  const senders = [new Sender('a', 25, log), new Sender('b', 5, log), new Sender('c', 20, log)];
  for (const sender of senders) turns.add(sender);
  turns.add(senders[0]!);
  expect(turns.run(1000, 10)).toBe(50);
  expect(log).toEqual(['a10', 'b5', 'c10', 'a10', 'c10', 'a5']);
  expect([turns.isEmpty, turns.run(10, 10)]).toEqual([true, 0]);
});

test('a run goes on where the one before has stopped, and a stream that comes is the last', () => {
  const turns = new SendTurns();
  const log: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Sender(name, 100, log));
  turns.add(a!);
  turns.add(b!);
  expect(turns.run(15, 10)).toBe(15);
  turns.add(c!);
  expect(turns.run(30, 10)).toBe(30);
  expect(log).toEqual(['a10', 'b5', 'a10', 'b10', 'c10']);
  turns.remove(a!);
  turns.remove(a!);
  turns.run(20, 10);
  expect(log.slice(5)).toEqual(['b10', 'c10']);
});

test('whoever comes and goes, each gets its turn, and nobody two before another has had one', () => {
  const step = fc.record({ who: fc.nat(4), does: fc.constantFrom('add', 'remove', 'run'), bytes: fc.nat(50) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const turns = new SendTurns();
      const log: string[] = [];
      const senders = Array.from('abcde', (name) => new Sender(name, 1e9, log));
      const waiting = new Set<Sender>();
      for (const { who, does, bytes } of steps) {
        const sender = senders[who]!;
        if (does === 'add') {
          turns.add(sender);
          waiting.add(sender);
        } else if (does === 'remove') {
          turns.remove(sender);
          waiting.delete(sender);
        } else {
          log.length = 0;
          turns.run(10 * bytes, 10);
          expect(log).toHaveLength(waiting.size === 0 ? 0 : bytes);
          for (let i = waiting.size; i < log.length; i++) expect(log[i]).toBe(log[i - waiting.size]);
          expect(new Set(log.slice(0, waiting.size)).size).toBe(Math.min(log.length, waiting.size));
        }
        expect(turns.isEmpty).toBe(waiting.size === 0);
      }
    }),
  );
});
