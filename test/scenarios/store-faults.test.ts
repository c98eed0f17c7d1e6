/**
 * What a Redis can do to a balancer, one fault after the other: what clients get meanwhile, what the log, the events and the metrics say, and
 * that everything is as before when it is over (docs/reference/store.md has the table).
 */
import { mkdtempDisposable } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { gateBefore } from '../support/gate.ts';
import { host } from '../support/host.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { samplesOf, scrape } from '../support/scrape.ts';
import { poolOf, Shopper, startShop, startShops } from '../support/shop.ts';

const storeLost = [503, 'session-store'];

async function answerOf(shopper: Shopper, path: string): Promise<[status: number, reason: unknown]> {
  const { status, headers } = await shopper.ask(path);
  return [status, headers['limpet-reason']];
}

/** Failed operations of the store, as a scraper sees them. */
async function storeErrors(limpet: Limpet): Promise<number> {
  const { body } = await scrape(limpet);
  const errors = [...samplesOf(body)].filter(([name]) => name.startsWith('limpet_store_errors_total'));
  return errors.reduce((sum, [, value]) => sum + value, 0);
}

/** The events of the store from now on. */
function storeEvents({ folder }: Limpet) {
  const events: string[] = [];
  const socketPath = join(folder, 'state/admin.sock');
  const stream = get({ socketPath, path: '/v1/events' }, (response) => {
    response.on('error', () => undefined);
    const lines = createInterface({ input: response });
    lines.on('error', () => undefined);
    lines.on('line', (line) => line.includes('"name":"store.') && events.push(line));
  });
  stream.on('error', () => undefined);
  return { events, [Symbol.dispose]: () => void stream.destroy() };
}

describe.each(runtimes)('a Redis that is started anew, on %s', { timeout: 60_000 }, (runtime) => {
  test.for([
    ['with AOF always, keeps all that was acknowledged', 'kept'],
    ['without, has lost the copies, and says so', 'lost'],
  ] as const)('%s', async ([, copies], context) => {
    needProgram(context, 'redis');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-aof-'));
    const aof = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder.path];
    await using redis = await RedisServer.start(...(copies === 'kept' ? aof : []));
    await using servers = await startShops('a', 'b');
    const sessions = { store: redis.url, timeout: '1s' };
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions },
    });
    using told = storeEvents(limpet);
    const shoppers = Array.from({ length: 8 }, () => new Shopper(limpet.url));
    const homes = new Map<Shopper, string>();
    for (const shopper of shoppers) homes.set(shopper, (await shopper.count()).server);
    await redis.kill();
    for (const shopper of shoppers) {
      expect(await answerOf(shopper, '/')).toEqual(storeLost);
      expect((await shopper.ask('/read')).status).toBe(200);
    }
    await until('it is told', () => told.events.length === 1);
    expect(told.events[0]).toContain('"reason":"redis: ');
    expect(limpet.stderr()).toMatch(/warn limpet: the store fails: redis: /);
    expect(await storeErrors(limpet)).toBeGreaterThanOrEqual(shoppers.length);
    await redis.start();
    await until('it is told', () => told.events.length === 2);
    expect(told.events[1]).toContain(`"copies":"${copies}"`);
    // What was refused is with the server still, and goes along with the next change.
    for (const shopper of shoppers) expect(await shopper.count()).toMatchObject({ count: 3, reason: 'held' });
    // Those that have not come back since then are known by their server alone.
    const [a, b] = servers;
    const idle = shoppers.filter((shopper) => homes.get(shopper) === a!.name);
    await redis.kill();
    await until('it is told', () => told.events.length === 3);
    await redis.start();
    await until('it is told', () => told.events.length === 4);
    await a!.kill();
    for (const shopper of idle) {
      if (copies === 'lost') expect(await answerOf(shopper, '/read')).toEqual([503, 'session-lost']);
      const count = copies === 'kept' ? 3 : 0;
      expect(await shopper.count('/read')).toMatchObject({ server: b!.name, count });
    }
    const lost = (await limpet.counters()).copies_lost!;
    if (copies === 'kept') expect(lost).toBe(0);
    else expect(lost).toBeGreaterThanOrEqual(idle.length);
  });
});

/** By what a Redis refuses or does not answer: how it begins, how it ends, and what the log says of it. */
const faults: Readonly<
  Record<string, { begin(admin: Redis): Promise<unknown>; end(admin: Redis): Promise<unknown>; message: RegExp }>
