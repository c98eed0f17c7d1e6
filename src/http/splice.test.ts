import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edited, requestWith, textOf } from '../../test/support/heads.ts';
import { Splice } from './splice.ts';
import { HeadWriter } from './writer.ts';

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly text: string | null;
}

/** Byte by byte: what of `[from, to)` is in no cut, and each text where its cut begins. */
function naive(source: string, from: number, to: number, cuts: readonly Cut[]): string {
  let out = '';
  for (let i = from; i < to; i++) {
    for (const cut of cuts) if (cut.start === i && cut.text !== null) out += cut.text;
    if (!cuts.some((cut) => cut.start <= i && i < cut.end)) out += source[i];
  }
  return out;
}

const source = Array.from({ length: 200 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('');
const bytes = Buffer.from(source, 'latin1');

/** Ranges that do not overlap unless they only cut, as edits of a head are. */
const cutsOf = fc.oneof(
  fc.array(
    fc
      .record({ start: fc.nat(199), size: fc.nat(30) })
      .map(({ start, size }) => ({ start, end: Math.min(200, start + size), text: null })),
    { maxLength: 150 },
  ),
  fc
    .uniqueArray(fc.nat(200), { maxLength: 40 })
    .chain((places) =>
      fc.tuple(
        fc.constant(places.sort((a, b) => a - b)),
        fc.array(fc.option(fc.stringMatching(/^[a-z]{0,40}$/)), { minLength: 20, maxLength: 20 }),
      ),
    )
    .map(([places, texts]) =>
      texts
        .slice(0, Math.floor(places.length / 2))
        .map((text, i) => ({ start: places[2 * i]!, end: places[2 * i + 1]!, text })),
    )
    .chain((cuts) => fc.shuffledSubarray(cuts, { minLength: cuts.length })),
);

describe('Splice', () => {
  test('does what a naive copy does', () => {
    const edit = new Splice();
    const out = new HeadWriter(8);
    fc.assert(
      fc.property(cutsOf, (cuts) => {
        edit.clear();
        out.clear();
        for (const { start, end, text } of cuts) edit.cut(start, end, text);
        edit.write(bytes, 0, 200, out);
        expect(textOf(out)).toBe(naive(source, 0, 200, cuts));
      }),
      { numRuns: 500 },
    );
  });

  test('writes a part, with the cuts that only cut', () => {
    const edit = new Splice();
    const out = new HeadWriter(8);
    const pure = fc.array(fc.record({ start: fc.nat(199), size: fc.nat(60) }), { maxLength: 8 });
    fc.assert(
      fc.property(pure, fc.nat(200), fc.nat(200), (ranges, a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const cuts = ranges.map(({ start, size }) => ({ start, end: Math.min(200, start + size), text: null }));
        edit.clear();
        out.clear();
        for (const { start, end } of cuts) edit.cut(start, end);
        edit.write(bytes, from, to, out);
        expect(textOf(out)).toBe(naive(source, from, to, cuts));
      }),
    );
  });

  test('adds lines at the end, and forgets all with clear', () => {
    const head = requestWith('A: 1', 'B: 2');
    const edit = new Splice();
    expect(edited(head, edit)).toBe('Host: a\r\nA: 1\r\nB: 2\r\n');
    edit.cutLine(head.headers, 1);
    edit.add('C: 3');
    edit.add('D: \xe4');
    expect(edited(head, edit)).toBe('Host: a\r\nB: 2\r\nC: 3\r\nD: \xe4\r\n');
    edit.clear();
    expect(edited(head, edit)).toBe('Host: a\r\nA: 1\r\nB: 2\r\n');
  });

  test('a text of an earlier edit does not come back', () => {
    const edit = new Splice();
    const out = new HeadWriter(8);
    edit.cut(0, 1, 'old');
    edit.clear();
    edit.cut(0, 1);
    edit.write(bytes, 0, 3, out);
    expect(textOf(out)).toBe(source.slice(1, 3));
  });
});

describe('HeadWriter', () => {
  test('holds what was written, however much it has to grow', () => {
    const piece = fc.oneof(
      fc.stringMatching(/^[\x20-\xff]{0,23}$/),
      fc.nat(3000).map((size) => 'x'.repeat(size)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(piece, fc.boolean()), { maxLength: 20 }),
        fc.integer({ min: 1, max: 64 }),
        (pieces, size) => {
          const out = new HeadWriter(size);
          for (const [text, asText] of pieces) {
            if (asText) out.text(text);
            else {
              const from = Buffer.from(`<${text}>`, 'latin1');
              out.copy(from, 1, from.length - 1);
            }
          }
          expect(textOf(out)).toBe(pieces.map(([text]) => text).join(''));
          out.clear();
          expect(textOf(out)).toBe('');
        },
      ),
    );
  });
});
