/** The owner as a prefix of the app's own cookie: with a server of this test, and with PHP's sessions. */
import { describe, expect, test } from 'vitest';
import { phpServer } from '../support/apps/php.ts';
import { startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { ask, configFor, together, Visitor } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

/** Signs in at `/login`, and says which cookies it was sent. */
function app(name: string): Promise<HttpOrigin> {
  return httpOrigin(name, (request, response) => {
    if (request.url?.startsWith('/login'))
      response.setHeader('Set-Cookie', `SID=${name}-${request.url.slice(6)}; Path=/`);
    response.end(JSON.stringify({ server: name, cookie: request.headers.cookie ?? '' }));
  });
}

interface Answer {
  readonly server: string;
  readonly cookie: string;
}

async function visit(visitor: Visitor, path = '/'): Promise<Answer> {
  return JSON.parse((await visitor.ask(path)).body) as Answer;
}

const affinity = [{ rewrite: 'SID' }];

describe.each(runtimes)('rewrite on %s', (runtime) => {
  test('follows the cookie of the app, which never sees the prefix', async () => {
    await using origins = await together(['a', 'b', 'c'].map(app));
    const config = configFor(origins, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    for (let i = 0; i < 12; i++) {
      const visitor = new Visitor(limpet.url);
      visitor.cookies.set('theme', 'dark');
      const { server } = await visit(visitor, `/login${i}`);
      expect([...visitor.cookies.keys()]).toEqual(['theme', 'SID']);
      expect(visitor.cookies.get('SID')).toMatch(new RegExp(`^[\\w-]{16}~${server}-${i}$`));
      const home = { server, cookie: `theme=dark; SID=${server}-${i}` };
      for (let n = 0; n < 4; n++) expect(await visit(visitor)).toEqual(home);
      // A new id after signing in, in the same place.
      expect(await visit(visitor, `/login-${i}`)).toMatchObject({ server });
      expect(await visit(visitor)).toMatchObject({ server, cookie: `theme=dark; SID=${server}--${i}` });
    }
    const served = origins.map((origin) => origin.requests());
    expect(Math.min(...served)).toBeGreaterThan(0);
  });

  test('a value without a prefix, or with one of somebody else, is nobody’s and arrives as it was', async () => {
    await using origins = await together(['a', 'b'].map(app));
    const config = configFor(origins, { affinity, balance: 'round-robin' });
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    await visit(visitor, '/login');
    const [prefix] = visitor.cookies.get('SID')!.split('~');
    for (const value of ['bare', `${prefix}~stolen`, `${'A'.repeat(16)}~x`]) {
      const servers = new Set<string>();
      for (let i = 0; i < 4; i++) {
        const { body } = await ask(limpet.url, { headers: { cookie: `SID=${value}` } });
        const answer = JSON.parse(body) as Answer;
        expect(answer.cookie).toBe(`SID=${value}`);
        servers.add(answer.server);
      }
      expect(servers.size).toBe(2);
    }
  });

  test('when the owner fails the session stays together, and the next cookie of the app names the new owner', async () => {
    await using origins = await together(['a', 'b', 'c'].map(app));
    await using limpet = await startLimpet(runtime, { config: configFor(origins, { affinity }) });
    const visitor = new Visitor(limpet.url);
    const { server } = await visit(visitor, '/login');
    const before = visitor.cookies.get('SID');
    await origins.find((origin) => origin.name === server)!.close();
    const { server: next } = await visit(visitor);
    expect(next).not.toBe(server);
    for (let i = 0; i < 5; i++) expect(await visit(visitor)).toEqual({ server: next, cookie: `SID=${server}-` });
    expect(visitor.cookies.get('SID')).toBe(before);
    await visit(visitor, '/login');
    expect(visitor.cookies.get('SID')).toMatch(new RegExp(`~${next}-$`));
    expect(await visit(visitor)).toEqual({ server: next, cookie: `SID=${next}-` });
    expect((await limpet.counters()).rebinds).toBe(1);
  });
});

test.for(runtimes)('PHP sessions on %s', async (runtime, context) => {
  const php = needProgram(context, 'php');
  await using servers = await together(['a', 'b', 'c'].map((name) => phpServer(php, name)));
  const config = configFor(servers, { affinity: [{ rewrite: 'PHPSESSID' }], balance: 'round-robin' });
  await using limpet = await startLimpet(runtime, { config });
  const homes = new Set<string>();
  for (let i = 0; i < 6; i++) {
    const visitor = new Visitor(limpet.url);
    const counts: number[] = [];
    for (let n = 0; n < 5; n++) counts.push((JSON.parse((await visitor.ask()).body) as { n: number }).n);
    expect(counts).toEqual([1, 2, 3, 4, 5]);
    expect([...visitor.cookies.keys()]).toEqual(['PHPSESSID']);
    homes.add((JSON.parse((await visitor.ask()).body) as { server: string }).server);
  }
  expect(homes.size).toBe(3);
});
