/**
 * What the session table costs: bytes, look-up, insert and change at 10 million sessions, look-ups with two threads, the
 * fingerprint, beside a JavaScript Map of string keys. Run it with `node bench/micro/table.ts [sessions]` or
 * `bun bench/micro/table.ts`. The table needs 0.5 GB at 10 million, the Map 1.5 GB.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Fingerprints } from '../../src/table/fingerprint.ts';
import { Entry, SessionTable } from '../../src/table/table.ts';

const now = 1_800_000_000;
const rounds = 5;
const perRound = 1_000_000;
const servers = 16;

/** Uniform and different for each n: what fingerprints are. */
function keyOf(n: number, key: { hi: number; lo: number }): void {
  key.hi = mix(n);
  key.lo = mix(n ^ 0x5bd1e995);
}

/** The finish of MurmurHash3: every bit of `n` changes half of the answer's. */
function mix(n: number): number {
  let x = n;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A walk through all sessions without order, so that no cache helps. */
function shuffled(n: number, sessions: number): number {
  return Number((BigInt(n) * 7_368_787n) % BigInt(sessions));
}

function nanoseconds(count: number, run: (n: number) => void): number {
  const start = performance.now();
  for (let n = 0; n < count; n++) run(n);
  return ((performance.now() - start) * 1e6) / count;
}

/** Median of rounds after one that warms up. */
function median(run: (round: number) => number): number {
  const samples = Array.from({ length: rounds + 1 }, (_, round) => run(round)).slice(1);
  return samples.sort((a, b) => a - b)[rounds >> 1]!;
}

/** Look-ups of sessions in random order: each answer is checked, and only those that were evicted may miss. */
function lookUps(table: SessionTable, order: Uint32Array): number {
  const key = { hi: 0, lo: 0 };
  const out = new Entry();
  let missed = 0;
  const cost = nanoseconds(order.length, (n) => {
    const session = order[n]!;
    keyOf(session, key);
    if (table.find(key, now, out) !== 'live') missed++;
    else if (out.server !== 1 + (session % servers)) throw new Error('wrong answer');
  });
  if (missed > table.counters.evicted) throw new Error(`${missed} sessions are missing`);
  return cost;
}

function orderOf(sessions: number, seed: number): Uint32Array {
  return Uint32Array.from({ length: Math.min(perRound, sessions) }, (_, n) => shuffled(n + seed * perRound, sessions));
}

function row(title: string, value: string): void {
  console.log(title.padEnd(52) + value.padStart(14));
}

const ns = (value: number) => `${value.toFixed(0)} ns`;

async function main(): Promise<void> {
  const sessions = Number(process.argv[2] ?? 10_000_000);
  console.log(`${sessions.toLocaleString('en')} sessions, ${process.versions.bun ? 'Bun' : 'Node'}\n`);
  const table = SessionTable.create({ capacity: sessions, lifetimes: [{ idle: 1800, absolute: 0 }] });
  const key = { hi: 0, lo: 0 };
  const out = new Entry();
  const insert = nanoseconds(sessions, (n) => {
    keyOf(n, key);
    if (table.bind(key, 1 + (n % servers), now, out) !== 'bound') throw new Error('wrong answer');
  });
  const { evicted } = table.counters;
  row('table: bytes a session', (table.buffer.byteLength / sessions).toFixed(1));
  row('table: insert, from empty to full', ns(insert));
  row('table: evicted, its page being full before the others', String(evicted));
  const orders = Array.from({ length: rounds + 1 }, (_, round) => orderOf(sessions, round));
  row('table: look-up that hits', ns(median((round) => lookUps(table, orders[round]!))));
  const misses = median((round) =>
    nanoseconds(perRound, (n) => {
      keyOf(sessions + round * perRound + n, key);
      if (table.find(key, now, out) !== 'none') throw new Error('wrong answer');
    }),
  );
  row('table: look-up that misses', ns(misses));
  const use = median((round) => {
    const order = orders[round]!;
    return nanoseconds(order.length, (n) => {
      keyOf(order[n]!, key);
      if (table.enter(key, now, out) === 'live') table.leave(key, now);
    });
  });
  row('table: enter and leave', ns(use));
  await twoThreads(table, sessions);
  hashing();
  map(sessions, orders);
}

/** Both threads look up at the same time, for the same number of rounds. */
async function twoThreads(table: SessionTable, sessions: number): Promise<void> {
  const workers = [1, 2].map(
    (writer) => new Worker(new URL(import.meta.url), { workerData: { buffer: table.buffer, writer, sessions } }),
  );
  const perThread = await Promise.all(
    workers.map((worker) => new Promise<number>((done) => worker.on('message', (value: number) => done(value)))),
  );
  for (const worker of workers) await worker.terminate();
  const perSecond = perThread.reduce((sum, one) => sum + 1e9 / one, 0);
  row('table: look-ups a second, 2 threads', `${(perSecond / 1e6).toFixed(2)} M`);
}

function thread({ buffer, writer, sessions }: { buffer: SharedArrayBuffer; writer: number; sessions: number }): void {
  const table = SessionTable.attach(buffer, writer);
  const order = orderOf(sessions, writer * 10);
  parentPort?.postMessage(median(() => lookUps(table, order)));
}

function hashing(): void {
  const fingerprints = Fingerprints.of(Buffer.alloc(32, 1), 'bench');
  const ids = Buffer.alloc(64 * 32, 'B5D0A1F7C3');
  const key = { hi: 0, lo: 0 };
  const cost = median(() =>
    nanoseconds(perRound, (n) => fingerprints.hash(ids, (n & 63) * 32, (n & 63) * 32 + 32, key)),
  );
  row('fingerprint of 32 bytes', ns(cost));
}

/** The same with what one would write first: one thread only, no expiry, and nothing to save. */
function map(sessions: number, orders: readonly Uint32Array[]): void {
  // A Map holds at most 16.7 million; beyond a few million it also wants a larger heap than Node's default.
  const size = Math.min(sessions, 5_000_000);
  const idOf = (n: number) => `s${n.toString(36)}-0123456789abcdef`;
  const before = process.memoryUsage().rss;
  const sessionsById = new Map<string, { server: number; epoch: number; born: number; seen: number }>();
  const insert = nanoseconds(size, (n) => {
    sessionsById.set(idOf(n), { server: 1 + (n % servers), epoch: 1, born: now, seen: now });
  });
  const bytes = (process.memoryUsage().rss - before) / size;
  const find = median((round) => {
    const ids = Array.from(orders[round]!.subarray(0, 200_000), (n) => idOf(n % size));
    return nanoseconds(ids.length, (n) => {
      if (sessionsById.get(ids[n]!) === undefined) throw new Error('wrong answer');
    });
  });
  console.log(`\nMap of strings, ${size.toLocaleString('en')} sessions`);
  row('Map: bytes a session (growth of the process)', bytes.toFixed(0));
  row('Map: insert, the string included', ns(insert));
  row('Map: look-up that hits', ns(find));
}

if (isMainThread) await main();
else thread(workerData);
