/** A config that a worker cannot take over leaves everything as it was: also what is known of the servers. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, tellServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

type Told = readonly { readonly name: string; readonly state: string; readonly drained: boolean }[];

async function statesOf(limpet: Limpet): Promise<Record<string, string>> {
  const socketPath = join(limpet.folder, 'state/admin.sock');
  const servers = JSON.parse((await ask('http://admin/v1/servers', { socketPath })).body) as Told;
  return Object.fromEntries(servers.map(({ name, state }) => [name, state]));
}

describe.each(runtimes)('on %s', (runtime) => {
  test.each([1, 2])('with %i workers', { timeout: 60_000 }, async (workers) => {
    await using origins = await together(
      ['a', 'b'].map((name) => httpOrigin(name, (_, response) => response.end(name))),
    );
    // Nobody listens there.
    const dead = { name: 'dead', address: '127.0.0.1:1' };
    const passive = { connectErrors: 2, ejection: '60s' };
    const pool = { affinity: 'none', balance: 'round-robin', health: { passive } };
    const rename = ({ pools, ...rest }: Record<string, unknown>) => ({
      ...rest,
      pools: { shop: (pools as Record<string, unknown>).app },
      routes: [{ match: { path: '/' }, pool: 'shop' }],
      workers,
    });
    const config = rename(configFor([...origins, dead], pool));
    await using limpet = await startLimpet(runtime, { config });
    while ((await statesOf(limpet)).dead !== 'down') expect((await ask(limpet.url)).status).toBe(200);
    expect(await tellServer(join(limpet.folder, 'state'), 'b', 'drain')).toBe(200);
    const known = { a: 'up', b: 'draining', dead: 'down' };
    expect(await statesOf(limpet)).toEqual(known);
    // Documentation addresses (RFC 5737) are never this machine's.
    const wrong = {
      ...rename(configFor(origins.slice(0, 1), { ...pool, maxIdle: 3 })),
      listeners: [{ address: '127.0.0.1:0' }, { address: '192.0.2.1:80' }],
    };
    for (let n = 0; n < 3; n++) await expect(limpet.reload(wrong)).rejects.toThrow(/reload refused.*EADDRNOTAVAIL/);
    expect(await statesOf(limpet)).toEqual(known);
    const { retries } = await limpet.counters();
    for (let n = 0; n < 20; n++) expect((await ask(limpet.url)).body).toBe('a');
    expect((await limpet.counters()).retries).toBe(retries);
    // What the same server's name stands for elsewhere, and the next good config, are taken over.
    const next = rename(configFor([origins[1]!, dead, origins[0]!], { ...pool, maxIdle: 7 }));
    await limpet.reload(next);
    expect(await statesOf(limpet)).toMatchObject({ a: 'up', b: 'draining' });
    await until('it answers', async () => (await ask(limpet.url)).body === 'a');
  });
});
