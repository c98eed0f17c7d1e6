/**
 * `npm run bench`: every rival in front of the same servers, each on the same one core, under load one after the
 * other in interleaved rounds. Prints medians, keeps them in bench/results/latest.json; `--help` lists the options.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rivalsAt } from './against.ts';
import { backendProgram } from './backend.ts';
import { chartOf } from './chart.ts';
import { type Contest, messageOf, openContest } from './contenders.ts';
import { commandOf, type Report, type Result, sectionOf } from './document.ts';
import { chooseCores, describeMachine } from './machine.ts';
import { measure } from './measure.ts';
import { type BenchOptions, parseOptions, usage } from './options.ts';
import { endWithThisProcess, findProgram, projectRoot } from './processes.ts';
import { medianOf, renderText, replaceSection, tableOf } from './report.ts';
import type { Rival, Stage } from './rival.ts';
import { mainRivals, rivals } from './rivals/index.ts';
import type { Workload } from './workload.ts';
import { smokeWorkloads, workloads } from './workloads/index.ts';

async function main(options: BenchOptions, args: readonly string[]): Promise<number> {
  const machine = describeMachine();
  const cores = chooseCores();
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; load average ${machine.loadBefore}`);
  console.log(`the proxy under load on core ${cores.proxy}, the load and the servers on core ${cores.load}`);
  if (cores.proxy === cores.load)
    console.log('only one core here: the proxy shares it with the load, req/s say little');

  const chosen = new Map<string, Rival>(options.only.map((key) => [key, rivals[key]!]));
  if (options.against !== null)
    for (const [key, rival] of rivalsAt(options.against, options.only)) chosen.set(key, rival);
  const results: Result[] = [];
  const saturation = () => {
    const rows = results.find(({ workload }) => workload === 'sticky-get')?.rows ?? [];
    const rate = medianOf(rows, 'haproxy', 'perSecond');
    if (rate === null) throw new Error('it needs the rate of HAProxy in sticky-get, measured before in the same run');
    return rate;
  };

  const stages = new Stages((stage) => openContest(chosen, stage, cores));
  for (const workload of workloads.filter(({ name }) => options.workloads.includes(name))) {
    const { name, title, kind } = workload;
    console.log(`\n${title} (${name})`);
    const conditions = { ...options, core: cores.load, saturation };
    const rows = await measure(workload, chosen, conditions, () => stages.open(workload));
    console.log(renderText(tableOf(kind, rows)));
    results.push({ workload: name, title, kind, rows });
  }
  await stages.close();

  const versions = [...chosen.values()]
    .filter((rival) => rival.available() === null)
    .map((rival) => ({ name: rival.name, version: rival.version() }));
  const date = new Date().toISOString();
  keep({ date, command: commandOf(options, args), machine, cores, options, versions, results });
  const bad = results.flatMap(({ rows }) => rows).some(({ outcome }) => outcome.state === 'wrong');
  return bad ? 1 : 0;
}

/** One contest at a time, kept for as long as workloads ask for the same stage. */
class Stages {
  readonly #start: (stage: Stage) => Promise<Contest>;
  #now: { readonly key: string; readonly contest: Contest } | null = null;

  constructor(start: (stage: Stage) => Promise<Contest>) {
    this.#start = start;
  }

  async open({ stage, fresh }: Workload): Promise<Contest> {
    const key = JSON.stringify(stage);
    if (this.#now?.key === key && !fresh) return this.#now.contest;
    await this.close();
    const contest = await this.#start(stage);
    if (!fresh) this.#now = { key, contest };
    return contest;
  }

  async close(): Promise<void> {
    await this.#now?.contest.close();
    this.#now = null;
  }
}

function keep(report: Report): void {
  if (report.options.smoke) return;
  mkdirSync(join(projectRoot, 'bench/results'), { recursive: true });
  writeFileSync(join(projectRoot, 'bench/results/latest.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (!report.options.write) return;
  const document = join(projectRoot, 'docs/benchmarks.md');
  writeFileSync(document, replaceSection(readFileSync(document, 'utf8'), sectionOf(report)));
  writeFileSync(join(projectRoot, 'docs/benchmarks.svg'), chartOf(report.results));
  console.log('\nwritten to docs/benchmarks.md and docs/benchmarks.svg');
}

/** What the benchmark itself cannot do without; the rivals say for themselves what they need. */
function missing(): string | null {
  if (process.platform !== 'linux') return 'it reads CPU time from /proc: Linux only';
  const programs = ['cc', 'taskset'].filter((name) => findProgram(name) === null);
  if (backendProgram() === null) programs.push('nginx');
  return programs.length === 0 ? null : `it needs ${programs.join(', ')} (Debian: apt-get install gcc libc6-dev nginx)`;
}

function choices() {
  const named = (...when: Workload['when'][]) =>
    workloads.filter((one) => when.includes(one.when)).map((one) => one.name);
  const keys = Object.keys(rivals);
  return {
    rivals: { all: keys, short: mainRivals, full: keys, smoke: ['haproxy', 'limpet-bun', 'limpet-node'] },
    workloads: {
      all: workloads.map(({ name }) => name),
      short: named('always'),
      full: named('always', 'full'),
      smoke: smokeWorkloads,
    },
  };
}

/** The exit code: 0 measured, 1 a rival was wrong, 2 the benchmark could not run. */
async function command(args: readonly string[]): Promise<number> {
  const all = choices();
  if (args.includes('--help')) {
    console.log(`${usage}\nrivals: ${all.rivals.all.join(' ')}\nworkloads: ${all.workloads.all.join(' ')}`);
    return 0;
  }
  try {
    const options = parseOptions(args, all.rivals, all.workloads);
    const reason = missing();
    if (reason === null) return await main(options, args);
    console.log(`the benchmark did not run: ${reason}`);
    // A smoke test on a machine without the tools has nothing to say; asked for figures, it is an error.
    return options.smoke ? 0 : 2;
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
}

endWithThisProcess();
process.exit(await command(process.argv.slice(2)));
