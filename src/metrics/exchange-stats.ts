/**
 * What each server and each pool has done, and how long it took: numbers in shared memory that one worker alone writes, so that to
 * count is one addition without a lock. A slot (shared/slots.ts) has a row of counts and three histograms:
 *
 *      counts        slot 0: [requests][responses 1xx..5xx][retries][failures by fault][verdicts]   slot 1: ...
 *      histograms    slot 0: [connect][first byte][total]                                          slot 1: ...
 *      the worker    [event loop delay][its last delay (ms)]
 *
 * All slots together are 40 MB, of which the system gives a page only when it is first written: a slot that never served anything
 * costs nothing, as long as nobody reads its histograms. `read` does not.
 */
import { type Fault, serverFaults } from '../errors.ts';
import type { RequestFlag, ResponseFlag } from './access-log.ts';
import { addHistogram, type Distribution, distributionOf, histogramWords, observe } from './histogram.ts';

/** Histograms of a slot: `stats.observe(slot, duration.total, ms)`. */
export const duration = { connect: 0, firstByte: 1, total: 2 } as const;
const durations = 3;

const reasons: readonly Fault[] = Object.values(serverFaults);
/** Place of each fault of a server, by its index; -1: it is somebody else's. */
const reasonOf: readonly number[] = Array.from(
  { length: Math.max(...reasons.map(({ index }) => index)) + 1 },
  (_, index) => reasons.findIndex((fault) => fault.index === index),
);

/** The flags of the access log, in the order of `judged`. */
export const requestFlags: readonly RequestFlag[] = ['N', 'I', 'F', 'D', 'V', 'E', 'O', 'U'];
export const responseFlags: readonly ResponseFlag[] = ['N', 'I', 'U'];

const requestsAt = 0;
const responsesAt = 1;
const retriesAt = 6;
const failuresAt = 7;
const verdictsAt = failuresAt + reasons.length;
const countWords = verdictsAt + requestFlags.length * responseFlags.length;

/** Of one server or pool, over all workers. */
export interface SlotStats {
  readonly requests: number;
  /** Responses from 1xx to 5xx. */
  readonly responses: readonly number[];
  /** Requests that failed there, and were sent once more. */
  readonly retries: number;
  /** By the code of the fault; only those that occurred. */
  readonly failures: readonly (readonly [code: string, count: number])[];
  /** Of a pool: by the letters of the access log; only those that occurred. */
  readonly verdicts: readonly (readonly [request: RequestFlag, response: ResponseFlag, count: number])[];
  /** In the order of `duration`; empty: nothing was ever observed. undefined: nobody asked. */
  readonly durations: readonly (Distribution | undefined)[];
}

export class ExchangeStats {
  /** False: nothing is counted (`NoStats`). */
  readonly isKept: boolean = true;
  private readonly words: Float64Array;
  private readonly histogramsAt: number;
  private readonly loopAt: number;

  /** Of one worker: only it may write. `slots`: as for `create`. */
  constructor(buffer: SharedArrayBuffer, slots: number) {
    this.words = new Float64Array(buffer);
    this.histogramsAt = slots * countWords;
    this.loopAt = this.histogramsAt + slots * durations * histogramWords;
    if (this.words.length < this.loopAt + histogramWords + 1) throw new RangeError(`no room for ${slots} slots`);
  }

  /** Memory for slots 0 to `slots` - 1 of one worker. */
  static create(slots: number): SharedArrayBuffer {
    const words = slots * (countWords + durations * histogramWords) + histogramWords + 1;
    return new SharedArrayBuffer(words * Float64Array.BYTES_PER_ELEMENT);
  }

  /** For one worker whose numbers nobody else reads. */
  static single(slots = 1): ExchangeStats {
    return new ExchangeStats(ExchangeStats.create(slots), slots);
  }

  /** An exchange is over. */
  requested(slot: number): void {
    this.words[slot * countWords + requestsAt]! += 1;
  }

  /** A status outside of 100 to 599 counts as 5xx. */
  responded(slot: number, status: number): void {
    const group = status >= 100 && status < 600 ? Math.floor(status / 100) : 5;
    this.words[slot * countWords + responsesAt + group - 1]! += 1;
  }

  retried(slot: number): void {
    this.words[slot * countWords + retriesAt]! += 1;
  }

  /** An attempt has failed. Counts only faults of servers. */
  failed(slot: number, fault: Fault): void {
    const reason = reasonOf[fault.index] ?? -1;
    if (reason >= 0) this.words[slot * countWords + failuresAt + reason]! += 1;
  }

