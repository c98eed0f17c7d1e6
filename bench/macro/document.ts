/** The result as Markdown: a table for each workload, then the machine, the versions and the command to repeat it. */
import type { Kind } from './kinds.ts';
import type { Cores, Machine } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { type Row, renderMarkdown, tableOf } from './report.ts';

export interface Result {
  readonly workload: string;
  readonly title: string;
  readonly kind: Kind;
  readonly rows: readonly Row[];
}

export interface Report {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly cores: Cores;
  readonly options: BenchOptions;
  readonly versions: readonly { readonly name: string; readonly version: string }[];
  readonly results: readonly Result[];
}

/** A load average above this before the start means that something else was running. */
const quiet = 0.5;

export function sectionOf({ date, command, machine, cores, options, versions, results }: Report): string {
  const noise =
    machine.loadBefore > quiet
      ? `\n- Load average before the start: ${machine.loadBefore.toFixed(1)}. Other programs ran: compare rows, not runs.`
      : '';
  const tables = results.map(({ title, kind, rows }) => `### ${title}\n\n${renderMarkdown(tableOf(kind, rows))}`);
  return `
![The figures that are compared, as bars](benchmarks.svg)

${tables.join('\n\n')}

- ${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}.
- Proxy on core ${cores.proxy}; the load and the servers on core ${cores.load}; ${options.connections} connections.
- Interleaved rounds: ${options.rounds}, of ${options.seconds} s for each rival; medians.${noise}
- ${versions.map(({ name, version }) => `${name}: ${version}`).join('; ')}.
- Repeat it with \`${command}\`.
`;
}

/** Names the variables that chose a binary, not the paths: those are of this machine only. */
export function commandOf(options: BenchOptions, args: readonly string[]): string {
  const variables = ['BENCH_HAPROXY', 'BENCH_NGINX', 'BENCH_CADDY', 'BENCH_APACHE'].filter((name) => process.env[name]);
  const own = args.filter((argument) => argument !== '--full' && argument !== '--write');
  const script = `npm run ${options.full ? 'bench:full' : 'bench'}`;
  return [...variables.map((name) => `${name}=...`), script, ...(own.length > 0 ? ['--', ...own] : [])].join(' ');
}
