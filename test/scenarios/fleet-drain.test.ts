/** A drain that is said on one balancer of a fleet is over when no balancer has anything left on the server. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DrainState } from '../../src/admin/schemas.ts';
import { limpetCommand } from '../support/command.ts';
import { fleetRedis, query, startNode } from '../support/fleet-nodes.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, run, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('a drain on %s', (runtime) => {
  test('waits for what runs at another node', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    const held = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    await using a = await httpOrigin('a', async (request, response) => {
      if (request.url === '/slow') {
        arrived.resolve();
        await held.promise;
      }
      response.end(JSON.stringify({ server: 'a' }));
    });
    await using b = await httpOrigin('b');
    const config = configFor([a, b], { affinity: 'none', balance: 'round-robin' });
    await using one = await startNode(runtime, redis, 'one', { config });
    await using two = await startNode(runtime, redis, 'two', { config });
    // Both: one of them is at a.
    const slow = Promise.all([ask(`${two.url}/slow`), ask(`${two.url}/slow`)]);
    const left = () => query<DrainState>(one, '/v1/servers/app/a/drained');
    // A drain that comes first would send both to the other server.
    await arrived.promise;
    await query(one, '/v1/servers/app/a', 'PATCH', { state: 'drain' });
    await until('one knows what runs at two', async () => (await left()).waitingFor.inflight === 1);
    const words = ['drain', 'a', '--wait', '--deadline', '2s', '-c', join(one.folder, 'limpet.yaml')];
    const { file, args, env } = limpetCommand(runtime, one.state, words);
    expect(await run(file, args, { env })).toMatchObject({ code: 6 });
    held.resolve();
    await slow;
    expect(await query<DrainState>(one, '/v1/servers/app/a/drained?wait=30s')).toMatchObject({ drained: true });
    // New sessions of either node begin elsewhere.
    for (const { url } of [one, two]) {
      for (let i = 0; i < 6; i++) expect(echoOf(await ask(url)).server).toBe('b');
    }
  });

  test('waits for sessions without a copy at another node', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    let begun = 0;
    const begin = (name: string) =>
      httpOrigin(name, ({ headers }, response) => {
        if (headers.cookie === undefined) response.setHeader('set-cookie', `SID=${name}-${++begun}-0123456789abcdef`);
        response.end(JSON.stringify({ server: name }));
      });
    await using origins = await together(['a', 'b'].map(begin));
    const config = configFor(origins, {
      affinity: [{ learn: { cookie: 'SID', idle: '10s' } }],
      balance: 'round-robin',
    });
    await using one = await startNode(runtime, redis, 'one', { config });
    await using two = await startNode(runtime, redis, 'two', { config });
    const visitors = Array.from({ length: 4 }, () => new Visitor(two.url));
    const homes = await Promise.all(visitors.map(async (visitor) => echoOf(await visitor.ask()).server));
    expect(homes).toContain('a');
    await query(one, '/v1/servers/app/a', 'PATCH', { state: 'drain' });
    const left = await query<DrainState>(one, '/v1/servers/app/a/drained');
    expect(left).toMatchObject({ drained: false, waitingFor: { inflight: 0, uncopied: 2 } });
    // They end by themselves.
    expect(await query<DrainState>(one, '/v1/servers/app/a/drained?wait=40s')).toMatchObject({ drained: true });
    for (const { url } of [one, two]) {
      for (let i = 0; i < 6; i++) expect(echoOf(await new Visitor(url).ask()).server).toBe('b');
    }
  });
});
