/**
 * Fastify: `app.register(limpet, { strategy: 'sticky' })` gives `request.limpet`. In an app that has @fastify/session,
 * register it before that, and give @fastify/session `store: limpetStore(app)`.
 *
 * @module limpet/fastify
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { asError } from './error.ts';
import type { Exchange } from './exchange.ts';
import { callBack } from './foreign/callback.ts';
import { DetachedStore, newStoreId } from './foreign/detached-store.ts';
import { FastifyContexts, type LimpetStore, storeFor } from './foreign/fastify-store.ts';
import type { ForeignStore } from './foreign/foreign-store.ts';
import { NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
// By another name: inside of the declaration below `Session` is what @fastify/session has added to Fastify.
import type { Session as LimpetSession } from './session.ts';

export type { LimpetStore } from './foreign/fastify-store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of this request, once `limpet` is registered. */
    limpet: LimpetSession;
  }
}

/** The options, or sessions that were made before (`sessions(options)`), to be shared with a WebSocket server. */
export type LimpetPluginOptions =
  | SessionOptions
  | {
      /** Sessions that were made before. */
      readonly sessions: NodeSessions;
    };

/** What belongs to one app. */
interface PluginState {
  readonly contexts: FastifyContexts;
  readonly detached: DetachedStore;
  /** @fastify/session has a store of ours: it calls it with ids, so requests have to be found by them. */
  hasStore: boolean;
}

const stateOf = new WeakMap<FastifyInstance, PluginState>();

/**
 * The plugin: opens the session of each request as `request.limpet` before the handler runs. SessionErrors go the way of all errors of the
 * app, with `statusCode` and `code`.
 *
 * @param app The app, which `register` gives.
 * @param options Only `strategy` is required.
 * @param done Called when the plugin is ready; `register` gives it.
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * app.register(limpet, { strategy: 'sticky' });
 * app.get('/', async (request) => request.limpet.data);
 */
export function limpet(app: FastifyInstance, options: LimpetPluginOptions, done: (error?: Error) => void): void {
  const sessions = 'sessions' in options ? options.sessions : new NodeSessions(options);
  const contexts = new FastifyContexts(sessions.options);
  const state: PluginState = { contexts, detached: new DetachedStore(sessions, 'fastify'), hasStore: false };
  stateOf.set(app, state);
  app.decorateRequest('limpet');
  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => {
    const begin = (exchange: Exchange) => {
      request.limpet = exchange.session;
      const gate = sessions.gateOf(request.raw, reply.raw);
      if (state.hasStore) contexts.enter(request.raw, reply.raw, exchange, gate, () => next());
      else next();
    };
    callBack(
      () => sessions.openNow(request.raw, reply.raw),
      (error, exchange) => (exchange === undefined ? next(asError(error)) : begin(exchange)),
    );
  });
  app.addHook('onClose', () => sessions.close());
  done();
}

// What a plugin adds is visible only inside it, unless it says that it is for the whole app (what fastify-plugin does).
Object.assign(limpet, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'limpet',
  [Symbol.for('plugin-meta')]: { name: 'limpet', fastify: '5.x' },
});

/** Options of `limpetStore`. */
export interface LimpetStoreOptions {
  /** The store that @fastify/session had before: its sessions are migrated, each with the first request that has its cookie. */
  readonly from?: ForeignStore;
}

/**
 * A store for @fastify/session whose data lives in the Limpet session of the request.
 *
 * @param app The app in which `limpet` was registered before.
 * @param options Where the sessions were before. Default: nowhere.
 * @throws TypeError when `limpet` is not registered, and when `from` is no store.
 * @example
 * app.register(fastifySession, { secret, store: limpetStore(app), idGenerator: limpetId });
 */
export function limpetStore(app: FastifyInstance, options: LimpetStoreOptions = {}): LimpetStore {
  const state = stateOf.get(app);
  if (state === undefined) throw new TypeError('limpetStore: found no limpet, expected it to be registered before');
  const { from } = options;
  if (from !== undefined) state.contexts.ids.migrateFrom(from);
  state.hasStore = true;
  return storeFor(state.contexts, state.detached);
}

/**
 * The `idGenerator` for @fastify/session: with it sessions can be found by their ids alone (`app.decryptSession` with a socket's request).
 *
 * @param request The request of the new session, which @fastify/session gives.
 * @returns an id that begins with that of the Limpet session.
 * @example
 * app.register(fastifySession, { secret, store: limpetStore(app), idGenerator: limpetId });
 */
export function limpetId(request?: object): string {
  const { limpet: session } = Object(request);
  const { id } = Object(session);
  return newStoreId(typeof id === 'string' ? id : undefined);
}
