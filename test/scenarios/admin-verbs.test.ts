/**
 * Each command that asks or changes a running balancer does what its help says, and does nothing with a wrong token or when
 * no balancer answers. The list is the program's own: a command without a line here fails the test.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ServerView } from '../../src/admin/schemas.ts';
import { commandNames, helpOf } from '../docs/commands.ts';
import { limpetCommand } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, type Finished, run } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';
import { onlyOver } from '../support/transport.ts';

/** Those that ask no balancer: they read files. */
const offline = ['check', 'explain', 'help', 'import', 'token'];

/** Those that go on until they are interrupted; of their own they end with a refusal. */
const endless = {
  events: 'admin-cli.test.ts reads what it tells',
  top: 'top.test.ts plays it in a terminal',
};

/** Those that need a fleet, or its store: each has a suite of its own. */
const ofFleets = {
  fleet: 'fleet-nodes.test.ts',
  'keys rotate': 'keys-rotate.test.ts',
  'keys retire': 'keys-rotate.test.ts',
  store: 'store-check.test.ts',
  'store check': 'store-check.test.ts',
};

interface Stage {
  readonly limpet: Limpet;
  readonly shopper: Shopper;
  /** The first half of the id of the shopper's session, and where it is and is not. */
  readonly session: string;
  readonly owner: string;
  readonly other: string;
  readonly address: string;
  servers(): Promise<readonly ServerView[]>;
}

interface Verb {
  readonly args: (stage: Stage) => readonly string[];
  /** Of its output. */
  readonly prints: RegExp;
  /** What holds afterwards. */
  readonly done?: (stage: Stage) => Promise<unknown>;
}

const stateOf = async (stage: Stage, name: string) =>
  (await stage.servers()).find((server) => server.name === name)?.state;

/** In an order in which each finds what the ones before it left. */
const verbs: Readonly<Record<string, Verb>> = {
  servers: { args: () => ['--safest'], prints: /^server +state +address[\s\S]*^shop\/s1 +up/m },
  sessions: { args: () => [], prints: /^server +state +sessions[\s\S]*^shop\/s1 +up/m },
  keys: { args: () => [], prints: /^key +use +made +from\n[0-9a-f]{8} +signs +not known +state\n$/ },
  'sessions list': { args: () => ['--limit', '5'], prints: /^[0-9a-f]{16} +shop\/s\d/m },
  'sessions find': {
    args: ({ session }) => ['--id', session],
    prints: /^shop [0-9a-f]{16}, recognised by id\n +server +s\d, as the table says\n.*\n +copy +version 1\n$/,
  },
  'sessions move': {
    args: ({ session, other }) => [session, '--to', other],
    prints: /goes to s\d with its next request/,
    done: async ({ shopper, other }) => expect((await shopper.count()).server).toBe(other),
  },
  add: {
    args: ({ address }) => ['shop/s3', address, '--weight', '2'],
    prints: /^shop\/s3: added$/m,
    done: async (stage) =>
      expect(await stage.servers()).toContainEqual(expect.objectContaining({ name: 's3', weight: 2 })),
  },
  drain: {
    args: () => ['s3', '--wait', '--deadline', '10s'],
    prints: /^shop\/s3: empty: it can be stopped$/m,
    done: async (stage) => expect(await stateOf(stage, 's3')).toBe('draining'),
  },
  ready: {
    args: () => ['s3'],
    prints: /^shop\/s3: ready$/m,
    done: async (stage) => expect(await stateOf(stage, 's3')).toBe('up'),
  },
  down: {
    args: () => ['s3'],
    prints: /^shop\/s3: down$/m,
    done: async (stage) => expect(await stateOf(stage, 's3')).toBe('down'),
  },
  remove: {
    args: () => ['s3'],
    prints: /^shop\/s3: removed$/m,
    done: async (stage) => expect(await stateOf(stage, 's3')).toBeUndefined(),
  },
  reload: { args: () => [], prints: /^nothing changes$/m },
  'sessions end': {
    args: ({ session }) => [session],
    prints: /^shop [0-9a-f]{16}: ended$/m,
    done: async ({ shopper, session }) => expect((await shopper.count()).id).not.toMatch(session),
  },
};

