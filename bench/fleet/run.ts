/**
 * `npm run bench:fleet`: what a fleet costs. Operations at the store per request at steady state, counted by MONITOR less what the node
 * does without requests; and processor time per request of a node, with the fleet and without, round by round.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startFleet, type TestFleet } from '../../test/support/fleet.ts';
import { FleetClient, type Kind } from '../../test/support/fleet-clients.ts';
import { type Limpet, startLimpet } from '../../test/support/limpet.ts';
import { type Runtime, runtimes } from '../../test/support/runtimes.ts';
import { medianOf } from '../abuse/verdict.ts';
import { cpuTime } from '../macro/cpu.ts';
import { headOf, runLoad } from '../macro/load.ts';

const sessions = 50;
const requestsEach = 20;
/** Without requests: how long (ms) the store is watched. */
const idleMs = 5000;

const { values } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'bun' },
    rounds: { type: 'string', default: '9' },
    requests: { type: 'string', default: '60000' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(`npm run bench:fleet [-- options]

  --runtime NAME   of the balancers: bun (default) or node
  --rounds N       of processor time (default 9)
  --requests N     of each round (default 60000)`);
  process.exit(0);
}
const runtime = runtimes.find((one) => one === values.runtime);
if (runtime === undefined) throw new Error(`--runtime: found "${values.runtime}", expected ${runtimes.join(' or ')}`);

async function countOperations(runtime: Runtime): Promise<void> {
  const kinds: readonly Kind[] = ['cookie', 'learn', 'header', 'rewrite', 'address', 'library'];
  await using fleet = await startFleet(runtime, { kinds, config: { workers: 1 } });
  const watch = await Watch.open(fleet.redis.url);
  await sleep(2000);
  const idle = await watch.during(() => sleep(idleMs));
  console.log(`== ${runtime}: operations at the store`);
  console.log(`   two nodes without requests: ${(idle / (idleMs / 1000)).toFixed(1)} a second`);
  const report = async (what: string, kind: Kind, path = '', method = 'GET') => {
    const clients = Array.from({ length: sessions }, () => new FleetClient(kind));
    for (const client of clients)
      await client.ask(
        fleet.nodes[0]!,
        kind === 'library' ? 'count' : '',
        kind === 'library' ? { method: 'POST' } : {},
      );
    // The first request of each at the other node.
    const first = await measured(watch, idle, async () => {
      for (const client of clients) await client.ask(fleet.nodes[1]!, path, { method });
      return clients.length;
    });
    const steady = await measured(watch, idle, async () => {
      for (let n = 0; n < requestsEach; n++)
        await Promise.all(clients.map((client) => client.ask(fleet.nodes[n % 2]!, path, { method })));
      return clients.length * requestsEach;
    });
    console.log(
      `   ${what.padEnd(34)} ${first.toFixed(3)} with the first request at a node, then ${steady.toFixed(3)}`,
    );
  };
  await report('cookie, read', 'cookie');
  await report('learned id', 'learn');
  await report('header', 'header');
  await report('rewritten cookie', 'rewrite');
  await report('address in the table', 'address');
  await report('session of the library, read', 'library');
  await report('session of the library, change', 'library', 'count', 'POST');
  watch.close();
}

/** Operations of a request, less those that the nodes do in that time by themselves. */
async function measured(watch: Watch, idle: number, run: () => Promise<number>): Promise<number> {
  const began = performance.now();
  let requests = 1;
  const counted = await watch.during(async () => {
    requests = await run();
  });
  const own = (idle * (performance.now() - began)) / idleMs;
  return Math.max(0, counted - own) / requests;
}

/** Commands that reach the store, those of scripts not counted. */
class Watch {
  private count = 0;
  private readonly redis: Redis;

  private constructor(redis: Redis, monitor: Redis) {
    this.redis = redis;
    this.monitor = monitor;
    monitor.on('monitor', (_time: string, _args: string[], source: string) => {
      if (source !== 'lua') this.count++;
    });
  }

  private readonly monitor: Redis;

