/** Sessions by user and by id, whatever the strategy: what an app sees, the limit of sessions of a user, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NodeSessions, type SessionOptions, sessions, webSessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { act, control } from './support/acts.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';
import { hashOf, job } from './support/jobs.ts';
import { MapStore } from './support/map-store.ts';
import { sendNode } from './support/program.ts';

const secret = 'a secret for these tests only';

interface Stage extends AsyncDisposable {
  readonly app: NodeSessions;
  readonly url: string;
  readonly balancer: TestBalancer | null;
  readonly warned: string[];
  job(path: string): Promise<unknown>;
}

async function stage(options: SessionOptions): Promise<Stage> {
  const warned: string[] = [];
  const app = sessions({ onError: ({ message }) => void warned.push(message), ...options });
  const handle = app.handle(async (request, response, session) =>
    sendNode(response, await act(new URL(request.url ?? '/', 'http://app'), session, app)),
  );
  const server = await serve(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://app');
    const reply = (await control(url)) ?? (await job(url, app));
    if (reply === null) await handle(request, response);
    else await sendNode(response, reply);
  });
  const isSticky = options.strategy === 'sticky' && options.fallback !== 'local';
  const balancer = isSticky ? await TestBalancer.start({ servers: [server.port], secret }) : null;
  const own = `http://${host}:${server.port}`;
  return {
    app,
    url: balancer?.url ?? own,
    balancer,
    warned,
    job: async (path) => JSON.parse(await (await fetch(`${own}/job/${path}`)).text()),
    async [Symbol.asyncDispose]() {
      await balancer?.[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await app.close();
    },
  };
}

const strategies: Record<string, () => SessionOptions> = {
  sticky: () => ({ strategy: 'sticky', secret }),
  'sticky without a balancer': () => ({ strategy: 'sticky', secret, fallback: 'local', onWarning: () => {} }),
  local: () => ({ strategy: 'local' }),
  shared: () => ({ strategy: 'shared', store: new MapStore() }),
};

const userOf = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body).user;
const whose = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/whose')).body);
const idOf = async (client: Client): Promise<string> => JSON.parse((await client.get('/info')).body).id;

describe.each(Object.entries(strategies))('%s', (name, optionsOf) => {
  const signal = encodeURIComponent(`others ${name}`);
  let all: Stage;
  beforeAll(async () => {
    all = await stage(optionsOf());
  });
  afterAll(() => all[Symbol.asyncDispose]());

  const signIn = async (user: string, more = '') => {
    const client = new Client(all.url);
    expect(await client.get(`/sign-in?value=${user}${more}`)).toMatchObject({ status: 200 });
    return client;
  };
  const labels = async (user: string) =>
    ((await all.job(`list?user=${user}`)) as { label: string }[]).map(({ label }) => label).sort();

  test('a user reads as a hash, the same in each session, and goes with the session under a new id', async () => {
    const [one, two, bob] = [await signIn('ada', '&name=phone'), await signIn('ada', '&fresh'), await signIn('bob')];
    expect(await whose(one)).toEqual([hashOf('ada'), 'phone']);
    expect(await whose(two)).toEqual([hashOf('ada'), '']);
    expect(await whose(bob)).toEqual([hashOf('bob'), '']);
    expect((await one.get('/login?value=ada')).status).toBe(200);
    expect(await whose(one)).toEqual([hashOf('ada'), 'phone']);
    expect(await labels('ada')).toEqual(['', 'phone']);
    // The same user again is no change.
    const [before] = (await all.job('list?user=bob')) as { signedInAt: string }[];
    await bob.get('/sign-in?value=bob&name=desk');
    expect(await all.job('list?user=bob')).toMatchObject([{ label: 'desk', signedInAt: before?.signedInAt }]);
    await two.get('/sign-in?value=bob');
    expect([await labels('ada'), await labels('bob')]).toEqual([['phone'], ['', 'desk']]);
    await one.get('/sign-out');
    expect([await whose(one), await labels('ada')]).toEqual([[null, ''], []]);
  });

  test('what is no user is refused, and leaves nothing behind', async () => {
    const client = new Client(all.url);
    await client.get('/set?name=cart&value=1');
    for (const path of [
      '/sign-in?value=',
      `/sign-in?value=${'x'.repeat(1025)}`,
      `/sign-in?value=eve&name=${'x'.repeat(201)}`,
    ]) {
      expect((await client.get(path)).status).toBe(500);
    }
    expect((await client.get('/sign-in-throw?value=eve')).status).toBe(500);
    expect([await whose(client), JSON.parse((await client.get('/all')).body)]).toEqual([[null, ''], { cart: '1' }]);
    expect(await all.job('list?user=eve')).toEqual([]);
    expect(await all.job('list?user=')).toEqual({ error: expect.stringContaining('found a text of 0 characters') });
    const session = (await all.app.open(await idOf(client)))!;
    expect(() => (session.label = 'phone')).toThrow(
      'session.label: found no user, expected session.user to be set before',
    );
  });

  test('a user of a request that has failed is none; one of a request beside it is', async () => {
    const client = await signIn('flo');
    const [failed, set] = await Promise.all([
      client.twin().get('/sign-in-throw?value=eve'),
      client.twin().get('/set?name=a&value=1'),
    ]);
    expect([failed.status, set.status]).toEqual([500, 200]);
    expect(await all.job('list?user=eve')).toEqual([]);
    expect(await labels('flo')).toEqual(['']);
  });

  test('one, all others, and all are ended, with what is in flight', async () => {
    const [phone, laptop, tablet] = [
      await signIn('gil', '&name=phone'),
      await signIn('gil', '&name=laptop'),
      await signIn('gil', '&name=tablet'),
    ];
    const listed = (await all.job('list?user=gil')) as { key: string; label: string; id: string }[];
    const keyOf = (name: string) => listed.find(({ label }) => label === name)?.key;
    expect(listed.every(({ key, id }) => !key.includes(id) && /^[0-9a-f]{24}$/.test(key))).toBe(true);
    expect(await all.job(`end?user=hal&only=${keyOf('phone')}`)).toBe(0);
    expect(await all.job(`end?user=gil&only=${keyOf('phone')}`)).toBe(1);
    expect(await all.job(`end?user=gil&only=${keyOf('phone')}`)).toBe(0);
    expect([await userOf(phone), await userOf(laptop)]).toEqual([undefined, 'gil']);

    const held = tablet.twin().get(`/hold?name=back&value=1&signal=${signal}`);
    await fetch(`${all.url}/arrived?signal=${signal}`);
    expect(await laptop.get('/end-others?value=gil')).toMatchObject({ status: 200, body: '1' });
    await fetch(`${all.url}/fire?signal=${signal}`);
    expect((await held).status).toBe(503);
    expect([await userOf(tablet), await userOf(laptop)]).toEqual([undefined, 'gil']);

    const again = await signIn('gil');
    expect((await laptop.get('/end-all?value=gil')).status).toBe(200);
    expect([await userOf(again), await userOf(laptop), await labels('gil')]).toEqual([undefined, undefined, []]);
    expect(await all.job('end?user=gil')).toBe(0);
  });

  test('a session by id: read, changed, and ended; null for what is none', async () => {
    const client = new Client(all.url);
    await client.get('/set?name=name&value=Ida');
    const id = await idOf(client);
    expect(await all.job(`open?id=${id}`)).toMatchObject({ data: { name: 'Ida' }, label: '' });
    expect(await all.job(`change?id=${id}&name=job&value=done`)).toBe('kept');
    expect(await all.job(`update?id=${id}`)).toBe('updated');
    if (all.balancer !== null) await client.get('/set?name=other&value=1');
    expect(JSON.parse((await client.get('/all')).body)).toMatchObject({ name: 'Ida', job: 'done', updated: true });
    expect(await all.job(`destroy?id=${id}`)).toBe(null);
    expect(JSON.parse((await client.get('/all')).body)).toEqual({});
    for (const none of [id, 'ab'.repeat(16), '', 'x', '../'.repeat(10), `${id}%0a`]) {
      expect(await all.job(`open?id=${none}`)).toBe(null);
      expect(await all.job(`destroy?id=${none}`)).toBe(null);
    }
    expect((await all.app.open(await idOf(await signIn('jo'))))?.user).toBe(hashOf('jo'));
  });
});

describe.each(Object.entries(strategies))('%s, a limit of sessions', (_, optionsOf) => {
  test('the oldest go; whoever is there already may sign in again', async () => {
    await using all = await stage({ ...optionsOf(), limits: { userSessions: 2 } });
    const clients = [1, 2, 3].map(() => new Client(all.url));
    for (const client of clients) expect((await client.get('/sign-in?value=ada&fresh')).status).toBe(200);
    const [first, second, third] = clients as [Client, Client, Client];
    expect(await userOf(first)).toBeUndefined();
    expect((await second.get('/sign-in?value=ada&fresh')).status).toBe(200);
    expect([await userOf(second), await userOf(third)]).toEqual(['ada', 'ada']);
  });

  test('refuse: nobody is signed in by what was refused, and the session is what it was', async () => {
    await using all = await stage({ ...optionsOf(), limits: { userSessions: 1 }, whenUserFull: 'refuse' });
    const [first, other] = [new Client(all.url), new Client(all.url)];
    expect((await first.get('/sign-in?value=ada')).status).toBe(200);
    await other.get('/set?name=cart&value=1');
    for (const path of ['/sign-in?value=ada&fresh', '/sign-in?value=ada', '/sign-in?value=ada&fresh']) {
      const { status, headers } = await other.get(path);
      expect([status, headers.get('limpet-reason')]).toEqual([403, 'session-limit']);
      expect(JSON.parse((await other.get('/all')).body)).toEqual({ cart: '1' });
    }
    expect(await other.get('/sign-in-caught?value=ada')).toMatchObject({ status: 200, body: 'session-limit' });
    expect(JSON.parse((await other.get('/all')).body)).toEqual({ cart: '1' });
    expect((await first.get('/sign-in?value=ada&fresh')).status).toBe(200);
    await first.get('/sign-out');
    expect((await other.get('/sign-in?value=ada&fresh')).status).toBe(200);
    expect([await userOf(first), await userOf(other)]).toEqual([undefined, 'ada']);
  });
});

/** Nobody gets a list before so many have asked for one. */
class MeetingStore extends MapStore {
  private asked = 0;
  private readonly met = Promise.withResolvers<void>();
  private readonly most: number;

