/**
 * Next.js, route handlers of its App Router. They run on Node (`runtime = 'nodejs'`, the default).
 *
 * ```ts
 * // lib/session.ts
 * export const withSession = limpet({ strategy: 'sticky' });
 * // app/cart/[id]/route.ts
 * export const POST = withSession<{ id: string }>(async (request, { limpet, params }) => {
 *   limpet.set('item', (await params).id);
 *   return Response.json(limpet.data);
 * });
 * ```
 *
 * @module limpet/next
 */
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { WebSessions } from './web.ts';

/** The second argument of a route handler of Next. */
export interface RouteContext<Params = unknown> {
  /** The dynamic segments of the route. */
  readonly params: Promise<Params>;
}

/** A route handler that gets the session of the request as `limpet`, beside what Next gives it. */
export type RouteHandler<Params, Asked extends Request> = (
  request: Asked,
  context: RouteContext<Params> & { readonly limpet: Session },
) => Response | Promise<Response>;

/** Makes a route handler of Next of one that gets the session. */
export type WithSession = <Params = unknown, Asked extends Request = Request>(
  handler: RouteHandler<Params, Asked>,
) => (request: Asked, context: RouteContext<Params>) => Promise<Response>;

/**
 * Gives route handlers the session of the request. They may throw `redirect()`, `notFound()` and their like as usual: what was changed
 * before is stored. When the session cannot be opened or stored, the response has status 403, 500 or 503.
 *
 * @param options The options, or sessions that were made before (`webSessions(options)`).
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * export const withSession = limpet({ strategy: 'sticky' });
 * export const GET = withSession(async (request, { limpet }) => Response.json(limpet.data));
 */
export function limpet(options: SessionOptions | WebSessions): WithSession {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return (handler) => (request, context) =>
    app.within(request, async ({ session }) => {
      try {
        return await handler(request, { ...context, limpet: session });
      } catch (error) {
        const response = responseOf(error);
        if (response === null) throw error;
        return response;
      }
    });
}

/**
 * The response that Next would make of what its functions throw, without the session's header lines; null: of anything
 * else. `digest` is `NEXT_REDIRECT;replace;<url>;307;`, or `NEXT_HTTP_ERROR_FALLBACK;404`.
 */
function responseOf(thrown: unknown): Response | null {
  const { digest } = Object(thrown);
  const [kind, ...parts] = typeof digest === 'string' ? digest.split(';') : [];
  if (kind === 'NEXT_HTTP_ERROR_FALLBACK') return emptyResponse(parts[0]);
  // A URL may have semicolons.
  if (kind === 'NEXT_REDIRECT') return emptyResponse(parts.at(-2), { location: parts.slice(1, -2).join(';') });
  return null;
}

function emptyResponse(status: string | undefined, headers: Record<string, string> = {}): Response | null {
  return /^[34]\d\d$/.test(status ?? '') ? new Response(null, { status: Number(status), headers }) : null;
}
