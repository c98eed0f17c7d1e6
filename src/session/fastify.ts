/**
 * Fastify: `app.register(limpet, { strategy: 'sticky' })` gives `request.limpet`. In an app that has @fastify/session,
 * register it before, and hand that one `store: limpetStore(app)`.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { asError } from './error.ts';
// By another name: inside of the declaration below `Session` is what @fastify/session has added to Fastify.
import type { Exchange } from './exchange.ts';
import { DetachedStore, newStoreId } from './foreign/detached-store.ts';
import { FastifyContexts, type LimpetStore, storeFor } from './foreign/fastify-store.ts';
import { settle } from './foreign/foreign-id-store.ts';
import type { ForeignStore } from './foreign/foreign-store.ts';
import { NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
import type { Session as LimpetSession } from './session.ts';

export type { LimpetStore } from './foreign/fastify-store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of this request. */
    limpet: LimpetSession;
  }
}

/** The options, or sessions that were made before, to be shared with a WebSocket. */
export type LimpetPluginOptions = SessionOptions | { readonly sessions: NodeSessions };

interface Place {
  readonly contexts: FastifyContexts;
  readonly detached: DetachedStore;
  /** @fastify/session has a store here: it asks by ids, so requests have to be found by them. */
  hasStore: boolean;
}

const placesOf = new WeakMap<FastifyInstance, Place>();

/** Opens the session before the handler runs; an error of it goes the way of all errors of the app. */
export function limpet(app: FastifyInstance, options: LimpetPluginOptions, done: (error?: Error) => void): void {
  const sessions = 'sessions' in options ? options.sessions : new NodeSessions(options);
  const contexts = new FastifyContexts(sessions.options);
  const place: Place = { contexts, detached: new DetachedStore(sessions, 'fastify'), hasStore: false };
  placesOf.set(app, place);
  app.decorateRequest('limpet');
  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => {
    const begin = (exchange: Exchange) => {
      request.limpet = exchange.session;
      const gate = sessions.guard(request.raw, reply.raw);
      if (place.hasStore) contexts.enter(request.raw, reply.raw, exchange, gate, () => next());
      else next();
    };
    settle(
      () => sessions.openNow(request.raw, reply.raw),
      (error, exchange) => (exchange === undefined ? next(asError(error)) : begin(exchange)),
    );
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

export interface LimpetStoreOptions {
  /** The store that @fastify/session had before: its sessions are moved, each with the first request that brings its cookie. */
  readonly from?: ForeignStore;
}

/** A store for @fastify/session whose data lives in the Limpet session of the request. */
export function limpetStore(app: FastifyInstance, { from }: LimpetStoreOptions = {}): LimpetStore {
  const place = placesOf.get(app);
  if (place === undefined) throw new TypeError('limpetStore: found no limpet, expected it to be registered before');
  if (from !== undefined) place.contexts.requests.lookIn(from);
  place.hasStore = true;
  return storeFor(place.contexts, place.detached);
}

/**
 * For @fastify/session, so that its sessions can be found by their ids alone (`app.decryptSession` with a socket's request):
 *
 *     app.register(fastifySession, { secret, store: limpetStore(app), idGenerator: limpetId });
 */
export function limpetId(request?: object): string {
  const { limpet: session } = Object(request);
  const { id } = Object(session);
  return newStoreId(typeof id === 'string' ? id : undefined);
}
