/**
 * Sessions of a user, and sessions by id, behind two real balancers with one Redis, on both runtimes: against requests in flight, and
 * servers and a balancer that are killed. All tests of a runtime are of the same servers, so the last ones have fewer of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { findProgram, onContinuousIntegration } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { Client } from './support/client.ts';
import { type LaunchedApp, launch } from './support/launch.ts';

const secret = 'shared by the balancer and its servers, for tests';
const keys = ['6b'.repeat(32)];

interface Listed {
  readonly key: string;
  readonly id: string;
  readonly label: string;
  readonly signedInAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
}

const userOf = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body).user;
const idOf = async (client: Client): Promise<string> => JSON.parse((await client.get('/info')).body).id;
const at = ({ port }: LaunchedApp) => `http://${host}:${port}`;
const call = (of: LaunchedApp, path: string) => fetch(at(of) + path).then((all) => all.text());
/** Asked of one server, past the balancer. */
const job = async (of: LaunchedApp, path: string) => JSON.parse(await call(of, `/job/${path}`));
const list = (of: LaunchedApp, user: string): Promise<Listed[]> => job(of, `list?user=${user}`);

describe.skipIf(findProgram('redis') === undefined && !onContinuousIntegration()).each(runtimes)('on %s', (runtime) => {
  let redis: RedisServer;
  let apps: LaunchedApp[];
  let limpet: Limpet;
  let second: Limpet;

  beforeAll(async () => {
    redis = await RedisServer.start();
    const app = runtime === 'bun' ? 'web' : 'node';
    apps = await Promise.all([1, 2, 3].map(() => launch({ runtime, app, options: { secret } })));
    const servers = apps.map(({ port }, n) => ({ name: `s${n}`, address: `${host}:${port}` }));
    const config = {
      pools: { shop: { servers, balance: 'round-robin' } },
      sessions: { store: redis.url, secret },
      identify: true,
      keys,
    };
    [limpet, second] = await Promise.all([startLimpet(runtime, { config }), startLimpet(runtime, { config })]);
    // Each server has heard of both.
    for (const url of [limpet.url, second.url]) await Promise.all(apps.map(() => new Client(url).get('/info')));
  });
  afterAll(async () => {
    await Promise.all([limpet.stop('SIGKILL'), second.stop('SIGKILL'), ...apps.map((one) => one.kill())]);
    await redis.kill();
  });

  const ownerOf = (headers: Headers): LaunchedApp => {
    const owner = apps[Number(/^s(\d)/.exec(headers.get('limpet-server') ?? '')?.[1])];
    if (owner === undefined) throw new Error(`no server in ${headers.get('limpet-server')}`);
    return owner;
  };
  /** A client whose session is the user's. */
  const signIn = async (user: string, label = 'device') => {
    const client = new Client(limpet.url);
    const { status, headers } = await client.get(`/sign-in?value=${user}&name=${label}&fresh`);
    expect(status).toBe(200);
    return { client, owner: ownerOf(headers) };
  };

  test('all are ended while requests of them are in flight: none is revived, and no change of one is a success', async () => {
    const devices = await Promise.all(Array.from({ length: 6 }, (_, n) => signIn('ada', `d${n}`)));
    const there = devices.map(({ client }) => client.twin(second.url));
    for (const client of there) expect(await userOf(client)).toBe('ada');
    const flights = devices.flatMap(({ client, owner }, n) =>
      // With another id half of them would be over in their owner anyway.
      ['/hold?name=back', '/hold-read?name=user', ...(n % 2 === 0 ? ['/raise?name=back'] : [])].map((path, m) => {
        const signal = `all-${n}-${m}`;
        return { path, signal, owner, answer: client.twin().get(`${path}&value=1&signal=${signal}`) };
      }),
    );
    for (const { signal, owner } of flights) await call(owner, `/arrived?signal=${signal}`);
    expect(await job(apps[0]!, 'end?user=ada')).toBe(6);
    for (const { signal, owner } of flights) await call(owner, `/fire?signal=${signal}`);
    for (const { path, answer } of flights) if (!path.includes('read')) expect((await answer).status).toBe(503);
    await Promise.all(flights.map(({ answer }) => answer));
    for (const client of [...there, ...devices.map((one) => one.client)]) expect(await userOf(client)).toBeUndefined();
    expect(await list(apps[1]!, 'ada')).toEqual([]);
  });

  test('who signs in, or gets another id, while all are ended is over, or is listed afterwards', async () => {
    const before = await Promise.all(Array.from({ length: 6 }, () => signIn('bea')));
    const others = Array.from({ length: 12 }, () => new Client(limpet.url));
    await Promise.all([
      ...apps.map((one) => job(one, 'end?user=bea')),
      ...before.map(({ client }) => client.get('/sign-in?value=bea&fresh')),
      ...others.map((client, n) => client.get(`/sign-in?value=bea${n % 2 === 0 ? '&fresh' : ''}`)),
    ]);
    const listed = new Set((await list(apps[0]!, 'bea')).map(({ id }) => id));
    for (const client of [...before.map((one) => one.client), ...others]) {
      const isListed = listed.has(await idOf(client));
      expect(await userOf(client)).toBe(isListed ? 'bea' : undefined);
    }
  });

  test('only its owner changes a session that it opens by id; others read it, and anybody ends it', async () => {
    const { client, owner } = await signIn('cleo', 'phone');
    const id = await idOf(client);
    const other = apps.find((one) => one !== owner)!;
    expect(await job(other, `open?id=${id}`)).toMatchObject({ data: { user: 'cleo' }, label: 'phone', epoch: 1 });
    expect(await job(other, `change?id=${id}&name=by&value=other`)).toEqual({ error: 'session-fenced' });
    expect(await job(other, `update?id=${id}`)).toEqual({ error: 'session-fenced' });
    expect(await job(owner, `change?id=${id}&name=by&value=owner`)).toBe('kept');
    expect(JSON.parse((await client.get('/all')).body)).toMatchObject({ by: 'owner' });
    expect(await job(other, `open?id=${id}`)).toMatchObject({ data: { by: 'owner' } });

    await owner.kill();
    const heir = ownerOf((await client.get('/set?name=after&value=1')).headers);
    const third = apps.find((one) => one !== owner && one !== heir)!;
    apps = apps.map((one) => (one === owner ? heir : one));
    expect(await job(heir, `change?id=${id}&name=by&value=heir`)).toBe('kept');
    expect(await job(third, `change?id=${id}&name=by&value=third`)).toEqual({ error: 'session-fenced' });
    expect(JSON.parse((await client.get('/all')).body)).toMatchObject({ by: 'heir', after: '1' });

    const held = client.twin().get('/hold?name=back&value=1&signal=end');
    await call(heir, '/arrived?signal=end');
    expect(await job(third, `destroy?id=${id}`)).toBe(null);
    await call(heir, '/fire?signal=end');
    expect((await held).status).toBe(503);
    for (const one of [heir, third]) expect(await job(one, `open?id=${id}`)).toBe(null);
    expect(await job(third, `destroy?id=${id}`)).toBe(null);
    expect(await userOf(client)).toBeUndefined();
  });

  test('listed by any server, also when their owner or a balancer was killed; one, the others, and all are ended', async () => {
    const since = Date.now();
    const [phone, laptop, tablet] = [
      await signIn('dora', 'phone'),
      await signIn('dora', 'laptop'),
      await signIn('dora', 'tablet'),
    ];
    const bob = await signIn('bob');
    const lists = await Promise.all(apps.map((one) => list(one, 'dora')));
    for (const all of lists) expect(all.map(({ label }) => label).sort()).toEqual(['laptop', 'phone', 'tablet']);
    for (const { signedInAt, lastSeenAt, expiresAt } of lists[0]!) {
      expect(Date.parse(signedInAt)).toBeGreaterThanOrEqual(since - 1000);
      expect(Date.parse(lastSeenAt)).toBeLessThanOrEqual(Date.now() + 1000);
      expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now() + 29 * 60_000);
    }
    const keyOf = (label: string) => lists[0]!.find((one) => one.label === label)!.key;

    await phone.owner.kill();
    await second.stop('SIGKILL');
    const left = apps.find((one) => one !== phone.owner)!;
    // Another user's session is none of dora's.
    expect(await job(left, `end?user=bob&only=${keyOf('phone')}`)).toBe(0);
    expect(await list(left, 'dora')).toHaveLength(3);
    expect(await job(left, `end?user=dora&only=${keyOf('tablet')}`)).toBe(1);
    expect(await userOf(tablet.client)).toBeUndefined();
    for (const { client } of [phone, laptop]) expect(await userOf(client)).toBe('dora');

    // A new password on the laptop, whose id changes with it.
    const before = laptop.client.twin();
    expect(await laptop.client.get('/end-others?value=dora')).toMatchObject({ status: 200, body: '1' });
    expect(await userOf(laptop.client)).toBe('dora');
    for (const one of [before, phone.client]) expect(await userOf(one)).toBeUndefined();
    expect((await list(left, 'dora')).map(({ label }) => label)).toEqual(['laptop']);

    const everybody = (await job(left, 'all')) as string[];
    expect(everybody).toEqual(expect.arrayContaining([await idOf(laptop.client), await idOf(bob.client)]));
    expect(everybody).not.toContain(lists[0]!.find(({ label }) => label === 'tablet')!.id);
    const again = await signIn('dora', 'again');
    expect((await laptop.client.get('/end-all?value=dora&too')).status).toBe(200);
    expect(laptop.client.jar.size).toBe(0);
    for (const { client } of [laptop, again]) expect(await userOf(client)).toBeUndefined();
    expect(await list(left, 'dora')).toEqual([]);
    expect(await userOf(bob.client)).toBe('bob');
  });
});

