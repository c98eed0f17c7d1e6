/** The command line: what was asked for, as a value. It starts and loads nothing. */
import { isIP } from 'node:net';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { listenerForm, parseListener, parseServer, serverForm } from '../config/address.ts';
import { affinityFlagFlaw, affinityOfFlags } from '../config/affinity-flag.ts';
import { defaultListen } from '../config/defaults.ts';
import { balanceNames, type LogOptions } from '../config/options.ts';
import type { Config } from '../config/schema.ts';
import { parseStore, storeForm } from '../config/sessions-schema.ts';
import { parseDuration } from '../config/units.ts';
import { countOfWorkers, mostWorkers } from '../config/workers.ts';
import { type ImportKind, importKinds } from '../import/imported.ts';
import { plainAddress } from '../ip.ts';

/** What a flag says in place of the config file. */
export interface Overrides {
  readonly log?: LogOptions['access'];
  readonly logLevel?: LogOptions['level'];
  readonly identify?: true;
  readonly workers?: number;
}

export type Asked =
  | { readonly kind: 'servers'; readonly config: Config }
  /** `file` undefined: the one of the current folder. */
  | { readonly kind: 'config'; readonly file: string | undefined; readonly overrides: Overrides }
  | { readonly kind: 'check'; readonly file: string | undefined }
  /** `lifetime` in milliseconds. */
  | {
      readonly kind: 'force-token';
      readonly file: string | undefined;
      readonly server: string;
      readonly lifetime: number;
    }
  | { readonly kind: 'explain'; readonly flags: ExplainFlags }
  | {
      readonly kind: 'drain' | 'ready';
      readonly file: string | undefined;
      readonly server: string;
      readonly wait?: true;
      /** Milliseconds. */
      readonly timeout?: number;
    }
  | { readonly kind: 'sessions'; readonly file: string | undefined; readonly json: boolean }
  | { readonly kind: 'import'; readonly file: string; readonly from?: ImportKind; readonly output?: string }
  /** Help and version. */
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'mistake'; readonly text: string };

export interface ExplainFlags {
  readonly config?: string;
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
  readonly balance?: (typeof balanceNames)[number];
  readonly health?: string;
  readonly sessions?: string;
  readonly config?: string;
}

const examples = `
Examples:
  limpet 3001 3002 3003                   ${defaultListen} to three servers of this machine, sticky by cookie
  limpet --listen :8080 app1:3000 app2:3000 --health /healthz
  limpet 3001 3002 --affinity source-ip --balance round-robin
  limpet --listen :8080 --affinity learn:JSESSIONID app1:8080 app2:8080
  limpet 3001 3002 --sessions lmdb:./data
                                          before servers with limpet/session: nothing is lost with one of them
  limpet --config limpet.yaml             or limpet.config.ts
  limpet check -c limpet.yaml             tells what is wrong with it, and starts nothing
  limpet explain -c limpet.yaml --request request.txt
                                          tells what would become of one request, and why
  limpet drain s1 --wait                  until it can be stopped without loss; limpet ready s1 is the opposite
  limpet sessions                         where they live, and how many have a copy
  limpet import nginx.conf -o limpet.yaml
                                          takes over nginx, HAProxy, Ingress and Gateway API

Without servers and --config it takes limpet.yaml or limpet.config.ts of the current folder.

Signals: SIGTERM and SIGINT finish open exchanges, then end; a second one ends at once. SIGUSR2 prints the counters.
Exit codes: 0 ended well, 1 unexpected failure, 2 wrong usage, 3 invalid config, or no balancer
that could be asked, 4 cannot listen, 5 exchanges were cut, 6 drain --timeout ran out.
`;

export function parseArguments(args: readonly string[], version: string): Asked {
  let output = '';
  let asked: Asked | undefined;
  const program = buildProgram(version, (found) => {
    asked = found;
  });
  const write = (text: string) => {
    output += text;
  };
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  }
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? { kind: 'print', text: output } : { kind: 'mistake', text: output };
  }
  return asked ?? { kind: 'print', text: program.helpInformation() };
}

