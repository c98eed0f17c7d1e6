/**
 * One of several threads that use a session table at the same time and note whatever two of them could not both
 * have seen. Started as a worker by src/table/threads.test.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { sweep } from '../../src/table/expiry.ts';
import {
  lifetimeMask,
  lifetimeShift,
  record,
  recordsPerPage,
  recordWords,
  serverMask,
} from '../../src/table/layout.ts';
import { Entry, SessionTable } from '../../src/table/table.ts';

export interface HammerTask {
  readonly kind: 'race' | 'churn';
  readonly buffer: SharedArrayBuffer;
  /** Word 0: threads that are ready. Then one word for each (session, epoch): its server, once anyone has seen it. */
  readonly ledger: SharedArrayBuffer;
  readonly threads: number;
  readonly writer: number;
  readonly seed: number;
}

export interface HammerReport {
  readonly problems: readonly string[];
  /** How often this thread was the one that bound. */
  readonly bound: number;
  readonly steps: number;
}

export const racers = 20_000;
export const lasting = 24;
export const mortals = 400;
export const epochs = 200_000;
export const servers = 7;
export const base = 1_700_000_000;
/** Lifetimes: 0 for ever, 1 this many seconds after the last sight. */
export const idle = 300;
/** Until a mortal's client forgets its name. */
export const lastSeconds = 200;
const churnSteps = 60_000;
const churnTime = 4_000;

/** Uniform enough, and with many home records that collide. */
export function keyOf(n: number): { hi: number; lo: number } {
  return { hi: Math.imul(n + 1, 0x9e3779b1) >>> 0, lo: Math.imul(n + 7, 0x85ebca6b) >>> 0 };
}

/** The server that a mortal session always has: another one in its record is half of another record. */
export function serverOf(n: number): number {
  return 1 + (n % servers);
}

class Hammer {
  readonly problems: string[] = [];
  bound = 0;
  steps = 0;
  private readonly table: SessionTable;
  private readonly ledger: Int32Array<SharedArrayBuffer>;
  private readonly task: HammerTask;
  private readonly out = new Entry();
  private readonly lastEpoch = new Map<number, number>();
  private state: number;

  constructor(task: HammerTask) {
    this.task = task;
    this.table = SessionTable.attach(task.buffer, task.writer);
    this.ledger = new Int32Array(task.ledger);
    this.state = task.seed + task.writer * 7919;
  }

  /** Begins when all threads are ready. */
  run(): void {
    const { ledger, task } = this;
    Atomics.add(ledger, 0, 1);
    Atomics.notify(ledger, 0);
    for (let ready = 0; ready < task.threads; ready = Atomics.load(ledger, 0)) Atomics.wait(ledger, 0, ready);
    if (this.task.kind === 'race') this.race();
    else this.churn();
  }

  /** All threads bind the same new sessions, each to a server of its own. */
  private race(): void {
    const { table, out } = this;
    for (let n = 0; n < racers; n++) {
      if (table.bind(keyOf(n), this.task.writer, base, out) === 'bound') this.bound++;
      this.note(n, out);
      this.steps++;
    }
  }

  private churn(): void {
    const { table, out } = this;
    const deadline = performance.now() + churnTime;
    for (; this.steps < churnSteps && performance.now() < deadline; this.steps++) {
      const n = this.random(lasting);
      const mortal = this.random(mortals);
      const server = 1 + this.random(servers);
      switch (this.random(9)) {
        case 0:
          if (table.bind(keyOf(n), server, base + n, out) !== 'held') this.problems.push(`session ${n} was lost`);
          this.note(n, out);
          break;
        case 1:
          if (table.find(keyOf(n), base + n, out) !== 'live') break;
          this.note(n, out);
          if (table.claim(keyOf(n), out.epoch, server, base + n, out) === 'claimed') this.note(n, out);
          break;
        case 2:
          this.bindMortal(mortal);
          break;
        case 3:
          table.end(keyOf(lasting + mortal), base + mortal);
          break;
        case 4:
          sweep(table, 300, base + this.random(mortals));
          this.checkPage();
          break;
        case 5:
          this.useMortal(mortal);
          break;
        case 6:
          // Its own second or later is the only expiry a mortal ever has: another one is half of another record.
          table.setExpires(keyOf(lasting + mortal), base + mortal + lastSeconds, base + mortal);
          break;
        default:
          if (table.find(keyOf(n), base + n, out) === 'live') this.note(n, out);
          if (table.find(keyOf(lasting + mortal), base + mortal, out) === 'live') this.checkMortal(mortal);
      }
    }
  }

