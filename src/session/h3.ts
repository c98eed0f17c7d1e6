/**
 * h3, and Nitro 3 on it: `app.use(limpet({ strategy: 'sticky' }))` gives `event.context.limpet`. In Nitro it is a middleware of
 * its own, `server/middleware/limpet.ts`:
 *
 * ```ts
 * export default limpet({ strategy: 'sticky' });
 * ```
 *
 * @module limpet/h3
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

/** The value by which h3 knows that a handler for Node has sent the response itself. */
const handled = Symbol.for('h3.handled');

/**
 * Opens the session of each request as `event.context.limpet`. What the handlers behind it return or throw becomes the response here, also
 * by `onError` of the app's config: a response of 401 keeps its changes. So middlewares that look at results and errors belong behind it.
 *
 * @param options The options, or sessions that were made before (`webSessions(options)`).
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * const app = new H3().use(limpet({ strategy: 'sticky' })).get('/', (event) => event.context.limpet.data);
 */
export function limpet(options: SessionOptions | WebSessions): Middleware {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return (event, next) =>
    app.within(event.req, async (exchange) => {
      event.context.limpet = exchange.session;
      // h3 calls `onResponse` itself, once, with what is returned here.
      const config = { ...event.app?.config, onResponse: undefined };
      const result = (async () => next())();
      const isHandled = await result.then(
        (value) => value === handled,
        (error) => error === handled,
      );
      if (isHandled) await app.finishWithoutHead(exchange);
      return toResponse(result, event, config);
    });
}
