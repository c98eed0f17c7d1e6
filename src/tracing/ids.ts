/**
 * Ids of requests, traces and spans: random bytes as lower-case hex digits, drawn from the system a page at a time. 128 random bits are unique
 * over all workers, and nobody can guess one.
 */

/** Fills an array with bytes that nobody can guess. */
export type RandomFill = (bytes: Uint8Array) => void;

const pageBytes = 4096;
const allZero = /^0+$/;

export class RandomIds {
  private readonly fill: RandomFill;
  private readonly page = Buffer.alloc(pageBytes);
  private next = pageBytes;

  constructor(fill: RandomFill) {
    this.fill = fill;
  }

  /** 32 digits, not all of them 0: for traces and requests. */
  long(): string {
    return this.draw(16);
  }

  /** 16 digits, not all of them 0: for spans. */
  short(): string {
    return this.draw(8);
  }

  private draw(bytes: number): string {
    let id = '';
    do {
      if (this.next + bytes > pageBytes) {
        this.fill(this.page);
        this.next = 0;
      }
      id = this.page.toString('hex', this.next, this.next + bytes);
      this.next += bytes;
    } while (allZero.test(id));
    return id;
  }
}

/** Whether a trace that begins here is sampled: by its id, so that everyone who samples by it decides the same. `share`: 0 to 1. */
export function isSampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-8), 16) < share * 2 ** 32;
}
