/** Strong random words, taken from the system by the page: one call each costs 0.6 us on Bun and 4.6 us on Node. */
import { randomFillSync } from 'node:crypto';

const pageWords = 1024;

/** Fills with words that are given out once, and wiped. */
export function randomWords(): (words: Uint32Array) => void {
  const page = new Uint32Array(pageWords);
  let next = pageWords;
  return (words) => {
    if (words.length > pageWords) throw new RangeError(`${words.length} random words at once`);
    if (next + words.length > pageWords) {
      randomFillSync(page);
      next = 0;
    }
    for (let i = 0; i < words.length; i++) {
      words[i] = page[next]!;
      page[next++] = 0;
    }
  };
}
