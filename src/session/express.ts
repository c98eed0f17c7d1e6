/**
 * Express: `limpet(options)` is a middleware that gives `request.limpet`; `expressSession(options)` replaces express-session in an app
 * that has it, by one changed line:
 *
 * ```ts
 * import { expressSession as session } from 'limpet/express';   // was: import session from 'express-session'
 * ```
 *
 * @module limpet/express
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { asError, SessionError } from './error.ts';
import type { Exchange } from './exchange.ts';
import { DetachedStore, newStoreId } from './foreign/detached-store.ts';
import { type ExpressSessionStore, type ExpressStore, type StoreBase, storeOf } from './foreign/express-store.ts';
import { ForeignIdStore } from './foreign/foreign-id-store.ts';
import type { ForeignStore } from './foreign/foreign-store.ts';
import type { RequestContext } from './foreign/request-context.ts';
import { isResponse, NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';

export type { ExpressSessionStore } from './foreign/express-store.ts';

declare global {
  namespace Express {
    interface Request {
      /** The session of this request, once `limpet(options)` has run. */
      limpet: Session;
    }
  }
}

/** A middleware of Express, or of anything else that calls middlewares of Connect. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Opens the session of each request as `request.limpet`. SessionErrors go to `next`, with `status` and `code`.
 *
 * @param options The options, or sessions that were made before (`sessions(options)`), to be shared with a WebSocket server.
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * app.use(limpet({ strategy: 'sticky' }));
 * app.get('/', (request, response) => response.send(request.limpet.data));
 */
export function limpet(options: SessionOptions | NodeSessions): ExpressMiddleware {
  const app = options instanceof NodeSessions ? options : new NodeSessions(options);
  return (request, response, next) => {
    withExchange(app, request, response, next, (exchange) => {
      Object.assign(request, { limpet: exchange.session });
      next();
    });
  };
}

/** The cookie options of express-session, with its meaning and defaults. */
export interface ExpressCookieOptions {
  /** Lifetime in milliseconds; null: the cookie ends with the browser. Default null. */
  readonly maxAge?: number | null;
  /** The end of its lifetime, in place of `maxAge`. */
  readonly expires?: Date | null;
  /** Default `/`. */
  readonly path?: string;
  /** Default: the host of the request alone. */
  readonly domain?: string;
  /** False lets scripts of a page read the cookie. Default true. */
  readonly httpOnly?: boolean;
  /** `auto`: when the request came by TLS. Default false. */
  readonly secure?: boolean | 'auto';
  /** true is `strict`; `auto`: `none` by TLS, else `lax`. Default: the attribute is not set. */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto';
  /** Default false. */
  readonly partitioned?: boolean;
  /** Default: the attribute is not set. */
  readonly priority?: 'low' | 'medium' | 'high';
  /** Not used by express-session: its cookie is always signed. */
  readonly signed?: boolean;
  /** Encodes the value. Default `encodeURIComponent`. */
  encode?(value: string): string;
}

/**
 * The options of express-session, except its `store`, and two of Limpet's. Declared here, so that an app without the types of
 * express-session compiles.
 */
export interface ExpressSessionOptions {
  /** Signs the cookie; of several the first one signs, and all are accepted. */
  readonly secret: string | readonly string[];
  /** Name of the cookie. Default `connect.sid`. */
  readonly name?: string;
  /** Saves sessions that have not changed as well. Default true; without effect here. */
  readonly resave?: boolean;
  /** Saves new sessions that nothing was written to. Default true. */
  readonly saveUninitialized?: boolean;
  /** Sends the cookie with every response. Default false. */
  readonly rolling?: boolean;
  /** Trusts X-Forwarded-Proto. Default: the setting `trust proxy` of Express. */
  readonly proxy?: boolean;
  /** What happens when `request.session` is deleted. Default `keep`. */
  readonly unset?: 'destroy' | 'keep';
  /** The cookie, for all requests or as a function of each. */
  readonly cookie?: ExpressCookieOptions | ((request: IncomingMessage) => ExpressCookieOptions);
  // A method, so that a function of Express's own Request is assignable.
  /** Makes the id of a new session. Default: one by which the session can be found apart from its requests. */
  genid?(request: IncomingMessage): string;
  /** The store that the app had before: its sessions are migrated, each with the first request that has its cookie. */
  readonly from?: ForeignStore;
  /** Options of the Limpet session that holds the data, or sessions that were made before. Default: strategy `sticky`. */
  readonly limpet?: SessionOptions | NodeSessions;
}

/** What `expressSession` returns. */
export type ExpressSessionMiddleware = ExpressMiddleware & {
  /** Uses sessions apart from their requests: `store.get(id, callback)`. */
  readonly store: ExpressSessionStore;
};

