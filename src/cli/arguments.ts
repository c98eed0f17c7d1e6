/** The command line: what was asked for, as a value. It starts and loads nothing. */

import { type Command, CommanderError } from 'commander';
import { type PolicyName, policyNames } from '../balance/registry.ts';
import { type AccessWord, accessWords } from '../config/access-words.ts';
import { serverForm } from '../config/address.ts';
import { affinityFlagHelp, affinityOfFlags } from '../config/affinity-flag.ts';
import type { Config } from '../config/config.ts';
import { defaultListen } from '../config/defaults.ts';
import type { LogOptions } from '../config/options.ts';
import { suggest } from '../config/problem.ts';
import { type ImportKind, importKinds } from '../import/imported.ts';
import { storeUsage } from '../store/addresses.ts';
import { type AdminCommand, addAdmin } from './admin-arguments.ts';
import { type AskedFlags, askedBy } from './asked-balancer.ts';
import { checkDashes, Mistake, pathOf, quote, StrictCommand } from './mistake.ts';
import * as values from './values.ts';

/** What a flag says in place of the config file. */
export interface Overrides {
  readonly log?: AccessWord;
  readonly logLevel?: LogOptions['level'];
  readonly identify?: true;
  readonly workers?: number;
}

export type ParsedCommand =
  | { readonly kind: 'servers'; readonly config: Config }
  /** `file` undefined: the one of the current folder. */
  | {
      readonly kind: 'config';
      readonly file: string | undefined;
      readonly overrides: Overrides;
      /** Reload when the file changes. */
      readonly watch?: true;
    }
  | { readonly kind: 'check'; readonly file: string | undefined }
  /** `lifetime` in milliseconds. */
  | {
      readonly kind: 'force-token';
      readonly file: string | undefined;
      readonly server: string;
      readonly lifetime: number;
    }
  | { readonly kind: 'store-check'; readonly file: string | undefined; readonly json: boolean }
  | { readonly kind: 'explain'; readonly flags: ExplainFlags }
  | AdminCommand
  | { readonly kind: 'import'; readonly file: string; readonly from?: ImportKind; readonly output?: string }
  /** Help and version. */
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'mistake'; readonly text: string };

export interface ExplainFlags extends AskedFlags {
  /** The balancer of the config is asked. */
  readonly live?: true;
  /** A file, or `-` for standard input. */
  readonly request: string;
  /** Address of the peer; '' for a unix-domain socket. */
  readonly client?: string;
  readonly listener?: string;
  readonly down?: readonly string[];
  readonly draining?: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly now?: number;
  readonly json?: true;
}

interface Flags extends Overrides {
  readonly listen?: readonly string[];
  readonly affinity?: readonly string[];
  readonly balance?: PolicyName;
  readonly health?: string;
  readonly sessions?: string;
  readonly tls?: 'auto';
  readonly tlsCert?: readonly string[];
  readonly tlsKey?: readonly string[];
  readonly config?: string;
  readonly watch?: true;
}

const examples = `
Examples:
  limpet 3001 3002 3003                   ${defaultListen} to three servers of this machine, sticky by cookie
  limpet --listen :8080 app1:3000 app2:3000 --health /healthz
  limpet 3001 3002 --affinity source-ip --balance round-robin
  limpet --listen :8080 --affinity learn:JSESSIONID app1:8080 app2:8080
  limpet 3001 3002 --sessions lmdb:./data
                                          before servers with limpet/session: nothing is lost with one of them
  limpet 3001 3002 --tls auto             https://localhost:8080, for development
  limpet --listen :443 --tls-cert a.crt --tls-key a.key app1:3000 app2:3000
  limpet --config limpet.yaml             or limpet.config.ts
  limpet check -c limpet.yaml             tells what is wrong with it, and starts nothing
  limpet explain -c limpet.yaml --request request.txt
                                          tells what would become of one request, and why
  limpet drain s1 --wait                  until it can be stopped without loss; limpet ready s1 is the opposite
  limpet servers --safest                 what can be stopped at the least loss; limpet down, add and remove
  limpet sessions                         where they live, and how many have a copy
  limpet sessions find --cookie shop=X    where this one lives, and why; list, move, end
  limpet reload --dry-run                 what a reload of its config file would change; limpet events tells what happens
  limpet fleet                            the balancers beside this one, and what differs on them
  limpet keys rotate                      sign cookies with a new key, at all balancers of the fleet
  limpet store check                      what the store is like, and what of it may cost sessions
  limpet top                              servers and sessions live, with keys to drain and to make ready
  limpet import nginx.conf -o limpet.yaml
                                          takes over nginx, HAProxy, Ingress and Gateway API

Without servers and --config it takes limpet.yaml or limpet.config.ts of the current folder.

Signals: SIGTERM and SIGINT finish open exchanges, then end; a second one ends at once. SIGUSR2 prints the counters.
Exit codes: 0 ended well, 1 unexpected failure, 2 wrong usage, 3 invalid config, or no balancer
that could be asked, 4 cannot listen, 5 exchanges were cut, 6 drain --deadline ran out.
`;

