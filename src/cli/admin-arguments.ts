/** The commands that ask or change a running balancer: what was asked for, as a value. */
import type { Command } from 'commander';
import { Mistake } from './mistake.ts';
import { addServerCommands, type ServerCommand } from './server-arguments.ts';
import type { SessionsCommand } from './sessions.ts';
import * as values from './values.ts';

/** `file` undefined: the config of the current folder. */
export type AdminCommand =
  | ServerCommand
  | { readonly kind: 'sessions'; readonly file: string | undefined; readonly json: boolean }
  | { readonly kind: 'session'; readonly file: string | undefined; readonly command: SessionsCommand }
  | { readonly kind: 'top'; readonly file: string | undefined }
  | { readonly kind: 'reload'; readonly file: string | undefined; readonly dryRun: boolean }
  | {
      readonly kind: 'events';
      readonly file: string | undefined;
      readonly json: boolean;
      readonly since: number | undefined;
    };

interface Common {
  readonly config?: string;
  readonly json?: true;
  readonly pool?: string;
}

const usualLimit = 100;

export function addAdmin(program: Command, found: (command: AdminCommand) => void): void {
  const command = (usage: string, description: string, parent: Command = program): Command =>
    parent
      .command(usage)
      .description(description)
      .helpOption('-h, --help', 'print this help')
      .option('-c, --config <file>', 'the config of the balancer', values.file('--config'));
  addServerCommands(command, found);
  command('reload', 'read the config file again, and put it in force at all workers or at none')
    .option('--dry-run', 'tell what would change, and change nothing')
    .action(({ config, dryRun }: Common & { readonly dryRun?: true }) =>
      found({ kind: 'reload', file: config, dryRun: dryRun === true }),
    );
  command('events', 'tell what happens, until it is interrupted')
    .option('--json', 'a line of JSON for each')
    .option('--since <id>', 'begin with those after the event of this id', values.whole('--since'))
    .action(({ config, json, since }: Common & { readonly since?: number }) =>
      found({ kind: 'events', file: config, json: json === true, since }),
    );
  command('top', 'show servers and sessions live in the terminal, with keys to drain and to make ready').action(
    ({ config }: Common) => found({ kind: 'top', file: config }),
  );
  addSessions(
    command('sessions', 'tell of each server its sessions, how many have a copy, and what runs there'),
    command,
    found,
  );
}

type MakeCommand = (usage: string, description: string, parent?: Command) => Command;

function addSessions(sessions: Command, command: MakeCommand, found: (command: AdminCommand) => void): void {
  const pool = ['--pool <name>', 'in this pool (default: any)', values.text('--pool', 'the name of a pool')] as const;
  const report = (file: string | undefined, command: SessionsCommand): void =>
    found({ kind: 'session', file, command });
  sessions
    // `limpet sessions list --json`: the flag is that of list.
    .enablePositionalOptions()
    .helpCommand(false)
    .option('--json', 'as JSON, with all counters')
    .action(({ config, json }: Common) => found({ kind: 'sessions', file: config, json: json === true }));
  command('list', 'list single sessions, in no order', sessions)
    .option(...pool)
    .option('--server <name>', 'of this server (default: any)', values.text('--server', 'the name of a server'))
    .option('--limit <number>', `the most of them (default: ${usualLimit})`, values.whole('--limit'))
    .option('--json', 'as JSON')
    .action(({ config, json, limit = usualLimit, ...rest }: Common & { server?: string; limit?: number }) =>
      report(config, { what: 'list', limit, json: json === true, ...rest }),
    );
  command('find', 'find the session that a client carries', sessions)
    .option(...pool)
    .option('--cookie <text>', 'as in the header Cookie: name=value', values.text('--cookie', 'name=value'))
    .option('--token <text>', "the value of Limpet's own cookie", values.text('--token', 'a token'))
    .option('--id <hex>', '16 or 32 hex digits', values.text('--id', 'hex digits'))
    .option('--header <line>', 'Name: value; repeatable', values.headers)
    .option('--path <path>', 'path and query', values.text('--path', 'a path'))
    .option('--client <ip>', 'address of the client', values.text('--client', 'an address'))
    .option('--json', 'as JSON')
    .action(({ config, json, header, ...query }: Common & { header?: Record<string, string> }) => {
      const all = { ...query, ...(header !== undefined && { headers: header }) };
      if (Object.keys(all).every((name) => name === 'pool')) {
        throw new Mistake(
          'limpet sessions find: found nothing to look for, expected --cookie, --token, --id, --header, --path or --client',
        );
      }
      report(config, { what: 'find', query: all, json: json === true });
    });
  command('move <session>', 'give a session another server, from its next request on', sessions)
    .requiredOption('--to <server>', 'the name of a server of its pool', values.text('--to', 'the name of a server'))
    .option(...pool)
    .option('--force', 'also without a copy: its state stays behind, and is lost')
    .action((session: string, { config, force, ...rest }: Common & { to: string; force?: true }) =>
      report(config, { what: 'move', session, force: force === true, ...rest }),
    );
  command('end <session>', 'end a session, as a sign-out does', sessions)
    .option(...pool)
    .action((session: string, { config, ...rest }: Common) => report(config, { what: 'end', session, ...rest }));
}
