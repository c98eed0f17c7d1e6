/** Events of an app's sessions: who is told of what, and when. */
import { describe, expect, test } from 'vitest';
import { type InternalSessionOptions, internalOptions } from '../../src/session/filled-options.ts';
import {
  type Session,
  type SessionEventName,
  type SessionOptions,
  sessions,
  webSessions,
} from '../../src/session/index.ts';
import type { Sessions } from '../../src/session/sessions.ts';
import { systemClock } from '../../src/time/clock.ts';
import { HandTime } from '../support/hand-time.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

const names: readonly SessionEventName[] = ['created', 'moved', 'renewed', 'destroyed', 'expired'];

/** All that an app tells, as `name reason`, and with the value of its data. */
function listen(app: Pick<Sessions, 'on'>) {
  const told: string[] = [];
  const ids: string[] = [];
  let wait = Promise.withResolvers<void>();
  for (const name of names) {
    app.on(name, ({ id, reason, data }) => {
      told.push(`${name} ${reason} ${data.value}`);
      ids.push(id);
      wait.resolve();
    });
  }
  const until = async (count: number) => {
    while (told.length < count) {
      await wait.promise;
      wait = Promise.withResolvers();
    }
    return told;
  };
  return { told, ids, until };
}

const secret = 'a secret for these tests only';
const set = (session: Session) => void session.set('value', 1);

/** One client of an app that is called without a server. */
function start(options: InternalSessionOptions) {
  const app = webSessions({ onError: () => {}, ...options });
  let cookie = '';
  const ask = async (work: (session: Session) => unknown): Promise<number> => {
    const handle = app.handle(async (_request, session) => {
      await work(session);
      return new Response('done');
    });
    const response = await handle(new Request('http://app/', { headers: { cookie } }));
    for (const line of response.headers.getSetCookie()) cookie = line.split(';', 1)[0] ?? '';
    await response.text();
    return response.status;
  };
  return { app, ask, ...listen(app) };
}

const kinds: Record<string, SessionOptions> = {
  local: { strategy: 'local' },
  shared: { strategy: 'shared', store: new MapStore() },
  stateless: { strategy: 'stateless', secret },
};

describe.each(Object.entries(kinds))('%s', (name, options) => {
  test('a life: it begins with its first change, gets another id, and is ended', async () => {
    const { ask, told, ids } = start(options);
    await ask(() => {});
    expect(told).toEqual([]);
    await ask(set);
    await ask(set);
    expect(told).toEqual(['created new 1']);
    await ask((session) => session.regenerate());
    await ask((session) => session.destroy());
    const renewed = name === 'stateless' ? [] : ['renewed regenerated 1'];
    expect(told).toEqual(['created new 1', ...renewed, 'destroyed destroyed 1']);
    if (name !== 'stateless') {
      expect(ids[1]).not.toBe(ids[0]);
      expect(ids[2]).toBe(ids[1]);
    }
  });

  test('what fails has not happened, but for an end', async () => {
    const { ask, told } = start(options);
    const failing = (work: (session: Session) => unknown) =>
      ask(async (session) => {
        await work(session);
        throw new Error('as it was asked');
      });
    expect(await failing(set)).toBe(500);
    expect(told).toEqual([]);
    await ask(set);
    await failing((session) => session.regenerate());
    expect(told).toEqual(['created new 1']);
    await failing((session) => session.destroy());
    // A token is there until its client has been told.
    const ended = name === 'stateless' ? [] : ['destroyed destroyed 1'];
    expect(told).toEqual(['created new 1', ...ended]);
  });

  test('an end by id, by user, and by the limit of a user', async () => {
    if (name === 'stateless') return;
    const own = name === 'shared' ? { store: new MapStore() } : {};
    const { app, told, ids } = start({ ...options, ...own, limits: { userSessions: 1 } });
    /** Of another client each time. */
    const signIn = async (value: number) => {
      const session = await app.open(new Request('http://app/'));
      session.set('value', value);
      session.user = 'ada';
      await session.save();
      return session.id;
    };
    const first = await signIn(1);
    const second = await signIn(2);
    expect(told.slice(0, 3)).toEqual(['created new 1', 'destroyed limit 1', 'created new 2']);
    expect(ids[1]).toBe(first);
    await app.destroy(second);
    await app.destroy(second);
    expect(told.slice(3)).toEqual(['destroyed by-id 2']);
    await signIn(3);
    expect(await app.destroySessions('ada')).toBe(1);
    expect(told.slice(4)).toEqual(['created new 3', 'destroyed by-user 3']);
  });

  test('without a response it is told when it is saved', async () => {
    if (name === 'stateless') return;
    const { app, told } = start(options);
    const session = await app.open(new Request('http://app/'));
    session.set('value', 2);
    expect(told).toEqual([]);
    await session.save();
    await session.save();
    expect(told).toEqual(['created new 2']);
  });
});

