/** `whenOwnerFails: temporary`: the session borrows another server and goes home when its owner is back. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { configFor, readToken, startServer, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const names = ['a', 'b', 'c'];

test.each(runtimes)('a session borrows a server and returns on %s', async (runtime) => {
  await using servers = await together(names.map((name) => startServer(app, name)));
  const config = configFor(servers, {
    affinity: [{ cookie: {} }],
    whenOwnerFails: 'temporary',
    health: { passive: { connectErrors: 1, ejection: '200ms' } },
  });
  await using limpet = await startLimpet(runtime, { config });
  const visitor = new Visitor(limpet.url);
  const visit = async () => {
    const reply = await visitor.ask();
    expect(reply.status).toBe(200);
    return (JSON.parse(reply.body) as { server: string }).server;
  };

  const home = await visit();
  const cookie = [...visitor.cookies.values()][0]!;
  const owner = servers[names.indexOf(home)]!;
  await owner.kill('SIGKILL');
  for (let i = 0; i < 5; i++) expect(await visit()).not.toBe(home);

  await using _back = await startServer(app, home, owner.port);
  await until('the session is at home again', async () => (await visit()) === home);
  for (let i = 0; i < 5; i++) expect(await visit()).toBe(home);
  // Borrowing is no claim: owner and epoch are what they were.
  const now = readToken([...visitor.cookies.values()][0]!);
  expect(now).toMatchObject({ owner: readToken(cookie).owner, session: readToken(cookie).session, epoch: 1 });
});
