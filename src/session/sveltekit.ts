/**
 * SvelteKit: `export const handle = limpet({ strategy: 'sticky' })` in `src/hooks.server.ts` gives `event.locals.limpet`; with
 * other hooks `sequence(limpet(...), others)`, first. In `src/app.d.ts`:
 *
 *     declare global { namespace App { interface Locals { limpet: import('limpet/session').Session } } }
 */

import type { Exchange, Lines } from './exchange.ts';
import type { SessionOptions } from './options.ts';
import { WebSessions, withLines } from './web.ts';

/** What SvelteKit hands `handle`, as far as it matters here. */
export interface RequestEvent {
  readonly request: Request;
  readonly locals: object;
  /** The browser asks for data of a page, not for the page. */
  readonly isDataRequest: boolean;
}

export type Handle = <Event extends RequestEvent>(input: {
  event: Event;
  resolve(event: Event): Response | Promise<Response>;
}) => Promise<Response>;

/** Opens the session of each request. What other hooks throw by `redirect` and `error` is an answer as well: what was changed before is kept. */
export function limpet(options: SessionOptions | WebSessions): Handle {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return async ({ event, resolve }) => {
    /** What was thrown; null: nothing. */
    let thrown: unknown = null;
    /** The same, once it is known that SvelteKit may make the answer of it. */
    let passed: unknown = null;
    const work = async (exchange: Exchange): Promise<Response> => {
      Object.assign(event.locals, { limpet: exchange.session });
      try {
        return await resolve(event);
      } catch (error) {
        const { status, location } = Object(error);
        if (error instanceof Error || !(status >= 300 && status < 500)) throw error;
        thrown = error;
        if (typeof location === 'string') return new Response(null, { status, headers: { location } });
        // A page of an error, which SvelteKit alone can make.
        await app.finishApart(exchange);
        return new Response(null, { status });
      }
    };
    const join = (response: Response, lines: Lines): Response => {
      if (lines.length > 0) return withLines(whole(response, event.isDataRequest), lines);
      passed = thrown;
      return response;
    };
    const response = await app.within(event.request, work, join);
    if (passed !== null) throw passed;
    return response;
  };
}

/**
 * SvelteKit makes another response of two, and leaves out headers that it does not know: of one with an ETag that the browser
 * has, and of a redirect of a request for data. So the first has none, and the second is what SvelteKit would have made of it.
 */
function whole(response: Response, isDataRequest: boolean): Response {
  const { status, statusText, body } = response;
  const headers = new Headers(response.headers);
  headers.delete('etag');
  const location = headers.get('location');
  if (!isDataRequest || location === null || status < 300 || status > 308) {
    return new Response(body, { status, statusText, headers });
  }
  for (const name of ['location', 'content-length', 'content-type']) headers.delete(name);
  return Response.json({ type: 'redirect', location }, { headers });
}
