/**
 * `npm run abuse`: attacks on Limpet and on HAProxy, each with twenty normal clients beside it, and what these notice: their
 * errors, their p99 against that of quiet windows in between, and what an attacker costs in memory. See `--help`.
 *
 * The balancer has a core of its own; normal clients, attackers and servers share the other one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../macro/contenders.ts';
import { residentBytes } from '../macro/cpu.ts';
import { type Cores, chooseCores, describeMachine } from '../macro/machine.ts';
import {
  endBelow,
  endWithThisProcess,
  findProgram,
  freePorts,
  projectRoot,
  temporaryDirectory,
} from '../macro/processes.ts';
import { renderText } from '../macro/report.ts';
import type { Attack } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { Normals } from './normal.ts';
import { type AbuseOptions, parseOptions, usage } from './options.ts';

import { type Rival, type RivalKey, rivalKeys, rivals } from './rivals.ts';
import { type Figures, header, type Miss, medianOf, missesOf, type Result, rowOf } from './verdict.ts';

const normalClients = 20;
/** Beside attacks by HTTP/2. */
const h2Clients = 50;
const serverCount = 4;

interface Stage {
  readonly servers: readonly string[];
  readonly large: string;
  readonly dead: string;
  readonly refused: string;
  readonly cores: Cores;
  readonly dir: string;
}