  /** `request` and `response` are places in `requestFlags` and `responseFlags`. */
  judged(slot: number, request: number, response: number): void {
    this.words[slot * countWords + verdictsAt + request * responseFlags.length + response]! += 1;
  }

  /** `what` is one of `duration`. */
  observe(slot: number, what: number, ms: number): void {
    observe(this.words, this.histogramAt(slot, what), ms);
  }

  /** The event loop of this worker was so many ms late. */
  looped(lateMs: number): void {
    observe(this.words, this.loopAt, lateMs);
    this.words[this.loopAt + histogramWords] = lateMs;
  }

  /** How late the event loop was at the last check (ms). */
  get lastLoopDelayMs(): number {
    return this.words[this.loopAt + histogramWords]!;
  }

  /** A copy of the histogram of the event loop's delay. */
  get loopDelay(): Float64Array {
    return this.words.slice(this.loopAt, this.loopAt + histogramWords);
  }

  /** The slot is another server's from now on. Only while no exchange of the former one is open: another thread may call it. */
  clear(slot: number): void {
    if (this.words[slot * countWords + requestsAt] !== 0) {
      const at = this.histogramsAt + slot * durations * histogramWords;
      this.words.fill(0, at, at + durations * histogramWords);
    }
    this.words.fill(0, slot * countWords, (slot + 1) * countWords);
  }

  /** The sums over workers. `isWhole` false: of the durations only count and sum of the total are asked for. */
  static read(workers: readonly ExchangeStats[], slot: number, isWhole = true): SlotStats {
    const counts: number[] = [];
    const at = slot * countWords;
    for (let i = 0; i < countWords; i++) {
      let sum = 0;
      for (const { words } of workers) sum += words[at + i]!;
      counts.push(sum);
    }
    const failures: [string, number][] = [];
    for (const [i, { code }] of reasons.entries()) {
      const count = counts[failuresAt + i]!;
      if (count > 0) failures.push([code, count]);
    }
    const verdicts: [RequestFlag, ResponseFlag, number][] = [];
    for (let i = verdictsAt; i < countWords; i++) {
      if (counts[i] === 0) continue;
      const request = requestFlags[Math.floor((i - verdictsAt) / responseFlags.length)]!;
      verdicts.push([request, responseFlags[(i - verdictsAt) % responseFlags.length]!, counts[i]!]);
    }
    return {
      requests: counts[requestsAt]!,
      responses: counts.slice(responsesAt, retriesAt),
      retries: counts[retriesAt]!,
      failures,
      verdicts,
      durations: ExchangeStats.durationsOf(ExchangeStats.withRequests(workers, slot), slot, isWhole),
    };
  }

  /** Requests of the slot that are over, at all workers. */
  static requests(workers: readonly ExchangeStats[], slot: number): number {
    return workers.reduce((sum, { words }) => sum + words[slot * countWords + requestsAt]!, 0);
  }

  /** The histogram of one of `duration`, over all workers. */
  static histogram(workers: readonly ExchangeStats[], slot: number, what: number): Float64Array {
    const sum = new Float64Array(histogramWords);
    for (const one of ExchangeStats.withRequests(workers, slot))
      addHistogram(sum, one.words, one.histogramAt(slot, what));
    return sum;
  }

  private histogramAt(slot: number, what: number): number {
    return this.histogramsAt + (slot * durations + what) * histogramWords;
  }

  /** Those that have counted a request in this slot: what was never written is not read, because then the system would provide it. */
  private static withRequests(workers: readonly ExchangeStats[], slot: number): readonly ExchangeStats[] {
    return workers.filter(({ words }) => words[slot * countWords + requestsAt] !== 0);
  }

  private static durationsOf(
    workers: readonly ExchangeStats[],
    slot: number,
    isWhole: boolean,
  ): (Distribution | undefined)[] {
    const [first] = workers;
    if (first === undefined) return [];
    const words = workers.map((one) => one.words);
    return Object.values(duration).map((what) =>
      isWhole || what === duration.total ? distributionOf(words, first.histogramAt(slot, what), isWhole) : undefined,
    );
  }
}

/** Counts nothing, so that the benchmark can tell what it costs to count. */
export class NoStats extends ExchangeStats {
  override readonly isKept = false;

  constructor() {
    super(ExchangeStats.create(1), 1);
  }

  override requested(): void {}
  override responded(): void {}
  override retried(): void {}
  override failed(): void {}
  override judged(): void {}
  override observe(): void {}
  override looped(): void {}
}
