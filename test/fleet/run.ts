/**
 * `npm run fleet:proof`: a fleet whose servers and nodes come and go, judged by what its servers wrote down, and sign-outs that all nodes
 * respect. Exit code 0: it holds. See `--help`.
 */
import { parseArgs } from 'node:util';
import { injectedFaults } from '../../src/store/injected-fault.ts';
import { storeKinds } from '../support/fleet.ts';
import { runtimes } from '../support/runtimes.ts';
import { signOuts } from './logouts.ts';
import { changeNames, flawsOf, format, prove } from './proof.ts';

const help = `npm run fleet:proof [-- options]

  --runtime NAME   of the balancers: bun or node (default: one after the other)
  --store NAME     redis (default), or cluster: three primaries, and slots are moved between them
  --nodes N        default 3
  --servers N      default 6
  --workers N      of each node (default 1)
  --clients N      of each kind of affinity (default 8)
  --changes N      of the fleet, by chance (default 60): ${changeNames('redis').join(', ')};
                   with a cluster also: ${changeNames('cluster').slice(changeNames('redis').length).join(', ')}
  --requests N     under each change, and after it (default 500)
  --sign-outs N    default 10000
  --seed N         of all choices (default: by chance)
  --injected-fault NAME   breaks a promise on purpose: wrong requests must be found (exit code 0), and no sign-outs are tried:
                   ${injectedFaults.join(', ')}
  --verbose        tells each change`;

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      runtime: text,
      store: text,
      nodes: text,
      servers: text,
      workers: text,
      clients: text,
      changes: text,
      requests: text,
      'sign-outs': text,
      seed: text,
      'injected-fault': text,
      verbose: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const chosen = values.runtime === undefined ? runtimes : [oneOf('runtime', runtimes, values.runtime)];
  const store = oneOf('store', storeKinds, values.store ?? 'redis');
  const seed = count('seed', values.seed ?? String(Math.floor(Math.random() * 1e9)));
  const nodes = count('nodes', values.nodes ?? '3');
  const setup = {
    nodes,
    servers: count('servers', values.servers ?? '6'),
    workers: count('workers', values.workers ?? '1'),
    clientsOfKind: count('clients', values.clients ?? '8'),
    changes: count('changes', values.changes ?? '60'),
    requests: count('requests', values.requests ?? '500'),
    seed,
    store,
    ...(values.verbose && { say: (line: string) => console.log(line) }),
  };
  const named = values['injected-fault'];
  const fault = named === undefined ? undefined : oneOf('injected-fault', injectedFaults, named);
  const many = fault === undefined ? count('sign-outs', values['sign-outs'] ?? '10000') : 0;
  let isGood = true;
  for (const runtime of chosen) {
    if (setup.changes > 0) {
      const report = await prove({ ...setup, runtime, ...(fault && { env: { LIMPET_INJECTED_FAULT: fault } }) });
      console.log(format(`${runtime}, ${store}, seed ${seed}`, report));
      isGood &&= fault === undefined ? flawsOf(report).length === 0 : report.wrong.length > 0;
    }
    if (many === 0) continue;
    const { signOuts: ended, asked, served, answers, failures } = await signOuts(runtime, nodes, many, store);
    console.log(
      [
        `== ${runtime}, ${store}: ${ended} sign-outs, ${asked} requests with an old cookie`,
        `   served as signed in  ${served.length}`,
        `   answers              ${JSON.stringify(answers)}`,
        `   could not sign in    ${failures.length}`,
        ...[...served, ...failures].slice(0, 10).map((flaw) => `   DOES NOT HOLD: ${flaw}`),
      ].join('\n'),
    );
    isGood &&= served.length === 0 && failures.length === 0;
  }
  return isGood ? 0 : 1;
}

function oneOf<T extends string>(option: string, names: readonly T[], found: string): T {
  const name = names.find((one) => one === found);
  if (name === undefined) throw new Error(`--${option}: found "${found}", expected ${names.join(' or ')}`);
  return name;
}

function count(name: string, found: string): number {
  const value = Number(found);
  if (!(Number.isInteger(value) && value >= 0 && value <= 1e9) || found === '')
    throw new Error(`--${name}: found "${found}", expected a whole number`);
  return value;
}

const code = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
process.exit(code);
