/** Ids of requests, traces and spans: random words as lower-case hex digits. 128 random bits are unique over all workers, and nobody can guess one. */

/** Fills an array with random words. */
export type RandomWords = (words: Uint32Array) => void;

const allZero = /^0+$/;

export class RandomIds {
  private readonly random: RandomWords;
  private readonly four = new Uint32Array(4);
  private readonly two = new Uint32Array(2);

  constructor(random: RandomWords) {
    this.random = random;
  }

  /** 32 digits, not all of them 0: for traces and requests. */
  long(): string {
    return this.draw(this.four);
  }

  /** 16 digits, not all of them 0: for spans. */
  short(): string {
    return this.draw(this.two);
  }

  private draw(words: Uint32Array): string {
    let id = '';
    do {
      this.random(words);
      id = '';
      for (const word of words) id += word.toString(16).padStart(8, '0');
    } while (allZero.test(id));
    return id;
  }
}

/** Whether a trace that begins here is sampled: by its id, so that everyone who samples by it decides the same. `share`: 0 to 1. */
export function isSampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-8), 16) < share * 2 ** 32;
}
