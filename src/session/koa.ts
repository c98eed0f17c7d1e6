/**
 * Koa: `app.use(limpet({ strategy: 'sticky' }))` gives `context.limpet`.
 *
 * ```ts
 * app.use(limpet({ strategy: 'sticky' }));
 * app.use((context) => void (context.body = context.limpet.data));
 * ```
 *
 * @module limpet/koa
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

/**
 * Opens the session of each request as `context.limpet`. SessionErrors are thrown, with `status` and `code`.
 *
 * @param options The options, or sessions that were made before (`sessions(options)`), to be shared with a WebSocket server.
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * app.use(limpet({ strategy: 'sticky' }));
 */
export function limpet(options: SessionOptions | NodeSessions): Middleware {
  const app = options instanceof NodeSessions ? options : new NodeSessions(options);
  return async (context, next) => {
    context.limpet = await app.open(context.req, context.res);
    await next();
  };
}
