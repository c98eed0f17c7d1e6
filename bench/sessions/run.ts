/**
 * `npm run bench:sessions`: one cart app on three servers, its sessions kept by Limpet or in Redis by the usual packages.
 * Balancer, servers and store share one core, the load has the other: requests per second are those of the whole.
 * Options: --rounds N (5), --seconds S (1).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuTime } from '../macro/cpu.ts';
import { headOf, runLoad } from '../macro/load.ts';
import { describeMachine } from '../macro/machine.ts';
import { capture, endWithThisProcess, findProgram, projectRoot } from '../macro/processes.ts';
import { renderText, spread } from '../macro/report.ts';
import { type Contender, cores, open, type Rival } from './stage.ts';

const rivals: readonly Rival[] = [
  { name: 'express-session, connect-redis, round robin', framework: 'express', store: null, sticky: false },
  { name: 'express-session, connect-redis, sticky', framework: 'express', store: null, sticky: true },
  { name: 'Express, Limpet, memory', framework: 'express', store: 'memory', sticky: true },
  { name: 'Express, Limpet, lmdb', framework: 'express', store: 'lmdb', sticky: true },
  { name: 'Express, Limpet, redis', framework: 'express', store: 'redis', sticky: true },
  { name: '@fastify/session, connect-redis, sticky', framework: 'fastify', store: null, sticky: true },
  { name: 'Fastify, Limpet, memory', framework: 'fastify', store: 'memory', sticky: true },
  { name: 'Fastify, Limpet, redis', framework: 'fastify', store: 'redis', sticky: true },
];

/** Requests of twenty that write. */
const mixes = [
  { title: '95 % reads', writes: 1 },
  { title: '50 % reads', writes: 10 },
];
const clients = 64;
const connections = 32;
const answerBytes = 200;

interface Round {
  readonly perSecond: number;
  readonly cpu: number;
  readonly p99: number;
}

async function load({ port, processes, cookies }: Contender, writes: number, seconds: number): Promise<Round> {
  const heads = Array.from({ length: clients * 20 }, (_, n) => {
    const cookie = cookies[n % clients]!;
    const isWrite = Math.floor(n / clients) < writes;
    return isWrite
      ? headOf({ method: 'POST', path: '/add', headers: ['Content-Length: 0'], cookie })
      : headOf({ path: '/cart', cookie });
  });
  const used = () =>
    processes.reduce((sum, { pid }) => {
      const { user, system } = cpuTime(pid);
      return sum + user + system;
    }, 0);
  const before = used();
  const {
    requests,
    seconds: took,
    p99,
  } = await runLoad({
    source: 'load/http.c',
    core: cores.load,
    port,
    heads: shuffled(heads),
    options: ['-m', '-c', `${connections}`, '-t', `${seconds * 1000}`, '-l', `${answerBytes}`],
  });
  return { perSecond: requests / took, cpu: (used() - before) / requests, p99 };
}

/** The same order each time. */
function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items];
  let state = 1;
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1' } },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
/** Of each contender, before the first round of a mix (s). */
const warmup = 6;
endWithThisProcess();
const machine = describeMachine();
console.log(`${machine.cpu}, Linux ${machine.kernel}; ${capture(findProgram('redis-server')!, ['--version'])}`);
const contenders: Contender[] = [];
for (const rival of rivals) contenders.push(await open(rival, clients));
const results = [];
for (const { title, writes } of mixes) {
  // What is compiled while it runs is not fast at once.
  for (const one of contenders) await load(one, writes, warmup);
  const found = new Map<Contender, Round[]>(contenders.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % contenders.length;
    for (const one of [...contenders.slice(first), ...contenders.slice(0, first)])
      found.get(one)!.push(await load(one, writes, seconds));
  }
  const median = (all: readonly Round[], figure: keyof Round) => spread(all.map((one) => one[figure])).median;
  const rows = contenders.map((one) => {
    const all = found.get(one)!;
    const against = contenders.find(({ rival }) => rival.framework === one.rival.framework && rival.store === null);
    const ratio = median(all, 'perSecond') / median(found.get(against!)!, 'perSecond');
    const numbers = [median(all, 'perSecond').toFixed(0), ratio.toFixed(2)];
    return [one.rival.name, ...numbers, median(all, 'cpu').toFixed(0), median(all, 'p99').toFixed(1)];
  });
  console.log(`\n${title}\n${renderText([['sessions', 'req/s', 'x', 'CPU us/req', 'p99 ms'], ...rows])}`);
  results.push({ title, rows });
}
mkdirSync(join(projectRoot, 'bench/results'), { recursive: true });
writeFileSync(join(projectRoot, 'bench/results/sessions.json'), JSON.stringify({ machine, results }, null, 2));
process.exit(0);