function buildProgram(version: string, found: (asked: Asked) => void): Command {
  const program = new Command('limpet')
    .description('A load balancer that keeps every session with one server.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    // `limpet check -c FILE`: the flag is that of check.
    .enablePositionalOptions()
    .showHelpAfterError('(limpet --help tells more)')
    .argument('[server...]', serverForm, collect(parseServer, serverForm))
    .option(
      '-l, --listen <address>',
      `where clients connect; repeatable (default: ${defaultListen})`,
      collect(parseListener, listenerForm),
    )
    .option(
      '--affinity <kind>',
      'how sessions are recognised: cookie, source-ip, socket.io, none, learn:COOKIE, header:NAME, query:NAME, path:REGEX, cookie:NAME or rewrite:COOKIE; repeatable, asked in order (default: cookie)',
      affinityKind,
    )
    .addOption(choice('--balance <policy>', 'where new sessions go', balanceNames, 'least-requests'))
    .option(
      '--sessions <store>',
      'keep a copy of each session for the day its server dies: memory, lmdb:FOLDER or redis://HOST:PORT (default: none)',
      storeAddress,
    )
    .option('--health <path>', 'check the servers with GET path every 2s (default: no checks)', healthPath)
    .option('--workers <number>', 'threads, or auto (default: auto, one for each core)', workerCount)
    .option('-c, --config <file>', 'YAML, or a module with a default export')
    .addOption(choice('--log <form>', 'log each request', ['off', 'text', 'json'], 'off'))
    .addOption(choice('--log-level <level>', 'what else is logged', ['debug', 'info', 'warn', 'error'], 'info'))
    .option('--identify', 'responses say which server gave them (Limpet-Server)')
    .addHelpText('after', examples);
  program.action((servers: readonly string[], flags: Flags) => {
    const conflict = conflictOf(servers, flags);
    if (conflict !== undefined) program.error(`error: ${conflict}`);
    const { log, logLevel, identify, workers } = flags;
    if (servers.length > 0) found({ kind: 'servers', config: configOf(servers, flags) });
    else found({ kind: 'config', file: flags.config, overrides: { log, logLevel, identify, workers } });
  });
  program
    .command('check')
    .description('check a config file, and start nothing')
    .helpOption('-h, --help', 'print this help')
    .option('-c, --config <file>', 'YAML, or a module with a default export')
    .action(({ config }: { readonly config?: string }) => found({ kind: 'check', file: config }));
  program
    .command('token')
    .description('sign something with the key of the balancer')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .command('force <server>')
    .description('what the affinity `force` accepts for that server')
    .helpOption('-h, --help', 'print this help')
    .option('--for <time>', 'how long it is valid (default: 1h)', lifetime)
    .option('-c, --config <file>', 'the config of the balancer')
    .action((server: string, flags: { readonly for?: number; readonly config?: string }) =>
      found({ kind: 'force-token', file: flags.config, server, lifetime: flags.for ?? 3_600_000 }),
    );
  program
    .command('import [kind-and-file...]')
    .usage('[options] [kind] <file>')
    .description('write a limpet.yaml for the config of another balancer; - is standard input')
    .helpOption('-h, --help', 'print this help')
    .addOption(new Option('--from <kind>', 'whose it is (default: by name and content)').choices([...importKinds]))
    .option('-o, --output <file>', 'write there, never over a file (default: standard output)')
    .action((words: string[], { from, output }: { readonly from?: ImportKind; readonly output?: string }) => {
      const [file, named] = [words.at(-1), words.length === 2 ? words[0] : undefined];
      const kind = importKinds.find((one) => one === named);
      const flaw = importFlaw(words, kind, from);
      if (file === undefined || flaw !== '') found({ kind: 'mistake', text: `limpet: ${flaw}\n` });
      else found({ kind: 'import', file, from: kind ?? from, output });
    });
  addExplain(program, found);
  addAdmin(program, found);
  return program;
}

/** '' when the words are a file, or a kind and a file. */
function importFlaw(words: readonly string[], kind: ImportKind | undefined, from: ImportKind | undefined): string {
  const [first = ''] = words;
  if (words.length === 0) return "error: missing required argument 'file'";
  if (words.length > 2) return `error: found ${words.length} words, expected a file, or a kind and a file`;
  if (words.length === 2 && kind === undefined)
    return `error: "${first}" is no kind of config, expected one of ${importKinds.join(', ')}`;
  if (kind !== undefined && from !== undefined && kind !== from)
    return `error: ${kind} and --from ${from} are two kinds, expected one`;
  return '';
}

const explainExamples = `
Examples:
  limpet explain -c limpet.yaml --request request.txt
  printf 'GET / HTTP/1.1\\nHost: shop.example\\n\\n' | limpet explain --request - --client 203.0.113.7
  limpet explain --request request.txt --down s1,s2 --draining s3        what if?
  limpet explain --request request.txt --now 2026-01-31T12:00:00Z --json

Nothing is sent, listened to or written. The request is one head as a client sends it; LF line ends will do.
`;

function addExplain(program: Command, found: (asked: Asked) => void): void {
  program
    .command('explain')
    .description('tell what would become of one request, and why')
    .helpOption('-h, --help', 'print this help')
    .option('-c, --config <file>', 'YAML, or a module with a default export')
    .requiredOption('--request <file>', 'the head of a request; - is standard input')
    .option('--client <ip>', 'who connects, or unix (default: 127.0.0.1)', peerAddress)
    .option('--listener <address>', 'where, as the config says it (default: the first)')
    .option('--down <servers>', 'suppose that these are down: names with commas', names)
    .option('--draining <servers>', 'suppose that these are draining', names)
    .option('--now <time>', 'suppose that it is this time, such as 2026-01-31T12:00:00Z', instant)
    .option('--json', 'as JSON')
    .addHelpText('after', explainExamples)
    .action((flags: ExplainFlags) => found({ kind: 'explain', flags }));
}

/** What is asked of a balancer that runs. */
function addAdmin(program: Command, found: (asked: Asked) => void): void {
  const command = (usage: string, description: string): Command =>
    program
      .command(usage)
      .description(description)
      .helpOption('-h, --help', 'print this help')
      .option('-c, --config <file>', 'the config of the balancer');
  command('drain <server>', 'give a server no new sessions, and let those that can leave it')
    .option('--wait', 'until nothing runs there, and every session that is left has a copy')
    .option('--timeout <time>', 'wait no longer than this (default: for ever)', lifetime)
    .action((server: string, { config, ...flags }: { config?: string; wait?: true; timeout?: number }) =>
      found({ kind: 'drain', file: config, server, ...flags }),
    );
  command('ready <server>', 'the server takes new sessions again').action((server: string, { config }: Flags) =>
    found({ kind: 'ready', file: config, server }),
  );
  command('sessions', 'tell of each server its sessions, how many have a copy, and what runs there')
    .option('--json', 'as JSON, with all counters')
    .action(({ config, json }: { readonly config?: string; readonly json?: true }) =>
      found({ kind: 'sessions', file: config, json: json === true }),
    );
}

function peerAddress(text: string): string {
  if (text === 'unix') return '';
  if (isIP(text) === 0) throw new InvalidArgumentError('Expected an IP address, or unix.');
  return plainAddress(text);
}

function names(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').filter((name) => name !== '')];
}

function instant(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('Expected a time such as 2026-01-31T12:00:00Z.');
  return time;
}

function lifetime(text: string): number {
  const time = parseDuration(text);
  if (time > 0) return time;
  throw new InvalidArgumentError('Expected a time such as 30m or 1h.');
}

/** Flags that describe a pool belong to servers of the command line; a file describes its own. */
function conflictOf(servers: readonly string[], flags: Flags): string | undefined {
  if (servers.length > 0) {
    if (flags.config !== undefined) return 'give servers or --config, not both';
    const { affinity = [] } = flags;
    return affinity.length > 1 && affinity.includes('none') ? 'give --affinity none alone' : undefined;
  }
  const { listen, affinity, balance, health, sessions } = flags;
  const stray = Object.entries({ listen, affinity, balance, health, sessions }).find(
    ([, value]) => value !== undefined,
  )?.[0];
  if (stray === undefined) return undefined;
  return flags.config === undefined
    ? `--${stray} needs servers, such as: limpet 3001 3002 --${stray} ${[flags[stray as keyof Flags]].flat().join(` --${stray} `)}`
    : `--${stray} goes with servers; with --config the file says it`;
}

function configOf(
  servers: readonly string[],
  { listen = [defaultListen], affinity, balance, health, sessions, workers, ...rest }: Flags,
): Config {
  return {
    listeners: listen.map((address) => ({ address })),
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

/** Each value is checked where it stands, so that the mistake is named with its flag. */
function collect(parse: (text: string) => unknown, expected: string) {
  return (text: string, before: readonly string[] = []): string[] => {
    if (parse(text) === null) throw new InvalidArgumentError(`Expected ${expected}.`);
    return [...before, text];
  };
}

function affinityKind(text: string, before: readonly string[] = []): string[] {
  const expected = affinityFlagFlaw(text);
  if (expected !== null) throw new InvalidArgumentError(`Expected ${expected}.`);
  return [...before, text];
}

function storeAddress(text: string): string {
  if (parseStore(text) === null) throw new InvalidArgumentError(`Expected ${storeForm}.`);
  return text;
}

function workerCount(text: string): number {
  if (text === 'auto') return countOfWorkers(text);
  const count = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= mostWorkers) return count;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${mostWorkers}, or auto.`);
}

function healthPath(text: string): string {
  if (!/^\/[\x21-\x22\x24-\x7e]*$/.test(text)) throw new InvalidArgumentError('Expected a path such as /healthz.');
  return text;
}

/** No default of commander's: a flag that was not given must not override the config. */
function choice(flags: string, text: string, choices: readonly string[], usual: string): Option {
  return new Option(flags, `${text} (default: ${usual})`).choices([...choices]);
}
