import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { append, isWorthReading } from './pieces.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('append', () => {
  test('gives what a concatenation gives, whatever else is appended to the same bytes', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 700 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(20), { maxLength: 20 }), (pieces, from) => {
        const all: { text: string; kept: Buffer }[] = [{ text: 'x', kept: bytes('x') }];
        for (const [i, piece] of pieces.entries()) {
          const before = all[(from[i] ?? i) % all.length]!;
          all.push({ text: before.text + piece, kept: append(before.kept, bytes(piece)) });
          for (const { text, kept } of all) expect(kept.toString('latin1')).toBe(text);
        }
      }),
    );
  });

  test('does not write behind bytes that it has not made', () => {
    const foreign = Buffer.alloc(64, 'f');
    append(foreign.subarray(0, 4), bytes('xxxx'));
    expect(foreign.toString()).toBe('f'.repeat(64));
  });

  test('copies each byte twice at most', () => {
    const piece = Buffer.alloc(1, 'p');
    const made = new Set<ArrayBufferLike>();
    let kept: Buffer = piece;
    let copied = 0;
    for (let n = 1; n < 100_000; n++) {
      kept = append(kept, piece);
      if (!made.has(kept.buffer)) copied += kept.length;
      made.add(kept.buffer);
    }
    expect(kept.equals(Buffer.alloc(100_000, 'p'))).toBe(true);
    expect(copied).toBeLessThan(200_000);
  });
});

describe('a head that was not whole', () => {
  test.each([
    ['a small one, with each line', 'GET / HTTP/1.1\r\nA: b', '\r\n', true],
    ['not without a line', 'GET / HTTP/1.1\r\nA: b', '\r', false],
    ['a longer one, not with each line', `GET / HTTP/1.1\r\nA: ${'x'.repeat(2000)}`, '\r\nB: c\r\n', false],
    ['with an empty line', `GET / HTTP/1.1\r\nA: ${'x'.repeat(2000)}\r\n`, '\r\n', true],
    [
      'with an empty line in the middle of the piece',
      `GET / HTTP/1.1\r\nA: ${'x'.repeat(2000)}\r`,
      '\n\r\nbody\n',
      true,
    ],
    ['with an empty line of bare line feeds', `GET / HTTP/1.1\r\nA: ${'x'.repeat(2000)}\n`, '\n', true],
    ['when it has grown by half', `GET / HTTP/1.1\r\nA: ${'x'.repeat(2000)}`, `\r\nA: ${'x'.repeat(1100)}`, true],
  ])('is read again: %s', (_name, before, piece, worth) => {
    expect(isWorthReading(bytes(before + piece), before.length, before.length)).toBe(worth);
  });
});
