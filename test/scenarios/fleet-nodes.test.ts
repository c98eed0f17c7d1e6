/** The balancers of a fleet know each other: who joins, dies, is cut off, or has another config, is told by all others. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limpetCommand } from '../support/command.ts';
import { fleetAt, fleetRedis, liveAt, nodeConfig, startNode, stateFolder } from '../support/fleet-nodes.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, run, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('nodes of a fleet on %s', (runtime) => {
  test('one joins, another is killed, and a third is stopped', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origin = await httpOrigin('a');
    const config = configFor([origin]);
    const fleet = { lease: '2s' };
    await using one = await startNode(runtime, redis, 'one', { config, fleet });
    await using two = await startNode(runtime, redis, 'two', { config, fleet });
    await until('both know both', async () => (await liveAt(one)).length === 2 && (await liveAt(two)).length === 2);
    await using three = await startNode(runtime, redis, 'three', { config, fleet });
    await until('the third is there', async () => (await liveAt(one)).includes('three'));
    const { connected, nodes } = await fleetAt(one);
    expect(connected).toBe(true);
    expect(nodes.map(({ name, self }) => [name, self])).toEqual([
      ['one', true],
      ['three', false],
      ['two', false],
    ]);
    expect(new Set(nodes.map(({ configHash }) => configHash)).size).toBe(1);
    for (const { clockAheadMs, differs } of nodes) {
      expect(Math.abs(clockAheadMs)).toBeLessThan(2000);
      expect(differs).toEqual([]);
    }
    await two.stop('SIGKILL');
    await until('its lease is over', async () => !(await liveAt(one)).includes('two'));
    expect((await fleetAt(one)).nodes.map(({ name, state }) => [name, state])).toContainEqual(['two', 'gone']);
    await three.stop();
    await until('it has left', async () => (await fleetAt(one)).nodes.every(({ name }) => name !== 'three'));
    expect(one.stderr()).toMatch(/warn limpet: fleet: node two is gone: its lease is over/);
    expect(one.stderr()).toMatch(/info limpet: fleet: node three is gone: it was stopped/);
    // It comes back as the same node.
    await using again = await startNode(runtime, redis, 'two', { config, state: two.state, fleet });
    await until('it is back', async () => (await liveAt(one)).includes('two'));
    const ids = (await fleetAt(again)).nodes.map(({ id }) => id);
    expect(ids.sort()).toEqual(
      nodes
        .filter(({ name }) => name !== 'three')
        .map(({ id }) => id)
        .sort(),
    );
    const metrics = (await ask('http://admin/metrics', { socketPath: join(one.state, 'admin.sock') })).body;
    expect(metrics).toMatch(/^limpet_fleet_nodes 2$/m);
    expect(metrics).toMatch(/^limpet_fleet_cut_off 0$/m);
  });

  test('another config is shown, by its fields', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const [a] = origins;
    await using one = await startNode(runtime, redis, 'one', { config: configFor(origins) });
    const config = configFor([a!], { balance: 'random' });
    await using _two = await startNode(runtime, redis, 'two', { config });
    await until('it is told', () => one.stderr().includes('the config of node two is another one'));
    const differs = ['pools.app.balance', 'pools.app.servers.b (not there)'];
    expect(one.stderr()).toContain(`the config of node two is another one: ${differs.join(', ')}`);
    expect((await fleetAt(one)).nodes.find(({ name }) => name === 'two')?.differs).toEqual(differs);
    const { file, args, env } = limpetCommand(runtime, one.state, ['fleet', '-c', join(one.folder, 'limpet.yaml')]);
    const printed = await run(file, args, { env });
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(printed.stdout).toMatch(/^one \(this one\) +[0-9a-f]{8} +live /m);
    expect(printed.stdout).toContain(`two differs: ${differs.join(', ')}\n`);
  });

  test('a node that is cut off serves, stays ready, and says so', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origin = await httpOrigin('a');
    await using one = await startNode(runtime, redis, 'one', { config: configFor([origin]) });
    const socketPath = join(one.state, 'admin.sock');
    expect((await ask('http://admin/readyz', { socketPath })).body).toBe('ok\n');
    await redis.kill();
    await until('it is cut off', async () => !(await fleetAt(one)).connected);
    expect((await ask(one.url)).status).toBe(200);
    expect(await ask('http://admin/readyz', { socketPath })).toMatchObject({
      status: 200,
      body: expect.stringMatching(/^ok\ncut off from fleet\.store: redis: .*\n$/),
    });
    expect((await ask('http://admin/metrics', { socketPath })).body).toMatch(/^limpet_fleet_cut_off 1$/m);
    await redis.start();
    await until('it is back', async () => (await fleetAt(one)).connected);
    expect(one.stderr()).toMatch(/error limpet: fleet: cut off, fleet\.store does not answer \(redis: /);
    expect(one.stderr()).toMatch(/info limpet: fleet: fleet\.store answers again/);
  });

  test('the same name, and a copied state folder, are errors', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origin = await httpOrigin('a');
    const config = configFor([origin]);
    await using one = await startNode(runtime, redis, 'one', { config });
    await using _two = await startNode(runtime, redis, 'one', { config });
    await until('the name is told', () => /error limpet: fleet: two nodes are called "one"/.test(one.stderr()));
    const state = stateFolder();
    cpSync(join(one.state, 'node.id'), join(state, 'node.id'));
    await using three = await startNode(runtime, redis, 'three', { config, state });
    const isTold = (text: string) => /error limpet: fleet: the node ".*" has the same id/.test(text);
    await until('the id is told', () => isTold(one.stderr()) && isTold(three.stderr()));
  });

  test('a reload is known to the others at once', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const config = configFor(origins);
    await using one = await startNode(runtime, redis, 'one', { config });
    await using two = await startNode(runtime, redis, 'two', { config });
    await one.reload(nodeConfig(redis, 'one', { config: configFor(origins.slice(0, 1)) }));
    await until('two knows', async () =>
      (await fleetAt(two)).nodes.some(({ differs }) => differs.includes('pools.app.servers.b (not there)')),
    );
    await two.reload(nodeConfig(redis, 'two', { config: configFor(origins.slice(0, 1)) }));
    await until('both are the same', async () =>
      (await fleetAt(one)).nodes.every(({ differs }) => differs.length === 0),
    );
  });
});
