/** Executes the command line: prints something, checks a config, or runs the balancer. */
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { defaultListen } from '../config/defaults.ts';
import { deepFreeze } from '../config/freeze.ts';
import { configNames, findConfig, type LoadedConfig, loadConfig, readYamlConfig } from '../config/load.ts';
import type { AccessLogOptions, LimpetOptions } from '../config/options.ts';
import { ConfigError, formatProblems, type Problem, type Source } from '../config/problem.ts';
import { readConfig } from '../config/read.ts';
import { UsageError } from '../errors.ts';
import { systemClock } from '../time/clock.ts';
import type { AdminCommand } from './admin-arguments.ts';
import type { AskedOptions } from './admin-client.ts';
import { type ExplainFlags, type Overrides, type ParsedCommand, parseArguments } from './arguments.ts';
import { type AskedBalancer, askedBy, optionsAt } from './asked-balancer.ts';
import { commandLineSource } from './command-line.ts';
import { exitCodes } from './exit-codes.ts';
import { createLogger } from './log.ts';
import { checkMachine } from './machine-checks.ts';
import { type ConfigSource, contentOf, run, type Start } from './run.ts';
import type { HeldSignals } from './signals.ts';
import { signForce } from './token.ts';

/** What the program gets from its process. Tests pass their own. */
export interface Surroundings {
  readonly version: string;
  readonly runtime: string;
  /** The current folder. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signals: Pick<HeldSignals, 'on' | 'release'>;
  /** The files of logs are opened again. */
  readonly reopenLogs: () => void;
  /** All of standard input. */
  readonly readInput: () => Promise<Buffer>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Loaded late: help and `check` need no balancer. */
  readonly loadStart: () => Promise<Start>;
}

/** Answers the exit code. */
export async function execute(args: readonly string[], around: Surroundings): Promise<number> {
  const command = parseArguments(args, around.version);
  // Only a running balancer handles signals: other commands end.
  if (command.kind !== 'servers' && command.kind !== 'config') around.signals.release();
  switch (command.kind) {
    case 'print':
      around.write(command.text);
      return exitCodes.ok;
    case 'mistake':
      around.writeError(command.text);
      return exitCodes.usage;
    case 'check':
      return check(command.file, around);
    case 'force-token':
      return signToken(command, around);
    case 'store-check':
      return checkConfiguredStore(command, around);
    case 'explain':
      return explainRequest(command.flags, around);
    case 'drain':
    case 'ready':
    case 'down':
    case 'list-servers':
    case 'add':
    case 'remove':
    case 'sessions':
    case 'session':
    case 'top':
    case 'fleet':
    case 'keys':
    case 'reload':
    case 'events':
      return queryBalancer(command, around);
    case 'import':
      return importConfig(command, around);
    case 'servers':
      return serveServers(command.config, around);
    case 'config':
      return serveFile(command, around);
  }
}

async function check(named: string | undefined, around: Surroundings): Promise<number> {
  const file = named ?? findConfig(around.folder);
  if (file === undefined) return reportNoConfig(around);
  try {
    const { options, warnings, source } = await loadChecked(file, around);
    const servers = options.pools.reduce((sum, pool) => sum + pool.servers.length, 0);
    const parts = [
      count(options.listeners.length, 'listener'),
      count(options.pools.length, 'pool'),
      count(servers, 'server'),
    ];
    around.write(`limpet: ${file} is valid: ${parts.join(', ')}\n`);
    if (warnings.length > 0) around.writeError(`${formatProblems(source, warnings)}\n`);
    return exitCodes.ok;
  } catch (error) {
    return reportMistake(error, file, exitCodes.config, around);
  }
}

/** Throws ConfigError also for what is wrong with the files that the config names. */
async function loadChecked(file: string, around: Surroundings): Promise<LoadedConfig> {
  const { options, warnings, source } = await loadConfig(file, around.folder, around.env);
  return { options, warnings: checkMachine(options, warnings, source, around), source };
}

async function signToken(
  { file: named, server, lifetime }: Extract<ParsedCommand, { kind: 'force-token' }>,
  around: Surroundings,
): Promise<number> {
  const file = named ?? findConfig(around.folder);
  if (file === undefined) return reportNoConfig(around);
  try {
    const { options } = await loadConfig(file, around.folder, around.env);
    const log = createLogger({ format: 'text', level: 'warn', write: around.writeError });
    around.write(`${signForce(options, server, lifetime, systemClock.now(), log)}\n`);
    return exitCodes.ok;
  } catch (error) {
    return reportMistake(error, file, exitCodes.config, around);
  }
}

