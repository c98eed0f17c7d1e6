/**
 * How many names that clients chose are recorded in the store in a second: whoever invents names must not keep the store busy. Names that
 * an app has given are not counted.
 */
export class KeyRate {
  private readonly most: number;
  private second = 0;
  private taken = 0;

  /** `most` in a second. */
  constructor(most: number) {
    this.most = most;
  }

  /** False: there were too many in this second. `now` is Unix seconds. */
  take(now: number): boolean {
    if (now !== this.second) {
      this.second = now;
      this.taken = 0;
    }
    return this.taken++ < this.most;
  }
}
