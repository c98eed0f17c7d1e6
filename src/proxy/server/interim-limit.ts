/** Counts the interim responses (1xx) to one request. Any number may come, if they take their time. */

/** The limit holds for this long. */
const periodMs = 1000;

export class InterimLimit {
  private readonly max: number;
  private count = 0;
  private since = 0;

  /** `max`: within a second. */
  constructor(max: number) {
    this.max = max;
  }

  /** Another request. */
  begin(): void {
    this.count = 0;
  }

  /** One more has come, at this time of the wheel. True: there are too many. */
  isFlood(now: number): boolean {
    if (this.count === 0 || now - this.since >= periodMs) {
      this.count = 0;
      this.since = now;
    }
    return ++this.count > this.max;
  }
}