async function checkConfiguredStore(
  { file: named, json }: Extract<ParsedCommand, { kind: 'store-check' }>,
  around: Surroundings,
): Promise<number> {
  const file = named ?? findConfig(around.folder);
  if (file === undefined) return reportNoConfig(around);
  try {
    const { options } = await loadConfig(file, around.folder, around.env);
    // Loaded late: it brings the store along.
    const { checkStore } = await import('./store-check.ts');
    const { text, warnings } = await checkStore(options, json);
    around.write(text);
    for (const warning of warnings) around.writeError(`warning: ${warning}\n`);
    return exitCodes.ok;
  } catch (error) {
    return reportMistake(error, file, exitCodes.config, around);
  }
}

async function explainRequest(flags: ExplainFlags, around: Surroundings): Promise<number> {
  const file = flags.config ?? findConfig(around.folder);
  const isLive = flags.live === true || flags.admin !== undefined;
  if (file === undefined && !isLive) return reportNoConfig(around);
  try {
    if (isLive || file === undefined) {
      const { explainByBalancer } = await import('./explain-live.ts');
      around.write(await explainByBalancer(await askedOptions(askedBy(flags), file, around), flags, around));
      return exitCodes.ok;
    }
    const { options } = await loadConfig(file, around.folder, around.env);
    // Loaded late: it brings the balancer along.
    const { formatExplanation } = await import('./explain.ts');
    around.write(await formatExplanation(options, flags, around));
    return exitCodes.ok;
  } catch (error) {
    return reportMistake(error, file ?? 'command line', exitCodes.config, around);
  }
}

async function queryBalancer(command: AdminCommand, around: Surroundings): Promise<number> {
  const file = command.file ?? findConfig(around.folder);
  try {
    return await sendToBalancer(command, await askedOptions(command, file, around), around);
  } catch (error) {
    return reportMistake(error, file ?? 'command line', exitCodes.config, around);
  }
}

/** Where the balancer can be asked, and as whom. */
async function askedOptions(
  { admin: url, ca }: AskedBalancer,
  file: string | undefined,
  around: Surroundings,
): Promise<AskedOptions> {
  if (url !== undefined) return withAuthorities(optionsAt(url), ca, around);
  // Without a file it is one whose servers stand on the command line.
  const { options } =
    file === undefined ? commandLineOptions(around) : await loadConfig(file, around.folder, around.env);
  return withAuthorities(options, ca, around);
}

function withAuthorities(options: AskedOptions, ca: string | undefined, { folder }: Surroundings): AskedOptions {
  if (ca === undefined) return options;
  if (options.admin.tls === null) throw new UsageError('--ca: found it with a config without admin.tls, expected one');
  return { ...options, admin: { ...options.admin, tls: { ca: resolve(folder, ca) } } };
}

/** Each is loaded late: it brings an HTTP client along. */
async function sendToBalancer(command: AdminCommand, options: AskedOptions, around: Surroundings): Promise<number> {
  if (command.kind === 'top') {
    const [{ showTop }, { AdminClient }] = await Promise.all([import('./top/top.ts'), import('./admin-client.ts')]);
    await showTop(new AdminClient(options, around.env));
    return exitCodes.ok;
  }
  if (command.kind === 'session') {
    const { runSessions } = await import('./sessions.ts');
    await runSessions(command.command, options, around);
    return exitCodes.ok;
  }
  if (command.kind === 'reload' || command.kind === 'events') {
    const { followEvents, reloadConfig } = await import('./live.ts');
    if (command.kind === 'reload') await reloadConfig(command.dryRun, options, around);
    else await followEvents(command.since, command.json, options, around);
    return exitCodes.ok;
  }
  if (command.kind === 'keys') {
    const { runKeys } = await import('./keys.ts');
    await runKeys(command.command, options, around);
    return exitCodes.ok;
  }
  if (command.kind === 'fleet') {
    const { writeFleet } = await import('./fleet.ts');
    await writeFleet(options, command.json, around);
    return exitCodes.ok;
  }
  if (command.kind === 'sessions') {
    const { writeSessions } = await import('./admin.ts');
    await writeSessions(options, command.json, around);
    return exitCodes.ok;
  }
  const { runServerCommand } = await import('./server-commands.ts');
  return (await runServerCommand(options, command, around)) ? exitCodes.ok : exitCodes.notEmpty;
}

function commandLineOptions({ env }: Surroundings): ReturnType<typeof readConfig> {
  const config = { listeners: [{ address: defaultListen }], pools: { default: { servers: [1] } } };
  return readConfig(config, { source: { name: 'command line', locate: () => null }, env, variables: false });
}