  static async open(url: string): Promise<Watch> {
    const redis = new Redis(url);
    return new Watch(redis, await redis.monitor());
  }

  async during(act: () => Promise<unknown>): Promise<number> {
    const from = this.count;
    await act();
    return this.count - from;
  }

  close(): void {
    this.monitor.disconnect();
    this.redis.disconnect();
  }
}

async function measureTime(runtime: Runtime): Promise<void> {
  await using fleet = await startFleet(runtime, { nodes: 2, kinds: ['cookie'], config: { workers: 1 } });
  const node = fleet.nodes[0]!.process;
  const config = withoutFleet(fleet);
  await using alone = await startLimpet(runtime, { config });
  // As the one before: by how much they differ is what the machine adds.
  await using twin = await startLimpet(runtime, { config });
  const loads = [await Load.open(node), await Load.open(alone), await Load.open(twin)];
  const times: number[][] = loads.map(() => []);
  const requests = Number(values.requests);
  // What the runtime compiles while it runs.
  for (const load of loads) await load.run(requests);
  for (let round = 0; round < Number(values.rounds); round++) {
    // The first of a round is another one each time.
    for (const i of loads.keys()) {
      const which = (round + i) % loads.length;
      times[which]!.push(await loads[which]!.run(requests));
    }
  }
  const [withFleet, ...without] = times.map(medianOf) as [number, number, number];
  const mean = (without[0]! + without[1]!) / 2;
  const rest = await Promise.all([atRest(node), atRest(alone)]);
  console.log(
    [
      `== ${runtime}: processor time of a request that reads with a cookie, one worker, medians of ${values.rounds}`,
      `   with the fleet ${withFleet.toFixed(1)} us, without ${without.map((one) => one.toFixed(1)).join(' and ')} us (two processes): ${(withFleet / mean).toFixed(3)}`,
      `   without requests ${rest[0].toFixed(1)} ms of processor time a second, without the fleet ${rest[1].toFixed(1)} ms`,
    ].join('\n'),
  );
}

/** Milliseconds of processor time a second. */
async function atRest({ pid }: Limpet): Promise<number> {
  const before = cpuTime(pid);
  await sleep(idleMs);
  const after = cpuTime(pid);
  return (after.user + after.system - before.user - before.system) / idleMs;
}

function withoutFleet(fleet: TestFleet): Record<string, unknown> {
  const { fleet: _, ...config } = fleet.config(fleet.nodes[0]!);
  return config;
}

class Load {
  private readonly pid: number;
  private readonly port: number;
  private readonly heads: readonly string[];
  /** Of each answer, since all servers have names of one letter. */
  private readonly answerBytes: number;

  private constructor({ pid, url }: Limpet, heads: readonly string[], answerBytes: number) {
    this.pid = pid;
    this.port = Number(new URL(url).port);
    this.heads = heads;
    this.answerBytes = answerBytes;
  }

  static async open(limpet: Limpet): Promise<Load> {
    const clients = Array.from({ length: 200 }, () => new FleetClient('cookie'));
    let answerBytes = 0;
    for (const client of clients) answerBytes = (await client.ask({ name: '', url: limpet.url })).body.length;
    const heads = clients.map(({ cookies }) => headOf({ path: '/cookie/', cookie: `plain=${cookies.get('plain')}` }));
    return new Load(limpet, heads, answerBytes);
  }

  /** Microseconds of the process for each request. */
  async run(requests: number): Promise<number> {
    const { pid, port, heads, answerBytes } = this;
    let before = cpuTime(pid);
    const ready = () => {
      before = cpuTime(pid);
      return Promise.resolve();
    };
    const options = ['-c', '32', '-n', String(requests), '-l', String(answerBytes)];
    await runLoad({ source: 'load/http.c', core: 0, port, options, heads, ready });
    const after = cpuTime(pid);
    return (after.user + after.system - before.user - before.system) / requests;
  }
}

await countOperations(runtime);
await measureTime(runtime);
process.exit(0);
