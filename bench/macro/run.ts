/**
 * `npm run bench`: every rival in front of the same servers, each on the same one core, under load one after the
 * other in interleaved rounds. Prints medians, keeps them in bench/results/latest.json; `--help` lists the options.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendProgram, startBackend } from './backend.ts';
import { check } from './check.ts';
import { cpuTime, residentBytes } from './cpu.ts';
import { type Cores, chooseCores, describeMachine } from './machine.ts';
import { type BenchOptions, parseOptions, usage } from './options.ts';
import { endWithThisProcess, findProgram, freePorts, projectRoot, temporaryDirectory } from './processes.ts';
import { type Outcome, type Round, type Row, renderMarkdown, renderText, replaceSection, tableOf } from './report.ts';
import type { Started } from './rival.ts';
import { rivals } from './rivals/index.ts';
import type { Workload } from './workload.ts';
import { workloads } from './workloads/index.ts';

/** A rival that answers correctly and waits for its turns. */
interface Contender {
  readonly key: string;
  readonly version: string;
  readonly port: number;
  readonly started: Started;
}

async function main(options: BenchOptions): Promise<number> {
  const machine = describeMachine();
  const cores = chooseCores();
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; load average ${machine.loadBefore}`);
  console.log(`the proxy under load on core ${cores.proxy}, wrk and the servers on core ${cores.load}`);
  if (cores.proxy === cores.load)
    console.log('only one core here: the proxy shares it with the load, req/s say little');

  const { contenders, outOfTheRace } = await prepare(options, cores);
  const results: { workload: string; title: string; rows: Row[] }[] = [];
  for (const workload of workloads) {
    const measured = await measure(workload, contenders, options, cores);
    const rows = options.only.map((key) => measured.get(key) ?? outOfTheRace.get(key)!);
    console.log(`\n${workload.title}, ${options.connections} connections\n\n${renderText(tableOf(rows))}`);
    results.push({ workload: workload.name, title: workload.title, rows });
  }

  const report = { date: new Date().toISOString(), command: commandOf(options), machine, cores, options, results };
  mkdirSync(join(projectRoot, 'bench/results'), { recursive: true });
  writeFileSync(join(projectRoot, 'bench/results/latest.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (options.write) {
    const document = join(projectRoot, 'docs/benchmarks.md');
    writeFileSync(document, replaceSection(readFileSync(document, 'utf8'), sectionOf(report)));
    console.log('\nwritten to docs/benchmarks.md');
  }
  const bad = results.flatMap(({ rows }) => rows).some(({ outcome }) => /wrong|failed/.test(outcome.state));
  return bad ? 1 : 0;
}

/** Starts and checks every rival; those that cannot take part get their row here. */
async function prepare(options: BenchOptions, cores: Cores) {
  const directory = temporaryDirectory();
  const servers = await startBackend(cores.load, directory);
  const outOfTheRace = new Map<string, Row>();
  const contenders: Contender[] = [];
  for (const key of options.only) {
    const rival = rivals[key]!;
    const leaveOut = (version: string, outcome: Outcome) =>
      outOfTheRace.set(key, { key, name: rival.name, version, outcome });
    const reason = rival.available();
    if (reason !== null) {
      leaveOut('-', { state: 'absent', reason });
      continue;
    }
    let version = '-';
    try {
      version = rival.version();
      const dir = join(directory, key);
      mkdirSync(dir);
      const [port = 0] = await freePorts(1);
      const started = await rival.start({ port, servers, core: cores.proxy, dir });
      const wrong = await check(port, started);
      if (wrong === null) contenders.push({ key, version, port, started });
      else leaveOut(version, { state: 'wrong', reason: wrong });
    } catch (error) {
      leaveOut(version, { state: 'wrong', reason: messageOf(error) });
    }
  }
  return { contenders, outOfTheRace };
}

/** All rounds of one workload. A rival with an error under load is out: half a result would look like a whole one. */
async function measure(workload: Workload, contenders: readonly Contender[], options: BenchOptions, cores: Cores) {
  const rounds = new Map<string, Round[]>(contenders.map(({ key }) => [key, []]));
  const failed = new Map<string, string>();
  for (let round = 0; round <= options.rounds; round += 1) {
    const warming = round === 0;
    // Each round begins with another rival, so that none always follows the same one.
    const turn = round % Math.max(1, contenders.length);
    for (const contender of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      if (failed.has(contender.key)) continue;
      try {
        const result = await measureOnce(
          workload,
          contender,
          options,
          warming ? options.warmup : options.seconds,
          cores,
        );
        if (!warming) rounds.get(contender.key)!.push(result);
      } catch (error) {
        failed.set(contender.key, messageOf(error));
      }
    }
    process.stderr.write(warming ? 'warm' : ` ${round}/${options.rounds}`);
  }
  process.stderr.write('\n');
  const rows = contenders.map(({ key, version, started }): Row => {
    const reason = failed.get(key);
    const outcome: Outcome =
      reason === undefined
        ? { state: 'measured', rounds: rounds.get(key)!, residentBytes: residentBytes(started.pid) }
        : { state: 'failed', reason };
    return { key, name: rivals[key]!.name, version, outcome };
  });
  return new Map(rows.map((row) => [row.key, row]));
}

async function measureOnce(
  workload: Workload,
  { port, started }: Contender,
  { connections }: BenchOptions,
  seconds: number,
  cores: Cores,
): Promise<Round> {
  const before = cpuTime(started.pid);
  const begun = performance.now();
  const load = await workload.run({ port, cookie: started.cookies[0]!, core: cores.load, connections, seconds });
  const elapsed = (performance.now() - begun) * 1000;
  const after = cpuTime(started.pid);
  if (load.error !== null) throw new Error(load.error);
  const [user, system] = [after.user - before.user, after.system - before.system];
  return {
    requests: load.requests,
    requestsPerSecond: load.requestsPerSecond,
    p50: load.p50,
    p99: load.p99,
    user: user / load.requests,
    system: system / load.requests,
    total: (user + system) / load.requests,
    busy: (user + system) / elapsed,
  };
}

interface Report {
  readonly date: string;
  readonly command: string;
  readonly machine: ReturnType<typeof describeMachine>;
  readonly cores: Cores;
  readonly options: BenchOptions;
  readonly results: readonly { readonly title: string; readonly rows: readonly Row[] }[];
}

/** A load average above this before the start means that something else was running. */
const quiet = 0.5;

function sectionOf({ date, command, machine, cores, options, results }: Report): string {
  const noise =
    machine.loadBefore > quiet
      ? `\n- Load average before the start: ${machine.loadBefore.toFixed(1)}. Other programs ran: compare rows, not runs.`
      : '';
  const tables = results.map(({ title, rows }) => `### ${title}\n\n${renderMarkdown(tableOf(rows))}`);
  return `
${tables.join('\n\n')}

- ${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}.
- Proxy on core ${cores.proxy}; wrk and the servers on core ${cores.load}; ${options.connections} connections.
- Interleaved rounds: ${options.rounds}, of ${options.seconds} s for each rival; medians.${noise}
- Repeat it with \`${command}\`.
`;
}

