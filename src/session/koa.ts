/**
 * Koa: `app.use(limpet({ strategy: 'sticky' }))` gives `context.limpet`.
 *
 *     app.use(limpet({ strategy: 'sticky' }));
 *     app.use((context) => void (context.body = context.limpet.data));
 */
import type { Middleware } from 'koa';
import { NodeSessions } from './node.ts';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';

declare module 'koa' {
  interface ExtendableContext {
    /** The session of this request, once `limpet(options)` has run. */
    limpet: Session;
  }
}

/** Opens the session of each request; what is wrong with it is thrown, as an error with `status` and `code`. */
export function limpet(options: SessionOptions | NodeSessions): Middleware {
  const app = options instanceof NodeSessions ? options : new NodeSessions(options);
  return async (context, next) => {
    context.limpet = await app.open(context.req, context.res);
    await next();
  };
}
