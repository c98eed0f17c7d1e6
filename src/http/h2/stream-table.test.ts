import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamTable } from './stream-table.ts';
import { Stream } from './streams.ts';

test('holds what a Map holds, whatever comes and goes', () => {
  const ids = fc.oneof(fc.nat(40), fc.nat(2 ** 31 - 1), fc.constantFrom(1, 17, 33, 65, 1 << 20, 3 << 20));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), ids), { maxLength: 300 }), (steps) => {
      const table = new StreamTable<Stream>();
      const model = new Map<number, Stream>();
      for (const [adds, id] of steps) {
        if (!adds) {
          table.delete(id);
          model.delete(id);
        } else if (!model.has(id)) {
          const stream = new Stream(id, 0, 0);
          table.add(stream);
          model.set(id, stream);
        }
        expect(table.get(id)).toBe(model.get(id));
      }
      expect(table.size).toBe(model.size);
      const byId = (a: Stream, b: Stream) => a.id - b.id;
      expect(table.values().sort(byId)).toEqual([...model.values()].sort(byId));
      for (const stream of model.values()) expect(table.get(stream.id)).toBe(stream);
    }),
    { numRuns: 500 },
  );
});

test('many streams one after the other, of which a few are open at a time', () => {
  const table = new StreamTable<Stream>();
  for (let id = 1; id < 20_000; id += 2) {
    table.add(new Stream(id, 0, 0));
    if (id > 16) table.delete(id - 16);
    expect(table.get(id)?.id).toBe(id);
  }
  expect(table.size).toBe(8);
});