> = {
  'is full': {
    begin: (admin) => admin.config('SET', 'maxmemory', '1'),
    end: (admin) => admin.config('SET', 'maxmemory', '0'),
    message: /redis: .*OOM command not allowed when used memory > 'maxmemory'/,
  },
  'has become a replica': {
    begin: (admin) => admin.replicaof(host, 1),
    end: (admin) => admin.replicaof('NO', 'ONE'),
    message: /redis: .*READONLY/,
  },
  'has too few replicas': {
    begin: (admin) => admin.config('SET', 'min-replicas-to-write', '1'),
    end: (admin) => admin.config('SET', 'min-replicas-to-write', '0'),
    message: /redis: .*NOREPLICAS Not enough good replicas to write/,
  },
  'has another password': {
    begin: async (admin) => {
      await admin.config('SET', 'requirepass', 'another one');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    },
    end: (admin) => admin.config('SET', 'requirepass', ''),
    message: /redis: .*NOAUTH/,
  },
  'answers nothing for 5 s': {
    // What it gets meanwhile it does afterwards.
    begin: (admin) => admin.client('PAUSE', 5000, 'ALL'),
    end: (admin) => admin.ping(),
    message: /redis: .*Command timed out/,
  },
};

describe.each(runtimes)('a Redis that runs, and on %s', { timeout: 60_000 }, (runtime) => {
  test('refuses what changes, or does not answer: reads go on, and everything when it is over', async (context) => {
    needProgram(context, 'redis');
    await using redis = await RedisServer.start();
    await using servers = await startShops('a', 'b');
    for (const [name, { begin, end, message }] of Object.entries(faults)) {
      // A balancer each: it says once a minute why the store fails.
      await using limpet = await startLimpet(runtime, {
        config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { store: redis.url, timeout: '500ms' } },
      });
      const admin = new Redis(redis.url);
      try {
        const [shopper, leaving] = [new Shopper(limpet.url), new Shopper(limpet.url)];
        await shopper.count();
        await leaving.count();
        await begin(admin);
        expect([name, await answerOf(shopper, '/')]).toEqual([name, storeLost]);
        expect([name, await answerOf(new Shopper(limpet.url), '/')]).toEqual([name, storeLost]);
        expect([name, (await shopper.ask('/read')).status]).toEqual([name, 200]);
        // An end is never told as done before it is stored; a full Redis still takes it.
        const left = await answerOf(leaving, '/delete');
        expect([name, left]).toEqual([name, name === 'is full' ? [200, undefined] : [503, 'session-ending']]);
        await until(`the log says why: ${message}`, () => message.test(limpet.stderr()));
        expect(await storeErrors(limpet)).toBeGreaterThan(0);
        await end(admin.status === 'ready' ? admin : new Redis(`${redis.url.replace('://', '://:another%20one@')}`));
        await until('copies are kept again', async () => (await shopper.ask('/')).status === 200);
        const { count } = await shopper.count('/read');
        expect(await shopper.count()).toMatchObject({ count: count + 1, reason: 'held' });
        await until('the end is stored', async () => (await limpet.counters()).endings_pending === 0);
        expect(await leaving.count('/read')).toMatchObject({ reason: 'new', count: 0 });
      } finally {
        admin.disconnect();
      }
    }
  });

  test('is another machine at the same address by now, and the connections to the former one are silent', async (context) => {
    needProgram(context, 'redis');
    await using redis = await RedisServer.start();
    await using gate = await gateBefore({ name: 'redis', port: redis.port });
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: {
        pools: { shop: { servers: poolOf(servers) } },
        sessions: { store: `redis://${gate.address}`, timeout: '500ms' },
      },
    });
    const shopper = new Shopper(limpet.url);
    await shopper.count();
    gate.stall();
    expect(await answerOf(shopper, '/')).toEqual(storeLost);
    await until('the connection is made anew', async () => (await shopper.ask('/')).status === 200);
    expect(limpet.stderr()).toMatch(/redis: Command timed out/);
  });

  test('does not let the balancer start: a password, and a version, that are not right', async (context) => {
    needProgram(context, 'redis');
    await using redis = await RedisServer.start('--requirepass', 'the right one');
    await using old = await RedisServer.start();
    const version = /redis_version:(\d+\.\d+\.\d+)/;
    // As long as before: the length of the answer stands before it.
    const older = (all: string, is: string) => all.replace(is, '4.0.14'.padEnd(is.length, '0'));
    const rewrite = (piece: Buffer) => Buffer.from(piece.toString('latin1').replace(version, older), 'latin1');
    await using gate = await gateBefore({ name: 'old', port: old.port }, { rewrite });
    await using shop = await startShop('a');
    const start = (store: string) =>
      startLimpet(runtime, {
        config: { pools: { shop: { servers: poolOf([shop]) } }, sessions: { store, timeout: '1s' } },
      });
    for (const url of [redis.url, redis.url.replace('://', '://:hush@')]) {
      await expect(start(url)).rejects.toThrow(/sessions\.store cannot be used: redis: .*(NOAUTH|WRONGPASS)/);
      await expect(start(url)).rejects.not.toThrow('hush');
    }
    await expect(start(`redis://${gate.address}`)).rejects.toThrow(
      /sessions\.store cannot be used: redis: found Redis 4\.0\.14\d*, expected 5\.0 or newer, or Valkey/,
    );
    await using _ = await start(redis.url.replace('://', '://:the%20right%20one@'));
  });
});
