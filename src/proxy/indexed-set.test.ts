import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IndexedSet } from './indexed-set.ts';

class Item {
  index = -1;
}

describe('IndexedSet', () => {
  test('holds what a Set would', () => {
    const items = Array.from({ length: 8 }, () => new Item());
    const step = fc.tuple(fc.boolean(), fc.nat(items.length - 1));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        for (const item of items) item.index = -1;
        const bag = new IndexedSet<Item>();
        const model = new Set<Item>();
        for (const [add, i] of steps) {
          const item = items[i]!;
          if (!add) expect(bag.remove(item)).toBe(model.delete(item));
          else if (!model.has(item)) {
            bag.add(item);
            model.add(item);
          }
          expect(bag.size).toBe(model.size);
          expect(new Set(bag.all())).toEqual(model);
        }
      }),
    );
  });

  test('whoever is told may leave', () => {
    const bag = new IndexedSet<Item>();
    for (let i = 0; i < 5; i++) bag.add(new Item());
    for (const item of bag.all()) bag.remove(item);
    expect(bag.size).toBe(0);
  });
});
