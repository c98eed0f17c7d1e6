/**
 * Express: `limpet(options)` is a middleware that gives `request.limpet`; `expressSession(options)` stands in for
 * express-session in an app that has it, by one changed line:
 *
 *     import { expressSession as session } from 'limpet/express';   // was: import session from 'express-session'
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type session from 'express-session';
import { RequestContext, storeOf } from './express-store.ts';
import { NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
import type { Exchange, Session } from './session.ts';

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

export interface ExpressSessionOptions extends Omit<session.SessionOptions, 'store'> {
  /** Of the Limpet session that holds the data. Default: strategy sticky. */
  readonly limpet?: SessionOptions | NodeSessions;
}

/**
 * express-session with its documented behaviour, whose data lives in the Limpet session of the request. Its own cookie
 * stays as it is; there is no store to name. Needs the package express-session.
 */
export function expressSession(options: ExpressSessionOptions): ExpressMiddleware {
  const { limpet: given = { strategy: 'sticky' }, ...rest } = options;
  if ('store' in rest) throw new TypeError('store: found one, expected none: the data lives in the Limpet session');
  const app = given instanceof NodeSessions ? given : new NodeSessions(given);
  const expressSessionOf: typeof session = createRequire(import.meta.url)('express-session');
  const context = new RequestContext(app.options);
  const inner: unknown = expressSessionOf({ ...rest, store: storeOf(expressSessionOf.Store, context) });
  if (!isMiddleware(inner)) throw new TypeError('express-session: found something else than a middleware');
  return (request, response, next) => {
    opened(app, request, response, next, (exchange) => {
      Object.assign(request, { limpet: exchange.session });
      context.run(request, exchange.session, app.guard(request, response), () => inner(request, response, next));
    });
  };
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
  if (exchange instanceof Promise) exchange.then(then, next);
  else then(exchange);
}