  constructor(most: number) {
    super();
    this.most = most;
  }

  override async ofUser(...args: Parameters<MapStore['ofUser']>): ReturnType<MapStore['ofUser']> {
    if (++this.asked === this.most) this.met.resolve();
    await this.met.promise;
    return super.ofUser(...args);
  }
}

test.each([
  // The last of them: the others find that they are not.
  ['end-oldest', 1, [200, 403, 403]],
  ['refuse', 0, [403, 403, 403]],
] as const)('sign-ins at the same moment, %s: never more than the limit', async (whenUserFull, left, statuses) => {
  const limits = { userSessions: 1 };
  await using all = await stage({ strategy: 'shared', store: new MeetingStore(3), limits, whenUserFull });
  const clients = [1, 2, 3].map(() => new Client(all.url));
  const answers = await Promise.all(clients.map((client) => client.get('/sign-in?value=ada')));
  expect(answers.map(({ status }) => status).sort()).toEqual(statuses);
  expect(await all.job('list?user=ada')).toHaveLength(left);
  const users = await Promise.all(clients.map(userOf));
  expect(users.filter(Boolean)).toHaveLength(left);
});

test('a session that gets another id after it was listed, and before it is ended, is over', async () => {
  await using all = await stage({ strategy: 'sticky', secret });
  const client = new Client(all.url);
  await client.get('/sign-in?value=ada');
  const first = client.id;
  all.balancer!.beforeStore = async (method, id) => {
    if (method === 'DELETE' && id === first) await client.get('/login?value=ada');
  };
  expect(await all.job('end?user=ada')).toBe(2);
  expect(client.id).not.toBe(first);
  expect([await userOf(client), await all.job('list?user=ada')]).toEqual([undefined, []]);
});

