/** Hono: `app.use(limpet({ strategy: 'sticky' }))` gives `context.var.limpet`, on Bun, on Node and wherever Hono runs. */
import type { MiddlewareHandler } from 'hono';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { incomingOf, WebSessions } from './web.ts';

export interface LimpetEnv {
  Variables: { limpet: Session };
}

/** An app with an error handler of its own gets the errors of opening a session there, with `status` and `code`. */
export function limpet(options: SessionOptions | WebSessions): MiddlewareHandler<LimpetEnv> {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return async (context, next) => {
    const exchange = await app.exchange(incomingOf(context.req.raw), true);
    context.set('limpet', exchange.session);
    try {
      await next();
    } catch (error) {
      // Nothing that Hono makes an answer of: only what is no Error comes out here.
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
    // Set to nothing first: Hono would add the headers of the one before, cookies twice.
    context.res = undefined;
    context.res = response;
  };
}
