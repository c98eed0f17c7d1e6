/** Cryptographically strong random words, drawn from the system a page at a time: a call for each would cost 0.6 us on Bun, 4.6 us on Node. */
import { randomFillSync } from 'node:crypto';

const pageWords = 1024;

/** The answer fills an array with words. Each word is used once, and then erased from the page. */
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
