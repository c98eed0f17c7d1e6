import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

describe('durations', () => {
  test.each([
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1h1m1s1ms', 3_661_001],
    ['0s', 0],
    ['99999h', 99_999 * 3_600_000],
    ['30s1m', 90_000],
  ])('%s', (text, time) => expect(parseDuration(text)).toBe(time));

  test.each(['', '30', 's', '1.5s', '-1s', '1d', ' 1s', '1s ', '100000s', '1h1m1s1ms1s', '1S'])('%j is none', (text) =>
    expect(parseDuration(text)).toBeNaN(),
  );

  test('what is written is read again', () => {
    fc.assert(
      fc.property(fc.nat({ max: 99_999 * 3_600_000 }), (time) => {
        expect(parseDuration(formatDuration(time))).toBe(time);
      }),
    );
  });
});

describe('sizes', () => {
  test.each([
    ['16k', 16_384],
    ['1K', 1024],
    ['1M', 1_048_576],
    ['1GiB', 1_073_741_824],
    ['64KiB', 65_536],
    ['0', 0],
    ['123', 123],
  ])('%s', (text, size) => expect(parseSize(text)).toBe(size));

  test.each(['', 'k', '1.5k', '-1', '1m', '1g', '1kiB', '1KB', '1 k', '1T'])('%j is none', (text) =>
    expect(parseSize(text)).toBeNaN(),
  );

  test('what is written is read again', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), fc.constantFrom(1, 1024, 1024 ** 2, 1024 ** 3), (count, unit) => {
        const size = (count % 100_000) * unit;
        expect(parseSize(formatSize(size))).toBe(size);
      }),
    );
  });
});