/** Names the variables that chose a binary, not the paths: those are of this machine only. */
function commandOf({ rounds, seconds, connections, only }: BenchOptions): string {
  const variables = ['BENCH_HAPROXY', 'BENCH_NGINX'].filter((name) => process.env[name]).map((name) => `${name}=... `);
  const options = [`--rounds ${rounds}`, `--seconds ${seconds}`, `--connections ${connections}`];
  if (only.length < Object.keys(rivals).length) options.push(`--only ${only.join(',')}`);
  return `${variables.join('')}npm run bench -- ${options.join(' ')}`;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ');
}

/** What the benchmark itself cannot do without; the rivals say for themselves what they need. */
function missing(): string | null {
  if (process.platform !== 'linux') return 'it reads CPU time from /proc: Linux only';
  const programs = ['wrk', 'taskset'].filter((name) => findProgram(name) === null);
  if (backendProgram() === null) programs.push('nginx');
  return programs.length === 0 ? null : `it needs ${programs.join(', ')} (Debian: apt-get install wrk nginx haproxy)`;
}

/** The exit code: 0 measured, 1 a rival was wrong or failed, 2 the benchmark could not run. */
async function command(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(usage);
    return 0;
  }
  try {
    const options = parseOptions(args, Object.keys(rivals));
    const reason = missing();
    if (reason === null) return await main(options);
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
