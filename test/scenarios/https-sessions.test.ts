/**
 * The session library behind TLS and HTTP/2: shoppers on shared connections sign in and fill their carts, and the server of most of them is
 * killed with -9 meanwhile. Nobody is signed out, nothing that was answered with 200 is lost, and no connection of a client ends.
 */
import { expect, test } from 'vitest';
import { H2Session, replyTo } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { parseSetCookie, readToken, startServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles, openSecure } from '../support/secure-client.ts';
import { poolOf } from '../support/shop.ts';
import { onlyOver } from '../support/transport.ts';

const app = new URL('../support/apps/cart-server.ts', import.meta.url);

interface Page {
  readonly server: string;
  readonly user: string | null;
  readonly items: readonly string[];
  readonly epoch: number;
}

/** One of several on a connection, with a cookie of her own. */
class Shopper {
  readonly name: string;
  /** Answered with 200. */
  readonly acknowledged: string[] = [];
  readonly homes: string[] = [];
  readonly failures: string[] = [];
  cookie = '';
  private readonly connection: H2Session;

  constructor(name: string, connection: H2Session) {
    this.name = name;
    this.connection = connection;
  }

  /** null: a server has failed with the request, which is told as 502 or 503 where it may not be repeated. */
  async ask(path: string, method = 'GET'): Promise<Page | null> {
    const reply = await replyTo(this.connection.request(path, { ':method': method, cookie: this.cookie }));
    const { status, headers, body } = reply;
    if (status !== 200) {
      this.failures.push(`${method} ${status} ${headers['limpet-reason']}`);
      return null;
    }
    for (const line of headers['set-cookie'] ?? []) {
      const { name, value, attributes } = parseSetCookie(line);
      expect([name, attributes.has('secure')]).toEqual(['__Host-limpet', true]);
      this.cookie = `${name}=${value}`;
    }
    const page = JSON.parse(body) as Page;
    if (this.homes.at(-1) !== page.server) this.homes.push(page.server);
    return page;
  }

  async put(item: string): Promise<void> {
    if ((await this.ask(`/cart?item=${item}`, 'PUT')) !== null) this.acknowledged.push(item);
  }

  get epoch(): number {
    return readToken(this.cookie.split('=')[1]!).epoch;
  }
}

test.each(runtimes)('on %s', { timeout: 60_000 }, async (runtime) => {
  onlyOver('h1', 'it brings its own clients');
  using files = new CertificateFiles();
  await using servers = await together(['a', 'b', 'c'].map((name) => startServer(app, name)));
  const shop = { servers: poolOf(servers), affinity: [{ cookie: { prefix: 'host' } }], balance: 'round-robin' };
  const listeners = [{ address: '127.0.0.1:0', tls: files.tlsFor('shop.example') }];
  await using limpet = await startLimpet(runtime, { config: { listeners, pools: { shop }, sessions: {} } });
  const options = { ca: files.authority.cert };
  await using connections = await together([1, 2, 3].map(() => H2Session.secure(limpet.port, 'shop.example', options)));
  const shoppers = Array.from({ length: 24 }, (_, i) => new Shopper(`user-${i}`, connections[i % 3]!));

  await Promise.all(
    shoppers.map(async (shopper) => {
      await shopper.put('first');
      const before = shopper.cookie;
      expect(await shopper.ask(`/sign-in?user=${shopper.name}`, 'POST')).toMatchObject({ user: shopper.name });
      expect(readToken(shopper.cookie.split('=')[1]!).session).not.toBe(readToken(before.split('=')[1]!).session);
      expect(await shopper.ask('/cart')).toMatchObject({ user: shopper.name, items: ['first'], epoch: 1 });
    }),
  );

  let rounds = 0;
  let goesOn = true;
  const load = shoppers.map(async (shopper) => {
    for (let i = 0; goesOn; i++, rounds++) {
      await shopper.put(`item-${i % 20}`);
      // Two tabs at the same time.
      await Promise.all([shopper.ask('/cart'), shopper.ask('/cart')]);
    }
  });
  await until('everybody has come often', () => rounds > 5 * shoppers.length);
  const livesAt = (name: string) => shoppers.filter(({ homes }) => homes[0] === name).length;
  const victim = servers.toSorted((a, b) => livesAt(b.name) - livesAt(a.name))[0]!;
  await victim.kill('SIGKILL');
  const atKill = rounds;
  await until('everybody has come often again', () => rounds > atKill + 10 * shoppers.length, 20_000);
  goesOn = false;
  await Promise.all(load);

  const moved = shoppers.filter(({ homes }) => homes[0] === victim.name);
  expect(moved.length).toBeGreaterThanOrEqual(shoppers.length / 3);
  for (const shopper of shoppers) {
    const isMoved = moved.includes(shopper);
    const page = await shopper.ask('/cart');
    expect(page).toMatchObject({ user: shopper.name, epoch: isMoved ? 2 : 1 });
    expect(shopper.acknowledged.filter((item) => page?.items.includes(item) !== true)).toEqual([]);
    expect([shopper.homes.length, shopper.epoch]).toEqual(isMoved ? [2, 2] : [1, 1]);
    // A PUT that the dying server may have begun with is told so; reads are repeated.
    expect(shopper.failures.filter((text) => !isMoved || !text.startsWith('PUT 502'))).toEqual([]);
    expect(shopper.failures.length).toBeLessThanOrEqual(1);
  }
  for (const { goaways, session } of connections) expect([goaways, session.destroyed]).toEqual([[], false]);

  // The same session by HTTP/1.1, and nobody else's without the cookie.
  const [first] = moved;
  await using other = await openSecure('h1', limpet.port, 'shop.example', options);
  const here = JSON.parse((await other.ask('/cart', { cookie: first!.cookie })).body) as Page;
  expect([here.user, here.server]).toEqual([first!.name, first!.homes[1]]);
  expect(JSON.parse((await other.ask('/cart')).body)).toMatchObject({ user: null, items: [] });
});
