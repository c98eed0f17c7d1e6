/** Express with express-session in three processes, sessions in their memory: connect.sid is learned, renewed and ended. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { configFor, startServer, together, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/apps/express-session.ts', import.meta.url);
const names = ['a', 'b', 'c'];
const affinity = [{ learn: 'connect.sid' }];

interface Page {
  readonly server: string;
  readonly pages: number;
  readonly user: string;
}

async function visit(visitor: Visitor, path = '/'): Promise<Page> {
  const reply = await visitor.ask(path, { method: path === '/' ? 'GET' : 'POST' });
  expect(reply.status, reply.body).toBe(200);
  return JSON.parse(reply.body) as Page;
}

function total(sessions: Readonly<Record<string, number>>): number {
  return Object.values(sessions).reduce((sum, count) => sum + count, 0);
}

describe.each(runtimes)('connect.sid on %s', (runtime) => {
  test('30 visitors at once keep their pages through regenerate, and leave no session behind', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const config = configFor(servers, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    const visitors = Array.from({ length: 30 }, () => new Visitor(limpet.url));
    const homes = await Promise.all(
      visitors.map(async (visitor) => {
        const { server } = await visit(visitor);
        for (let pages = 2; pages <= 4; pages++) expect(await visit(visitor)).toEqual({ server, pages, user: '' });
        const before = visitor.cookies.get('connect.sid');
        expect(await visit(visitor, '/login')).toMatchObject({ server, pages: 4 });
        expect(visitor.cookies.get('connect.sid')).not.toBe(before);
        for (let pages = 5; pages <= 7; pages++) expect(await visit(visitor)).toEqual({ server, pages, user: 'ada' });
        return server;
      }),
    );
    expect(new Set(homes).size).toBe(3);
    // Under the old id and the new one: the response that renews does not say what became of the old.
    expect(total(await limpet.sessions())).toBe(60);
    await Promise.all(visitors.map((visitor) => visit(visitor, '/logout')));
    expect(total(await limpet.sessions())).toBe(30);
    expect(await limpet.counters()).toMatchObject({ sessions_learned: 60, sessions_ended: 30, sessions_adopted: 0 });
  });

  test('the cookie of a session that has ended is not followed to its old home', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const config = configFor(servers, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    const fresh = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const visitor = new Visitor(limpet.url);
      const { server } = await visit(visitor);
      await visit(visitor, '/logout');
      expect(visitor.cookies.size).toBe(0);
      const next = await visit(visitor);
      expect(next.pages).toBe(1);
      fresh.add(next.server === server ? 'same' : 'other');
      expect(await visit(visitor)).toMatchObject({ server: next.server, pages: 2 });
    }
    expect(fresh).toContain('other');
  });

  test('the owner is killed: a new session elsewhere, and the others stay', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    await using limpet = await startLimpet(runtime, {
      config: configFor(servers, { affinity, balance: 'round-robin' }),
    });
    const visitors = Array.from({ length: 9 }, () => new Visitor(limpet.url));
    const homes: string[] = [];
    for (const visitor of visitors) homes.push((await visit(visitor)).server);
    await servers[1]?.kill();
    for (const [i, visitor] of visitors.entries()) {
      const { server, pages } = await visit(visitor);
      if (homes[i] !== 'b') expect({ server, pages }).toEqual({ server: homes[i], pages: 2 });
      else expect({ server, pages }).toEqual({ server: expect.stringMatching(/^[ac]$/), pages: 1 });
      for (let n = 1; n <= 3; n++) expect(await visit(visitor)).toMatchObject({ server, pages: pages + n });
    }
    expect((await limpet.sessions())['app/b'] ?? 0).toBe(0);
  });
});
