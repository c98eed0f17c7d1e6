/**
 * SvelteKit: `export const handle = limpet({ strategy: 'sticky' })` in `src/hooks.server.ts` gives `event.locals.limpet`; with
 * other hooks `sequence(limpet(...), others)`, first. In `src/app.d.ts`:
 *
 * ```ts
 * declare global { namespace App { interface Locals { limpet: import('limpet/session').Session } } }
 * ```
 *
 * @module limpet/sveltekit
 */
import type { Exchange, HeaderLines } from './exchange.ts';
import type { SessionOptions } from './options.ts';
import { WebSessions, withLines } from './web.ts';

/** The event that SvelteKit gives to `handle`, as far as it is used here. */
export interface RequestEvent {
  /** The request. */
  readonly request: Request;
  /** Gets `limpet`, the session of the request. */
  readonly locals: object;
  /** The browser asks for the data of a page, not for the page. */
  readonly isDataRequest: boolean;
}

/** A `handle` hook of SvelteKit. */
export type Handle = <Event extends RequestEvent>(input: {
  event: Event;
  resolve(event: Event): Response | Promise<Response>;
}) => Promise<Response>;

/**
 * Opens the session of each request as `event.locals.limpet`. What other hooks throw by `redirect` and `error` is a response as well: what
 * was changed before is stored. When the session cannot be opened or stored, the response has status 403, 500 or 503.
 *
 * @param options The options, or sessions that were made before (`webSessions(options)`).
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * export const handle = limpet({ strategy: 'sticky' });
 */
export function limpet(options: SessionOptions | WebSessions): Handle {
  const app = options instanceof WebSessions ? options : new WebSessions(options);
  return async ({ event, resolve }) => {
    /** What was thrown by `redirect` or `error`; null: nothing. */
    let thrown: unknown = null;
    /** The same, once it is known that SvelteKit may make the response of it. */
    let rethrown: unknown = null;
    const work = async (exchange: Exchange): Promise<Response> => {
      Object.assign(event.locals, { limpet: exchange.session });
      try {
        return await resolve(event);
      } catch (error) {
        const { status, location } = Object(error);
        if (error instanceof Error || !(status >= 300 && status < 500)) throw error;
        thrown = error;
        if (typeof location === 'string') return new Response(null, { status, headers: { location } });
        // The page of an error, which only SvelteKit can make.
        await app.finishWithoutHead(exchange);
        return new Response(null, { status });
      }
    };
    const addLines = (response: Response, lines: HeaderLines): Response => {
      if (lines.length > 0) return withLines(completeResponse(response, event.isDataRequest), lines);
      rethrown = thrown;
      return response;
    };
    const response = await app.within(event.request, work, addLines);
    if (rethrown !== null) throw rethrown;
    return response;
  };
}

/**
 * Of two responses SvelteKit makes another one, and leaves out headers that it does not know: of one with an ETag that the browser
 * has, and of a redirect of a request for data. So the first gets no ETag, and the second is made here as SvelteKit would make it.
 */
function completeResponse(response: Response, isDataRequest: boolean): Response {
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
