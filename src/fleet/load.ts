/**
 * How much goes on at each server, pool and listener, over all workers: words of shared memory, so that least-requests,
 * caps and limits count what the others do too. Every worker also notes its own share: when it dies, that is taken off.
 *
 *      slot 0                                                        slot 1      worker 0                   worker 1
 *      running waiting streams tunnels failures lastTurn misframed | ...  ...  | its share of each slot | its share ...
 *
 * Streams are responses that go on, such as server-sent events and gRPC; tunnels are WebSockets and other upgrades. Both run, too.
 * A slot is one number of the table's (table/numbers.ts).
 */

const slotWords = 7;
const field = { running: 0, waiting: 1, streams: 2, tunnels: 3, failures: 4, lastTurn: 5, misframed: 6 } as const;
/** A worker has a share of the first so many fields. */
const shareWords = 4;

export class Load {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array<SharedArrayBuffer>;
  private readonly slots: number;
  /** First word of this worker's shares. */
  private readonly share: number;

  /** `worker` counts from 0. Throws RangeError when the buffer is too small for it. */
  constructor(buffer: SharedArrayBuffer, slots: number, worker: number) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.slots = slots;
    this.share = shareOf(slots, worker);
    if (this.words.length < shareOf(slots, worker + 1)) throw new RangeError(`no room for worker ${worker}`);
  }

  /** For slots 0 to `slots` - 1 and so many workers. */
  static create(slots: number, workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(shareOf(slots, workers) * 4);
  }

  /** For one worker: nobody else counts in it. */
  static single(slots = 1): Load {
    return new Load(Load.create(slots, 1), slots, 0);
  }

  running(slot: number): number {
    return this.words[slot * slotWords + field.running]!;
  }

  /** A negative `by` takes off. */
  run(slot: number, by: number): void {
    this.count(slot, field.running, by);
  }

  /** Adds one unless `max` run already. Of several workers that want the last place one gets it. */
  tryRun(slot: number, max: number): boolean {
    const at = slot * slotWords + field.running;
    if (Atomics.add(this.words, at, 1) < max) {
      this.words[this.share + slot * shareWords]! += 1;
      return true;
    }
    Atomics.sub(this.words, at, 1);
    return false;
  }

  waiting(slot: number): number {
    return this.words[slot * slotWords + field.waiting]!;
  }

  wait(slot: number, by: number): void {
    this.count(slot, field.waiting, by);
  }

  streams(slot: number): number {
    return this.words[slot * slotWords + field.streams]!;
  }

  stream(slot: number, by: number): void {
    this.count(slot, field.streams, by);
  }

  tunnels(slot: number): number {
    return this.words[slot * slotWords + field.tunnels]!;
  }

  tunnel(slot: number, by: number): void {
    this.count(slot, field.tunnels, by);
  }

  private count(slot: number, which: number, by: number): void {
    this.words[this.share + slot * shareWords + which]! += by;
    Atomics.add(this.words, slot * slotWords + which, by);
  }

  failures(slot: number): number {
    return this.words[slot * slotWords + field.failures]!;
  }

  /** Only the thread of the health monitor writes it. */
  setFailures(slot: number, failures: number): void {
    Atomics.store(this.words, slot * slotWords + field.failures, failures);
  }

  /** The server has broken the framing of HTTP. */
  misframed(slot: number): boolean {
    return this.words[slot * slotWords + field.misframed] !== 0;
  }

  /** false: the slot is another server's from now on. Returns false when nothing has changed. */
  setMisframed(slot: number, misframed: boolean): boolean {
    const now = misframed ? 1 : 0;
    return Atomics.exchange(this.words, slot * slotWords + field.misframed, now) !== now;
  }

  /** Slot of the server of this pool whose turn was last, whichever worker gave it. */
  lastTurn(slot: number): number {
    return Atomics.load(this.words, slot * slotWords + field.lastTurn) >>> 0;
  }

  /** False: another worker has passed the turn in the meantime. */
  passTurn(slot: number, from: number, to: number): boolean {
    const was = from | 0;
    return Atomics.compareExchange(this.words, slot * slotWords + field.lastTurn, was, to) === was;
  }

  /** A worker has died: subtracts what it had running, waiting and open. To be called before another worker gets its number. */
  forget(worker: number): void {
    const share = shareOf(this.slots, worker);
    for (let slot = 0; slot < this.slots; slot++) {
      for (let which = 0; which < shareWords; which++) {
        const left = Atomics.exchange(this.words, share + slot * shareWords + which, 0);
        if (left !== 0) Atomics.sub(this.words, slot * slotWords + which, left);
      }
    }
  }
}

function shareOf(slots: number, worker: number): number {
  return slots * (slotWords + worker * shareWords);
}
