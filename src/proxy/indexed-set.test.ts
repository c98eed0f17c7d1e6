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
        const set = new IndexedSet<Item>();
        const model = new Set<Item>();
        for (const [add, i] of steps) {
          const item = items[i]!;
          if (!add) expect(set.remove(item)).toBe(model.delete(item));
          else if (!model.has(item)) {
            set.add(item);
            model.add(item);
          }
          expect(set.size).toBe(model.size);
          expect(new Set(set.all())).toEqual(model);
        }
      }),
    );
  });

  test('items may be removed while a copy of the set is gone over', () => {
    const set = new IndexedSet<Item>();
    for (let i = 0; i < 5; i++) set.add(new Item());
    for (const item of set.all()) set.remove(item);
    expect(set.size).toBe(0);
  });
});
