/** An app of @fastify/session, whose store is the Limpet session of the request; in the test's own process. */
import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import cookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { limpet, limpetStore } from '../../../../src/session/fastify.ts';
import type { SessionOptions } from '../../../../src/session/index.ts';
import { host } from '../../../support/host.ts';
import { control, wait } from '../acts.ts';

declare module 'fastify' {
  interface Session {
    [name: string]: unknown;
  }
}

export interface FastifyApp extends AsyncDisposable {
  readonly port: number;
}

type Asked = FastifyRequest<{ Querystring: Record<string, string>; Params: Record<string, string> }>;

/** Calls back as a native module does: from a queue that was made before any request. */
const queue: (() => void)[] = [];
const { port1, port2 } = new MessageChannel();
port2.on('message', () => queue.shift()?.());
port2.unref();
const native = (done: () => void) => {
  queue.push(done);
  port1.postMessage(null);
};
/** Calls back as a pool of connections may: within whatever request has just freed one. */
const pool = new EventEmitter();
const ways: Record<string, (request: Asked, go: () => void) => void> = {
  native: (_request, go) => native(go),
  pool: (request, go) => void pool.once(request.query.signal ?? '', go),
};
const acts: Record<string, (request: Asked, done: (error?: unknown) => void) => void> = {
  set(request, done) {
    request.session.set(request.query.name ?? 'value', request.query.value);
    done();
  },
  save(request, done) {
    request.session.set(request.query.name ?? 'value', request.query.value);
    request.session.save((error) => native(() => done(error)));
  },
  login(request, done) {
    request.session.regenerate((error) =>
      native(() => {
        request.session.set('user', request.query.value);
        done(error);
      }),
    );
  },
  reload(request, done) {
    request.session.set('value', 'not saved');
    request.session.reload((error) => native(() => done(error)));
  },
  destroy: (request, done) => request.session.destroy((error) => native(() => done(error))),
};

export async function startFastify(options: SessionOptions, more: object = {}): Promise<FastifyApp> {
  const app = fastify();
  const holdIf = ({ query }: Asked) => (query.signal === undefined ? undefined : wait(query.signal));
  const dataOf = (request: Asked): object => {
    const { cookie: _cookie, ...data } = JSON.parse(JSON.stringify(request.session));
    return data;
  };
  app.addHook('onRequest', async (request, reply) => {
    const found = await control(new URL(request.url, 'http://app'));
    if (found !== null) return reply.send(found.body);
  });
  await app.register(cookie);
  await app.register(limpet, { onError: () => {}, ...options });
  // Those of apps lose the context as well.
  app.addHook('onRequest', (_request, _reply, next) => native(() => next()));
  await app.register(fastifySession, {
    secret: 'a secret of this test that is long enough',
    saveUninitialized: false,
    cookie: { secure: false },
    ...more,
    store: limpetStore(app),
  });
  app.get('/by/:way/:act', (request: Asked, reply: FastifyReply) => {
    const { way = '', act = '' } = request.params;
    const done = (error: unknown) => void reply.send(error instanceof Error ? error : act);
    ways[way]?.(request, () => acts[act]?.(request, done));
  });
  app.get('/emit', async (request: Asked) => {
    pool.emit(request.query.signal ?? '');
    return 'emitted';
  });
  app.get('/all', async (request: Asked) => dataOf(request));
  app.get('/set', async (request: Asked) => {
    request.session.set(request.query.name ?? 'value', request.query.value);
    return 'set';
  });
  app.get('/hold', async (request: Asked) => {
    await holdIf(request);
    request.session.set(request.query.name ?? 'value', request.query.value);
    return 'held';
  });
  app.get('/hold-read', async (request: Asked) => {
    await holdIf(request);
    return 'read';
  });
  app.get('/login', async (request: Asked) => {
    await request.session.regenerate(['value', 'before']);
    await holdIf(request);
    request.session.set('user', request.query.value);
    return 'in';
  });
  app.get('/logout', async (request: Asked) => {
    await request.session.destroy();
    return 'out';
  });
  app.get('/save', async (request: Asked) => {
    request.session.set(request.query.name ?? 'value', request.query.value);
    await request.session.save();
    await holdIf(request);
    return 'saved';
  });
  /** What `save` came to. */
  const told: string[] = [];
  app.get('/told', async () => told.splice(0));
  app.get('/hold-save', async (request: Asked) => {
    await holdIf(request);
    request.session.set(request.query.name ?? 'value', request.query.value);
    try {
      await request.session.save();
      told.push('kept');
    } catch (error) {
      told.push(error instanceof Error ? error.message : '');
      throw error;
    }
    return 'saved';
  });
  app.get('/reload', async (request: Asked) => {
    await holdIf(request);
    request.session.set('value', 'not saved');
    await request.session.reload();
    return dataOf(request);
  });
  await app.listen({ host, port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { port, [Symbol.asyncDispose]: () => app.close() };
}
