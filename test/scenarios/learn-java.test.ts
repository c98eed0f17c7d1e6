/** Java sessions as they are: Apache Tomcat's JSESSIONID, in its cookie and in `;jsessionid=` of links and redirects. */
import { afterAll, describe, expect, type TestContext, test } from 'vitest';
import { tomcat } from '../support/apps/tomcat.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, configFor, type PoolMember, type Reply, together, Visitor } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';

interface Cart {
  readonly server: string;
  readonly items: number;
  /** The link to the next page, as Tomcat wrote it for this client. */
  readonly next: string;
}

/** Started by the first test that has the program, for all. */
let tomcats: ReturnType<typeof together<PoolMember>> | null = null;
afterAll(async () => (await tomcats)?.[Symbol.asyncDispose]());

/** A balancer that gives each new client the next of two Tomcats. */
async function shop(runtime: Runtime, context: TestContext, affinity: readonly unknown[]): Promise<Limpet> {
  needProgram(context, 'tomcat');
  tomcats ??= together(['a', 'b'].map(tomcat));
  return startLimpet(runtime, { config: configFor(await tomcats, { affinity, balance: 'round-robin' }) });
}

function cartOf(reply: Reply): Cart {
  expect(reply.status, reply.body).toBe(200);
  return JSON.parse(reply.body) as Cart;
}

/** A client without cookies: it knows its session by the links it is given, and nothing else. */
async function follow(limpet: Limpet, link: string): Promise<Cart> {
  return cartOf(await ask(limpet.url + link));
}

describe.each(runtimes)('Tomcat on %s', (runtime) => {
  test('clients with cookies: the cart counts on, through a login that changes the id', async (context) => {
    await using limpet = await shop(runtime, context, [{ learn: 'JSESSIONID' }]);
    const homes = new Set<string>();
    const visitors = Array.from({ length: 8 }, () => new Visitor(limpet.url));
    for (const visitor of visitors) {
      const { server } = cartOf(await visitor.ask('/app/cart.jsp'));
      homes.add(server);
      for (let items = 2; items <= 4; items++)
        expect(cartOf(await visitor.ask('/app/cart.jsp'))).toEqual({ server, items, next: '/app/cart.jsp' });
      const before = visitor.cookies.get('JSESSIONID');
      expect(before).toMatch(new RegExp(`^[0-9A-F]{32}\\.${server}$`));
      const login = await visitor.ask('/app/login.jsp');
      expect(login.status).toBe(302);
      expect(visitor.cookies.get('JSESSIONID')).not.toBe(before);
      for (let items = 5; items <= 7; items++)
        expect(cartOf(await visitor.ask('/app/cart.jsp'))).toMatchObject({ server, items });
    }
    expect(homes).toEqual(new Set(['a', 'b']));
    const served = await limpet.sessions();
    // The ids before and after the login: Tomcat does not say that the old one is gone.
    expect(served).toEqual({ 'app/a': 8, 'app/b': 8 });

    // The session ends with its cookie.
    for (const visitor of visitors) {
      await visitor.ask('/app/logout.jsp');
      expect([...visitor.cookies.keys()]).toEqual([]);
    }
    expect(await limpet.sessions()).toEqual({ 'app/a': 4, 'app/b': 4 });
    expect((await limpet.counters()).sessions_ended).toBe(8);
  });

  test('clients without cookies: the id in the path of links and of redirects', async (context) => {
    await using limpet = await shop(runtime, context, [{ learn: { cookie: 'JSESSIONID', parameter: 'jsessionid' } }]);
    const homes = new Set<string>();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        let { server, items, next } = await follow(limpet, '/app/cart.jsp');
        homes.add(server);
        expect(items).toBe(1);
        while (items < 5) {
          expect(next).toMatch(new RegExp(`^/app/cart\\.jsp;jsessionid=[0-9A-F]{32}\\.${server}$`));
          const cart = await follow(limpet, `${next}?item=${items}`);
          expect(cart).toMatchObject({ server, items: items + 1 });
          ({ items, next } = cart);
        }
        const login = await ask(`${limpet.url}${next.replace('cart', 'login')}`);
        const { location = '' } = login.headers;
        expect([login.status, location]).toEqual([302, expect.stringContaining(';jsessionid=')]);
        expect(location).not.toBe(next);
        // Where a proxy between drops Set-Cookie, the redirect alone names the new session.
        expect(await follow(limpet, location)).toMatchObject({ server, items: 6 });
        expect(await follow(limpet, location)).toMatchObject({ server, items: 7 });
      }),
    );
    expect(homes).toEqual(new Set(['a', 'b']));
  });

  test('a session that began without the balancer is bound where it is first sent, and stays', async (context) => {
    await using limpet = await shop(runtime, context, [{ learn: 'JSESSIONID' }]);
    const cookie = `JSESSIONID=${'0123456789ABCDEF'.repeat(2)}`;
    // Tomcat does not know it and begins another one: whoever keeps to the old name still stays together.
    const servers = new Set<string>();
    for (let i = 0; i < 6; i++)
      servers.add(cartOf(await ask(`${limpet.url}/app/cart.jsp`, { headers: { cookie } })).server);
    expect(servers.size).toBe(1);
    expect((await limpet.counters()).sessions_adopted).toBe(1);
  });
});