/** The package, as far as it is used here. */
type ExpressSession = ((options: object) => unknown) & { readonly Store: StoreBase };

/**
 * express-session with its documented behaviour, whose data lives in the Limpet session of the request. Its own cookie
 * stays as it is; it has no `store` option. Needs the package express-session.
 *
 * @param options Those of express-session, except `store`, with `from` and `limpet` beside them.
 * @throws TypeError for a `store`, and for options of Limpet that are not valid. Error when express-session is not installed.
 * @example
 * app.use(expressSession({ secret: 'keyboard cat', resave: false, saveUninitialized: false }));
 */
export function expressSession(options: ExpressSessionOptions): ExpressSessionMiddleware {
  const { limpet: given = { strategy: 'sticky' }, from, ...rest } = options;
  if ('store' in rest) {
    const instead = "limpet: { strategy: 'shared', store } to go on in it, or from: store to move its sessions";
    throw new TypeError(`store: found one, expected none: the data lives in the Limpet session; ${instead}`);
  }
  const app = given instanceof NodeSessions ? given : new NodeSessions(given);
  const createMiddleware: ExpressSession = createRequire(import.meta.url)('express-session');
  const { cookie } = options;
  const hasMaxAge = typeof cookie === 'function' || cookie?.maxAge !== undefined || cookie?.expires !== undefined;
  const contexts = new ForeignIdStore(app.options, 'express', hasMaxAge);
  if (from !== undefined) contexts.migrateFrom(from);
  const store = storeOf(createMiddleware.Store, contexts, new DetachedStore(app, 'express'));
  // An id that begins with that of the Limpet session can be found by itself.
  const genid = (request: IncomingMessage) => newStoreId(contexts.contextOf(request)?.session.id);
  const inner: unknown = createMiddleware({ genid, ...rest, store });
  if (!isMiddleware(inner)) throw new TypeError('express-session: found something else than a middleware');
  // The default of express-session, by which the session of every visitor is saved.
  const { saveUninitialized = true } = options;
  const middleware: ExpressMiddleware = (request, response, next) => {
    withExchange(app, request, response, next, (exchange) => {
      Object.assign(request, { limpet: exchange.session });
      let firstId: unknown;
      const begin = () => {
        const gate = isResponse(response) ? app.gateOf(request, response) : null;
        const beforeHead = (context: RequestContext) =>
          contexts.writeBeforeHead(context, (id) => saveUninitialized || id !== firstId);
        return contexts.begin(request, exchange, { gate, headersSent: response.headersSent, beforeHead });
      };
      const context = contexts.contextOf(request) ?? begin();
      store.during(context, () =>
        inner(request, response, (error) => {
          firstId = context.request.sessionID;
          // A request without a session has none: one of another path, or while the store is away.
          if ('sessionStore' in request) Object.assign(request, { sessionStore: store.boundTo(context) });
          if (context.gate !== null) wrapEnd(response, context, store);
          store.during(null, () => next(error));
        }),
      );
    });
  };
  return Object.assign(middleware, { store });
}

/**
 * express-session has replaced `end` by its own, which saves. It throws each time when JSON cannot encode the session, also when the app
 * answers with an error because of that: the client would wait for ever.
 */
function wrapEnd(response: ServerResponse, context: RequestContext, store: ExpressStore): void {
  const { end } = response;
  response.end = (...args: unknown[]) =>
    store.whileEnding(context, () => {
      if (context.writeError !== undefined) context.gate?.refuse(context.writeError);
      try {
        return Reflect.apply(end, response, args);
      } catch (error) {
        // Errors of Node, for arguments that it does not take, have a code.
        if ('code' in Object(error)) throw error;
        context.gate?.refuse(cannotBeEncoded(error));
        return response;
      }
    });
}

function cannotBeEncoded(thrown: unknown): SessionError {
  return new SessionError('not-serialisable', `request.session cannot be written: ${asError(thrown).message}`, {
    cause: thrown,
  });
}

function isMiddleware(value: unknown): value is ExpressMiddleware {
  return typeof value === 'function';
}

/** Calls `use` at once where the session is in memory, so that the middleware costs no turn of the event loop then. */
function withExchange(
  app: NodeSessions,
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
  use: (exchange: Exchange) => void,
): void {
  let exchange: Exchange | Promise<Exchange>;
  try {
    exchange = app.openNow(request, response);
  } catch (error) {
    next(error);
    return;
  }
  // What `use` throws (a `genid` of the app that throws) is an error of this request, as it is where nothing is awaited.
  if (exchange instanceof Promise) exchange.then(use).catch(next);
  else use(exchange);
}
