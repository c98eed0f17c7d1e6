/** `whenOwnerFails: reject`: only the sessions of the lost server are refused, with the status that was chosen. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { configFor, startServer, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const names = ['a', 'b'];

describe.each(runtimes)('reject on %s', (runtime) => {
  test.each([
    ['the status that was chosen', { reject: 404 }, 404],
    ['503 when none was chosen', 'reject', 503],
  ])('%s', async (_, whenOwnerFails, status) => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const config = configFor(servers, { whenOwnerFails, health: { passive: { connectErrors: 1, ejection: '200ms' } } });
    await using limpet = await startLimpet(runtime, { config });
    const visitors = Array.from({ length: 6 }, () => new Visitor(limpet.url));
    const serverOf = async (visitor: Visitor) => (JSON.parse((await visitor.ask()).body) as { server: string }).server;
    const homes = await Promise.all(visitors.map(serverOf));

    await servers[0]!.kill('SIGKILL');
    for (const [i, visitor] of visitors.entries()) {
      const reply = await visitor.ask();
      expect(reply.status).toBe(homes[i] === 'a' ? status : 200);
      // The cookie stays: the session is not given up.
      expect(reply.setCookies).toEqual([]);
    }
    // Newcomers are served by who is there.
    for (let i = 0; i < 4; i++) expect(await serverOf(new Visitor(limpet.url))).toBe('b');

    await using _back = await startServer(app, 'a', servers[0]!.port);
    const lost = visitors[homes.indexOf('a')]!;
    await until('the owner serves its session again', async () => (await lost.ask()).status === 200);
    expect(await serverOf(lost)).toBe('a');
  });
});
