/**
 * Hono: `app.use(limpet({ strategy: 'sticky' }))` gives `context.var.limpet`, on Bun, on Node and wherever Hono runs.
 *
 * @module limpet/hono
 */
import type { MiddlewareHandler } from 'hono';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { describeRequest, WebSessions } from './web.ts';

/**
 * The type of the variables that `limpet` sets.
 *
 * @example
 * const app = new Hono<LimpetEnv>();
 */
export interface LimpetEnv {
  /** What `context.var` has. */
  Variables: {
    /** The session of the request. */
    limpet: Session;
  };
}

/**
 * Opens the session of each request as `context.var.limpet`. SessionErrors of opening it go to the error handler of the app, with
 * `status` and `code`.
 *
 * @param options The options, or sessions that were made before (`webSessions(options)`).
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * const app = new Hono<LimpetEnv>().use(limpet({ strategy: 'sticky' }));
 * app.get('/', (context) => context.json(context.var.limpet.data));
 */
export function limpet(options: SessionOptions | WebSessions): MiddlewareHandler<LimpetEnv> {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return async (context, next) => {
    const exchange = await app.exchange(describeRequest(context.req.raw), true);
    context.set('limpet', exchange.session);
    try {
      await next();
    } catch (error) {
      // Hono makes a response of every Error: only a thrown value that is none comes here.
      exchange.fail();
      exchange.close(false);
      throw error;
    }
    let response: Response;
    try {
      response = await app.finish(exchange, context.res);
    } catch (error) {
      exchange.fail();
      exchange.close(false);
      response = app.refuse(error);
    }
    // Set to undefined first: Hono would add the headers of the response before, cookies twice.
    context.res = undefined;
    context.res = response;
  };
}
