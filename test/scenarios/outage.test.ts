/**
 * Ownership moves only to a server that has taken the request (I10): while no server can be reached, or those that can be
 * reached do not answer, clients get errors and nothing moves. When the servers are back, everyone is at home, and finds there
 * what the server has held all the time.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Gate, gateBefore } from '../support/gate.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { httpOrigin } from '../support/origin.ts';
import {
  configFor,
  type PoolMember,
  readToken,
  startServer,
  tellServer,
  together,
  until,
  Visitor,
} from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const names = ['a', 'b', 'c'];
const clients = 40;
/** Where it is told below what matters: no more than it takes for every server to have some of them. */
const fewClients = 12;
const sessionServer = new URL('../support/apps/session-server.ts', import.meta.url);
const libraryServer = new URL('../support/apps/library-server.ts', import.meta.url);

/** What a server says of a session: who it is, and how often the client has come to it. */
interface Page {
  readonly server: string;
  readonly count: number;
}

/** Counts in memory by its own cookie, or by the client's name. */
function memoryServer(name: string) {
  const counts = new Map<string, number>();
  return httpOrigin(name, (request, response) => {
    const sid = /SID=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? `${name}-${counts.size}`;
    const key = String(request.headers['x-user'] ?? sid);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    response.setHeader('Set-Cookie', `SID=${sid}; Path=/`);
    response.end(JSON.stringify({ server: name, count }));
  });
}

const startProcess = (script: URL) => (name: string) => startServer(script, name);

/** Ways to be known, and what the servers have to be for it. */
const kinds = {
  cookie: { affinity: [{ cookie: { name: 'limpet' } }], start: memoryServer, sessions: false },
  learn: { affinity: [{ learn: 'SID' }], start: memoryServer, sessions: false },
  rewrite: { affinity: [{ rewrite: 'SID' }], start: memoryServer, sessions: false },
  table: { affinity: [{ header: 'X-User' }], start: memoryServer, sessions: false },
  'the session protocol': {
    affinity: [{ cookie: { name: 'limpet' } }],
    start: startProcess(sessionServer),
    sessions: true,
  },
  'the session library': {
    affinity: [{ cookie: { name: 'limpet' } }],
    start: startProcess(libraryServer),
    sessions: true,
  },
} as const;

type Kind = keyof typeof kinds;

class Client extends Visitor {
  readonly name: string;
  /** What it was told last. */
  page: Page = { server: '', count: 0 };

  constructor(url: string, number: number) {
    super(url);
    this.name = `user-${number}`;
  }

  /** Answers the status. */
  async visit(): Promise<number> {
    const reply = await this.ask('/', { headers: { 'x-user': this.name } });
    if (reply.status === 200) this.page = JSON.parse(reply.body) as Page;
    return reply.status;
  }
}

interface Stage {
  readonly limpet: Limpet;
  readonly gates: readonly Gate[];
  readonly visitors: readonly Client[];
  /** Another setting of the pool from now on. */
  readonly change: (pool: Readonly<Record<string, unknown>>) => Promise<unknown>;
}

async function withStage(
  runtime: (typeof runtimes)[number],
  kind: Kind,
  workers: number,
  { visitors: count = fewClients, ...pool }: Readonly<Record<string, unknown>> & { visitors?: number },
  story: (stage: Stage) => Promise<void>,
): Promise<void> {
  const { affinity, start, sessions } = kinds[kind];
  await using servers = await together(names.map((name): Promise<PoolMember & { port: number }> => start(name)));
  await using gates = await together(servers.map((server) => gateBefore(server)));
  const configOf = (more: Readonly<Record<string, unknown>>) => ({
    ...configFor(gates, { affinity, ...pool, ...more }),
    workers,
    ...(sessions && { sessions: { store: 'memory' } }),
  });
  await using limpet = await startLimpet(runtime, { config: configOf({}) });
  const visitors = Array.from({ length: count }, (_, i) => new Client(limpet.url, i));
  // The second visit makes the session known to the table, as it would be of one that is under way.
  for (const round of [1, 2]) {
    expect(new Set(await comeTogether(visitors, 1))).toEqual(new Set([200]));
    for (const { page } of visitors) expect(page.count).toBe(round);
  }
  await story({ limpet, gates, visitors, change: (more) => limpet.reload(configOf(more)) });
}

const setAll = (gates: readonly Gate[], state: 'open' | 'refuse' | 'swallow') =>
  Promise.all(gates.map((gate) => gate.set(state)));

/** Everyone comes `times` at once, a few clients at a time; answers the statuses. */
async function comeTogether(visitors: readonly Client[], times: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < visitors.length; i += 10) {
    const some = visitors.slice(i, i + 10).flatMap((one) => Array.from({ length: times }, () => one.visit()));
    statuses.push(...(await Promise.all(some)));
  }
  return statuses;
}

/** Everyone is where they were, and so is what their server knows of them. */
async function everyoneIsAtHome({ limpet, visitors }: Pick<Stage, 'limpet' | 'visitors'>, epochs: boolean) {
  const homes = visitors.map(({ page }) => page);
  for (const visits of [1, 2]) {
    for (const [i, visitor] of visitors.entries()) {
      expect([visitor.name, await visitor.visit()]).toEqual([visitor.name, 200]);
      expect(visitor.page, visitor.name).toMatchObject({ server: homes[i]!.server });
      expect(visitor.page.count, visitor.name).toBeGreaterThanOrEqual(homes[i]!.count + visits);
    }
  }
  if (epochs) for (const { cookies } of visitors) expect(readToken(cookies.get('limpet')!).epoch).toBe(1);
  expect(await limpet.counters()).toMatchObject({ rebinds: 0, sessions_moved: 0 });
}

