/**
 * `npm run deploy:proof`: servers are replaced, added, changed and removed under load, and what the servers and the clients wrote
 * down is judged. Exit code 0: each promise holds. See `--help`.
 */
import { parseArgs } from 'node:util';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { flawsOf, format, type Report } from './report.ts';
import { rollCopied, rollPlain } from './rolling.ts';
import { changeServers, reloadConfig, scaleOut } from './scale.ts';

const parts = {
  rolling: 'three servers are drained, replaced and made ready, one after another: nothing fails, nothing is lost',
  plain: 'the same with sessions that only their server has: what is announced is lost, and nothing else',
  scale: 'two servers become four: the skew is under 1.25 within a minute, and nothing is lost',
  changes: 'single servers change by the API: nothing fails, and no session moves whose owner stayed',
  reloads: 'the same by reloads of the config file',
} as const;
type Part = keyof typeof parts;

const help = `npm run deploy:proof [-- options]

  --runtime NAME   of the balancer: bun or node (default: one after the other)
  --rate N         requests a second (default 500)
  --sessions N     default 1000
  --times N        changes, and reloads (default 100)
  --parts NAMES    only these, with commas between them:
${Object.entries(parts)
  .map(([name, about]) => `                   ${name.padEnd(9)}${about}`)
  .join('\n')}`;

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      runtime: text,
      rate: text,
      sessions: text,
      times: text,
      parts: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const load = { rate: count('rate', values.rate ?? '500'), clients: count('sessions', values.sessions ?? '1000') };
  const times = count('times', values.times ?? '100');
  const chosen = words('runtime', values.runtime, runtimes);
  const plays: Readonly<Record<Part, (runtime: Runtime) => Promise<Report>>> = {
    rolling: (runtime) => rollCopied(runtime, load),
    plain: (runtime) => rollPlain(runtime, load),
    scale: (runtime) => scaleOut(runtime, load),
    changes: (runtime) => changeServers(runtime, load, times),
    reloads: (runtime) => reloadConfig(runtime, load, times),
  };
  console.log(`${load.rate} requests a second by ${load.clients} sessions`);
  let good = true;
  for (const runtime of chosen) {
    for (const part of words('parts', values.parts, Object.keys(parts) as Part[])) {
      const report = await plays[part](runtime);
      console.log(format(runtime, report));
      good &&= flawsOf(report).length === 0;
    }
  }
  return good ? 0 : 1;
}

function count(name: string, found: string): number {
  const value = Number(found);
  if (!(Number.isInteger(value) && value > 0 && value <= 100_000))
    throw new Error(`--${name}: found "${found}", expected a whole number from 1 to 100,000`);
  return value;
}

function words<Word extends string>(name: string, found: string | undefined, known: readonly Word[]): readonly Word[] {
  if (found === undefined) return known;
  return found.split(',').map((one) => {
    const word = known.find((each) => each === one);
    if (word === undefined) throw new Error(`--${name}: found "${one}", expected ${known.join(', ')}`);
    return word;
  });
}

const code = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
process.exit(code);
