/**
 * h3, and Nitro 3 on it: `app.use(limpet({ strategy: 'sticky' }))` gives `event.context.limpet`. In Nitro it is a middleware of
 * its own, `server/middleware/limpet.ts`:
 *
 *     export default limpet({ strategy: 'sticky' });
 */
import { type Middleware, toResponse } from 'h3';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { WebSessions } from './web.ts';

declare module 'h3' {
  interface H3EventContext {
    /** The session of this request, once `limpet(options)` has run. */
    limpet: Session;
  }
}

/** What h3 goes on with when a handler for Node has sent the response by itself. */
const handled = Symbol.for('h3.handled');

/**
 * What handlers behind it answer, or throw, becomes the response here, by `onError` of the app's config as well: an answer
 * of 401 keeps its change. So middlewares that look at results and errors belong behind it.
 */
export function limpet(options: SessionOptions | WebSessions): Middleware {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return (event, next) =>
    app.within(event.req, async (exchange) => {
      event.context.limpet = exchange.session;
      // `onResponse` is called by h3 itself, once, with what this gives back.
      const config = { ...event.app?.config, onResponse: undefined };
      const answer = (async () => next())();
      const isHandled = await answer.then(
        (value) => value === handled,
        (error) => error === handled,
      );
      if (isHandled) await app.finishApart(exchange);
      return toResponse(answer, event, config);
    });
}
