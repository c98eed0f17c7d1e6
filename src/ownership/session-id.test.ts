import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatId, idWord, tableKeyOf } from './session-id.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });

test('an id is the same in words and in digits, and its first half is the key in the table', () => {
  fc.assert(
    fc.property(word, word, word, word, (sid0, sid1, sid2, sid3) => {
      const id = formatId({ sid0, sid1, sid2, sid3 });
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect([idWord(id, 0), idWord(id, 1), idWord(id, 2), idWord(id, 3)]).toEqual([sid0, sid1, sid2, sid3]);
      expect(tableKeyOf(id)).toEqual({ hi: sid0, lo: sid1 });
    }),
  );
});
