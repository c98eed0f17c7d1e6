/**
 * `npm run fuzz:server`: servers that break HTTP in front of clients that must not notice each other, run after run. Exit code 0:
 * nobody got what another client had brought about, but where SECURITY.md says so. See `--help`.
 */
import { parseArgs } from 'node:util';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { type FuzzReport, fuzzServers, isNamed } from './server-fuzz.ts';

const help = `npm run fuzz:server [-- options]

  --minutes N       how long (default 1)
  --runtime NAME    of the balancer: bun or node (default: each in turn)
  --seed N          of the first run, counted up from there (default: by chance); the same seed makes the same servers and
                    requests, but when bytes come is up to the machine
  --copies N        servers of each theme behind each kind of pool (default 3)`;

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { minutes: text, runtime: text, seed: text, copies: text, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const minutes = numberOf('--minutes', values.minutes, 1);
  const copies = numberOf('--copies', values.copies, 3);
  const among = runtimes.filter((one) => values.runtime === undefined || one === values.runtime);
  if (among.length === 0) throw new Error(`--runtime ${values.runtime}: expected ${runtimes.join(' or ')}`);
  let seed = numberOf('--seed', values.seed, Math.floor(Math.random() * 2 ** 31));
  let bad = 0;
  for (const end = performance.now() + minutes * 60_000; performance.now() < end; seed++) {
    for (const runtime of among) bad += tell(runtime, await fuzzServers(runtime, seed, copies));
  }
  console.log(bad === 0 ? 'no crossing but those of SECURITY.md' : `${bad} wrong`);
  return bad === 0 ? 0 : 1;
}

/** How much of it was wrong. */
function tell(runtime: Runtime, { seed, answers, faults, crossings, complaints, counters }: FuzzReport): number {
  const [lengths, unasked] = ['length', 'unasked'].map((theme) =>
    crossings.filter((one) => isNamed(one) && one.theme === theme),
  );
  const wrong = [...crossings.filter((one) => !isNamed(one)).map((one) => JSON.stringify(one)), ...complaints];
  const { upstream_misframed: misframed, upstream_pipelined: pipelined, upstream_requeued: requeued } = counters;
  console.log(
    `${runtime}, seed ${seed}: ${answers} answers, ${faults} faults, ${misframed} misframed, ${pipelined} pipelined, ` +
      `${requeued} gave way; crossings: ${lengths!.length} of wrong lengths behind pipelining, ${unasked!.length} of servers that speak unasked, ` +
      `${wrong.length} others`,
  );
  for (const one of wrong) console.log(`  ${one}`);
  return wrong.length;
}

function numberOf(name: string, text: string | undefined, usual: number): number {
  const value = Number(text ?? usual);
  if (!(value > 0)) throw new Error(`${name} ${text}: expected a number above 0`);
  return value;
}

// The balancers are ended with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exitCode = await main();
