/** Stores that were made for express-session as `store` of strategy shared: in PostgreSQL, in SQLite, and in memory. */
import { createRequire } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import connectPgSimple from 'connect-pg-simple';
import express from 'express';
import expressSession from 'express-session';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limpet, expressSession as ours } from '../../src/session/express.ts';
import { type ForeignStore, type NodeSessions, sessions, type Warning } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { PostgresServer } from '../support/postgres.ts';
import { findProgram, onContinuousIntegration } from '../support/programs.ts';
import { control, wait } from './support/acts.ts';
import { Client, type RunningApp, serve } from './support/client.ts';
import { sendNode } from './support/program.ts';

// It has no types.
const sqliteStore = createRequire(import.meta.url)('better-sqlite3-session-store');

interface Opened {
  /** Another one each time, as in another process. */
  readonly open: () => ForeignStore;
  /** The database goes away, and comes back. */
  readonly outage: ((meanwhile: () => Promise<void>) => Promise<void>) | null;
  /** Of its table. */
  readonly rows: () => Promise<number>;
  readonly expireAll: () => Promise<void>;
  readonly close: () => Promise<void>;
}

async function openPostgres(): Promise<Opened> {
  const server = await PostgresServer.start();
  const PgStore = connectPgSimple(expressSession);
  const pools: pg.Pool[] = [];
  const newPool = () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    // Connections that are broken while nobody uses them.
    pool.on('error', () => {});
    pools.push(pool);
    return pool;
  };
  const admin = newPool();
  const query = async (sql: string) => (await admin.query(sql)).rows;
  const open = () =>
    new PgStore({ pool: newPool(), createTableIfMissing: true, pruneSessionInterval: false, errorLog: () => {} });
  return {
    open,
    outage: async (meanwhile) => {
      await server.kill();
      await meanwhile();
      await server.start();
    },
    rows: async () => Number((await query('select count(*) from session'))[0]?.count),
    expireAll: async () => void (await query("update session set expire = now() - interval '1 hour'")),
    close: async () => {
      for (const pool of pools) await pool.end();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function openSqlite(): Promise<Opened> {
  const client = new DatabaseSync(':memory:');
  const SqliteStore = sqliteStore(expressSession);
  return {
    open: () => new SqliteStore({ client }),
    outage: null,
    rows: async () => Number(client.prepare('select count(*) as count from sessions').get()?.count),
    expireAll: async () => client.exec("update sessions set expire = '2001-01-01T00:00:00.000Z'"),
    close: async () => client.close(),
  };
}

/** With CI=true a missing program is a failure. */
const hasPostgres = findProgram('postgres') !== undefined || onContinuousIntegration();
const databases: [string, () => Promise<Opened>][] = [
  ['connect-pg-simple, PostgreSQL', openPostgres],
  ['better-sqlite3-session-store, SQLite', openSqlite],
];

describe.each(databases.slice(hasPostgres ? 0 : 1))('%s', (name, openDatabase) => {
  let database: Opened;
  const servers: RunningApp[] = [];
  const limpets: NodeSessions[] = [];
  const warnings: Warning[] = [];
  let signals = 0;

  const start = async (): Promise<void> => {
    const app = express();
    const shared = sessions({
      strategy: 'shared',
      store: database.open(),
      idle: 600,
      onError: () => {},
      onWarning: (warning) => warnings.push(warning),
    });
    limpets.push(shared);
    app.use(async (request, response, next) => {
      const reply = await control(new URL(request.url, 'http://app'));
      if (reply === null) next();
      else await sendNode(response, reply);
    });
    app.use('/core', limpet(shared));
    app.get('/core/info', ({ limpet: { survivesCrash, isNew } }, response) => response.json({ survivesCrash, isNew }));
    app.get('/core/set', async (request, response) => {
      request.limpet.set(String(request.query.name), request.query.value);
      response.send('set');
    });
    app.get('/core/count', async (request, response) => {
      await request.limpet.update((data) => void (data.count = Number(data.count ?? 0) + 1));
      response.send('counted');
    });
    app.get('/core/all', (request, response) => response.json(request.limpet.data));
    app.get('/core/logout', async (request, response) => {
      await request.limpet.destroy();
      response.send('out');
    });
    app.use(ours({ secret: 'a secret of this test', resave: false, saveUninitialized: false, limpet: shared }));
    app.get('/set', async (request, response) => {
      if (request.query.signal !== undefined) await wait(String(request.query.signal));
      request.session[String(request.query.name)] = request.query.value;
      response.send('set');
    });
    app.get('/all', (request, response) => {
      const { cookie: _cookie, ...data } = request.session;
      response.json(data);
    });
    app.get('/login', (request, response, next) => {
      request.session.regenerate((error) => {
        if (error) return next(error);
        request.session.user = 'ada';
        response.send('in');
      });
    });
    app.get('/logout', (request, response, next) => {
      request.session.destroy((error) => (error ? next(error) : response.send('out')));
    });
    servers.push(await serve(app));
  };

  beforeAll(async () => {
    database = await openDatabase();
    await start();
    await start();
  });
  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    for (const one of limpets) await one.close();
    await database?.close();
  });

  const at = (n: number) => `http://${host}:${servers[n]?.port}`;
  const begin = async (path = '/set?name=who&value=ada') => {
    const client = new Client(at(0));
    await client.get(path);
    return client;
  };
  const move = (client: Client, n = 1) => {
    const moved = new Client(at(n));
    for (const [key, value] of client.jar) moved.jar.set(key, value);
    return moved;
  };
  const all = async (client: Client, path = '/all'): Promise<unknown> => JSON.parse((await client.get(path)).body);
  /** A request at a server that has read its session, and goes on when it is told. */
  const hold = async (client: Client, what: string, n = 0) => {
    const signal = `foreign-${++signals}-${name.slice(0, 9)}`;
    const answer = move(client, n).get(`/set?name=${what}&value=1&signal=${signal}`);
    await fetch(`${at(n)}/arrived?signal=${signal}`);
    return async () => {
      await fetch(`${at(n)}/fire?signal=${signal}`);
      return answer;
    };
  };

  test('it says what it cannot promise, once', async () => {
    await begin();
    await begin();
    expect(warnings.filter(({ code }) => code === 'store-without-fencing')).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(
      /^store: (PGStore|SqliteStore) is a store of express-session, and those cannot compare and set/,
    );
    expect(await all(await begin('/core/set?name=a&value=1'), '/core/info')).toEqual({
      survivesCrash: true,
      isNew: false,
    });
  });

  test('both servers see a session, its changes, its new id and its end', async () => {
    const client = await begin();
    const other = move(client);
    expect(await all(other)).toEqual({ who: 'ada' });
    await other.get('/set?name=more&value=1');
    expect(await all(client)).toEqual({ who: 'ada', more: '1' });
    expect((await client.get('/login')).body).toBe('in');
    expect(await all(move(client))).toEqual({ user: 'ada' });
    expect(await all(other)).toEqual({});
    const last = client.twin();
    expect((await client.get('/logout')).body).toBe('out');
    expect(await all(move(last))).toEqual({});
  });

  test('twenty requests that set different names all keep them, on two servers one after the other', async () => {
    const client = await begin();
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
    const held = await Promise.all(names.map((name, n) => hold(client, name, n % 2)));
    for (const goOn of held) expect((await goOn()).status).toBe(200);
    expect(await all(client)).toEqual({ who: 'ada', ...Object.fromEntries(names.map((name) => [name, '1'])) });
  });

  test('within one server also at once, and updates are not lost', async () => {
    const client = await begin();
    const held = await Promise.all(Array.from({ length: 10 }, (_, n) => hold(client, `n${n}`)));
    for (const { status } of await Promise.all(held.map((goOn) => goOn()))) expect(status).toBe(200);
    expect(Object.keys((await all(client)) as object)).toHaveLength(11);
    const counter = await begin('/core/count');
    await Promise.all(Array.from({ length: 9 }, () => counter.twin().get('/core/count')));
    expect(await all(counter, '/core/all')).toEqual({ count: 10 });
  });

  test('a request in flight at another server does not undo a logout', async () => {
    const client = await begin();
    const goOn = await hold(client, 'back', 1);
    const old = client.twin();
    await client.get('/logout');
    expect((await goOn()).status).toBe(503);
    expect(await all(old)).toEqual({});
    const core = await begin('/core/set?name=a&value=1');
    const before = await database.rows();
    const twin = core.twin();
    await core.get('/core/logout');
    expect(await database.rows()).toBe(before - 1);
    expect(await all(twin, '/core/all')).toEqual({});
  });

  test('and as the store that an app comes from: its session is moved, within the same table', async () => {
    const store = database.open();
    const options = { secret: 'a secret of this test', resave: false, saveUninitialized: false };
    const appOf = (session: express.RequestHandler) => {
      const app = express();
      app.use(session);
      app.get('/set', (request, response) => response.send(Object.assign(request.session, request.query) && 'set'));
      app.get('/all', (request, response) => response.json({ who: request.session.who ?? null }));
      return app;
    };
    const original = expressSession({ ...options, store: store as expressSession.Store });
    await using before = await serve(appOf(original));
    const limpetSessions = sessions({ strategy: 'shared', store, onWarning: () => {} });
    await using after = await serve(
      appOf(ours({ ...options, from: store, limpet: limpetSessions }) as express.RequestHandler),
    );
    const client = new Client(`http://${host}:${before.port}`);
    await client.get('/set?who=ada');
    const moved = new Client(`http://${host}:${after.port}`);
    for (const [name, value] of client.jar) moved.jar.set(name, value);
    expect(await all(moved)).toEqual({ who: 'ada' });
    await database.expireAll();
    // What has been moved is all that is left: and it has expired, too.
    expect(await all(moved)).toEqual({ who: null });
  });

  test('it expires in the store', async () => {
    const client = await begin();
    await database.expireAll();
    expect(await all(client)).toEqual({});
  });

  test('while the database is away nothing is a success, and it goes on afterwards', async () => {
    const client = await begin();
    await database.outage?.(async () => {
      expect((await client.get('/all')).status).toBe(503);
      expect((await new Client(at(1)).get('/set?name=a&value=1')).status).toBe(503);
    });
    await client.get('/set?name=more&value=1');
    expect(await all(move(client))).toEqual({ who: 'ada', more: '1' });
  });
});

test('express-session’s own MemoryStore: survivesCrash is false, and the warning says why', async () => {
  const warnings: string[] = [];
  const store = new expressSession.MemoryStore();
  await using app = await serve(
    sessions({ strategy: 'shared', store, onWarning: ({ message }) => warnings.push(message) }).handle(
      (_request, response, session) => {
        session.set('a', 1);
        response.end(String(session.survivesCrash));
      },
    ),
  );
  expect((await new Client(`http://${host}:${app.port}`).get('/')).body).toBe('false');
  expect(warnings).toEqual([expect.stringMatching(/MemoryStore.*Its sessions end with this process$/)]);
});
