/**
 * What one choice costs: nanoseconds a select, for each policy, at 10 to 10,000 servers. Run it with
 * `node bench/micro/balance.ts` or `bun bench/micro/balance.ts`; medians of five rounds, policies interleaved.
 */
import { createPolicy, policyNames } from '../../src/balance/registry.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { Load } from '../../src/fleet/load.ts';
import { Server } from '../../src/fleet/server.ts';

const sizes = [10, 100, 1_000, 10_000];
const rounds = 5;
const roundTime = 30;

function fleetOf(size: number, weightOf: (number: number) => number): Fleet {
  const load = Load.single(size);
  const servers = Array.from({ length: size }, (_, number) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
    return new Server(
      { name: `s${number}`, address, weight: weightOf(number), maxRequests: 0 },
      number * 7919 + 1,
      number,
      load,
    );
  });
  return new Fleet(servers, { panicThreshold: 0.5, slowStart: 0 });
}

const cases = [
  { title: 'equal weights, every server busy', weightOf: () => 1, inflightOf: (number: number) => 1 + (number % 7) },
  { title: 'equal weights, every server idle', weightOf: () => 1, inflightOf: () => 0 },
  {
    title: 'weights 1 to 8, busy',
    weightOf: (number: number) => 1 + (number % 8),
    inflightOf: (number: number) => 1 + (number % 7),
  },
  {
    title: 'equal weights, all refused: the most that one choice can cost',
    weightOf: () => 1,
    inflightOf: () => 1,
    refuse: true,
  },
];

for (const { title, weightOf, inflightOf, refuse } of cases) {
  const accept = refuse ? () => false : () => true;
  console.log(
    `\n${title} (ns a select)\n${'servers'.padEnd(16)}${sizes.map((size) => String(size).padStart(10)).join('')}`,
  );
  const samples = new Map<string, number[]>();
  const pools = sizes.map((size) => {
    const fleet = fleetOf(size, weightOf);
    for (const server of fleet.servers) for (let n = inflightOf(server.slot); n > 0; n--) server.enter();
    return { size, fleet };
  });
  const policies = pools.flatMap(({ size, fleet }) =>
    policyNames.map((name) => ({
      label: `${name} ${size}`,
      policy: createPolicy(name, { random: Math.random }),
      fleet,
    })),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const { label, policy, fleet } of policies) {
      const { snapshot } = fleet;
      let key = 0;
      let picks = 0;
      const start = performance.now();
      let spent = 0;
      do {
        for (let n = refuse ? 1 : 64; n > 0; n--, picks++) {
          const server = policy.select(snapshot, (key = (key + 0x9e3779b9) >>> 0), accept);
          if ((server === undefined) !== (refuse === true)) throw new Error(`${label}: wrong answer`);
        }
        spent = performance.now() - start;
      } while (spent < roundTime);
      // The first round warms up: compiled code and the tables of maglev.
      if (round > 0) samples.set(label, [...(samples.get(label) ?? []), (spent * 1e6) / picks]);
    }
  }
  for (const name of policyNames) {
    const medians = sizes.map(
      (size) => samples.get(`${name} ${size}`)?.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN,
    );
    console.log(name.padEnd(16) + medians.map((median) => median.toFixed(0).padStart(10)).join(''));
  }
}
