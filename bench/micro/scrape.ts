/**
 * What a scrape of /metrics costs the supervisor's thread when all servers of a large pool have served: processor time, the longest time in
 * which its event loop did not turn, and how much is written. `node bench/micro/scrape.ts` or `bun bench/micro/scrape.ts`;
 * --servers for another size (10,000).
 */
import { parseArgs } from 'node:util';
import { readConfig } from '../../src/config/read.ts';
import { Server } from '../../src/fleet/server.ts';
import { duration } from '../../src/metrics/exchange-stats.ts';
import { poolName, serverName } from '../../src/shared/slots.ts';
import { MetricsService } from '../../src/workers/metrics-service.ts';
import { SharedState } from '../../src/workers/shared-state.ts';
import { spread } from '../macro/report.ts';

const { values } = parseArgs({ options: { servers: { type: 'string', default: '10000' } } });
const size = Number(values.servers);
const rounds = 15;

const servers = Array.from({ length: size }, (_, i) => ({ name: `s${i}`, address: `10.0.${i >> 8}.${i & 255}:3000` }));
const written = { listeners: [{ address: '127.0.0.1:80' }], pools: { shop: { servers } }, keys: ['k'.repeat(40)] };
const { options } = readConfig(written, { source: { name: 'bench', locate: () => null }, env: {}, variables: false });
const state = new SharedState({ capacity: 100_000, workers: 2, isSlotExpected: () => false });
const numbers = state.assignNumbers(options, 0);
const pool = options.pools[0]!;
const members = pool.servers.map((server) => {
  const slot = numbers.slots.get(serverName('shop', server.name))!;
  return new Server(server, slot, slot, state.load);
});
for (const [i, slot] of [numbers.slots.get(poolName('shop'))!, ...members.map((one) => one.slot)].entries()) {
  for (const stats of state.stats.slice(0, 2)) {
    for (let n = 0; n <= i % 100; n++) {
      stats.requested(slot);
      stats.responded(slot, 200);
      stats.judged(slot, 4, 0);
      stats.observe(slot, duration.connect, 0.3);
      stats.observe(slot, duration.firstByte, n);
      stats.observe(slot, duration.total, 1.1 * n);
    }
  }
}

const metrics = new MetricsService({
  options: () => options,
  numbers: () => numbers,
  serversOf: () => members,
  state,
  certificates: () => [],
  store: () => null,
  fleet: () => null,
  clock: { now: Date.now, wall: Date.now, monotonic: () => performance.now() },
  runtime: process.versions.bun === undefined ? 'node' : 'bun',
});

/** The longest time between two turns of the event loop while `work` goes on (ms). */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let isOver = false;
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return longest;
}

const used: number[] = [];
const longest: number[] = [];
let text = '';
for (let round = 0; round < rounds; round++) {
  let body: Uint8Array = new Uint8Array();
  const before = process.cpuUsage();
  const turn = await longestTurn(async () => {
    ({ body } = await metrics.scrape('text/plain'));
  });
  const { user, system } = process.cpuUsage(before);
  text = Buffer.from(body).toString();
  // The first ones compile.
  if (round < 3) continue;
  used.push((user + system) / 1000);
  longest.push(turn);
}
console.log(`${size} servers, ${text.split('\n').length - 1} lines, ${(text.length / 1e6).toFixed(1)} MB`);
const [time, turn] = [spread(used), spread(longest)];
console.log(`processor time ${time.median.toFixed(0)} ms, at most ${time.max.toFixed(0)}`);
console.log(`longest turn of the event loop ${turn.median.toFixed(1)} ms, at most ${turn.max.toFixed(1)}`);