async function importConfig(
  { file, from, output }: Extract<ParsedCommand, { kind: 'import' }>,
  around: Surroundings,
): Promise<number> {
  try {
    const { importFile } = await import('./import.ts');
    await importFile(file, { from, output }, around);
    return exitCodes.ok;
  } catch (error) {
    return reportMistake(error, file, exitCodes.config, around);
  }
}

/** `limpet.yaml, limpet.yml ... or limpet.config.mjs` */
const usualNames = `${configNames.slice(0, -1).join(', ')} or ${configNames.at(-1)}`;

function reportNoConfig({ writeError }: Surroundings): number {
  writeError(`limpet: there is no ${usualNames} here, and none was named: expected --config FILE\n`);
  return exitCodes.usage;
}

async function serveFile(
  { file: named, overrides, watch }: Extract<ParsedCommand, { kind: 'config' }>,
  around: Surroundings,
): Promise<number> {
  const file = named ?? findConfig(around.folder);
  if (file === undefined) {
    const help = parseArguments(['--help'], around.version);
    const why = `limpet: there is no ${usualNames} here, and no servers were named`;
    around.writeError(`${why}\n\n${help.kind === 'print' ? help.text : ''}`);
    return exitCodes.usage;
  }
  const path = resolve(around.folder, file);
  const content = watch === true ? contentOf(path) : null;
  let loaded: Awaited<ReturnType<typeof loadConfig>>;
  try {
    loaded = await loadConfig(file, around.folder, around.env);
    // Warnings are logged by the balancer, which reads the files again.
    checkMachine(loaded.options, loaded.warnings, loaded.source, around);
  } catch (error) {
    return reportMistake(error, file, exitCodes.config, around);
  }
  const { options, warnings, source } = loaded;
  const reread = async () => override((await loadChecked(file, around)).options, overrides);
  const readText = (text: string) => {
    const read = readYamlConfig(file, text, around.env);
    const problems = checkMachine(read.options, read.warnings, read.source, around);
    return { options: override(read.options, overrides), warnings: formatProblems(read.source, problems) };
  };
  const config = { path, reread, readText, watch: watch === true, content };
  return serve(override(options, overrides), warnings, source, config, around);
}

/** Options of the command line override the file, each time that the file is read. */
function override(options: LimpetOptions, overrides: Overrides): LimpetOptions {
  const { access, level } = options.log;
  const log = { access: overrideAccess(access, overrides.log), level: overrides.logLevel ?? level };
  const workers = overrides.workers ?? options.workers;
  return deepFreeze({ ...options, log, workers, identify: overrides.identify ?? options.identify });
}

/** `--log` names the format, or turns the log off; where it goes stays as the file says. */
function overrideAccess(access: AccessLogOptions | null, format: Overrides['log']): AccessLogOptions | null {
  if (format === undefined) return access;
  if (format === 'off') return null;
  return { sample: 1, file: null, syslog: null, ...access, format };
}

async function serveServers(config: Config, around: Surroundings): Promise<number> {
  const source = commandLineSource(config);
  try {
    const { options, warnings } = readConfig(config, { source, env: around.env, variables: false });
    checkMachine(options, warnings, source, around);
    return await serve(options, warnings, source, null, around);
  } catch (error) {
    return reportMistake(error, `the ${source.name}`, exitCodes.usage, around);
  }
}

async function serve(
  options: LimpetOptions,
  warnings: readonly Problem[],
  source: Source,
  file: ConfigSource | null,
  { loadStart, writeError, runtime, signals, reopenLogs }: Surroundings,
): Promise<number> {
  const { access, level } = options.log;
  const log = createLogger({ format: access?.format === 'json' ? 'json' : 'text', level, write: writeError });
  log.debug(`config: read from ${source.name}`);
  for (const warning of warnings) log.warn(formatProblems(source, [warning]).replace(/^\s*W: /, ''));
  const start = await loadStart();
  return run(options, { start, log, runtime, signals, file, reopenLogs, writeError });
}

function reportMistake(error: unknown, file: string, code: number, { writeError }: Surroundings): number {
  if (error instanceof ConfigError) {
    const errors = error.problems.filter(({ level }) => level === 'error').length;
    writeError(`limpet: ${file} is not valid: ${count(errors, 'error')}\n${error.message}\n`);
  } else if (error instanceof UsageError) writeError(`limpet: ${error.message}\n`);
  else throw error;
  return code;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
