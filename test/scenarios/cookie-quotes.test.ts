/**
 * Clients that send their cookies in other ways than browsers do: Java's, which put those in quotes that have Max-Age and no Expires,
 * and those that hold several cookies of one name, for other paths or domains, in one line or in several.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { ask, parseSetCookie, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

interface Answer {
  readonly server: string;
  readonly cookie: string;
}

/** An app as on Tomcat with a route: `/set` names the session, in quotes when the query says so. */
function app(name: string): Promise<HttpOrigin> {
  let count = 0;
  return httpOrigin(name, (request, response) => {
    const quote = request.url?.endsWith('quoted') ? '"' : '';
    if (request.url?.includes('/set')) {
      const value = `${quote}session-${++count}.${name}${quote}`;
      response.setHeader('Set-Cookie', [`SID=${value}; Version=1; Max-Age=3600; Path=/`]);
    }
    response.end(JSON.stringify({ server: name, cookie: request.headers.cookie ?? '' }));
  });
}

const affinities = {
  own: { cookie: { lifetime: 'permanent', absolute: '8h' } },
  learn: { learn: 'SID' },
  rewrite: { rewrite: 'SID' },
  route: { route: { cookie: 'SID', map: { '*.a': 'a', '*.b': 'b' } } },
};

describe.each(runtimes)('on %s', (runtime) => {
  let origins: (HttpOrigin & AsyncDisposable)[] & AsyncDisposable;
  let limpet: Limpet;
  beforeAll(async () => {
    origins = await together(['a', 'b'].map(app));
    const servers = origins.map(({ name, address }) => ({ name, address }));
    const names = Object.keys(affinities);
    const pools = names.map((name) => {
      const affinity = [affinities[name as keyof typeof affinities]];
      return [name, { servers, balance: 'round-robin', affinity }];
    });
    const config = {
      listeners: [{ address: '127.0.0.1:0' }],
      pools: Object.fromEntries(pools),
      routes: names.map((pool) => ({ match: { path: `/${pool}/` }, pool })),
    };
    limpet = await startLimpet(runtime, { config });
  });
  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await origins?.[Symbol.asyncDispose]();
  });

  async function send(path: string, cookies: string | string[]): Promise<Answer> {
    const headers = cookies.length === 0 ? [] : [cookies].flat().flatMap((line) => ['Cookie', line]);
    const reply = await ask(limpet.url + path, { headers: ['Host', 'a', ...headers] as never });
    expect(reply.status, reply.body).toBe(200);
    return JSON.parse(reply.body) as Answer;
  }

  test('a cookie of ours that lasts has both Max-Age and Expires', async () => {
    const { setCookies } = await ask(`${limpet.url}/own/`);
    const { attributes } = parseSetCookie(setCookies[0]!);
    const end = Date.parse(attributes.get('expires') ?? '');
    expect(Math.abs(end - Date.now() - Number(attributes.get('max-age')) * 1000)).toBeLessThan(60_000);
  });

  test.each(Object.keys(affinities))('%s: a Java client stays where it is, in whatever quotes', async (pool) => {
    for (const set of ['set', 'set?quoted', 'set', 'set?quoted']) {
      const reply = await ask(`${limpet.url}/${pool}/${set}`);
      const { server } = JSON.parse(reply.body) as Answer;
      const { name, value: written } = parseSetCookie(reply.setCookies.at(-1)!);
      const value = written.replace(/^"(.*)"$/, '$1');
      for (const cookie of [
        `${name}=${value}`,
        `${name}="${value}"`,
        `$Version="1"; other="1"; $Path="/"; ${name}="${value}"; $Path="/"; $Domain="a"`,
      ]) {
        for (let n = 0; n < 3; n++)
          expect([cookie, (await send(`/${pool}/`, cookie)).server]).toEqual([cookie, server]);
      }
      const { cookie } = await send(`/${pool}/`, `$Version="1"; x="1"; ${name}="${value}"; $Path="/"`);
      if (pool === 'own') expect(cookie).toBe('$Version="1"; x="1"');
      else expect(cookie).toMatch(new RegExp(`^\\$Version="1"; x="1"; SID="session-\\d+\\.${server}"; \\$Path="/"$`));
    }
  });

  test('learn: the session that is known, in every place among stale ones', async () => {
    const stale = ['gone-1', 'gone-2', 'gone-3'];
    // One of them was adopted when it came alone, and got a server.
    await send('/learn/', `SID=${stale[1]}`);
    for (let client = 0; client < 4; client++) {
      const reply = await ask(`${limpet.url}/learn/set`);
      const { server } = JSON.parse(reply.body) as Answer;
      const { value } = parseSetCookie(reply.setCookies[0]!);
      for (let at = 0; at <= stale.length; at++) {
        const all = stale.toSpliced(at, 0, value).map((one) => `SID=${one}`);
        for (const cookies of [all.join('; '), all, [`x=1; ${all.slice(0, 2).join('; ')}`, all.slice(2).join(';')]])
          expect([cookies, (await send('/learn/', cookies)).server]).toEqual([cookies, server]);
      }
    }
  });

  test('own: a valid cookie among forged ones', async () => {
    for (let client = 0; client < 2; client++) {
      const reply = await ask(`${limpet.url}/own/`);
      const { server } = JSON.parse(reply.body) as Answer;
      const { value } = parseSetCookie(reply.setCookies[0]!);
      const forged = `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}`;
      for (const cookies of [`limpet=${forged}; limpet=${value}`, [`limpet="${forged}"`, `limpet="${value}"`]])
        for (let n = 0; n < 3; n++) expect(await send('/own/', cookies)).toEqual({ server, cookie: '' });
    }
  });
});
