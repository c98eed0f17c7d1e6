/** The store that express-session gets from us, where things go wrong: it tells its callbacks, and never throws. */
import express, { type Request, type Response } from 'express';
import { expect, test } from 'vitest';
import { expressSession } from '../../src/session/express.ts';
import { type SessionOptions, sessions } from '../../src/session/index.ts';
import { type Found, type Put, type PutResult, type SessionKey, StoreError } from '../../src/store/store.ts';
import { host } from '../support/host.ts';
import { Client, serve } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

type Act = (request: Request, response: Response) => unknown;

/** An app whose requests do what `acts` say, by path; `told` has what callbacks were told. */
async function run(options: SessionOptions, acts: Record<string, Act>) {
  const errors: Error[] = [];
  const limpet = sessions({ onError: (error) => errors.push(error), ...options });
  const app = express();
  app.use(expressSession({ secret: 'a secret of this test', resave: false, saveUninitialized: false, limpet }));
  app.use((request, response) => acts[request.path]?.(request, response));
  const server = await serve(app);
  return {
    errors,
    client: new Client(`http://${host}:${server.port}`),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await limpet.close();
    },
  };
}

const set: Act = (request, response) => {
  request.session.value = request.query.value;
  response.send('set');
};
const all: Act = (request, response) => response.json(request.session?.value ?? null);

test.each([
  ['null', null],
  ['an array', [1]],
  ['nothing under its id', {}],
  ['null under its id', null, null],
  ['{} under its id', {}, {}],
  ['null as cookie', {}, { cookie: null, value: 'old' }],
])('what is kept is %s: the session begins anew', async (_what, ids, under = undefined as unknown) => {
  await using app = await run(
    { strategy: 'local' },
    {
      '/set': set,
      '/all': all,
      '/damage': (request, response) => {
        request.limpet.set('express', under === undefined ? ids : { [request.sessionID]: under });
        // express-session itself has nothing to keep.
        Object.assign(request, { session: undefined });
        response.send('damaged');
      },
    },
  );
  await app.client.get('/set?value=1');
  await app.client.get('/damage');
  expect(await app.client.get('/all')).toMatchObject({ status: 200, body: 'null' });
  await app.client.get('/set?value=2');
  expect((await app.client.get('/all')).body).toBe('"2"');
  expect(app.errors).toEqual([]);
});

test.each([
  ['a BigInt', () => 1n],
  ['a cycle', (session: object) => session],
  ['a getter that throws', () => Object.defineProperty({}, 'x', { enumerable: true, get: () => fail('thrown') })],
])('%s in the session is a named 500, and leaves nothing behind', async (_what, made) => {
  const bad: Act = (request, response) => {
    request.session.value = made(request.session);
    // Each of these would hang on express-session: writing the head, and answering the error of it.
    if (request.query.by === 'head') response.writeHead(200).end('head');
    else response.send('sent');
  };
  await using app = await run({ strategy: 'local' }, { '/set': set, '/all': all, '/bad': bad });
  await app.client.get('/set?value=1');
  for (const by of ['send', 'head']) {
    const { status, headers } = await app.client.get(`/bad?by=${by}`);
    expect([status, headers.get('limpet-reason')]).toEqual([500, 'not-serialisable']);
    expect((await app.client.get('/all')).body).toBe('"1"');
  }
});

function fail(message: string): never {
  throw new Error(message);
}

test('disconnect of the store: requests go on without a session, until it connects', async () => {
  let store: Request['sessionStore'] | undefined;
  await using app = await run(
    { strategy: 'local' },
    {
      '/set': set,
      '/all': all,
      '/disconnect': (request, response) => {
        store = request.sessionStore;
        response.send(String(store.emit('disconnect')));
      },
      '/stream': (request, response) => {
        response.write(`${request.session} `);
        setImmediate(() => response.end('last'));
      },
    },
  );
  await app.client.get('/set?value=1');
  expect((await app.client.get('/disconnect')).body).toBe('true');
  expect((await app.client.get('/all')).body).toBe('null');
  expect((await app.client.get('/stream')).body).toBe('undefined last');
  store?.emit('connect');
  expect((await app.client.get('/all')).body).toBe('"1"');
  expect(app.errors).toEqual([]);
});

