/**
 * What it costs a worker to change one server of a pool of 1,000: the change applied to the pool that runs, and a new pool made
 * of the config. `node bench/micro/membership.ts` or `bun bench/micro/membership.ts`; --servers for another size.
 */
import { parseArgs } from 'node:util';
import { TokenRings } from '../../src/affinity/token.ts';
import { type PoolEnvironment, PoolSet } from '../../src/balancer/pool-set.ts';
import { readConfig } from '../../src/config/read.ts';
import { Connects } from '../../src/fleet/connects.ts';
import type { PoolParts } from '../../src/proxy/pool.ts';
import { PoolContext } from '../../src/proxy/server/pool-context.ts';
import { RequestBatch } from '../../src/proxy/server/request-batch.ts';
import { createSingleWorker } from '../../src/shared/single-worker.ts';
import { type Numbers, numberAll } from '../../src/shared/slots.ts';
import { createWorkerContext } from '../../test/support/worker-context.ts';
import type { Step } from './harness.ts';

const { values } = parseArgs({ options: { servers: { type: 'string', default: '1000' } } });
const size = Number(values.servers);

const listed = Array.from({ length: size }, (_, i) => ({ name: `s${i}`, address: `10.0.${i >> 8}.${i & 255}:3000` }));
const others = {
  'one joins, and leaves': [...listed, { name: 'new', address: '10.9.9.9:3000' }],
  'another weight, and back': listed.map((server, i) => (i === 500 % size ? { ...server, weight: 2 } : server)),
  'another address, and back': listed.map((server, i) => {
    return i === 500 % size ? { ...server, address: '10.9.9.9:3000' } : server;
  }),
  'the same servers': listed,
};

function optionsOf(servers: readonly object[], balance = 'round-robin') {
  const written = {
    listeners: [{ address: '127.0.0.1:80' }],
    pools: { shop: { servers, balance } },
    keys: ['k'.repeat(40)],
  };
  return readConfig(written, { source: { name: 'bench', locate: () => null }, env: {}, variables: false }).options;
}

const first = optionsOf(listed);
const { shared, numbers, servers, lifetimes } = createSingleWorker(first, 0);
const worker = createWorkerContext({ counters: shared.counters });
const made: PoolParts[] = [];
const environment: PoolEnvironment = {
  contextFor: ({ limits }) => new PoolContext(worker, new RequestBatch(worker.net), { ...limits, uriBytes: 0 }),
  shared,
  secret: Buffer.alloc(32),
  copies: null,
  owners: null,
  connects: new Connects(4096, null),
  report() {},
  reportForeignCookie() {},
  announceRoom() {},
  random: Math.random,
  randomWords() {},
  otherNodes: null,
  rings: new TokenRings(),
  tlsOf: () => () => null,
  observe: (parts) => {
    made[0] = parts;
    return parts;
  },
};

/** As a worker does it, which gets the config and the slots ready made. */
function reloader(before: typeof first, after: typeof first): Step['run'] {
  const pools = new PoolSet(environment);
  pools.use(pools.plan(before, numbers), 0);
  const numbersOf = new Map<typeof first, Numbers>([
    [before, numberAll(before, servers, lifetimes, 0)],
    [after, numberAll(after, servers, lifetimes, 0)],
  ]);
  return (turn) => {
    const options = turn % 2 === 0 ? after : before;
    pools.use(pools.plan(options, numbersOf.get(options) ?? numbers), 0);
    const fleet = pools.get('shop')?.parts.fleet;
    if (fleet?.servers.length !== options.pools[0]?.servers.length) throw new Error('it has other servers');
  };
}

const steps: Step[] = Object.entries(others).map(([name, changed]) => ({
  name: `applied: ${name}`,
  run: reloader(first, optionsOf(changed)),
}));
const rebuilt = optionsOf(listed);
steps.push({
  name: 'a new pool',
  run() {
    const pools = new PoolSet(environment);
    pools.use(pools.plan(rebuilt, numbers), 0);
    if (pools.get('shop')?.parts.fleet.servers.length !== size) throw new Error('it has other servers');
  },
});
for (const balance of ['round-robin', 'rendezvous', 'maglev']) {
  const pools = new PoolSet(environment);
  const [before, after] = [optionsOf(listed, balance), optionsOf(others['another weight, and back'], balance)];
  pools.use(pools.plan(before, numbers), 0);
  const [parts] = made;
  steps.push({
    name: `applied, and the first choice by ${balance}`,
    run(turn) {
      pools.use(pools.plan(turn % 2 === 0 ? after : before, numbers), 0);
      if (parts?.choose(turn, null) === undefined) throw new Error('nobody is chosen');
    },
  });
}

// Such a step takes a millisecond, not nanoseconds: few runs are enough.
const rounds = 7;
const runs = 20;
const samples = steps.map((): number[] => []);
let turn = 0;
for (let round = 0; round <= rounds; round++) {
  for (const [i, { run }] of steps.entries()) {
    const begun = performance.now();
    for (let n = 0; n < runs; n++) run(turn++);
    // The first round warms up.
    if (round > 0) samples[i]?.push((performance.now() - begun) / runs);
  }
}
console.log(
  `a pool of ${size} servers, one of them changed; a change and its opposite in turn: µs, medians of ${rounds}`,
);
for (const [i, { name }] of steps.entries()) {
  const median = samples[i]?.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
  console.log(`${name.padEnd(48)}${(median * 1000).toFixed(0).padStart(8)}`);
}