test('sticky: a sign-in is with the store before its answer, later changes go with theirs', async () => {
  await using all = await stage({ strategy: 'sticky', secret });
  const client = new Client(all.url);
  await client.get('/set?value=1');
  await client.get('/sign-in?value=ada');
  await client.get('/set?value=2');
  await client.get('/sign-out');
  expect(all.balancer?.log).toEqual(['put 1 v1', 'put-by-store 1 v2', 'put 1 v3', 'put-by-store 1 v4']);
});

test('sticky: a sign-in that the store cannot be told of is no success, with degrade either', async () => {
  await using all = await stage({ strategy: 'sticky', secret, whenStoreFails: 'degrade' });
  const { balancer } = all;
  const client = new Client(all.url);
  await client.get('/set?value=1');
  balancer!.storeFails = true;
  expect((await client.get('/sign-in?value=ada')).status).toBe(503);
  for (const path of ['list?user=ada', 'end?user=ada', `open?id=${client.id}`, `destroy?id=${client.id}`]) {
    expect(await all.job(path)).toEqual({ error: 'session-store' });
  }
  balancer!.storeFails = false;
  balancer!.storeAnswer = [501, { 'limpet-store': 'no-copies' }];
  await expect(all.app.listSessions('ada')).rejects.toThrow('(sessions.replication: none)');
  balancer!.storeAnswer = null;
  balancer!.isCut = true;
  await expect(all.app.all().next()).rejects.toThrow('listing all sessions was broken off');
  balancer!.storeAnswer = [200, {}];
  await expect(all.app.listSessions('ada')).rejects.toThrow('found something else than the store interface');
});