test('shared: processes of both runtimes with one lmdb; a request in flight, one that is killed, and one that changes it', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-users-'));
  context.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const options = { strategy: 'shared', store: `lmdb:${folder}/copies` } as const;
  await using one = await launch({ runtime: 'node', app: 'node', options });
  await using two = await launch({ runtime: 'bun', app: 'web', options });
  const clients = [one, one, two].map((app) => new Client(at(app)));
  for (const [n, client] of clients.entries()) {
    expect((await client.get(`/sign-in?value=ada&name=d${n}&fresh`)).status).toBe(200);
  }
  const [first, second, third] = clients as [Client, Client, Client];
  for (const app of [one, two])
    expect((await list(app, 'ada')).map(({ label }) => label).sort()).toEqual(['d0', 'd1', 'd2']);
  const id = await idOf(third);
  expect(await job(one, `change?id=${id}&name=by&value=one`)).toBe('kept');
  expect(await job(two, `update?id=${id}`)).toBe('updated');
  expect(await job(one, `open?id=${id}`)).toMatchObject({ label: 'd2', data: { by: 'one', updated: true } });

  const held = first.twin().get('/hold?name=back&value=1&signal=shared');
  const dropped = second.get('/set-held?name=back&value=1&signal=never').catch(() => null);
  for (const name of ['shared', 'never']) await call(one, `/arrived?signal=${name}`);
  expect(await job(two, `end?user=ada&except=${id}`)).toBe(2);
  await call(one, '/fire?signal=shared');
  expect((await held).status).toBe(503);
  await one.kill();
  await dropped;
  for (const client of [first, second]) expect(await userOf(client.twin(at(two)))).toBeUndefined();
  expect(await userOf(third)).toBe('ada');
  expect(await job(two, `destroy?id=${id}`)).toBe(null);
  expect([await userOf(third), await list(two, 'ada')]).toEqual([undefined, []]);
});
