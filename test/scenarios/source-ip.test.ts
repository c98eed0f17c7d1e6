/** Affinity by client address: directly, behind proxies that are trusted, and by network. No cookie is set. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { type AskOptions, ask, configFor, echoOf, startServer, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const names = ['a', 'b', 'c'];
const app = new URL('../support/app-server.ts', import.meta.url);

describe.each(runtimes)('source-ip on %s', (runtime) => {
  test('the address of the connection', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const config = configFor(origins, { affinity: ['source-ip'] });
    await using limpet = await startLimpet(runtime, { config });
    const homes = new Set<string>();
    for (let i = 1; i <= 30; i++) {
      const localAddress = `127.0.0.${i}`;
      const replies = await Promise.all([1, 2, 3].map(() => ask(limpet.url, { localAddress })));
      const servers = new Set(replies.map((reply) => echoOf(reply).server));
      expect([localAddress, servers.size]).toEqual([localAddress, 1]);
      expect(replies.flatMap((reply) => reply.setCookies)).toEqual([]);
      for (const server of servers) homes.add(server);
    }
    expect(homes.size).toBe(3);
    // Nobody is trusted: what a client says of itself does not count.
    const honest = echoOf(await ask(limpet.url)).server;
    for (let i = 0; i < 10; i++) {
      const lie = await ask(limpet.url, { headers: { 'x-forwarded-for': `10.0.0.${i}` } });
      expect(echoOf(lie).server).toBe(honest);
    }
  });

  test('X-Forwarded-For from right to left, past trusted proxies, by /24', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const affinity = [{ 'source-ip': { ipv4Prefix: 24 } }];
    const listener = { trustedProxies: ['127.0.0.1', '10.9.0.0/16'] };
    await using limpet = await startLimpet(runtime, { config: configFor(origins, { affinity }, listener) });
    const serverOf = async (forwardedFor: string, options: AskOptions = {}) =>
      echoOf(await ask(limpet.url, { ...options, headers: { 'x-forwarded-for': forwardedFor } })).server;

    const homes = new Set<string>();
    for (let i = 0; i < 24; i++) {
      const home = await serverOf(`203.0.${i}.7`);
      homes.add(home);
      // Another address of the same network; what the client itself wrote to the left; a second trusted proxy.
      expect(await serverOf(`203.0.${i}.250`)).toBe(home);
      expect(await serverOf(`198.51.100.${i}, 203.0.${i}.7`)).toBe(home);
      expect(await serverOf(`203.0.${i}.7, 10.9.3.4`)).toBe(home);
    }
    expect(homes.size).toBe(3);
    // The same header from somebody who is not trusted.
    const stranger = await serverOf('203.0.1.7', { localAddress: '127.0.0.2' });
    for (let i = 0; i < 12; i++) expect(await serverOf(`203.0.${i}.7`, { localAddress: '127.0.0.2' })).toBe(stranger);
  });

  test('losing a server moves its addresses and no other', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const config = configFor(servers, { affinity: ['source-ip'] });
    await using limpet = await startLimpet(runtime, { config });
    const visit = async (i: number) => {
      const reply = await ask(limpet.url, { localAddress: `127.0.1.${i}` });
      expect(reply.status).toBe(200);
      return (JSON.parse(reply.body) as { server: string }).server;
    };
    const addresses = Array.from({ length: 30 }, (_, i) => i + 1);
    const before = await Promise.all(addresses.map(visit));
    await servers[1]!.kill('SIGKILL');
    const after = await Promise.all(addresses.map(visit));
    for (const [i, home] of before.entries()) {
      if (home === 'b') expect(after[i]).not.toBe('b');
      else expect(after[i]).toBe(home);
    }
    expect(await Promise.all(addresses.map(visit))).toEqual(after);
  });
});
