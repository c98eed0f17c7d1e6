/**
 * Next.js, route handlers of its App Router. They run on Node (`runtime = 'nodejs'`, the default).
 *
 *     // lib/session.ts
 *     export const withSession = limpet({ strategy: 'sticky' });
 *     // app/cart/[id]/route.ts
 *     export const POST = withSession<{ id: string }>(async (request, { limpet, params }) => {
 *       limpet.set('item', (await params).id);
 *       return Response.json(limpet.data);
 *     });
 */
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { WebSessions } from './web.ts';

/** What Next hands a route handler as second argument. */
export interface RouteContext<Params = unknown> {
  readonly params: Promise<Params>;
}

export type RouteHandler<Params, Asked extends Request> = (
  request: Asked,
  context: RouteContext<Params> & { readonly limpet: Session },
) => Response | Promise<Response>;

export type WithSession = <Params = unknown, Asked extends Request = Request>(
  handler: RouteHandler<Params, Asked>,
) => (request: Asked, context: RouteContext<Params>) => Promise<Response>;

/** Gives route handlers their session. `redirect()`, `notFound()` and their like may be thrown as usual: what was changed before is kept. */
export function limpet(options: SessionOptions | WebSessions): WithSession {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return (handler) => (request, context) =>
    app.within(request, async ({ session }) => {
      try {
        return await handler(request, { ...context, limpet: session });
      } catch (error) {
        const answer = answerOf(error);
        if (answer === null) throw error;
        return answer;
      }
    });
}

/**
 * The response that Next makes of what its functions throw, which would have no lines of the session; null: of something
 * else. `digest` is `NEXT_REDIRECT;replace;<url>;307;`, or `NEXT_HTTP_ERROR_FALLBACK;404`.
 */
function answerOf(thrown: unknown): Response | null {
  const { digest } = Object(thrown);
  const [kind, ...parts] = typeof digest === 'string' ? digest.split(';') : [];
  if (kind === 'NEXT_HTTP_ERROR_FALLBACK') return responseOf(parts[0]);
  // A URL may have semicolons.
  if (kind === 'NEXT_REDIRECT') return responseOf(parts.at(-2), { location: parts.slice(1, -2).join(';') });
  return null;
}

function responseOf(status: string | undefined, headers: Record<string, string> = {}): Response | null {
  return /^[34]\d\d$/.test(status ?? '') ? new Response(null, { status: Number(status), headers }) : null;
}
