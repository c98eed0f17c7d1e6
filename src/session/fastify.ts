/**
 * Fastify: `app.register(limpet, { strategy: 'sticky' })` gives `request.limpet`. In an app that has @fastify/session,
 * register it before, and hand that one `store: limpetStore(app)`.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { type Plain, RequestContext } from './by-id.ts';
import { asError } from './error.ts';
import { NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
// By another name: inside of the declaration below `Session` is what @fastify/session has added to Fastify.
import type { Session as LimpetSession } from './session.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of this request. */
    limpet: LimpetSession;
  }
}

/** The options, or sessions that were made before, to be shared with a WebSocket. */
export type LimpetPluginOptions = SessionOptions | { readonly sessions: NodeSessions };

const contexts = new WeakMap<FastifyInstance, RequestContext>();

/** Opens the session before the handler runs; an error of it goes the way of all errors of the app. */
export function limpet(app: FastifyInstance, options: LimpetPluginOptions, done: (error?: Error) => void): void {
  const sessions = 'sessions' in options ? options.sessions : new NodeSessions(options);
  const context = new RequestContext(sessions.options, 'fastify');
  contexts.set(app, context);
  app.decorateRequest('limpet');
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    request.limpet = await sessions.open(request.raw, reply.raw);
  });
  // With a callback: only so does what is asked within the request know it.
  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => {
    context.run(request.raw, request.limpet, sessions.guard(request.raw, reply.raw), () => next());
  });
  app.addHook('onClose', () => sessions.close());
  done();
}

// Fastify keeps what a plugin adds to itself unless it is told that the plugin is for all (what fastify-plugin does).
Object.assign(limpet, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'limpet',
  [Symbol.for('plugin-meta')]: { name: 'limpet', fastify: '5.x' },
});

type Done = (error?: unknown) => void;

/** What @fastify/session asks of a store. */
export interface LimpetStore {
  get(id: string, done: (error: unknown, found?: Plain & { cookie: { originalMaxAge: number | null } }) => void): void;
  set(id: string, value: object, done: Done): void;
  destroy(id: string, done: Done): void;
}

/** A store for @fastify/session whose data lives in the Limpet session of the request. */
export function limpetStore(app: FastifyInstance): LimpetStore {
  const context = contexts.get(app);
  if (context === undefined) throw new TypeError('limpetStore: found no limpet, expected it to be registered before');
  const attempt = (work: () => void, done: Done) => {
    try {
      work();
    } catch (error) {
      done(asError(error));
      return;
    }
    done();
  };
  return {
    get(id, done) {
      try {
        const found = context.read(id);
        if (found !== null && hasCookie(found)) done(null, found);
        else done(null);
      } catch (error) {
        done(error);
      }
    },
    set: (id, value, done) => attempt(() => context.write(context.current, id, value), done),
    destroy: (id, done) => attempt(() => context.destroy(id), done),
  };
}

function hasCookie(found: Plain): found is Plain & { cookie: { originalMaxAge: number | null } } {
  return typeof found.cookie === 'object' && found.cookie !== null;
}
