/**
 * What the session table costs at 10 million sessions: bytes, insert, look-up, look-ups of two threads at once; beside
 * a JavaScript Map and HAProxy's stick-table. `node bench/micro/table.ts` or `bun bench/micro/table.ts`; --help says
 * more. It needs 0.5 GB for the table and, after that, 2 GB for the Map.
 */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Fingerprints } from '../../src/table/fingerprint.ts';
import { Entry, SessionTable } from '../../src/table/table.ts';
import { measureStickTable } from './stick-table.ts';

/** Nanoseconds of one step. The CPU's own time suffers less from other programs than the clock's. */
export interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

const usage = `npm run bench:table -- [options]

  --sessions N        sessions in the table and in the Map (10000000)
  --stick-entries N   entries in HAProxy's stick-table, or as many as fit into 60 s (1000000); 0 leaves it out

BENCH_HAPROXY: another haproxy.
`;

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
function orderOf(sessions: number, seed: number): Uint32Array {
  const shuffled = (n: number) => Number((BigInt(n) * 7_368_787n) % BigInt(sessions));
  return Uint32Array.from({ length: Math.min(perRound, sessions) }, (_, n) => shuffled(n + seed * perRound));
}

/** The process's, with its garbage collector, on the main thread; the thread's own where several are measured. */
function cpuMicroseconds(): number {
  const { user, system } = isMainThread ? process.cpuUsage() : process.threadCpuUsage();
  return user + system;
}

function costOf(count: number, run: (n: number) => void): Cost {
  const [cpu, wall] = [cpuMicroseconds(), performance.now()];
  for (let n = 0; n < count; n++) run(n);
  return { wall: ((performance.now() - wall) * 1e6) / count, cpu: ((cpuMicroseconds() - cpu) * 1e3) / count };
}

/** Medians of rounds after one that warms up. */
function median(run: (round: number) => Cost): Cost {
  const samples = Array.from({ length: rounds + 1 }, (_, round) => run(round)).slice(1);
  const middle = (figures: number[]) => figures.sort((a, b) => a - b)[rounds >> 1]!;
  return { wall: middle(samples.map(({ wall }) => wall)), cpu: middle(samples.map(({ cpu }) => cpu)) };
}

/** Look-ups of sessions in random order: each answer is checked, and only those that were evicted may miss. */
function lookUps(table: SessionTable, order: Uint32Array): Cost {
  const key = { hi: 0, lo: 0 };
  const out = new Entry();
  let missed = 0;
  const cost = costOf(order.length, (n) => {
    const session = order[n]!;
    keyOf(session, key);
    if (table.find(key, now, out) !== 'live') missed++;
    else if (out.server !== 1 + (session % servers)) throw new Error('wrong answer');
  });
  if (missed > table.counters.evicted) throw new Error(`${missed} sessions are missing`);
  return cost;
}

const widths = [34, 10, 9, 17, 17, 17, 24];

function row(...cells: string[]): void {
  console.log(`| ${cells.map((cell, n) => (n ? cell.padStart(widths[n]!) : cell.padEnd(widths[n]!))).join(' | ')} |`);
}

const whole = (n: number) => n.toLocaleString('en', { maximumFractionDigits: 0 });
const ns = ({ wall, cpu }: Cost) => `${whole(wall)} (${whole(cpu)})`;
const millions = (n: number) => `${(n / 1e6).toFixed(2)} M`;

async function limpet(sessions: number, orders: readonly Uint32Array[]): Promise<string[]> {
  const table = SessionTable.create({ capacity: sessions, lifetimes: [{ idle: 1800, absolute: 0 }] });
  const key = { hi: 0, lo: 0 };
  const out = new Entry();
  const insert = costOf(sessions, (n) => {
    keyOf(n, key);
    if (table.bind(key, 1 + (n % servers), now, out) !== 'bound') throw new Error('wrong answer');
  });
  const hit = median((round) => lookUps(table, orders[round]!));
  const miss = median((round) =>
    costOf(perRound, (n) => {
      keyOf(sessions + round * perRound + n, key);
      if (table.find(key, now, out) !== 'none') throw new Error('wrong answer');
    }),
  );
  const use = median((round) =>
    costOf(orders[round]!.length, (n) => {
      keyOf(orders[round]![n]!, key);
      if (table.enter(key, now, out) === 'live') table.leave(key, now, out);
    }),
  );
  const bytes = (table.buffer.byteLength / sessions).toFixed(1);
  const both = await twoThreads(table, sessions);
  row('Limpet, session table', whole(sessions), bytes, ns(insert), ns(hit), ns(miss), both);
  return [
    `${whole(table.counters.evicted)} sessions evicted, their page being full before the others`,
    `enter and leave of a session (an exchange that begins and ends): ${ns(use)} ns`,
    `fingerprint of an id of 32 bytes, which comes before a look-up: ${ns(hashing())} ns`,
  ];
}

