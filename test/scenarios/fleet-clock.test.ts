/**
 * Nodes whose clocks differ by 30 and by 90 seconds, in either direction, and one whose clock is set while it runs: a client that goes from node to node
 * stays who it is, with the session library and without a copy of its session.
 */
import { describe, expect, test } from 'vitest';
import { handClock } from '../support/hand-clock.ts';
import { Customer, startLibraryShops } from '../support/library-shop.ts';
import { startLimpet } from '../support/limpet.ts';
import { configFor, until, Visitor } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf } from '../support/shop.ts';

const keys = ['6b'.repeat(32)];
const rounds = 3;

describe.each(runtimes)('nodes on %s', { timeout: 120_000 }, (runtime) => {
  test.for([30, 90])('whose clocks are %i s ahead, right and as much behind', async (seconds, context) => {
    needProgram(context, 'redis');
    await using redis = await RedisServer.start();
    await using servers = await startLibraryShops('a', 'b');
    using ahead = handClock();
    using behind = handClock();
    ahead.set(seconds * 1000);
    behind.set(-seconds * 1000);
    const config = { pools: { shop: { servers: poolOf(servers) } }, keys, sessions: { store: redis.url } };
    await using early = await startLimpet(runtime, { config, env: ahead.env });
    await using right = await startLimpet(runtime, { config });
    await using late = await startLimpet(runtime, { config, env: behind.env });
    const nodes = [early, right, late];
    const urls = nodes.map(({ url }) => url);
    // The first request at each of them in turn.
    for (const first of urls) {
      const customer = new Customer(() => url);
      let url = first;
      const { server } = await customer.visit('/sign-in?user=ann');
      let count = 0;
      for (let round = 0; round < rounds; round++) {
        for (url of urls) expect(await customer.visit()).toEqual({ server, epoch: 1, user: 'ann', count: ++count });
      }
      // What ends at one, whatever time it is there, is over at all.
      const old = urls.map((other) => customer.twin(other));
      url = first;
      await customer.visit('/sign-out');
      for (const client of old) expect(await client.visit('/read')).toMatchObject({ user: null, count: 0 });
    }
    for (const node of nodes) {
      expect(await node.counters()).toMatchObject({ tokens_invalid: 0, tokens_expired: 0, rebinds: 0 });
    }
  });

  test('whose clocks are set by 90 s while they run', async () => {
    await using servers = await startLibraryShops('a', 'b', 'c');
    using first = handClock();
    using second = handClock();
    const config = { ...configFor(servers), keys };
    await using one = await startLimpet(runtime, { config, env: first.env });
    await using two = await startLimpet(runtime, { config, env: second.env });
    const visitors = Array.from({ length: 6 }, () => new Visitor('http://replaced'));
    const homes = () =>
      Promise.all(
        visitors.map(async (visitor) => {
          const found = new Set<string | undefined>();
          for (const { url } of [one, two, one]) found.add((await visitor.ask(url)).body.match(/"server":"(.)"/)?.[1]);
          expect(found.size).toBe(1);
          return [...found][0];
        }),
      );
    const before = await homes();
    for (const [i, [a, b]] of [
      [90_000, -90_000],
      [-90_000, 90_000],
      [0, 0],
    ].entries()) {
      first.set(a!);
      second.set(b!);
      for (const node of [one, two]) {
        await until('it is noticed', async () => (await node.counters()).clock_steps === i + 1);
      }
      expect(await homes()).toEqual(before);
    }
    for (const node of [one, two]) {
      expect(await node.counters()).toMatchObject({ tokens_invalid: 0, tokens_expired: 0, sessions_adopted: 0 });
    }
  });
});
