/** `maxRequests` of a server as a limit of the whole fleet: each balancer has its share, and more when another one is gone. */
import { describe, expect, test } from 'vitest';
import { fleetAt, fleetRedis, startNode } from '../support/fleet-nodes.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { untilStill } from '../support/until.ts';

describe.each(runtimes)('limits of a fleet on %s', (runtime) => {
  test('both nodes together send no more than that', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    let running = 0;
    let most = 0;
    let release = Promise.withResolvers<void>();
    await using a = await httpOrigin('a', async (_, response) => {
      most = Math.max(most, ++running);
      await release.promise;
      running--;
      response.end('done');
    });
    const servers = [{ name: 'a', address: a.address, maxRequests: 4 }];
    const config = { ...configFor([a], { affinity: 'none', servers, queue: { timeout: '30s' } }), workers: 1 };
    const fleet = { limits: 'fleet' };
    await using one = await startNode(runtime, redis, 'one', { config, fleet });
    await using two = await startNode(runtime, redis, 'two', { config, fleet });
    await until('both share', async () => (await fleetAt(one)).sharers === 2 && (await fleetAt(two)).sharers === 2);
    const all = [one, two].flatMap(({ url }) => Array.from({ length: 6 }, () => ask(url)));
    await until('the share is used', () => running === 4);
    await untilStill('what runs', () => running);
    expect(most).toBe(4);
    release.resolve();
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual(all.map(() => 200));
    await two.stop();
    await until('one is alone', async () => (await fleetAt(one)).sharers === 1);
    release = Promise.withResolvers();
    const rest = Array.from({ length: 6 }, () => ask(one.url));
    await until('it has all of it', () => running === 4);
    release.resolve();
    await Promise.all(rest);
  });
});
