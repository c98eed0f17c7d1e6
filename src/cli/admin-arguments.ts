/** The commands that ask or change a running balancer: what was asked for, as a value. */
import type { Command } from 'commander';
import { type AskedBalancer, type AskedFlags, askedBy } from './asked-balancer.ts';
import type { KeysCommand } from './keys.ts';
import { Mistake } from './mistake.ts';
import { addServerCommands, type ServerCommand } from './server-arguments.ts';
import type { SessionsCommand } from './sessions.ts';
import * as values from './values.ts';

export type AdminCommand = AskedBalancer &
  (
    | ServerCommand
    | { readonly kind: 'sessions'; readonly json: boolean }
    | { readonly kind: 'session'; readonly command: SessionsCommand }
    | { readonly kind: 'fleet'; readonly json: boolean }
    | { readonly kind: 'keys'; readonly command: KeysCommand }
    | { readonly kind: 'top' }
    | { readonly kind: 'reload'; readonly dryRun: boolean }
    | { readonly kind: 'events'; readonly json: boolean; readonly since: number | undefined }
  );

interface Common extends AskedFlags {
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
      .option('-c, --config <file>', 'the config of the balancer', values.file('--config'))
      .option('--admin <url>', 'its admin listener, in place of a config: http://, https:// or unix:', values.adminUrl)
      .option('--ca <file>', 'PEM: the authorities that may have signed its certificate', values.file('--ca'));
  addServerCommands(command, found);
  command('reload', 'read the config file again, and put it in force at all workers or at none')
    .option('--dry-run', 'tell what would change, and change nothing')
    .action(({ dryRun, ...asked }: Common & { readonly dryRun?: true }) =>
      found({ ...askedBy(asked), kind: 'reload', dryRun: dryRun === true }),
    );
  command('events', 'tell what happens, until it is interrupted')
    .option('--json', 'a line of JSON for each')
    .option('--since <id>', 'begin with those after the event of this id', values.whole('--since'))
    .action(({ json, since, ...asked }: Common & { readonly since?: number }) =>
      found({ ...askedBy(asked), kind: 'events', json: json === true, since }),
    );
  command('fleet', 'tell of each node of the fleet whether it is there, and what is not the same on it')
    .option('--json', 'as JSON')
    .action(({ json, ...asked }: Common) => found({ ...askedBy(asked), kind: 'fleet', json: json === true }));
  addKeys(command('keys', 'tell which token keys there are, without telling them'), command, found);
  command('top', 'show servers and sessions live in the terminal, with keys to drain and to make ready').action(
    (asked: Common) => found({ ...askedBy(asked), kind: 'top' }),
  );
  addSessions(
    command('sessions', 'tell of each server its sessions, how many have a copy, and what runs there'),
    command,
    found,
  );
}

function addKeys(keys: Command, command: MakeCommand, found: (command: AdminCommand) => void): void {
  const add = (to: Command, what: KeysCommand['what']): void => {
    to.option('--json', 'as JSON').action(({ json, ...asked }: Common) =>
      found({ ...askedBy(asked), kind: 'keys', command: { what, json: json === true } }),
    );
  };
  add(keys.enablePositionalOptions().helpCommand(false), 'list');
  add(command('rotate', 'sign with a new key, at all nodes of the fleet; the others verify still', keys), 'rotate');
  add(
    command('retire', 'keep no key but the one that signs: what others have signed is not valid any more', keys),
    'retire',
  );
}

type MakeCommand = (usage: string, description: string, parent?: Command) => Command;

function addSessions(sessions: Command, command: MakeCommand, found: (command: AdminCommand) => void): void {
  const pool = ['--pool <name>', 'in this pool (default: any)', values.text('--pool', 'the name of a pool')] as const;
  const report = (asked: AskedBalancer, command: SessionsCommand): void =>
    found({ ...asked, kind: 'session', command });
  sessions
    // `limpet sessions list --json`: the flag is that of list.
    .enablePositionalOptions()
    .helpCommand(false)
    .option('--json', 'as JSON, with all counters')
    .action(({ json, ...asked }: Common) => found({ ...askedBy(asked), kind: 'sessions', json: json === true }));
  command('list', 'list single sessions, in no order', sessions)
    .option(...pool)
    .option('--server <name>', 'of this server (default: any)', values.text('--server', 'the name of a server'))
    .option('--limit <number>', `the most of them (default: ${usualLimit})`, values.whole('--limit'))
    .option('--json', 'as JSON')
    .action(({ config, admin, ca, json, limit = usualLimit, ...rest }: Common & { server?: string; limit?: number }) =>
      report(askedBy({ config, admin, ca }), { what: 'list', limit, json: json === true, ...rest }),
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
    .action(({ config, admin, ca, json, header, ...query }: Common & { header?: Record<string, string> }) => {
      const all = { ...query, ...(header !== undefined && { headers: header }) };
      if (Object.keys(all).every((name) => name === 'pool')) {
        throw new Mistake(
          'limpet sessions find: found nothing to look for, expected --cookie, --token, --id, --header, --path or --client',
        );
      }
      report(askedBy({ config, admin, ca }), { what: 'find', query: all, json: json === true });
    });
  command('move <session>', 'give a session another server, from its next request on', sessions)
    .requiredOption('--to <server>', 'the name of a server of its pool', values.text('--to', 'the name of a server'))
    .option(...pool)
    .option('--force', 'also without a copy: its state stays behind, and is lost')
    .action((session: string, { config, admin, ca, force, ...rest }: Common & { to: string; force?: true }) =>
      report(askedBy({ config, admin, ca }), { what: 'move', session, force: force === true, ...rest }),
    );
  command('end <session>', 'end a session, as a sign-out does', sessions)
    .option(...pool)
    .action((session: string, { config, admin, ca, ...rest }: Common) =>
      report(askedBy({ config, admin, ca }), { what: 'end', session, ...rest }),
    );
}