test.each(['local', 'shared'] as const)('ending the response twice counts once: %s', async (strategy) => {
  const later = (go: () => void) => void setImmediate(go);
  await using app = await run(strategy === 'local' ? { strategy } : { strategy, store: new MapStore() }, {
    '/all': all,
    '/end': (request, response) => {
      request.session.value = 'end';
      response.end('once');
      response.end('twice');
    },
    '/later': (request, response) => {
      request.session.value = 'later';
      response.end('once');
      later(() => later(() => response.end('twice')));
    },
    '/stream': (request, response) => {
      response.write('on');
      request.session.value = 'stream';
      response.end('ce');
      response.end('twice');
      later(() => response.end());
    },
  });
  // A change after the head needs a session that is there.
  for (const path of ['end', 'later', 'stream']) {
    expect(await app.client.get(`/${path}`)).toMatchObject({ status: 200, body: 'once' });
    expect((await app.client.get('/all')).body).toBe(`"${path}"`);
  }
  expect(app.errors).toEqual([]);
});

/** Answers what the test says in place of what it has. */
class BrokenStore extends MapStore {
  answer: (() => Promise<unknown>) | null = null;

  override read(key: SessionKey): Promise<Found> {
    return this.answer === null ? super.read(key) : (this.answer() as Promise<Found>);
  }

  override put(key: SessionKey, put: Put): Promise<PutResult> {
    return this.answer === null ? super.put(key, put) : (this.answer() as Promise<PutResult>);
  }
}

test.each([null, {}, undefined, 'a text'])('a store of the app that answers %j is an error by name', async (answer) => {
  const store = new BrokenStore();
  await using app = await run({ strategy: 'shared', store }, { '/set': set, '/all': all });
  await app.client.get('/set?value=1');
  store.answer = async () => answer;
  // Reading and writing: with a cookie and without.
  expect((await app.client.get('/all')).status).toBe(503);
  app.client.jar.clear();
  expect((await app.client.get('/set?value=2')).headers.get('limpet-reason')).toBe('session-store');
});

test('a store that fails is told to each callback; whoever does not listen answers no success', async () => {
  const store = new BrokenStore();
  const told: string[] = [];
  const failing = (work: (request: Request, done: (error?: unknown) => void) => void): Act => {
    return (request, response) => {
      store.answer = () => Promise.reject(new StoreError('unavailable', 'away'));
      request.session.value = 'changed';
      work(request, (error) => {
        told.push(error instanceof Error ? error.message : 'kept');
        store.answer = null;
        response.send('success');
      });
    };
  };
  await using app = await run(
    { strategy: 'shared', store },
    {
      '/set': set,
      '/all': all,
      '/save': failing((request, done) => request.session.save(done)),
      '/destroy': failing((request, done) => request.session.destroy(done)),
      '/regenerate': failing((request, done) => request.session.regenerate(done)),
      '/reload': failing((request, done) => request.session.reload(done)),
      '/again': failing((request, done) => {
        request.session.save(() => {
          store.answer = null;
          request.session.save(done);
        });
      }),
    },
  );
  const send = async (path: string) => (await app.client.get(path)).status;
  expect(await send('/set?value=1')).toBe(200);
  expect(await send('/save')).toBe(503);
  expect(await send('/destroy')).toBe(503);
  expect(await send('/regenerate')).toBe(503);
  expect(await send('/reload')).toBe(200);
  expect(told.splice(0)).toEqual(Array.from({ length: 4 }, () => 'the store failed: away'));
  expect(await send('/again')).toBe(200);
  expect(told).toEqual(['kept']);
  expect((await app.client.get('/all')).body).toBe('"changed"');
});
