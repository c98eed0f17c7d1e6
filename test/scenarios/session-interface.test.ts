/** The store interface by hand: who may ask, what each answer is, and that a put there counts like one with a response. */
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { type AskOptions, ask, tellServer } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

const secret = 'a secret of at least 32 characters';
const bearer = `Bearer ${createHmac('sha256', secret).update('limpet store interface').digest('hex')}`;

describe.each(runtimes)('the store interface on %s', (runtime) => {
  test('asks for the secret, and signs with it', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { secret } },
    });
    const seen = JSON.parse((await ask(`${limpet.url}/headers`)).body) as Record<string, string>;
    const [, value = '', time, sig] = /^(.*; t=(\d+)); sig=([0-9a-f]{32})$/.exec(seen['limpet-session']!) ?? [];
    expect(sig).toBe(createHmac('sha256', secret).update(value).digest('hex').slice(0, 32));
    expect(Math.abs(Date.now() / 1000 - Number(time))).toBeLessThan(120);
    const store = /store=(\S+);/.exec(value)![1]!;
    const at = `${store}/shop/${'ab'.repeat(16)}`;
    expect((await ask(at)).status).toBe(401);
    expect((await ask(at, { headers: { authorization: `${bearer.slice(0, -1)}x` } })).status).toBe(401);
    expect((await ask(at, { headers: { authorization: bearer } })).status).toBe(404);
    expect(limpet.stderr()).not.toContain(secret);
  });

  test('keeps, fences, ends', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { stateBytes: '1k' } },
    });
    const seen = JSON.parse((await ask(`${limpet.url}/headers`)).body) as Record<string, string>;
    const store = /store=(\S+);/.exec(seen['limpet-session']!)![1]!;
    const id = 'cd'.repeat(16);
    const at = `${store}/shop/${id}`;
    const put = (epoch: number, version: number, by: string, body = 'state', more = {}) =>
      ask(at, {
        method: 'PUT',
        body,
        headers: { 'limpet-session-put': `epoch=${epoch}; version=${version}; ttl=60; by=${by}`, ...more },
      }).then(({ status, headers }) => [status, headers['limpet-session']]);
    const end = (epoch: number) =>
      ask(at, { method: 'DELETE', headers: { 'limpet-session-delete': `epoch=${epoch}` } }).then(
        ({ status }) => status,
      );

    expect((await ask(at)).status).toBe(404);
    // A session that nobody knows begins with the first epoch; no other was given to anyone.
    expect(await put(2, 1, 'p')).toEqual([422, undefined]);
    expect(await put(1, 1, 'p')).toEqual([204, undefined]);
    expect(await put(1, 1, 'p')).toEqual([204, undefined]);
    expect(await put(1, 1, 'q')).toEqual([409, 'epoch=1']);
    expect(await put(2, 9, 'p')).toEqual([422, undefined]);
    expect(await put(1, 2, 'p', 'x'.repeat(1025))).toEqual([413, undefined]);
    expect(await put(0, 2, 'p')).toEqual([400, undefined]);
    expect(await end(2)).toBe(422);
    expect((await limpet.counters()).copies_refused).toBe(3);
    const found = await ask(at);
    expect([found.status, found.body]).toEqual([200, 'state']);
    expect(found.headers['limpet-session']).toMatch(/^epoch=1; version=1; ttl=(60|59); copy=\S+$/);
    expect(await limpet.sessions()).toMatchObject({ 'shop/a': 1 });

    const to = 'ef'.repeat(16);
    const rotate = { 'limpet-session-rotate': `epoch=1; id=${to}` };
    const other = `${store}/shop/${'99'.repeat(16)}`;
    const headers = { 'limpet-session-put': 'epoch=1; version=1; ttl=60; by=p' };
    expect((await ask(other, { method: 'PUT', body: 'other', headers })).status).toBe(204);
    expect(await put(1, 2, 'p', 'new', rotate)).toEqual([204, undefined]);
    // An id that is another session's is not fresh.
    const taken = { ...headers, 'limpet-session-put': 'epoch=1; version=2; ttl=60; by=p', ...rotate };
    expect((await ask(other, { method: 'PUT', body: 'taken', headers: taken })).status).toBe(422);
    expect((await ask(at)).status).toBe(410);
    expect(await put(1, 3, 'p')).toEqual([410, undefined]);
    expect((await ask(`${store}/shop/${to}`)).body).toBe('new');
    expect(await end(1)).toBe(204);

    const strange: [string, AskOptions, number][] = [
      [`${store}/other/${id}`, {}, 421],
      [`${store}/shop/nothing`, {}, 400],
      [`${store.replace(/\d+$/, '99')}/shop/${id}`, {}, 421],
      [at, { method: 'POST' }, 405],
      [at, { method: 'DELETE' }, 400],
    ];
    for (const [url, options, status] of strange) expect((await ask(url, options)).status).toBe(status);
  });

  test('an epoch that nobody gave a server is refused, and counted; the session stays what it is', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const shopper = new Shopper(limpet.url);
    const { id, server } = await shopper.count();
    const invented = await shopper.ask('/?epoch=9');
    expect([invented.status, invented.headers['limpet-reason']]).toEqual([502, 'bad-response']);
    expect((await limpet.counters()).copies_refused).toBe(1);
    expect(await shopper.count('/read')).toMatchObject({ id, server, epoch: 1, reason: 'held' });
    // Once it has moved, the former owner cannot put itself into its place.
    await tellServer(join(limpet.folder, 'state'), server, 'drain');
    const moved = await shopper.count();
    expect(moved).toMatchObject({ id, epoch: 2, reason: 'move' });
    const seen = JSON.parse((await shopper.ask('/headers')).body) as Record<string, string>;
    const store = /store=(\S+);/.exec(seen['limpet-session']!)![1]!;
    const slots = [1, 2, 3, 4, 5, 6]
      .map((slot) => store.replace(/\d+$/, String(slot)))
      .filter((base) => base !== store);
    for (const base of slots) {
      for (const epoch of [2, 3, 4_294_967_295]) {
        const headers = { 'limpet-session-put': `epoch=${epoch}; version=99; ttl=60; by=p` };
        expect([421, 422]).toContain((await ask(`${base}/shop/${id}`, { method: 'PUT', body: 'x', headers })).status);
      }
    }
    expect((await limpet.counters()).copies_refused).toBeGreaterThanOrEqual(4);
    expect(await shopper.count()).toMatchObject({ server: moved.server, id, epoch: 2, reason: 'held' });
  });

  test('a new id without a put is given to the client only with the proof that this session got it', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const [victim, thief] = [new Shopper(limpet.url), new Shopper(limpet.url)];
    const { id } = await victim.count();
    const own = (await thief.count()).id;
    for (const path of [`/take?id=${id}`, '/rotate-big?proof=', '/rotate-big?proof=AAAAAAAAAAAAAAAAAAAAAA']) {
      const stranger = path.startsWith('/take') ? thief : new Shopper(limpet.url);
      if (stranger !== thief) await stranger.count();
      const taken = await stranger.ask(path);
      expect([path, taken.status, taken.headers['limpet-reason']]).toEqual([path, 502, 'bad-response']);
      expect(taken.setCookies).toEqual([]);
    }
    expect(await thief.count('/read')).toMatchObject({ id: own });
    const rotated = await thief.count('/rotate-big');
    const next = await thief.count();
    expect(next).toMatchObject({ reason: 'held', restored: false, count: rotated.count + 1 });
    expect(new Set([id, own, next.id]).size).toBe(3);
  });

  test('the sessions of a user are listed to any server of the pool, and any of them may end one of another’s', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers), balance: 'round-robin' } }, sessions: {} },
    });
    const shoppers = [new Shopper(limpet.url), new Shopper(limpet.url)];
    const user = 'ad'.repeat(16);
    const places: string[] = [];
    const ids: string[] = [];
    for (const shopper of shoppers) {
      const { id } = await shopper.count();
      const seen = JSON.parse((await shopper.ask('/headers')).body) as Record<string, string>;
      const store = /store=(\S+);/.exec(seen['limpet-session']!)![1]!;
      const headers = { 'limpet-session-put': `epoch=1; version=9; ttl=60; by=p; user=${user}` };
      expect((await ask(`${store}/shop/${id}`, { method: 'PUT', body: '{}', headers })).status).toBe(204);
      places.push(store);
      ids.push(id);
    }
    expect(new Set(places).size).toBe(2);
    const listed = async () => {
      const answers = await Promise.all(places.map((store) => ask(`${store}/shop/users/${user}`)));
      expect(answers.map(({ status, headers }) => [status, headers['limpet-store']])).toEqual(
        Array(2).fill([200, 'users']),
      );
      expect(new Set(answers.map(({ body }) => body.split('\n').sort().join(' '))).size).toBe(1);
      return answers[0]!.body.split('\n').filter(Boolean).sort();
    };
    expect(await listed()).toEqual([...ids].sort());
    const all = await ask(`${places[0]}/shop/sessions`);
    expect([all.status, all.headers['limpet-store']]).toEqual([200, 'sessions']);
    expect(all.body.split('\n').slice(0, -2).sort()).toEqual([...ids].sort());
    expect(all.body.endsWith('\n\n')).toBe(true);
    const end = (epoch: string) =>
      ask(`${places[1]}/shop/${ids[0]}`, { method: 'DELETE', headers: { 'limpet-session-delete': `epoch=${epoch}` } });
    // As its owner it may not: that is for the other server.
    expect((await end('1')).status).toBe(422);
    expect((await end('*')).status).toBe(204);
    expect((await end('*')).status).toBe(204);
    expect(await listed()).toEqual([ids[1]]);
    // At once a new one, for nobody tells the client of its end.
    expect(await shoppers[0]!.count()).toMatchObject({ reason: 'new', count: 1 });
    expect(await shoppers[1]!.count('/read')).toMatchObject({ id: ids[1], reason: 'held' });
    const strange: [string, string, number][] = [
      [`users/${user.toUpperCase()}`, 'GET', 400],
      [`users/${user}/`, 'GET', 400],
      ['users/', 'GET', 400],
      [`other/${user}`, 'GET', 400],
      [`users/${user}`, 'DELETE', 405],
      [`users/${user}`, 'HEAD', 405],
      ['sessions', 'DELETE', 405],
      ['sessions/', 'GET', 400],
    ];
    for (const [path, method, status] of strange) {
      expect([path, (await ask(`${places[0]}/shop/${path}`, { method })).status]).toEqual([path, status]);
    }
    expect((await ask(`${places[0]}/none/users/${user}`)).status).toBe(421);
  });

  test('without copies there is no index, and it says so', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { replication: 'none' } },
    });
    const shopper = new Shopper(limpet.url);
    const { id } = await shopper.count();
    const seen = JSON.parse((await shopper.ask('/headers')).body) as Record<string, string>;
    const store = /store=(\S+);/.exec(seen['limpet-session']!)![1]!;
    for (const [path, method] of [
      [`users/${'ad'.repeat(16)}`, 'GET'],
      ['sessions', 'GET'],
      [id, 'DELETE'],
    ] as const) {
      const more = { method, headers: { 'limpet-session-delete': 'epoch=*' } };
      const { status, headers } = await ask(`${store}/shop/${path}`, more);
      expect([status, headers['limpet-store']]).toEqual([501, 'no-copies']);
    }
    expect(await shopper.count('/read')).toMatchObject({ reason: 'held', count: 1 });
  });

  test('an end there is an end', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
    });
    const shopper = new Shopper(limpet.url);
    const { id, epoch } = await shopper.count();
    const seen = JSON.parse((await shopper.ask('/headers')).body) as Record<string, string>;
    expect(seen['limpet-session']).toContain(`id=${id}; epoch=1; version=1; reason=held`);
    const at = `${/store=(\S+);/.exec(seen['limpet-session']!)![1]!}/shop/${id}`;
    const headers = { 'limpet-session-delete': `epoch=${epoch}` };
    expect((await ask(at, { method: 'DELETE', headers })).status).toBe(204);
    expect(await shopper.count('/read')).toMatchObject({ reason: 'new', count: 0 });
  });
});