  private bindMortal(mortal: number): void {
    const answer = this.table.bind(keyOf(lasting + mortal), serverOf(mortal), base + mortal, this.out, 1);
    if (answer === 'bound') this.bound++;
    if (answer !== 'ended') this.checkMortal(mortal);
  }

  private useMortal(mortal: number): void {
    const { table, out } = this;
    const key = keyOf(lasting + mortal);
    if (table.enter(key, base + mortal, out) !== 'live') return;
    if (!out.proved || out.inflight < 1) this.problems.push(`mortal ${mortal} entered as ${JSON.stringify(out)}`);
    this.checkMortal(mortal);
    table.leave(key, base + mortal, out);
  }

  private checkMortal(mortal: number): void {
    const { server, born, lifetime, expires } = this.out;
    const isOwn = server === serverOf(mortal) && born === base + mortal && lifetime === 1;
    if (isOwn && (expires === 0 || expires === base + mortal + lastSeconds)) return;
    this.problems.push(`mortal ${mortal} was read as ${JSON.stringify(this.out)}`);
  }

  /** What the snapshot reads: a copy of the page in which each session stands once and whole. */
  private checkPage(): void {
    const { pages } = this.table;
    const copy = new Int32Array(recordsPerPage * recordWords);
    const end = pages.copySessions(pages.first, recordWords, copy, 0);
    const sessions = new Set<number>();
    for (let at = 0; at < end; at += recordWords) {
      const state = copy[at + record.state]!;
      const n = copy[at + record.born]! - base;
      const server = state & serverMask;
      const isMortal = ((state >>> lifetimeShift) & lifetimeMask) === 1;
      const { hi, lo } = keyOf(isMortal ? lasting + n : n);
      const isWhole = copy[at + record.hi] === (hi | 0) && copy[at + record.lo] === (lo | 0);
      if (!isWhole || (isMortal && server !== 0 && server !== serverOf(n))) this.problems.push(`record ${at} is torn`);
      if (sessions.has(copy[at + record.hi]!)) this.problems.push(`record ${at} is there twice`);
      sessions.add(copy[at + record.hi]!);
    }
  }

  /** A lasting session was seen with this owner and epoch: all threads must agree, and its epoch never goes down. */
  private note(n: number, { server, epoch, born }: Entry): void {
    const last = this.lastEpoch.get(n) ?? 0;
    if (epoch < last) this.problems.push(`session ${n}: epoch ${epoch} after ${last}`);
    this.lastEpoch.set(n, epoch);
    if (this.task.kind === 'churn' && born !== base + n) this.problems.push(`session ${n} was born ${born - base}`);
    const word = this.task.kind === 'race' ? 1 + n : 1 + ((n * Math.floor(epochs / lasting) + epoch) % epochs);
    const known = Atomics.compareExchange(this.ledger, word, 0, server);
    if (known !== 0 && known !== server) {
      this.problems.push(`session ${n}, epoch ${epoch}: server ${server} and server ${known}`);
    }
  }

  private random(below: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 0x100000000) * below);
  }
}

if (parentPort !== null && workerData !== null && 'ledger' in workerData) {
  const hammer = new Hammer(workerData);
  hammer.run();
  const { problems, bound, steps } = hammer;
  parentPort.postMessage({ problems: problems.slice(0, 10), bound, steps } satisfies HammerReport);
}
