/** The access log as JSON: one line an exchange, with who owned it, how it was found, and how long it took. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { configFor, startServer, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const names = ['a', 'b'];

describe.each(runtimes)('the access log on %s', (runtime) => {
  test('tells new, kept and moved sessions apart', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    // Each worker writes its own lines: one alone keeps them in the order of the requests.
    const config = { ...configFor(servers), workers: 1, log: { access: 'json' } };
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    const home = (JSON.parse((await visitor.ask('/first?q=1')).body) as { server: string }).server;
    await visitor.ask('/second', { method: 'POST', body: 'abc' });
    await servers[names.indexOf(home)]!.kill('SIGKILL');
    await visitor.ask('/third');

    const lines = () =>
      limpet
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    await until('all three are logged', () => lines().length >= 3);
    expect(lines()).toHaveLength(3);
    const [first, second, third] = lines();
    const other = home === 'a' ? 'b' : 'a';
    expect(first).toMatchObject({
      method: 'GET',
      target: '/first?q=1',
      status: 200,
      server: home,
      epoch: 1,
      retries: 0,
    });
    expect(second).toMatchObject({
      method: 'POST',
      target: '/second',
      server: home,
      epoch: 1,
      session: first?.session,
    });
    expect(third).toMatchObject({ server: other, epoch: 2, session: first?.session });
    // The flags differ: new session, valid session, session whose server was down.
    expect(new Set([first, second, third].map((line) => line?.flags)).size).toBe(3);
    for (const line of lines()) expect(Number(line.totalMs)).toBeGreaterThanOrEqual(Number(line.responseMs));
    // The cookie itself is a secret.
    expect(limpet.stdout()).not.toContain(visitor.cookies.get('limpet'));
  });
});
