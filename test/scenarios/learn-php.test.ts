/** PHP's own server and sessions: PHPSESSID is learned, followed to a new id after the login, and let go after the logout. */
import { describe, expect, test } from 'vitest';
import { phpServer } from '../support/apps/php.ts';
import { startLimpet } from '../support/limpet.ts';
import { configFor, together, Visitor } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

interface Page {
  readonly server: string;
  readonly n: number;
  readonly user: string;
}

async function visit(visitor: Visitor, path = '/'): Promise<Page> {
  return JSON.parse((await visitor.ask(path)).body) as Page;
}

describe.each(runtimes)('PHPSESSID on %s', (runtime) => {
  test('stays through login and logout', async (context) => {
    const php = needProgram(context, 'php');
    await using servers = await together(['a', 'b', 'c'].map((name) => phpServer(php, name)));
    const config = configFor(servers, { affinity: [{ learn: 'PHPSESSID' }], balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    const homes = new Set<string>();
    const again = new Set<string>();
    for (let i = 0; i < 9; i++) {
      const visitor = new Visitor(limpet.url);
      const { server } = await visit(visitor);
      homes.add(server);
      for (let n = 2; n <= 4; n++) expect(await visit(visitor)).toEqual({ server, n, user: '' });
      const before = visitor.cookies.get('PHPSESSID');
      expect(await visit(visitor, '/login')).toEqual({ server, n: 5, user: 'ada' });
      // session_regenerate_id: another name for what is in the same place.
      expect(visitor.cookies.get('PHPSESSID')).not.toBe(before);
      for (let n = 6; n <= 8; n++) expect(await visit(visitor)).toEqual({ server, n, user: 'ada' });
      expect(await visit(visitor, '/logout')).toMatchObject({ server, n: 9 });
      expect([...visitor.cookies.keys()]).toEqual([]);
      // A new session, anywhere.
      const next = await visit(visitor);
      expect(next).toMatchObject({ n: 1, user: '' });
      if (next.server !== server) again.add(next.server);
      expect(await visit(visitor)).toEqual({ server: next.server, n: 2, user: '' });
    }
    expect(homes.size).toBe(3);
    expect(again.size).toBeGreaterThan(1);
    const counters = await limpet.counters();
    expect(counters).toMatchObject({ sessions_ended: 9, rebinds: 0, sessions_adopted: 0 });
  });

  test('an id that is nobody’s: PHP refuses it, and the new one stays where it was made', async (context) => {
    const php = needProgram(context, 'php');
    await using servers = await together(['a', 'b'].map((name) => phpServer(php, name)));
    const config = configFor(servers, { affinity: [{ learn: 'PHPSESSID' }], balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    for (let i = 0; i < 4; i++) {
      const visitor = new Visitor(limpet.url);
      // All with the same guess: a session must not be fixed on others by giving them its name.
      visitor.cookies.set('PHPSESSID', 'guessed0guessed0guessed0ab');
      const { server } = await visit(visitor);
      expect(visitor.cookies.get('PHPSESSID')).not.toContain('guessed');
      for (let n = 2; n <= 4; n++) expect(await visit(visitor)).toEqual({ server, n, user: '' });
    }
  });
});