/** Answers the exit code. */
async function main(options: AbuseOptions): Promise<number> {
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; load average ${machine.loadBefore}`);
  const keys = rivalKeys.filter((key) => options.rivals.includes(key) && rivals[key].lacks({}) === null);
  console.log(keys.map((key) => `${rivals[key].name} ${rivals[key].version()}`).join(', '));
  const stage = await openStage();
  const misses: { readonly who: string; readonly miss: Miss }[] = [];
  for (const attack of attacks.filter(({ name }) => options.only.includes(name))) {
    const results = new Map<RivalKey, Result>();
    for (const key of rivalKeys.filter((key) => options.rivals.includes(key))) {
      results.set(key, await resultOf(attack, rivals[key], stage, options));
    }
    console.log(`\n${attack.title} (${attack.name})`);
    console.log(renderText([header, ...[...results].map(([key, result]) => rowOf(rivals[key].name, result))]));
    const beside = results.get('haproxy');
    for (const [key, result] of results) {
      if (key === 'haproxy') continue;
      const { name } = rivals[key];
      const who = `${attack.name}, ${name}`;
      if (typeof result === 'string') misses.push({ who, miss: { text: result, shared: false } });
      else for (const miss of missesOf(result, typeof beside === 'object' ? beside : null)) misses.push({ who, miss });
    }
  }
  const own = misses.filter(({ miss }) => !miss.shared);
  console.log(own.length === 0 ? '\nall goals are met' : `\n${own.length} goals are missed:`);
  for (const { who, miss } of own) console.log(`  ${who}: ${miss.text}`);
  if (own.length < misses.length) console.log('HAProxy misses these, too:');
  for (const { who, miss } of misses) if (miss.shared) console.log(`  ${who}: ${miss.text}`);
  return own.length === 0 ? 0 : 1;
}

async function resultOf(attack: Attack, rival: Rival, stage: Stage, options: AbuseOptions): Promise<Result> {
  const reason = rival.lacks(attack.needs ?? {});
  if (reason !== null) return reason;
  const dir = join(stage.dir, `${attack.name}-${rival.name.replaceAll(' ', '-')}`);
  mkdirSync(dir);
  try {
    return await attackOn(attack, rival, { ...stage, dir }, options);
  } catch (error) {
    return `failed: ${messageOf(error)}`;
  } finally {
    await endBelow(dir);
  }
}

/** Windows of normal load before the first that counts. */
const warmWindows = 8;

async function attackOn(
  attack: Attack,
  rival: Rival,
  stage: Stage,
  { rounds, seconds }: AbuseOptions,
): Promise<Figures> {
  const { cores, servers, large, dead, refused, dir } = stage;
  const [port = 0] = await freePorts(1);
  const { path = '/', needs = {}, settle = 200, answersAgain = false } = attack;
  const own = needs.workers === 2 ? [cores.proxy, cores.load] : [cores.proxy];
  const running = await rival.start({ port, servers, large, dead, refused, cores: own, dir }, needs);
  await using normals = new Normals({
    port,
    path,
    clients: needs.h2 || needs.tls ? h2Clients : normalClients,
    h2: needs.h2 ?? false,
    tls: needs.tls ?? false,
  });
  const length = seconds * 1000;
  // What compiles itself does it now, and a heap takes the size that normal clients need: neither is an attacker's doing.
  for (let n = 0; n < (rounds > 1 ? warmWindows : 1); n++) await normals.window(length);
  await attack.prepare?.(port);
  const errors: Record<string, number> = {};
  const [quiet, attacked, memory]: number[][] = [[], [], []];
  let failures = null as Figures['failures'];
  let before = 0;
  for (let round = 0; round < rounds; round++) {
    const calm = await normals.window(length);
    // Once: what a process has taken it rarely gives back.
    if (round === 0) before = residentBytes(running.pid);
    const over = new AbortController();
    const attacking = attack.run({ port, over: over.signal });
    await sleep(settle);
    const [window, outcome] = await Promise.all([
      normals.window(length).then((window) => {
        const grown = residentBytes(running.pid) - before;
        over.abort();
        return { ...window, grown };
      }),
      attacking,
    ]);
    for (const { errors: found } of [calm, window]) {
      for (const [why, count] of Object.entries(found)) errors[why] = (errors[why] ?? 0) + count;
    }
    quiet!.push(calm.p99);
    attacked!.push(window.p99);
    if (outcome.attackers > 0) memory!.push(Math.max(0, window.grown) / 1024 / outcome.attackers);
    if (outcome.failures !== undefined) {
      failures = { ...outcome.failures, count: Math.max(failures?.count ?? 0, outcome.failures.count) };
    }
    // Those that have left are noticed.
    await sleep(100);
  }
  return {
    errors,
    quiet: medianOf(quiet!),
    attacked: medianOf(attacked!),
    memory: memory!.length === 0 ? null : Math.max(...memory!),
    answersAgain: answersAgain ? await answersAll(port) : null,
    failures,
  };
}

/** New clients, a while after the attack: forty, with ten seconds in all. */
async function answersAll(port: number): Promise<boolean> {
  await sleep(1000);
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status === 200;
      },
      () => false,
    );
  return (await Promise.all(Array.from({ length: 40 }, ask))).every((answered) => answered);
}

async function openStage(): Promise<Stage> {
  const cores = chooseCores();
  const names = Array.from({ length: serverCount }, (_, n) => `s${n + 1}:0`);
  const script = join(projectRoot, 'bench/abuse/server.ts');
  const deaf = join(projectRoot, 'test/support/deaf-server.ts');
  const ports = await portsOf(script, names, cores.load);
  const [large = 0] = await portsOf(script, ['l1:0'], cores.load);
  const [dead = 0] = await portsOf(deaf, [], cores.load);
  // Its process stops itself a moment later; then two connections fill its queue, and SYNs are dropped.
  await sleep(300);
  for (let n = 0; n < 4; n++) connect(dead, '127.0.0.1').on('error', () => {});
  const [refused = 0] = await freePorts(1);
  const at = (port: number) => `127.0.0.1:${port}`;
  return {
    servers: ports.map(at),
    large: at(large),
    dead: at(dead),
    refused: at(refused),
    cores,
    dir: temporaryDirectory(),
  };
}

/** Started on that core, ended with this process; it says its ports. */
async function portsOf(script: string, args: readonly string[], core: number): Promise<number[]> {
  const command = ['-c', String(core), process.execPath, script, ...args];
  const child = spawn('taskset', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return line.split(' ').slice(1).map(Number);
}

function missing(): string | null {
  if (process.platform !== 'linux') return 'it reads memory from /proc: Linux only';
  const programs = ['taskset', 'prlimit'].filter((name) => findProgram(name) === null);
  return programs.length === 0 ? null : `it needs ${programs.join(', ')} (Debian: apt-get install util-linux)`;
}

async function command(args: readonly string[]): Promise<number> {
  const names = attacks.map(({ name }) => name);
  if (args.includes('--help')) {
    console.log(`${usage}\nattacks: ${names.join(' ')}\nrivals: ${rivalKeys.join(' ')}`);
    return 0;
  }
  try {
    const options = parseOptions(args, names, rivalKeys);
    const reason = missing();
    if (reason === null) return await main(options);
    console.log(`the abuse bench did not run: ${reason}`);
    return 2;
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
}

endWithThisProcess();
process.exit(await command(process.argv.slice(2)));
