/** Behaviours of @fastify/session: the app of a story, on the library's own store and on ours. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import cookie from '@fastify/cookie';
import fastifySession, { type FastifySessionOptions } from '@fastify/session';
import fastify, { type FastifyReply, type FastifyRequest, type FastifyServerOptions } from 'fastify';
import { limpetStore, limpet as plugin } from '../../../../src/session/fastify.ts';
import { type Behaviour, type Faults, type Stage, secret, type Tools } from './behaviour.ts';

export type FastifyOptions = Partial<FastifySessionOptions>;
export type Asked = FastifyRequest<{ Querystring: Record<string, string> }>;
export type FastifyAct = (request: Asked, reply: FastifyReply, tools: Pick<Tools, 'note'>) => unknown;

interface App {
  readonly options: FastifyOptions | (() => FastifyOptions);
  readonly acts: Readonly<Record<string, FastifyAct>>;
  readonly settings: FastifyServerOptions;
}

export function fastifyBehaviour(name: string, what: Partial<App>, play: Behaviour['play']): Behaviour {
  const app: App = { options: {}, acts: {}, settings: {}, ...what };
  const { secret: given = secret } = optionsOf(app);
  const secrets = typeof given === 'string' ? [given] : Array.isArray(given) ? given.map(String) : [secret];
  return { name: `@fastify/session: ${name}`, secrets, listen: (stage) => listenerOf(app, stage), play };
}

function optionsOf({ options }: App): FastifyOptions {
  return typeof options === 'function' ? options() : options;
}

async function listenerOf(told: App, { limpet, transcript, faults }: Stage): Promise<RequestListener> {
  const app = fastify(told.settings);
  const note = (...values: unknown[]) => transcript.note(...values);
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    note('error', error);
    return reply.status(error.statusCode ?? 500).send('an error');
  });
  await app.register(cookie);
  if (limpet !== null) await app.register(plugin, { sessions: limpet });
  const store = limpet === null ? new OwnStore(faults) : limpetStore(app);
  const options = { secret, saveUninitialized: false, cookie: { secure: false }, ...optionsOf(told) };
  await app.register(fastifySession, { ...options, store });
  for (const [path, act] of Object.entries({ ...usual, ...told.acts })) {
    app.all(path, (request, reply) => {
      transcript.learn(request.session?.sessionId);
      return act(request as Asked, reply, { note });
    });
  }
  await app.ready();
  return (request: IncomingMessage, response: ServerResponse) => app.routing(request, response);
}

const away = () => new Error('the store is away');

/** Its own store, which can fail, and writes sessions down as every store but its own one does. */
class OwnStore {
  private readonly faults: Faults;
  private readonly kept = new Map<string, string>();

  constructor(faults: Faults) {
    this.faults = faults;
  }

  get(id: string, done: (error: unknown, found?: never) => void): void {
    if (this.faults.current === 'get') done(away());
    else done(null, JSON.parse(this.kept.get(id) ?? 'null') as never);
  }

  set(id: string, session: object, done: (error?: unknown) => void): void {
    if (this.faults.current !== 'set') this.kept.set(id, JSON.stringify(session));
    done(this.faults.current === 'set' ? away() : undefined);
  }

  destroy(id: string, done: (error?: unknown) => void): void {
    if (this.faults.current !== 'destroy') this.kept.delete(id);
    done(this.faults.current === 'destroy' ? away() : undefined);
  }
}

export function dataIn(request: Asked): unknown {
  if (!request.session) return null;
  const { cookie: _cookie, ...data } = JSON.parse(JSON.stringify(request.session));
  return data;
}

const usual: Readonly<Record<string, FastifyAct>> = {
  '/all': (request, reply) => reply.send(JSON.stringify(dataIn(request))),
  '/set': (request, reply) => {
    for (const [name, value] of Object.entries(request.query)) request.session.set(name, value);
    return reply.send('set');
  },
  '/destroy': async (request) => {
    await request.session.destroy();
    return 'destroyed';
  },
  '/regenerate': async (request, _reply, { note }) => {
    const before = request.session.sessionId;
    await request.session.regenerate();
    note('another id', before !== request.session.sessionId, dataIn(request));
    return 'regenerated';
  },
};
