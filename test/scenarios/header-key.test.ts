/** A key in a header that the client gives: its requests stay together, also when servers are added and when one fails. */
import { describe, expect, test } from 'vitest';
import { staysWhenServersAreAdded } from '../support/growth.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, startServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const names = ['a', 'b', 'c'];

describe.each(runtimes)('header key on %s', (runtime) => {
  test('a key stays where it is when a server is added', () =>
    staysWhenServersAreAdded(runtime, {
      affinity: [{ header: 'X-Tenant' }],
      // However the client spells the name.
      request: (n, visit) => ({ headers: { [visit % 2 === 0 ? 'x-tenant' : 'X-TENANT']: `tenant-${n}` } }),
    }));

  test('the owner fails: the key moves once, and does not go back', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const config = configFor(origins, { affinity: [{ header: 'X-Tenant' }] });
    await using limpet = await startLimpet(runtime, { config });
    const serverOf = async (tenant: string) =>
      echoOf(await ask(limpet.url, { headers: { 'x-tenant': tenant } })).server;
    const home = await serverOf('acme');
    const owner = origins.find(({ name }) => name === home);
    await owner?.close();
    const next = await serverOf('acme');
    expect(next).not.toBe(home);
    for (let i = 0; i < 5; i++) expect(await serverOf('acme')).toBe(next);
    expect((await limpet.counters()).rebinds).toBe(1);
    expect(await limpet.sessions()).toMatchObject({ [`app/${next}`]: 1 });
  });

  test('with { reject: 404 } the key is refused while its owner is away, and at home again afterwards', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const entry = { header: 'X-Tenant', whenOwnerFails: { reject: 404 } };
    const health = { passive: { ejection: '1s' } };
    await using limpet = await startLimpet(runtime, { config: configFor(servers, { affinity: [entry], health }) });
    const send = (tenant: string) => ask(limpet.url, { headers: { 'x-tenant': tenant } });
    const home = echoOf(await send('acme')).server;
    const owner = servers.find(({ name }) => name === home);
    await owner?.kill();
    for (let i = 0; i < 3; i++) expect((await send('acme')).status).toBe(404);
    // The other keys and those without one are served.
    const others = await Promise.all(Array.from({ length: 12 }, (_, i) => send(`other-${i}`)));
    expect(others.map(({ status }) => status)).toEqual(others.map(() => 200));
    expect((await ask(limpet.url)).status).toBe(200);

    await using _back = await startServer(app, home, owner?.port);
    await until('the owner is used again', async () => (await send('acme')).status === 200);
    for (let i = 0; i < 5; i++) expect(echoOf(await send('acme')).server).toBe(home);
  });
});
