import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Due, DueHeap } from './due-heap.ts';

test('whatever is put in, moved and taken out: the earliest comes first, and each once', () => {
  const step = fc.record({ who: fc.nat(15), time: fc.nat(50), take: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new DueHeap<Due & { who: number }>();
      const items = Array.from({ length: 16 }, (_, who) => ({ who, due: Number.POSITIVE_INFINITY, index: -1 }));
      const model = new Map<number, number>();
      for (const { who, time, take } of steps) {
        if (take) {
          heap.remove(items[who]!);
          model.delete(who);
        } else {
          heap.set(time, items[who]!);
          model.set(who, time);
        }
        expect(heap.size).toBe(model.size);
        const earliest = Math.min(...model.values());
        expect(heap.peek(Number.MAX_VALUE)?.due ?? Number.POSITIVE_INFINITY).toBe(earliest);
        if (model.size > 0) expect([heap.peek(earliest) === null, heap.peek(earliest - 1)]).toEqual([false, null]);
      }
      const times: number[] = [];
      for (let first = heap.peek(100); first !== null; first = heap.peek(100)) {
        times.push(first.due);
        expect(model.get(first.who)).toBe(first.due);
        heap.remove(first);
      }
      expect(times).toEqual([...model.values()].toSorted((a, b) => a - b));
    }),
  );
});
