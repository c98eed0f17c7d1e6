/**
 * The adapter for handlers of WHATWG Request and Response: Bun.serve, Deno, Hono, and whatever else speaks fetch.
 *
 *     Bun.serve({ fetch: webSessions({ strategy: 'sticky' }).handle(async (request, session) => new Response('hello')) });
 */
import { asError, SessionError } from './error.ts';
import type { Exchange, Incoming, Lines } from './exchange.ts';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';

/** The response with the session's lines in its head. */
export type Join = (response: Response, lines: Lines) => Response;

export type WebHandler = (request: Request, session: Session) => Response | Promise<Response>;

export class WebSessions extends Sessions {
  /** A fetch handler. */
  handle(handler: WebHandler): (request: Request) => Promise<Response> {
    return (request) => this.around(request, (session) => handler(request, session));
  }

  /** The session of a request that gets no response here (the handshake of a WebSocket): call `session.save()`. */
  async open(request: Request): Promise<Session>;
  /** As that of NodeSessions: the session of that id, apart from any request. */
  async open(id: string): Promise<Session | null>;
  async open(request: Request | string): Promise<Session | null> {
    if (typeof request === 'string') return this.find(request);
    const { session } = await this.exchange(incomingOf(request), false);
    return session;
  }

  async around(request: Request, work: (session: Session) => Response | Promise<Response>): Promise<Response> {
    let exchange: Exchange | null = null;
    try {
      exchange = await this.exchange(incomingOf(request), true);
      return await this.finish(exchange, await work(exchange.session));
    } catch (error) {
      exchange?.fail();
      exchange?.close(false);
      return this.refuse(error);
    }
  }

  /**
   * The same for adapters of frameworks: what `work` throws is the framework's, which makes an answer of it, but for errors of the
   * session.
   */
  async within(
    request: Request,
    work: (exchange: Exchange) => Response | Promise<Response>,
    join: Join = withLines,
  ): Promise<Response> {
    let exchange: Exchange;
    try {
      exchange = await this.exchange(incomingOf(request), true);
    } catch (error) {
      return this.refuse(error);
    }
    const fail = (): void => {
      exchange.fail();
      exchange.close(false);
    };
    let response: Response;
    try {
      response = await work(exchange);
    } catch (error) {
      fail();
      if (error instanceof SessionError) return this.refuse(error);
      throw error;
    }
    try {
      return await this.finish(exchange, response, join);
    } catch (error) {
      fail();
      return this.refuse(error);
    }
  }

  /** `response` with what the session adds to it. Throws when the session cannot be kept. */
  async finish(exchange: Exchange, response: Response, join: Join = withLines): Promise<Response> {
    if (response.status >= 500) exchange.fail();
    const joined = join(response, await exchange.head());
    // There are no trailers here: what changes while the body runs is stored before the body ends.
    const length = Number(joined.headers.get('content-length') ?? Number.NaN);
    const { onError } = this.options;
    const body = joined.body === null ? null : guarded(joined.body, exchange, { length, onError });
    if (body === null) exchange.close(true);
    const { status, statusText, headers } = joined;
    return new Response(body, { status, statusText, headers });
  }

  /** The response goes, or has gone, without the session's lines. Throws SessionError when the client would have to be told of something. */
  async finishApart(exchange: Exchange): Promise<void> {
    exchange.late();
    const lines = await exchange.last(false);
    if (lines.length === 0) return;
    throw new SessionError(
      'head-left',
      'the client has to be told of a new id of its session; expected a response that can be given headers',
    );
  }

  refuse(thrown: unknown): Response {
    const error = asError(thrown);
    this.options.onError(error);
    const known = error instanceof SessionError;
    return new Response('Your session could not be kept. What you did has not been done; please try again.\n', {
      status: known ? error.status : 500,
      headers: { 'Limpet-Reason': known ? error.code : 'session-error', 'Cache-Control': 'no-store' },
    });
  }
}

export function webSessions(options: SessionOptions): WebSessions {
  return new WebSessions(options);
}

export function incomingOf(request: Request): Incoming {
  return {
    header: (name) => request.headers.get(name) ?? undefined,
    tls: request.url.startsWith('https:'),
  };
}

export function withLines({ body, status, statusText, headers }: Response, lines: Lines): Response {
  const all = new Headers(headers);
  for (const [name, value] of lines) all.append(name, value);
  return new Response(body, { status, statusText, headers: all });
}

/** The body; its end waits until a late change is kept, and it breaks when that fails. */
function guarded(
  body: ReadableStream<Uint8Array>,
  exchange: Exchange,
  { length, onError }: { length: number; onError: (error: Error) => void },
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let rest = length;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          rest -= value.byteLength;
          // By its length the client has the whole body with this piece.
          if (rest <= 0) await exchange.last(false);
          controller.enqueue(value);
          return;
        }
        await exchange.last(false);
        exchange.close(true);
        controller.close();
      } catch (error) {
        onError(asError(error));
        exchange.fail();
        exchange.close(false);
        controller.error(error);
      }
    },
    async cancel(reason) {
      exchange.close(false);
      await reader.cancel(reason);
    },
  });
}
