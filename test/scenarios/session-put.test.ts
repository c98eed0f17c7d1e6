/**
 * A session's state is with the balancer before the client hears of it: the owner is killed with -9 right after its answer,
 * and the next server has the state. The client never sees how the two talk, and no client can talk like that.
 */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { ask, readToken } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

describe.each(runtimes)('copies of sessions on %s', (runtime) => {
  test('survive their server, whatever way they are put', { timeout: 60_000 }, async () => {
    for (const path of ['/', '/trailer', '/big']) {
      await using servers = await startShops('a', 'b', 'c');
      await using limpet = await startLimpet(runtime, {
        config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
      });
      const shopper = new Shopper(limpet.url);
      // A cookie cannot come in trailers: a session begins before the head of its answer leaves.
      const first = await shopper.count(path === '/trailer' ? '/' : path);
      expect(first).toMatchObject({ epoch: 1, reason: 'new', count: 1 });
      const second = await shopper.count(path);
      expect(second).toMatchObject({ server: first.server, id: first.id, epoch: 1, reason: 'held', count: 2 });
      expect(shopper.reply.rawHeaders.join().toLowerCase()).not.toContain('limpet-');
      expect(Object.keys(shopper.reply.trailers)).toEqual(path === '/trailer' ? ['x-kind'] : []);
      await servers.find(({ name }) => name === first.server)!.kill('SIGKILL');
      const third = await shopper.count(path);
      expect(third).toMatchObject({ id: first.id, epoch: 2, reason: 'rebind', count: 3, restored: true });
      expect(third.server).not.toBe(first.server);
      expect(await shopper.count(path)).toMatchObject({
        server: third.server,
        reason: 'held',
        count: 4,
        restored: false,
      });
      expect(await limpet.counters()).toMatchObject({ copies_stored: 4, claims: 1, rebinds: 1, sessions_new: 1 });
    }
  });

  test('a cookie comes with the session, and not before', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const shopper = new Shopper(limpet.url);
    const offered = await shopper.count('/read');
    expect(offered).toMatchObject({ reason: 'new', epoch: 1, count: 0 });
    expect(shopper.reply.setCookies).toEqual([]);
    const begun = await shopper.count('/');
    expect(begun.id).not.toBe(offered.id);
    expect(shopper.cookies.size).toBe(1);
    expect(readToken(shopper.cookies.get('limpet')!).epoch).toBe(1);
    expect(await shopper.count('/read')).toMatchObject({ id: begun.id, reason: 'held', count: 1 });
    const { shop, ...sessions } = await limpet.sessions();
    expect(shop).toBeUndefined();
    expect(Object.values(sessions).reduce((sum, one) => sum + one, 0)).toBe(1);
  });

  test('a session that begins after the head is no success without its cookie', async () => {
    await using servers = await startShops('a');
    const stage = (bind: string) => {
      const affinity = [{ cookie: { name: 'limpet', bind } }];
      return startLimpet(runtime, {
        config: { pools: { shop: { servers: poolOf(servers), affinity } }, sessions: {} },
      });
    };
    await using limpet = await stage('on-session');
    await expect(new Shopper(limpet.url).count('/trailer')).rejects.toThrow();
    expect(await limpet.counters()).toMatchObject({ copies_stored: 0, copies_refused: 1 });
    // Where each client gets a cookie at once it is kept.
    await using always = await stage('always');
    const shopper = new Shopper(always.url);
    expect(await shopper.count('/trailer')).toMatchObject({ reason: 'new', count: 1 });
    expect(await shopper.count('/trailer')).toMatchObject({ reason: 'held', count: 2 });
  });

  test('what a client says in our name never arrives', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const forged = {
      'Limpet-Session': 'id=ffffffffffffffffffffffffffffffff; epoch=9',
      'limpet-session-put': 'x',
      Limpet_Session: 'y',
    };
    const { body } = await ask(`${limpet.url}/headers`, { headers: forged });
    const seen = JSON.parse(body) as Record<string, string>;
    expect(Object.keys(seen).filter((header) => /limpet/i.test(header))).toEqual(['limpet-session']);
    expect(seen['limpet-session']).toMatch(
      /^id=[0-9a-f]{32}; epoch=1; version=0; reason=new; pool=shop; store=unix:\/\S+\/state\/store\.sock:\/v1\/\d+; copy=\S+; allow=idle:2592000,usual:28800; t=\d+; sig=[0-9a-f]{32}$/,
    );
    expect(seen['limpet-session']).not.toContain('fffffff');
  });

  test('a session ends, and goes on under another id', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const shopper = new Shopper(limpet.url);
    const { id } = await shopper.count();
    const old = shopper.cookies.get('limpet')!;
    const rotated = await shopper.count('/rotate');
    expect(rotated).toMatchObject({ id, count: 2 });
    const next = await shopper.count();
    expect(next).toMatchObject({ server: rotated.server, reason: 'held', epoch: 1, count: 3, restored: false });
    expect(next.id).not.toBe(id);
    // Whoever has kept the old cookie is a stranger, who at first cannot begin a session: it might be the client itself, with
    // a request that was under way, and the cookie of a new session would take the place of the right one.
    const thief = new Shopper(limpet.url);
    thief.cookies.set('limpet', old);
    const stranger = await thief.count('/read');
    expect(stranger).toMatchObject({ reason: 'new', count: 0 });
    expect([id, next.id]).not.toContain(stranger.id);
    const refused = await thief.ask('/');
    expect([refused.status, refused.headers['limpet-reason'], refused.setCookies]).toEqual([503, 'session-fenced', []]);

    const kept = shopper.cookies.get('limpet')!;
    await shopper.count('/delete');
    expect(shopper.cookies.size).toBe(0);
    const dead = new Shopper(limpet.url);
    dead.cookies.set('limpet', kept);
    expect(await dead.count('/read')).toMatchObject({ reason: 'new', count: 0 });
    expect(await limpet.counters()).toMatchObject({ sessions_rotated: 1, sessions_ended: expect.any(Number) });
  });

  test('a server that nobody can understand is refused', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const { status, headers } = await ask(`${limpet.url}/bad`);
    expect([status, headers['limpet-reason']]).toEqual([502, 'bad-response']);
    // Nothing of it, also where only the cookie is wrong.
    for (const cookie of [
      'tag=1',
      'tag=00000001; path=%2F%0D%0ASet-Cookie: a',
      'tag=00000001; domain=a;domain=b; same-site=x',
    ]) {
      const reply = await ask(`${limpet.url}/?cookie=${encodeURIComponent(cookie)}`);
      expect([reply.status, reply.headers['limpet-reason'], reply.setCookies]).toEqual([502, 'bad-response', []]);
    }
    expect(await limpet.counters()).toMatchObject({ copies_refused: 4, copies_stored: 0 });
    const right = await ask(`${limpet.url}/?cookie=${encodeURIComponent('tag=00000001; persistent=1; idle=60')}`);
    expect(right.setCookies).toEqual([
      expect.stringMatching(
        /^limpet=\S+; Path=\/; HttpOnly; SameSite=Lax;(?: Secure;)? Max-Age=75; Expires=\w{3}, [\w :]{20} GMT$/,
      ),
    ]);
    expect(right.rawHeaders.join().toLowerCase()).not.toContain('limpet-session');
  });
});
