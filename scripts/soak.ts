/**
 * `npm run soak`: ten minutes of steady mixed load with all that goes wrong in a day: new sessions all the time, clients that
 * leave, slow ones, WebSockets, a reload every 30 s, a killed server every minute. Memory must not grow, and at the end nothing
 * may be left open. `-- --minutes N` for another time, `-- --runtime node`, `-- --workers N`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Limpet, startLimpet } from '../test/support/limpet.ts';
import { AppServers } from '../test/support/mixed/app-servers.ts';
import { startLoad } from '../test/support/mixed/load.ts';
import { Nuisance } from '../test/support/mixed/nuisance.ts';
import { grows, trendOf } from '../test/support/mixed/trend.ts';
import { type Runtime, runtimes } from '../test/support/runtimes.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    runtime: { type: 'string', default: 'bun' },
    workers: { type: 'string', default: '2' },
  },
});
const minutes = Number(values.minutes);
const workers = Number(values.workers);
const runtime = runtimes.find((one) => one === values.runtime);
if (runtime === undefined) fail(`--runtime ${values.runtime}: expected ${runtimes.join(' or ')}`);
if (!(minutes >= 1 && minutes <= 24 * 60)) fail(`--minutes ${values.minutes}: expected 1 to 1440`);
if (!(Number.isInteger(workers) && workers >= 1)) fail(`--workers ${values.workers}: expected a number of threads`);

/** Seconds: one memory sample, one line of output and one reload, one killed server, and how long that one is away. */
const sampleEvery = 5;
const reloadEvery = 30;
const killEvery = 60;
const away = 5;
/** Of the time, before memory is judged: code is compiled, pools and tables find their size. */
const warmUp = 0.2;
/** Sessions end soon after their last request, and the sweep takes a minute to come round: then the table is empty. */
const idle = 10;
const quiet = 100;
/** Small, so that all of it has been touched after the warm-up: an untouched page of memory counts only from its first session on. */
const table = { capacity: 10_000 };

const home = ['a', 'b', 'c', 'd'];

async function soak(runtime: Runtime, folder: string): Promise<string[]> {
  await using servers = new AppServers(folder, { workers, table, times: { idle: `${idle}s` } });
  await servers.start([...home, 'e']);
  await using limpet = await startLimpet(runtime, { config: servers.config() });
  servers.limpet = limpet;
  const memory = await calm(limpet);
  const before = filesOf(limpet.pid);
  say(`${runtime}, ${workers} workers, ${minutes} minutes; at rest ${mb(memory)} MB and ${before} files open`);

  const plan = { port: limpet.port, clients: 600, connections: 64, pause: 350, renew: 0.05, log: '', seed: 77 };
  await using load = await startLoad(plan);
  const nuisance = new Nuisance(limpet.port);
  nuisance.start();
  const samples: number[] = [];
  const begin = performance.now();
  const seconds = minutes * 60;
  let victim = 0;
  for (let at = sampleEvery; at <= seconds; at += sampleEvery) {
    await sleep(Math.max(0, begin + at * 1000 - performance.now()));
    samples.push(memoryOf(limpet.pid));
    const name = home[victim % home.length] ?? 'a';
    if (at % killEvery === 15) await servers.kill(name);
    if (at % killEvery === 15 + away) {
      await servers.start(name);
      victim++;
    }
    if (at % reloadEvery !== 0) continue;
    // In turn without the fifth server and with it.
    await servers[(at / reloadEvery) % 2 === 1 ? 'remove' : 'add']('e');
    say(await line(at, limpet, samples));
  }
  const requests = await load.finish();
  nuisance.stop();
  const { left, slow, slowBytes, sockets, echoes } = nuisance.told;
  say(
    `${requests} requests; ${left} left early, ${slow} read slowly (${mb(slowBytes)} MB), ${sockets} WebSockets (${echoes} echoes)`,
  );

  const found: string[] = [];
  if (echoes < sockets || slowBytes === 0 || requests < seconds * 100) found.push('there was less load than planned');
  const judged = samples.slice(Math.floor(samples.length * warmUp));
  const trend = trendOf(judged);
  const { mean, growth, error } = trend;
  say(
    `memory after the warm-up: mean ${mb(mean)} MB, growth ${mb(growth)} MB (${((100 * growth) / mean).toFixed(1)} %), standard error ${mb(error)} MB`,
  );
  if (grows(trend)) found.push(`memory grew by ${mb(growth)} MB in ${judged.length * sampleEvery} s`);
  found.push(...(await leftovers(limpet, before)));
  return found;
}

/** What is still there when it should have gone. */
async function leftovers(limpet: Limpet, before: number): Promise<string[]> {
  const end = performance.now() + quiet * 1000;
  for (;;) {
    const counters = await limpet.counters();
    const held = await sessionsIn(limpet);
    const files = filesOf(limpet.pid);
    const found = [
      ...['connections_open', 'tunnels_open', 'queue_depth'].map((name) => ({ name, is: counters[name], rest: 0 })),
      { name: 'sessions in the table', is: held, rest: 0 },
      // A health check of each of the ten servers of both pools may be under way.
      { name: 'files open', is: files, rest: before + 10 },
    ].filter(({ is, rest }) => is === undefined || is > rest);
    if (found.length === 0) {
      say(
        `at the end: no connection, tunnel, waiting request or session, ${files} files open, ${mb(memoryOf(limpet.pid))} MB`,
      );
      return [];
    }
    if (performance.now() > end) return found.map(({ name, is, rest }) => `${name}: ${is}, expected at most ${rest}`);
    await sleep(1000);
  }
}

/** Memory when it has come to rest after the start. */
async function calm(limpet: Limpet): Promise<number> {
  await sleep(2000);
  return memoryOf(limpet.pid);
}

async function sessionsIn(limpet: Limpet): Promise<number> {
  return Object.values(await limpet.sessions()).reduce((sum, count) => sum + count, 0);
}

async function line(at: number, limpet: Limpet, samples: readonly number[]): Promise<string> {
  const held = await sessionsIn(limpet);
  const { requests, connections_open, tunnels_open, retries, aborted_by_client, responses_5xx } =
    await limpet.counters();
  return `${at} s: ${mb(samples.at(-1) ?? 0)} MB, ${filesOf(limpet.pid)} files, ${requests} requests, ${connections_open} connections, ${tunnels_open} tunnels, ${held} sessions, ${retries} retries, ${aborted_by_client} aborted, ${responses_5xx} 5xx`;
}

/** Resident set in bytes. */
function memoryOf(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb ?? 0) * 1024;
}

function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function mb(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}

function say(text: string): void {
  console.log(`soak: ${text}`);
}

function fail(text: string): never {
  console.error(`soak: ${text}`);
  process.exit(2);
}

// What was started goes with this process, when it ends in order.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const folder = mkdtempSync(join(tmpdir(), 'limpet-soak-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const found = await soak(runtime, folder);
for (const one of found) say(`FAILED: ${one}`);
if (found.length === 0) say('passed');
process.exit(found.length === 0 ? 0 : 1);
