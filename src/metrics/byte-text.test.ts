import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteText } from './byte-text.ts';

const read = (text: ByteText): string => Buffer.from(text.bytes()).toString();

test('any texts, of any length, one behind the other', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('x'.repeat(100_000), 'ä'.repeat(90_000)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const out = new ByteText();
      for (const one of pieces) out.text(one);
      expect(read(out)).toBe(pieces.join(''));
    }),
  );
});

test('numbers as Prometheus reads them', () => {
  const out = new ByteText();
  for (const value of [0, -0, 7, 1.5, -3, 1e21, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    out.number(value);
    out.text(' ');
  }
  expect(read(out)).toBe('0 0 7 1.5 -3 1e+21 NaN +Inf -Inf ');
});