test('sticky: a copy that was lost is found again by its user with its next answer', async () => {
  await using all = await stage({ strategy: 'sticky', secret });
  const client = new Client(all.url);
  await client.get('/sign-in?value=ada');
  all.balancer!.restart();
  expect(await all.job('list?user=ada')).toEqual([]);
  expect(await userOf(client)).toBe('ada');
  expect(await all.job('list?user=ada')).toHaveLength(1);
});

test('sticky: before the first request of a balancer the error says what is missing', async () => {
  await using all = await stage({ strategy: 'sticky', secret });
  await expect(all.app.listSessions('ada')).rejects.toMatchObject({ code: 'no-balancer' });
  await expect(all.app.open('ab'.repeat(16))).rejects.toThrow('found no request of a balancer since this process');
});

test('stateless: what it cannot do, and what to do instead', async () => {
  const app = webSessions({ strategy: 'stateless', secret });
  const asked = [
    () => app.listSessions('ada'),
    () => app.destroySessions('ada'),
    () => app.destroy('ab'.repeat(16)),
    () => app.open('ab'.repeat(16)),
    () => app.all().next(),
  ];
  for (const ask of asked)
    await expect(ask()).rejects.toThrow(/expected another strategy, or the options user and minimumVersion/);
});

test('shared: a store that has no index says so', async () => {
  const store = Object.assign(new MapStore(), { ofUser: undefined as never });
  const app = sessions({ strategy: 'shared', store });
  await expect(app.listSessions('ada')).rejects.toThrow('the store has no ofUser()');
});

test.each([-1, 1.5, 1001, Number.NaN])('limits.userSessions: %d is refused', (userSessions) => {
  expect(() => sessions({ strategy: 'local', limits: { userSessions } })).toThrow(
    `limits.userSessions: found ${userSessions}, expected a whole number from 0 to 1000`,
  );
});
