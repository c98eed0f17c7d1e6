/** The store interface by hand: who may ask, what each answer is, and that a put there counts like one with a response. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { type AskOptions, ask } from '../support/peers.ts';
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
    expect(await put(2, 1, 'p')).toEqual([204, undefined]);
    expect(await put(2, 1, 'p')).toEqual([204, undefined]);
    expect(await put(2, 1, 'q')).toEqual([409, 'epoch=2']);
    expect(await put(1, 9, 'p')).toEqual([409, 'epoch=2']);
    expect(await put(2, 2, 'p', 'x'.repeat(1025))).toEqual([413, undefined]);
    expect(await put(0, 2, 'p')).toEqual([400, undefined]);
    const found = await ask(at);
    expect([found.status, found.body]).toEqual([200, 'state']);
    expect(found.headers['limpet-session']).toMatch(/^epoch=2; version=1; ttl=(60|59); copy=\S+$/);
    expect(await limpet.sessions()).toMatchObject({ 'shop/a': 1 });

    const to = 'ef'.repeat(16);
    expect(await put(2, 2, 'p', 'new', { 'limpet-session-rotate': `epoch=2; id=${to}` })).toEqual([204, undefined]);
    expect((await ask(at)).status).toBe(410);
    expect(await put(3, 3, 'p')).toEqual([410, undefined]);
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