/** Both threads look up at the same time, for the same number of rounds. */
async function twoThreads(table: SessionTable, sessions: number): Promise<string> {
  const workers = [1, 2].map(
    (writer) => new Worker(new URL(import.meta.url), { workerData: { buffer: table.buffer, writer, sessions } }),
  );
  const heard = (worker: Worker) =>
    new Promise<Cost>((done, fail) => {
      worker.on('message', done);
      worker.on('error', fail);
    });
  const costs = await Promise.all(workers.map(heard));
  for (const worker of workers) await worker.terminate();
  const perSecond = (one: (cost: Cost) => number) => millions(costs.reduce((sum, cost) => sum + 1e9 / one(cost), 0));
  return `${perSecond(({ wall }) => wall)} (${perSecond(({ cpu }) => cpu)})`;
}

function thread({ buffer, writer, sessions }: { buffer: SharedArrayBuffer; writer: number; sessions: number }): void {
  const table = SessionTable.attach(buffer, writer);
  const order = orderOf(sessions, writer * 10);
  parentPort?.postMessage(median(() => lookUps(table, order)));
}

function hashing(): Cost {
  const fingerprints = Fingerprints.of(Buffer.alloc(32, 1), 'bench');
  const ids = Buffer.alloc(64 * 32, 'B5D0A1F7C3');
  const key = { hi: 0, lo: 0 };
  return median(() => costOf(perRound, (n) => fingerprints.hash(ids, (n & 63) * 32, (n & 63) * 32 + 32, key)));
}

/** What one would write first: ids as they come off the wire, one thread only, no expiry, and nothing to save. */
function map(sessions: number, orders: readonly Uint32Array[]): void {
  // Node's Map holds at most 16.7 million.
  const size = Math.min(sessions, 10_000_000);
  const bytes = Buffer.alloc(32, '0123456789abcdef');
  const idOf = (n: number) => {
    bytes.writeUInt32BE(mix(n) & 0x7f7f7f7f, 0);
    bytes.writeUInt32BE(n, 4);
    return bytes.toString('latin1');
  };
  const before = process.memoryUsage().rss;
  const sessionsById = new Map<string, { server: number; epoch: number; born: number; seen: number }>();
  const insert = costOf(size, (n) => {
    sessionsById.set(idOf(n), { server: 1 + (n % servers), epoch: 1, born: now, seen: now });
  });
  const each = (process.memoryUsage().rss - before) / size;
  const find = (known: boolean) =>
    median((round) => {
      const ids = Array.from(orders[round]!.subarray(0, 200_000), (n) => idOf(known ? n % size : size + n));
      return costOf(ids.length, (n) => {
        if (sessionsById.has(ids[n]!) !== known) throw new Error('wrong answer');
      });
    });
  row('JavaScript Map of strings', whole(size), whole(each), ns(insert), ns(find(true)), ns(find(false)), 'one thread');
}

async function stickTable(wanted: number): Promise<void> {
  const stick = await measureStickTable(wanted);
  if (stick === null) {
    row('HAProxy: not installed', ...Array.from({ length: 6 }, () => '-'));
    return;
  }
  const { version, entries, bytes, insert, hit, miss, nothing, perSecond } = stick;
  const title = `HAProxy ${version}, through its API`;
  row(title, whole(entries), whole(bytes), ns(insert), ns(hit), ns(miss), millions(perSecond));
  row('  the API alone: an empty command', '', '', ns(nothing), ns(nothing), ns(nothing), '');
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`--${option} ${text}: expected a whole number from ${least} to ${most}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '10000000' },
      'stick-entries': { type: 'string', default: '1000000' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const sessions = wholeNumber('sessions', values.sessions, 1000, 100_000_000);
  const entries = wholeNumber('stick-entries', values['stick-entries'], 0, 10_000_000);
  const runtime = process.versions.bun ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`;
  console.log(`${runtime}, ${cpus()[0]?.model}, load average before: ${loadavg()[0]!.toFixed(1)}`);
  console.log('Times are nanoseconds by the clock, and in brackets of CPU.\n');
  row('', 'sessions', 'bytes', 'insert', 'look-up, hit', 'look-up, miss', 'look-ups/s, 2 threads');
  row('---', ...Array.from({ length: 6 }, () => '---:'));
  const orders = Array.from({ length: rounds + 1 }, (_, round) => orderOf(sessions, round));
  const notes = await limpet(sessions, orders);
  if (entries > 0) await stickTable(entries);
  map(sessions, orders);
  console.log(`\n${notes.map((note) => `- ${note}`).join('\n')}`);
}

if (isMainThread) await main();
else thread(workerData);
