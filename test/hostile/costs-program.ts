/**
 * What each input of costs-cases.ts costs the balancer, from its socket to the server's and back, on the runtime that runs this:
 * `costs-program.ts` prints, as JSON, the ms of one run by name and size.
 *
 * A run is repeated until it can be measured, all inputs and sizes take turns, and the quickest of several counts: what else the
 * machine does can only add to it.
 */

import { Balancer } from '../../src/balancer/balancer.ts';
import { readConfig } from '../../src/config/read.ts';
import { createSingleWorker } from '../../src/shared/single-worker.ts';
import { type CostCase, costCases } from './costs-cases.ts';
import { CostNet, type Talk } from './costs-net.ts';

const KiB = 1024;
const sizes = [8 * KiB, 16 * KiB, 32 * KiB, 64 * KiB];
const rounds = 6;
/** Milliseconds. */
const measurable = 1;

const { options } = readConfig(
  {
    listeners: [
      {
        address: '127.0.0.1:1',
        trustedProxies: ['10.0.0.0/8'],
        limits: { headBytes: '1M', uriBytes: '1M', headers: 10_000 },
      },
    ],
    workers: 1,
    keys: ['a key of these tests, which has 32 bytes'],
    pools: {
      app: {
        servers: [{ name: 'a', address: '127.0.0.1:2' }],
        limits: { headBytes: '1M', headers: 10_000 },
        health: { passive: false },
        affinity: [
          { force: { query: 'force' } },
          { force: { header: 'X-Force' } },
          { force: { cookie: 'force' } },
          { route: { header: 'X-User', map: { 'a*b*c': 'a' } } },
          { rewrite: 'app' },
          { learn: { cookie: 'own', header: 'X-Own', query: 'own', parameter: 'own' } },
          { query: 'key' },
          { path: '^/app/((?:\\w+\\.?)+)$' },
          { cookie: { name: 'limpet', twin: true } },
        ],
      },
    },
    routes: [{ match: { path: '/app' }, pool: 'app' }],
    table: { capacity: 1000 },
  },
  { source: { name: 'costs', locate: () => null }, env: {}, variables: false },
);

const net = new CostNet();
const { shared, numbers } = createSingleWorker(options, Math.floor(Date.now() / 1000));
const limpet = new Balancer(options, {
  net,
  shared,
  numbers,
  secret: Buffer.alloc(32, 's'),
  report() {},
  announceRoom() {},
  reportShortage() {},
  writeAccess() {},
});
await limpet.start([1]);

function piecesOf(text: string, size = text.length): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

const request = 'GET /app HTTP/1.1\r\nHost: a\r\n\r\n';
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

function talkOf(one: CostCase, size: number): Talk {
  const { until } = one;
  const text = one.request?.(size) ?? request;
  let received = 0;
  return {
    request: piecesOf(text, one.request === undefined ? undefined : one.piece),
    answer: piecesOf(one.answer?.(size) ?? answer, one.answer === undefined ? undefined : one.piece),
    isWhole(chunk) {
      if (until === undefined) return true;
      // Without a mark at its end the body is known by its length.
      if (until !== '') return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).includes(until);
      received = (received + chunk.length) % 2 ** 50;
      if (received < size) return false;
      received = 0;
      return true;
    },
  };
}

/**
 * Milliseconds for which this thread has run. (Bun tells those of the process, which has no other that works.) Linux brings a
 * thread's time up to date when the process is asked for its own; else it is as old as the last tick of the timer, some ms.
 */
function cpuTime(): number {
  const ofProcess = process.cpuUsage();
  const { user, system } = process.versions.bun === undefined ? process.threadCpuUsage() : ofProcess;
  return (user + system) / 1000;
}

class Runner {
  best = Number.POSITIVE_INFINITY;
  private readonly talk: Talk;
  private count = 1;

  constructor(one: CostCase, size: number) {
    this.talk = talkOf(one, size);
    if (net.run(this.talk) === 0) throw new Error(`${one.name}: nothing came back`);
  }

  round(): void {
    let spent = this.measure();
    while (spent < measurable) {
      this.count *= 2;
      spent = this.measure();
    }
    this.best = Math.min(this.best, spent / this.count);
  }

  private measure(): number {
    const begun = cpuTime();
    for (let n = 0; n < this.count; n++) net.run(this.talk);
    return cpuTime() - begun;
  }
}

const [only] = process.argv.slice(2);
const chosen = costCases.filter(({ name }) => only === undefined || name === 'plain' || name.includes(only));
const runners = chosen.map((one) => sizes.map((size) => new Runner(one, size)));
for (let round = 0; round < rounds; round++) for (const one of runners) for (const runner of one) runner.round();
const costs = Object.fromEntries(chosen.map(({ name }, i) => [name, runners[i]!.map(({ best }) => best)]));
process.stdout.write(`${JSON.stringify({ sizes, costs })}\n`);
process.exit();