describe.each(runtimes)('an outage of all servers on %s', (runtime) => {
  const some = (more: readonly Kind[]): readonly Kind[] => (long ? more : ['cookie', 'the session library']);
  const all = Object.keys(kinds) as Kind[];
  const byWorkers: readonly (readonly [number, readonly Kind[]])[] = [
    [1, all],
    [2, some(all)],
  ];
  describe.each(long ? byWorkers : byWorkers.slice(1))('with %i workers', (workers, known) => {
    test.each(known)('moves nobody who is known by %s', { timeout: 90_000 }, (kind) =>
      withStage(runtime, kind, workers, { visitors: clients }, async (stage) => {
        await setAll(stage.gates, 'refuse');
        expect(new Set(await comeTogether(stage.visitors, 1))).toEqual(new Set([503]));
        await setAll(stage.gates, 'open');
        await everyoneIsAtHome(stage, kind === 'cookie');
      }),
    );
  });

  test.each(some(['cookie', 'learn', 'the session library']))(
    'moves nobody who is known by %s, however many requests come at once, and more than once',
    { timeout: 90_000 },
    (kind) =>
      withStage(runtime, kind, 2, {}, async (stage) => {
        for (let outage = 0; outage < 2; outage++) {
          await setAll(stage.gates, 'refuse');
          expect(new Set(await comeTogether(stage.visitors, 3))).toEqual(new Set([503]));
          await setAll(stage.gates, 'open');
          await everyoneIsAtHome(stage, kind === 'cookie');
        }
      }),
  );

  test.each(some(['cookie', 'rewrite', 'the session library']))(
    'in which they are reached and do not answer moves nobody who is known by %s',
    { timeout: 90_000 },
    (kind) =>
      withStage(runtime, kind, 1, {}, async (stage) => {
        await stage.change({ timeouts: { response: '300ms' } });
        await setAll(stage.gates, 'swallow');
        for (const status of await comeTogether(stage.visitors, 2)) expect([503, 504]).toContain(status);
        await setAll(stage.gates, 'open');
        await stage.change({});
        await everyoneIsAtHome(stage, kind === 'cookie');
      }),
  );

  test.each(some(all))(
    'but one moves only those for whom another has answered, known by %s',
    { timeout: 90_000 },
    (kind) =>
      // With two attempts the second one may be at the other server that is away.
      withStage(runtime, kind, 1, { retry: { attempts: 2 } }, async ({ gates, limpet, visitors }) => {
        const before = visitors.map(({ page }) => page.server);
        await Promise.all(gates.slice(0, 2).map((gate) => gate.set('refuse')));
        const statuses: number[] = [];
        for (const visitor of visitors) statuses.push(await visitor.visit());
        await setAll(gates, 'open');
        let moved = 0;
        for (const [i, visitor] of visitors.entries()) {
          const expected = statuses[i] === 200 ? 'c' : before[i];
          if (expected !== before[i]) moved++;
          for (const _ of [1, 2]) {
            expect(await visitor.visit()).toBe(200);
            expect(visitor.page.server, visitor.name).toBe(expected);
          }
        }
        expect(moved).toBeGreaterThan(0);
        expect(await limpet.counters()).toMatchObject({ rebinds: moved, sessions_moved: 0 });
      }),
  );

  test.each(some(['cookie', 'learn', 'the session library']))(
    'of the owner, and a client that leaves before another server has answered, moves nobody known by %s',
    { timeout: 90_000 },
    (kind) =>
      withStage(runtime, kind, 1, { timeouts: { response: '30s' } }, async (stage) => {
        const { gates, limpet, visitors } = stage;
        const [visitor] = visitors as [Client];
        const others = gates.filter(({ name }) => name !== visitor.page.server);
        await gates.find(({ name }) => name === visitor.page.server)!.set('refuse');
        for (const gate of others) await gate.set('swallow');
        const leaving = new AbortController();
        const before = (await limpet.counters()).retries!;
        const asked = visitor
          .ask('/', { headers: { 'x-user': visitor.name }, signal: leaving.signal })
          .catch(() => null);
        await until('another server has the request', async () => (await limpet.counters()).retries! > before);
        leaving.abort();
        await asked;
        await until('the exchange is over', async () => (await limpet.counters()).aborted_by_client! > 0);
        await setAll(gates, 'open');
        await everyoneIsAtHome(stage, kind === 'cookie');
      }),
  );

  test('to which the sessions of a draining server should go leaves them there', { timeout: 90_000 }, () =>
    withStage(runtime, 'the session library', 1, {}, async ({ gates, limpet, visitors }) => {
      await Promise.all(gates.slice(1).map((gate) => gate.set('refuse')));
      expect(await tellServer(join(limpet.folder, 'state'), 'a', 'drain', {}, 'app')).toBe(200);
      const atA = visitors.filter(({ page }) => page.server === 'a');
      expect(atA.length).toBeGreaterThan(0);
      for (const count of [3, 4]) {
        for (const visitor of atA) {
          expect(await visitor.visit()).toBe(200);
          expect(visitor.page).toMatchObject({ server: 'a', count });
        }
      }
      await setAll(gates, 'open');
      await until('they leave', async () => {
        for (const visitor of atA) await visitor.visit();
        return atA.every(({ page }) => page.server !== 'a');
      });
      expect(await limpet.counters()).toMatchObject({ sessions_moved: atA.length, rebinds: 0 });
    }),
  );
});
