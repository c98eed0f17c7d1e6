/**
 * How many connections to servers this worker is making at this moment, and the most that it may: to one server, and to all
 * of them. A host that answers nothing would otherwise take a descriptor for every request until `timeouts.connect` ends it.
 */
export class Connects {
  /** Most at one time. A reload may change it. */
  max: number;
  /** Being made now. */
  now = 0;
  /** No other may be made, however few are being made now: there are as many connections as there may be. */
  isFull = false;
  private readonly all: Connects | null;

  /** `all`: the sum to which these count as well. */
  constructor(max: number, all: Connects | null) {
    this.max = max;
    this.all = all;
  }

  get hasRoom(): boolean {
    return this.now < this.max && !this.isFull && (this.all === null || this.all.hasRoom);
  }

  begin(): void {
    this.now++;
    this.all?.begin();
  }

  end(): void {
    this.now--;
    this.all?.end();
  }
}