/** The commands of the program, with those below them. */
function allCommands(): string[] {
  const below = (name: string) =>
    Array.from(
      helpOf(name).matchAll(/^ {2}([a-z]+)(?: \[options\])?(?: <\w+>)* {2,}/gm),
      ([, sub]) => `${name} ${sub}`,
    );
  return commandNames().flatMap((name) => (offline.includes(name) ? [name] : [name, ...below(name)]));
}

const token = 'operator-'.repeat(4);

async function withStage(runtime: Runtime, play: (stage: Stage, command: Command) => Promise<void>) {
  await using servers = await startShops('s1', 's2', 's3');
  const config = {
    admin: { listen: `127.0.0.1:${await freePort()}`, token },
    pools: { shop: { servers: poolOf(servers.slice(0, 2)) } },
    sessions: {},
    workers: 1,
  };
  await using limpet = await startLimpet(runtime, { config });
  const shopper = new Shopper(limpet.url);
  const { id, server } = await shopper.count();
  const headers = { authorization: `Bearer ${token}` };
  const stage: Stage = {
    limpet,
    shopper,
    session: id.slice(0, 16),
    owner: server,
    other: server === 's1' ? 's2' : 's1',
    address: servers[2]!.address,
    servers: async () => {
      const { body } = await ask(`http://${config.admin.listen}/v1/servers`, { headers });
      return JSON.parse(body) as ServerView[];
    },
  };
  await play(stage, (name, adminToken) => {
    const words = [...name.split(' '), ...(verbs[name]?.args(stage) ?? [])];
    const { file, args, env } = limpetCommand(runtime, join(limpet.folder, 'state'), words);
    return run(file, args, { cwd: limpet.folder, env: { ...env, LIMPET_ADMIN_TOKEN: adminToken } });
  });
}

/** Runs it, by the config of the folder, with that token. */
type Command = (name: string, adminToken: string) => Promise<Finished>;

test('every command of the program has a line here', () => {
  expect(
    allCommands()
      .filter((name) => !offline.includes(name))
      .sort(),
  ).toEqual([...Object.keys(verbs), ...Object.keys(endless), ...Object.keys(ofFleets)].sort());
  expect(offline.filter((name) => !allCommands().includes(name))).toEqual([]);
});

describe.each(runtimes)('each command on %s', (runtime) => {
  onlyOver('h1', 'it looks at the admin listener');

  test('does what it says', { timeout: 60_000 }, async () => {
    await withStage(runtime, async (stage, command) => {
      for (const [name, { prints, done }] of Object.entries(verbs)) {
        const { code, stdout, stderr } = await command(name, token);
        expect([name, code, stderr]).toEqual([name, 0, '']);
        expect(stdout).toMatch(prints);
        await done?.(stage);
      }
    });
  });

  test('with another token does nothing, and says so; and so when nobody answers', { timeout: 60_000 }, async () => {
    await withStage(runtime, async ({ limpet, servers, shopper, owner }, command) => {
      const before = await servers();
      const names = [...Object.keys(verbs), 'events'];
      const refused = await Promise.all(names.map((name) => command(name, 'another-'.repeat(4))));
      for (const [i, { code, stdout, stderr }] of refused.entries()) {
        expect([names[i], code, stdout]).toEqual([names[i], 3, '']);
        expect(stderr).toMatch(/^limpet: 127\.0\.0\.1:\d+ asks for another token: set LIMPET_ADMIN_TOKEN\n$/);
      }
      expect(await servers()).toEqual(before);
      expect(await shopper.count()).toMatchObject({ server: owner, count: 2 });
      await limpet.stop();
      const unanswered = await Promise.all(names.map((name) => command(name, token)));
      for (const [i, { code, stderr }] of unanswered.entries()) {
        expect([names[i], code]).toEqual([names[i], 3]);
        expect(stderr).toMatch(/^limpet: no balancer answers at 127\.0\.0\.1:\d+: nobody listens there\./);
      }
    });
  });
});