export function parseArguments(args: readonly string[], version: string): ParsedCommand {
  let output = '';
  let command: ParsedCommand | undefined;
  const program = buildProgram(version, (found) => {
    command = found;
  });
  const write = (text: string) => {
    output += text;
  };
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  }
  try {
    checkDashes(args, program);
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (error instanceof Mistake) return { kind: 'mistake', text: formatMistake(error.message) };
    // Help and version end the parsing, too.
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
    return { kind: 'print', text: output };
  }
  return command ?? { kind: 'print', text: program.helpInformation() };
}

/** A sentence that begins with the command needs no name in front. */
function formatMistake(message: string): string {
  return `${message.startsWith('limpet ') ? '' : 'limpet: '}${message}\n(limpet --help tells more)\n`;
}

function buildProgram(version: string, found: (command: ParsedCommand) => void): Command {
  const program: Command = new StrictCommand('limpet')
    .description('A load balancer that keeps every session with one server.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    // `limpet check -c FILE`: the flag is that of check.
    .enablePositionalOptions()
    .argument(
      '[server...]',
      serverForm,
      values.servers(() => program.commands.map((one) => one.name())),
    )
    .option('-l, --listen <address>', `where clients connect; repeatable (default: ${defaultListen})`, values.listeners)
    .option(
      '--affinity <kind>',
      `how sessions are recognised: ${affinityFlagHelp}; repeatable, asked in order (default: cookie)`,
      values.affinities,
    )
    .option(
      '--balance <policy>',
      `where new sessions go: ${policyNames.join(', ')} (default: least-requests)`,
      values.choice('--balance', policyNames),
    )
    .option(
      '--sessions <store>',
      `keep a copy of each session for the day its server dies: ${storeUsage} (default: none)`,
      values.store,
    )
    .option('--health <path>', 'check the servers with GET path every 2s (default: no checks)', values.healthPath)
    .option(
      '--tls-cert <file>',
      'listen with TLS: the certificate and its chain, PEM; with --tls-key; repeatable, its names choose',
      values.files('--tls-cert'),
    )
    .option('--tls-key <file>', 'the private key of the --tls-cert at the same position', values.files('--tls-key'))
    .option(
      '--tls <kind>',
      'auto: listen with TLS, for development, with a certificate of a local authority that is kept in .limpet',
      values.tls,
    )
    .option('--workers <number>', 'threads, or auto (default: auto, one for each core)', values.workers)
    .option('-c, --config <file>', 'YAML, or a module with a default export', values.file('--config'))
    .option('--watch', 'reload when the config file changes')
    .option(
      '--log <form>',
      'log each request: off, text, json, common or combined (default: off)',
      values.choice('--log', accessWords),
    )
    .option(
      '--log-level <level>',
      'what else is logged: debug, info, warn or error (default: info)',
      values.choice('--log-level', ['debug', 'info', 'warn', 'error']),
    )
    .option('--identify', 'responses say which server gave them (Limpet-Server)')
    .addHelpText('after', examples);
  program.action((servers: readonly string[], flags: Flags) => {
    const conflict = conflictOf(servers, flags);
    if (conflict !== undefined) throw new Mistake(conflict);
    const { log, logLevel, identify, workers } = flags;
    if (servers.length > 0) found({ kind: 'servers', config: configOf(servers, flags) });
    else {
      const overrides = { log, logLevel, identify, workers };
      found({ kind: 'config', file: flags.config, overrides, watch: flags.watch });
    }
  });
  // An option in front of a command would be that of a start, and do nothing.
  program.hook('preSubcommand', (_, command) => {
    const stray = program.options.find((option) => program.getOptionValueSource(option.attributeName()) === 'cli');
    if (stray === undefined) return;
    throw new Mistake(
      `${stray.long} stands before ${command.name()}, expected it behind, if ${pathOf(command)} has it`,
    );
  });
  program
    .command('check [file]')
    .description('check a config file, and start nothing')
    .helpOption('-h, --help', 'print this help')
    .option('-c, --config <file>', 'the same file', values.file('--config'))
    .action((named: string | undefined, { config }: { readonly config?: string }) => {
      if (named !== undefined && config !== undefined) {
        throw new Mistake(`limpet check: found ${named} and --config ${config}, expected one file`);
      }
      if (named === '') throw new Mistake('limpet check: found "", expected the name of a file');
      found({ kind: 'check', file: named ?? config });
    });
  program
    .command('token')
    .description('sign something with the key of the balancer')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .command('force <server>')
    .description('what the affinity `force` accepts for that server')
    .helpOption('-h, --help', 'print this help')
    .option('--for <time>', 'how long it is valid (default: 1h)', values.time('--for'))
    .option('-c, --config <file>', 'the config of the balancer', values.file('--config'))
    .action((server: string, flags: { readonly for?: number; readonly config?: string }) =>
      found({ kind: 'force-token', file: flags.config, server, lifetime: flags.for ?? 3_600_000 }),
    );
  program
    .command('import [kind-and-file...]')
    .usage('[options] [kind] <file>')
    .description('write a limpet.yaml for the config of another balancer; - is standard input')
    .helpOption('-h, --help', 'print this help')
    .option(
      '--from <kind>',
      `whose it is: ${importKinds.join(', ')} (default: by name and content)`,
      values.choice('--from', importKinds),
    )
    .option('-o, --output <file>', 'write there, never over a file (default: standard output)', values.file('--output'))
    .action((words: string[], { from, output }: { readonly from?: ImportKind; readonly output?: string }) => {
      const [file, named] = [words.at(-1), words.length === 2 ? words[0] : undefined];
      const kind = importKinds.find((one) => one === named);
      const flaw = importFlaw(words, kind, from);
      if (file === undefined || flaw !== '') throw new Mistake(`limpet import: ${flaw}`);
      found({ kind: 'import', file, from: kind ?? from, output });
    });
  addExplain(program, found);
  program
    .command('store')
    .description('look at the store of the config')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .command('check')
    .description('what it is like, what it has of us, and what of it may cost sessions; changes nothing')
    .helpOption('-h, --help', 'print this help')
    .option('--json', 'as JSON')
    .option('-c, --config <file>', 'the config of the balancer', values.file('--config'))
    .action(({ json, config }: { readonly json?: true; readonly config?: string }) =>
      found({ kind: 'store-check', file: config, json: json === true }),
    );
  addAdmin(program, found);
  return program;
}

/** '' when the words are a file, or a kind and a file. */
function importFlaw(words: readonly string[], kind: ImportKind | undefined, from: ImportKind | undefined): string {
  const [first = ''] = words;
  if (words.length === 0) return 'found no file, expected limpet import [kind] <file>; - is standard input';
  if (words.length > 2) return `found ${words.length} words, expected a file, or a kind and a file`;
  if (words.length === 2 && kind === undefined) {
    const near = suggest(first, importKinds);
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    return `found the kind ${quote(first)}, expected one of ${importKinds.join(', ')}${hint}`;
  }
  if (kind !== undefined && from !== undefined && kind !== from)
    return `found ${kind} and --from ${from}, expected one kind`;
  return '';
}

const explainExamples = `
Examples:
  limpet explain -c limpet.yaml --request request.txt
  printf 'GET / HTTP/1.1\\nHost: shop.example\\n\\n' | limpet explain --request - --client 203.0.113.7
  limpet explain --request request.txt --down s1,s2 --draining s3        what if?
  limpet explain --request request.txt --now 2026-01-31T12:00:00Z --json
  limpet explain --request request.txt --live                            what does the one that runs say?

To servers nothing is sent, listened to or written. The request is one head as a client sends it; LF line ends will do.
`;

function addExplain(program: Command, found: (command: ParsedCommand) => void): void {
  program
    .command('explain')
    .description('tell what would become of one request, and why')
    .helpOption('-h, --help', 'print this help')
    .option('-c, --config <file>', 'YAML, or a module with a default export', values.file('--config'))
    .requiredOption('--request <file>', 'the head of a request; - is standard input', values.file('--request'))
    .option('--client <ip>', 'who connects, or unix (default: 127.0.0.1)', values.peer)
    .option(
      '--listener <address>',
      'where, as the config says it (default: the first)',
      values.text('--listener', 'the address of a listener'),
    )
    .option('--down <servers>', 'suppose that these are down: names with commas', values.names('--down'))
    .option('--draining <servers>', 'suppose that these are draining', values.names('--draining'))
    .option('--now <time>', 'suppose that it is this time, such as 2026-01-31T12:00:00Z', values.instant)
    .option('--live', 'ask the balancer of the config, which runs: with the states and sessions of now')
    .option('--admin <url>', 'the same, of the balancer with this admin listener', values.adminUrl)
    .option('--ca <file>', 'PEM: the authorities that may have signed its certificate', values.file('--ca'))
    .option('--json', 'as JSON')
    .addHelpText('after', explainExamples)
    .action((flags: ExplainFlags) => {
      checkLive(flags);
      found({ kind: 'explain', flags });
    });
}

/** A running balancer knows states and time. */
function checkLive(flags: ExplainFlags): void {
  const { live, admin, ca, down, draining, now, client } = flags;
  askedBy(flags);
  const asked = live === true ? '--live' : admin === undefined ? '' : '--admin';
  if (asked === '') {
    if (ca !== undefined) throw new Mistake('--ca: found it without --live or --admin, expected one of them');
    return;
  }
  const [supposed] = Object.entries({ down, draining, now }).find(([, value]) => value !== undefined) ?? [];
  if (supposed !== undefined)
    throw new Mistake(
      `--${supposed}: found it with ${asked}, expected it without: the balancer goes by what is so now`,
    );
  if (client === '') throw new Mistake(`--client: found unix with ${asked}, expected an IP address`);
}

/** Flags that describe listeners and a pool belong to servers of the command line; a file describes its own. */
function conflictOf(servers: readonly string[], flags: Flags): string | undefined {
  if (servers.length > 0) {
    if (flags.config !== undefined) {
      return `found the server ${quote(servers[0]!)} and --config ${flags.config}, expected one of them: a file names its servers itself`;
    }
    if (flags.watch === true) return `--watch: found it with the server ${quote(servers[0]!)}, expected a config file`;
    const { affinity = [] } = flags;
    return affinity.length > 1 && affinity.includes('none')
      ? '--affinity: found none beside others, expected none alone'
      : tlsFlaw(flags);
  }
  const { listen, affinity, balance, health, sessions, tls, tlsCert, tlsKey } = flags;
  const given = { listen, affinity, balance, health, sessions, tls, 'tls-cert': tlsCert, 'tls-key': tlsKey };
  const [stray, value] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (stray === undefined) return undefined;
  if (flags.config !== undefined) return `--${stray}: found it with --config, expected it in the file ${flags.config}`;
  const repeated = [value].flat().join(` --${stray} `);
  return `--${stray}: found no servers, expected some, such as: limpet 3001 3002 --${stray} ${repeated}`;
}

function tlsFlaw({ tls, tlsCert = [], tlsKey = [] }: Flags): string | undefined {
  const [cert, key] = [tlsCert[0], tlsKey[0]];
  if (tls !== undefined && (cert ?? key) !== undefined) {
    const other = cert === undefined ? `--tls-key ${key}` : `--tls-cert ${cert}`;
    return `--tls: found auto and ${other}, expected one of them: auto makes a certificate`;
  }
  if (tlsCert.length === tlsKey.length) return undefined;
  if (key === undefined) return `--tls-cert: found ${cert} without --tls-key, expected the file of its private key`;
  if (cert === undefined) return `--tls-key: found ${key} without --tls-cert, expected the file of its certificate`;
  const counts = `--tls-cert ${times(tlsCert.length)} and --tls-key ${times(tlsKey.length)}`;
  return `found ${counts}, expected one --tls-key for each --tls-cert, in the same order`;
}

function times(count: number): string {
  return count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`;
}

function configOf(
  servers: readonly string[],
  { listen = [defaultListen], affinity, balance, health, sessions, workers, ...rest }: Flags,
): Config {
  const { tls = tlsOfFiles(rest) } = rest;
  return {
    listeners: listen.map((address) => ({ address, ...(tls !== undefined && { tls }) })),
    pools: {
      default: {
        servers: servers.map((address, index) => ({ name: `s${index + 1}`, address })),
        affinity: affinity === undefined ? undefined : affinityOfFlags(affinity),
        balance,
        health: health === undefined ? undefined : { path: health },
      },
    },
    sessions: sessions === undefined ? undefined : { store: sessions },
    workers,
    log: { access: rest.log, level: rest.logLevel },
    identify: rest.identify,
  };
}

/** All listeners show these; undefined: they are without TLS. */
function tlsOfFiles({ tlsCert = [], tlsKey = [] }: Flags): Config['listeners'][number]['tls'] {
  if (tlsCert.length === 0) return undefined;
  return { certificates: tlsCert.map((cert, index) => ({ cert, key: tlsKey[index] ?? '' })) };
}