test('local: idle is told without any request, and once', async () => {
  const time = new HandTime();
  const { app, ask, told } = start({ strategy: 'local', idle: '20m', clock: time, timers: time });
  await ask(set);
  time.advance(19 * 60_000);
  await ask(() => {});
  time.advance(19 * 60_000);
  expect(told).toEqual(['created new 1']);
  time.advance(5 * 60_000);
  expect(told).toEqual(['created new 1', 'expired idle 1']);
  await ask(() => {});
  time.advance(3_600_000);
  expect(told).toHaveLength(2);
  expect(time.pending).toBe(1);
  await app.close();
  expect(time.pending).toBe(0);
});

test.each(['local', 'shared'] as const)('%s: too old is told when somebody asks for it', async (strategy) => {
  const time = new HandTime();
  const store = strategy === 'shared' ? { store: new MapStore() } : {};
  const { ask, told } = start({ strategy, ...store, absolute: '15m', clock: time, timers: new HandTime() });
  await ask(set);
  time.advance(14 * 60_000);
  await ask(() => {});
  time.advance(2 * 60_000);
  await ask(() => {});
  expect(told).toEqual(['created new 1', 'expired absolute 1']);
});

test('local: the memory is full', async () => {
  const options = { strategy: 'local', limits: { sessions: 1 } } as const;
  const app = webSessions(options);
  const { told } = listen(app);
  const handle = app.handle((_request, session) => {
    session.set('value', told.length);
    return new Response(null);
  });
  for (let n = 0; n < 2; n++) await handle(new Request('http://app/'));
  expect(told).toEqual(['created new 0', 'expired memory 0', 'created new 1']);
});

test('what a listener throws, at once or later, goes to onError, and the request goes on', async () => {
  const errors: string[] = [];
  const later = Promise.withResolvers<void>();
  const onError = ({ message }: Error) => {
    errors.push(message);
    if (errors.length === 2) later.resolve();
  };
  const { app, ask } = start({ strategy: 'local', onError });
  app.on('created', () => {
    throw new Error('at once');
  });
  app.on('created', async () => Promise.reject(new Error('later')));
  const off = () => {
    throw new Error('not any more');
  };
  app.on('created', off).off('created', off);
  expect(await ask(set)).toBe(200);
  await later.promise;
  expect(errors).toEqual(['at once', 'later']);
  const wrong = 'end' as 'destroyed';
  expect(() => app.on(wrong, () => {})).toThrow('found "end", expected created, moved, renewed, destroyed, expired');
});

test('sticky: each process tells of its own, the new owner of a move, the former one when it lets go', async () => {
  let offset = 0;
  const clock = { ...bound(systemClock), now: () => systemClock.now() + offset };
  const timers = [new HandTime(), new HandTime()] as const;
  const apps = timers.map((one) => {
    const app = sessions(internalOptions({ strategy: 'sticky', idle: '20m', clock, timers: one, onError: () => {} }));
    const handle = app.handle(async (request, response, session) => {
      if (request.url === '/set') session.set('value', 1);
      if (request.url === '/renew') await session.regenerate();
      if (request.url === '/end') await session.destroy();
      response.end('done');
    });
    return { app, handle, ...listen(app) };
  });
  const servers = await Promise.all(apps.map(({ handle }) => serve(handle)));
  const [first, second] = apps;
  await using balancer = await TestBalancer.start({ servers: servers.map(({ port }) => port) });
  const client = new Client(balancer.url);
  await client.get('/set');
  expect(await first?.until(1)).toEqual(['created new 1']);
  balancer.claim(client.id, servers[1]?.port ?? 0, 'rebind');
  await client.get('/');
  await client.get('/');
  expect(second?.told).toEqual(['moved rebind 1']);
  await client.get('/renew');
  expect(await second?.until(2)).toEqual(['moved rebind 1', 'renewed regenerated 1']);
  offset = 21 * 60_000;
  timers[0].advance(60_000);
  expect(first?.told).toEqual(['created new 1', 'expired idle 1']);
  offset = 0;
  await client.get('/end');
  expect(second?.told).toEqual(['moved rebind 1', 'renewed regenerated 1', 'destroyed destroyed 1']);
  for (const server of servers) await server[Symbol.asyncDispose]();
  for (const { app } of apps) await app.close();
});

function bound(clock: typeof systemClock): typeof systemClock {
  return { now: () => clock.now(), wall: () => clock.wall(), monotonic: () => clock.monotonic() };
}
