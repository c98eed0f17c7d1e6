/**
 * Express: `limpet(options)` is a middleware that gives `request.limpet`; `expressSession(options)` stands in for
 * express-session in an app that has it, by one changed line:
 *
 *     import { expressSession as session } from 'limpet/express';   // was: import session from 'express-session'
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { asError, SessionError } from './error.ts';
import type { Exchange } from './exchange.ts';
import { DetachedStore, newStoreId } from './foreign/detached-store.ts';
import { type ExpressStore, type StoreBase, storeOf } from './foreign/express-store.ts';
import { type Context, RequestContexts } from './foreign/foreign-id-store.ts';
import type { ForeignStore } from './foreign/foreign-store.ts';
import { isResponse, NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';

declare global {
  namespace Express {
    interface Request {
      /** The session of this request, once `limpet(options)` has run. */
      limpet: Session;
    }
  }
}

type Next = (error?: unknown) => void;
export type ExpressMiddleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

/** Opens the session of each request; what is wrong with it goes to `next`. */
export function limpet(options: SessionOptions | NodeSessions): ExpressMiddleware {
  const app = options instanceof NodeSessions ? options : new NodeSessions(options);
  return (request, response, next) => {
    opened(app, request, response, next, (exchange) => {
      Object.assign(request, { limpet: exchange.session });
      next();
    });
  };
}

/** The cookie options of express-session. */
export interface ExpressCookieOptions {
  readonly maxAge?: number | null;
  readonly expires?: Date | null;
  readonly path?: string;
  readonly domain?: string;
  readonly httpOnly?: boolean;
  readonly secure?: boolean | 'auto';
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto';
  readonly partitioned?: boolean;
  readonly priority?: 'low' | 'medium' | 'high';
  readonly signed?: boolean;
  encode?(value: string): string;
}

/** Those of express-session, but for its store; declared here, so that an app without its types compiles. */
export interface ExpressSessionOptions {
  readonly secret: string | readonly string[];
  readonly name?: string;
  readonly resave?: boolean;
  readonly saveUninitialized?: boolean;
  readonly rolling?: boolean;
  readonly proxy?: boolean;
  readonly unset?: 'destroy' | 'keep';
  readonly cookie?: ExpressCookieOptions | ((request: IncomingMessage) => ExpressCookieOptions);
  // A method, so that a function of Express's own Request is one too.
  genid?(request: IncomingMessage): string;
  /** The store that the app had before: its sessions are moved, each with the first request that brings its cookie. */
  readonly from?: ForeignStore;
  /** Of the Limpet session that holds the data. Default: strategy sticky. */
  readonly limpet?: SessionOptions | NodeSessions;
}

/** The middleware, and its store: by `store.get(id, callback)` and the others sessions are used apart from their requests. */
export type ExpressSessionMiddleware = ExpressMiddleware & {
  readonly store: Pick<ExpressStore, 'get' | 'set' | 'touch' | 'destroy' | 'all' | 'length' | 'clear'>;
};

/** The package, as far as it matters here. */
type ExpressSession = ((options: object) => unknown) & { readonly Store: StoreBase };

/**
 * express-session with its documented behaviour, whose data lives in the Limpet session of the request. Its own cookie
 * stays as it is; there is no store to name. Needs the package express-session.
 */
export function expressSession(options: ExpressSessionOptions): ExpressSessionMiddleware {
  const { limpet: given = { strategy: 'sticky' }, from, ...rest } = options;
  if ('store' in rest) {
    const instead = "limpet: { strategy: 'shared', store } to go on in it, or from: store to move its sessions";
    throw new TypeError(`store: found one, expected none: the data lives in the Limpet session; ${instead}`);
  }
  const app = given instanceof NodeSessions ? given : new NodeSessions(given);
  const expressSessionOf: ExpressSession = createRequire(import.meta.url)('express-session');
  const { cookie } = options;
  const hasMaxAge = typeof cookie === 'function' || cookie?.maxAge !== undefined || cookie?.expires !== undefined;
  const contexts = new RequestContexts(app.options, 'express', hasMaxAge);
  if (from !== undefined) contexts.lookIn(from);
  const store = storeOf(expressSessionOf.Store, contexts, new DetachedStore(app, 'express'));
  // So that a session can be found by its id alone.
  const genid = (request: IncomingMessage) => newStoreId(contexts.of(request)?.session.id);
  const inner: unknown = expressSessionOf({ genid, ...rest, store });
  if (!isMiddleware(inner)) throw new TypeError('express-session: found something else than a middleware');
  // Its default, and with it every visitor's session is saved.
  const { saveUninitialized = true } = options;
  const middleware: ExpressMiddleware = (request, response, next) => {
    opened(app, request, response, next, (exchange) => {
      Object.assign(request, { limpet: exchange.session });
      let firstId: unknown;
      const begin = () => {
        const gate = isResponse(response) ? app.guard(request, response) : null;
        const beforeHead = (of: Context) => contexts.takeEarly(of, (id) => saveUninitialized || id !== firstId);
        return contexts.begin(request, exchange, { gate, headersSent: response.headersSent, beforeHead });
      };
      const context = contexts.of(request) ?? begin();
      store.during(context, () =>
        inner(request, response, (error) => {
          firstId = context.request.sessionID;
          // It is not there for a request without a session: of another path, or while the store is away.
          if ('sessionStore' in request) Object.assign(request, { sessionStore: store.boundTo(context) });
          if (context.gate !== null) watchEnd(response, context, store);
          store.during(null, () => next(error));
        }),
      );
    });
  };
  return Object.assign(middleware, { store });
}

/**
 * express-session has put its own `end` there, in which it saves. What JSON cannot write makes it throw there each time, also when
 * the app answers that it has failed: the client would wait for ever.
 */
function watchEnd(response: ServerResponse, context: Context, store: ExpressStore): void {
  const { end } = response;
  response.end = (...args: unknown[]) =>
    store.whileEnding(context, () => {
      if (context.lost !== undefined) context.gate?.refuse(context.lost);
      try {
        return Reflect.apply(end, response, args);
      } catch (error) {
        // Node's own, for arguments that are none, have a code.
        if ('code' in Object(error)) throw error;
        context.gate?.refuse(unwritable(error));
        return response;
      }
    });
}

function unwritable(thrown: unknown): SessionError {
  return new SessionError('not-serialisable', `request.session cannot be written: ${asError(thrown).message}`, {
    cause: thrown,
  });
}

function isMiddleware(value: unknown): value is ExpressMiddleware {
  return typeof value === 'function';
}

/** At once where the session is at hand, so that a middleware costs no turn of the loop then. */
function opened(
  app: NodeSessions,
  request: IncomingMessage,
  response: ServerResponse,
  next: Next,
  then: (exchange: Exchange) => void,
): void {
  let exchange: Exchange | Promise<Exchange>;
  try {
    exchange = app.openNow(request, response);
  } catch (error) {
    next(error);
    return;
  }
  // What `then` throws (a `genid` of the app that does) is an error of this request, as it is where nothing is awaited.
  if (exchange instanceof Promise) exchange.then(then).catch(next);
  else then(exchange);
}
