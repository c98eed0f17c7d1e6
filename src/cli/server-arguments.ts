/** `limpet drain`, `ready`, `down`, `servers`, `add` and `remove` on the command line. */
import type { Command } from 'commander';
import { type AskedBalancer, type AskedFlags, askedBy } from './asked-balancer.ts';
import { Mistake } from './mistake.ts';
import * as values from './values.ts';

/** `server`: POOL/NAME, or NAME alone where that is clear. Times are milliseconds. */
export type ServerCommand =
  | {
      readonly kind: 'drain';
      readonly server: string;
      readonly wait?: true;
      readonly deadline?: number;
      readonly then?: 'down';
    }
  | { readonly kind: 'ready' | 'down' | 'remove'; readonly server: string }
  | {
      readonly kind: 'add';
      readonly server: string;
      readonly address: string;
      readonly weight?: number;
      readonly maxRequests?: number;
    }
  | {
      readonly kind: 'list-servers';
      readonly safest: boolean;
      readonly json: boolean;
    };

interface DrainOptions extends AskedFlags {
  readonly wait?: true;
  readonly deadline?: number;
  readonly timeout?: number;
  readonly then?: string;
}

/** `command` makes a command with the options that all have. */
export function addServerCommands(
  command: (usage: string, description: string) => Command,
  found: (command: AskedBalancer & ServerCommand) => void,
): void {
  command('drain <server>', 'give a server no new sessions, and let those that can leave it')
    .option('--wait', 'until nothing runs there, and every session that is left has a copy')
    .option('--deadline <time>', 'wait no longer than this (default: for ever)', values.time('--deadline'))
    .option('--timeout <time>', 'the same as --deadline', values.time('--timeout'))
    .option('--then <state>', 'down: take it out of use after the wait, whatever is left')
    .action((server: string, options: DrainOptions) => found(drainOf(server, options)));
  const words = { ready: 'the server takes new sessions again', down: 'the server gets nothing any more' } as const;
  for (const [kind, description] of Object.entries(words) as ['ready' | 'down', string][]) {
    command(`${kind} <server>`, description).action((server: string, asked: AskedFlags) =>
      found({ ...askedBy(asked), kind, server }),
    );
  }
  command('servers', 'tell of each server its state, what runs there, and what is lost if it is stopped')
    .option('--safest', 'those that can be stopped at the least loss first')
    .option('--json', 'as JSON')
    .action(({ safest, json, ...asked }: AskedFlags & { safest?: true; json?: true }) =>
      found({ ...askedBy(asked), kind: 'list-servers', safest: safest === true, json: json === true }),
    );
  command('add <server> <address>', 'add a server, named POOL/NAME, to a pool; it stays through reloads and restarts')
    .option('--weight <number>', 'its share of new sessions (default: 1)', wholeOf('--weight'))
    .option('--max-requests <number>', 'the most requests at one time (default: no limit)', wholeOf('--max-requests'))
    .action((server: string, address: string, options: AskedFlags & { weight?: number; maxRequests?: number }) => {
      const { config, admin, ca, ...numbers } = options;
      found({ ...askedBy({ config, admin, ca }), kind: 'add', server, address, ...numbers });
    });
  command('remove <server>', 'remove a server from its pool; drain it first').action(
    (server: string, asked: AskedFlags) => found({ ...askedBy(asked), kind: 'remove', server }),
  );
}

function drainOf(
  server: string,
  { wait, deadline, timeout, then, ...asked }: DrainOptions,
): AskedBalancer & ServerCommand {
  const [flag] = Object.entries({ timeout, deadline, then }).find(([, value]) => value !== undefined) ?? [];
  if (flag !== undefined && wait !== true) {
    throw new Mistake(`--${flag}: found it without --wait, expected both: a drain alone waits for nothing`);
  }
  if (then !== undefined && then !== 'down') throw new Mistake(`--then: found "${then}", expected down`);
  const most = deadline ?? timeout;
  return {
    ...askedBy(asked),
    kind: 'drain',
    server,
    ...(wait && { wait }),
    ...(most !== undefined && { deadline: most }),
    ...(then !== undefined && { then }),
  };
}

function wholeOf(flag: string): (written: string) => number {
  return (written) => {
    if (!/^\d{1,7}$/.test(written)) throw new Mistake(`${flag}: found "${written}", expected a whole number`);
    return Number(written);
  };
}
