import { expect, test } from 'vitest';
import { randomWords } from './random-words.ts';

test('words are given out once, over the ends of pages', () => {
  const fill = randomWords();
  const seen = new Set<string>();
  const words = new Uint32Array(3);
  for (let i = 0; i < 2000; i++) {
    fill(words);
    seen.add(words.join());
  }
  expect(seen.size).toBe(2000);
});

test('a page is the most at once', () => {
  const fill = randomWords();
  const page = new Uint32Array(1024);
  fill(page);
  expect(page.filter((word) => word === 0).length).toBeLessThan(3);
  expect(() => fill(new Uint32Array(1025))).toThrow('1025 random words at once');
});
