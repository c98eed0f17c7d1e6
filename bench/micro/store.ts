/**
 * What an operation of each store costs, alone and with 64 under way: memory, memory in another thread, LMDB with and without
 * waiting for the disk, and a Redis of its own on loopback. `node bench/micro/store.ts` or `bun bench/micro/store.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, MessageChannel, type MessagePort, Worker, workerData } from 'node:worker_threads';
import { LmdbStore } from '../../src/store/lmdb.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { RemoteStore, serveStore } from '../../src/store/remote.ts';
import { type Put, type SessionKey, type Store, silentEviction } from '../../src/store/store.ts';
import { systemTimers } from '../../src/time/clock.ts';
import { findProgram } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { redisAddress } from '../../test/support/redis-stage.ts';

const options = { tombstoneTime: 3_600_000, stateBytes: 2 ** 20 };
const data = new Uint8Array(2048).fill(0x61);
const now = () => Date.now();
const rounds = 3;
const sessions = 1000;

const keyOf = (n: number): SessionKey => ({ pool: 'bench', id: n.toString(16).padStart(32, '0') });
const putOf = (version: number): Put => ({ owner: 1, epoch: 1, version, by: 'bench', data, ttl: 3_600_000 });
const memory = () => new MemoryStore({ ...options, maxBytes: 2 ** 32, eviction: silentEviction }, now);

let version = 0;
let claims = 0;

/** Each answers whether it did what it should: a bench of refusals would be a fast one. */
const operations: Readonly<Record<string, (store: Store, n: number) => Promise<boolean>>> = {
  put: async (store, n) => (await store.put(keyOf(n % sessions), putOf(++version))).state === 'stored',
  read: async (store, n) => (await store.read(keyOf(n % sessions))).state === 'live',
  claim: async (store) => (await store.claim(keyOf(sessions + ++claims), 0, 2, 3_600_000)).state === 'claimed',
};

/** Microseconds of one operation by the clock, `width` of them under way; the median of the rounds. */
async function measure(store: Store, what: string, width: number, count: number): Promise<number> {
  const run = operations[what]!;
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let next = 0;
    const start = performance.now();
    const lane = async () => {
      while (next < count) if (!(await run(store, next++))) throw new Error(`${what} was refused`);
    };
    await Promise.all(Array.from({ length: width }, lane));
    samples.push(((performance.now() - start) * 1000) / count);
  }
  return samples.sort((a, b) => a - b)[rounds >> 1]!;
}

async function row(name: string, store: Store, alone: number): Promise<void> {
  const cells: string[] = [];
  for (let n = 0; n < sessions; n++) if (n % 64 === 63) await Promise.all(fill(store, n - 63));
  await Promise.all(fill(store, sessions - (sessions % 64)));
  for (const what of Object.keys(operations)) {
    for (const width of [1, 64]) {
      cells.push((await measure(store, what, width, width === 1 ? alone : alone * 16)).toFixed(1));
    }
  }
  console.log(`| ${name.padEnd(24)} | ${cells.map((cell) => cell.padStart(9)).join(' | ')} |`);
}

function fill(store: Store, from: number): Promise<unknown>[] {
  return Array.from({ length: 64 }, (_, at) => store.put(keyOf((from + at) % sessions), putOf(++version)));
}

async function main(): Promise<void> {
  const runtime = process.versions.bun ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`;
  console.log(`${runtime}, ${cpus()[0]?.model}, load average before: ${loadavg()[0]!.toFixed(1)}`);
  console.log('Microseconds an operation by the clock, a state of 2 KiB, 1 or 64 under way.\n');
  console.log(`| ${' '.repeat(24)} |     put 1 |    put 64 |    read 1 |   read 64 |   claim 1 |  claim 64 |`);
  console.log(`|${'-'.repeat(26)}|${'----------:|'.repeat(6)}`);
  await row('memory', memory(), 2000);

  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), { workerData: port1, transferList: [port1] });
  await row('memory, another thread', new RemoteStore(port2, ''), 500);
  port2.close();
  await worker.terminate();

  const folder = mkdtempSync(join(tmpdir(), 'limpet-bench-store-'));
  for (const sync of [true, false]) {
    const store = await LmdbStore.open({ ...options, path: join(folder, `${sync}`), sync }, now);
    await row(sync ? 'lmdb' : 'lmdb, sync: false', store, sync ? 40 : 300);
    await store.close();
  }
  rmSync(folder, { recursive: true });

  if (findProgram('redis') === undefined) return console.log('\nredis-server is not installed');
  const server = await RedisServer.start();
  const store = await RedisStore.open(redisAddress(server.url), { ...options, timeout: 5000 }, now, systemTimers);
  await row('redis', store, 300);
  await store.close();
  await server.kill();
}

if (isMainThread) await main();
else serveStore(memory(), workerData as MessagePort);
