import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

const someKeys = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 });

function heapOf(keys: readonly number[]): Heap {
  const heap = new Heap(keys.length);
  heap.keys.set(keys);
  heap.build();
  return heap;
}

const popAll = (heap: Heap) => Array.from({ length: heap.size }, () => heap.pop());
const sorted = (keys: ArrayLike<number>) =>
  Array.from(keys, (_, at) => at).sort((a, b) => keys[a]! - keys[b]! || a - b);

test('pops by key, and equal keys by number', () => {
  fc.assert(
    fc.property(someKeys, (keys) => {
      expect(popAll(heapOf(keys))).toEqual(sorted(keys));
    }),
  );
});

test('takes back what was popped, with new keys', () => {
  fc.assert(
    fc.property(someKeys, someKeys, fc.nat(60), (keys, later, count) => {
      const heap = heapOf(keys);
      for (let left = Math.min(count, keys.length); left > 0; left--) {
        const item = heap.pop();
        heap.keys[item] = later[item % later.length]!;
      }
      heap.restore();
      expect(popAll(heap)).toEqual(sorted(heap.keys));
    }),
  );
});

test('finds the new top after the key of the top grew', () => {
  fc.assert(
    fc.property(someKeys, fc.array(fc.nat(20)), (keys, growths) => {
      const heap = heapOf(keys);
      for (const growth of growths) {
        heap.keys[heap.top]! += growth;
        heap.sink(0);
        expect(heap.top).toBe(sorted(heap.keys)[0]);
      }
    }),
  );
});
