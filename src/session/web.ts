/** The adapter for handlers of WHATWG Request and Response: Bun.serve, Deno, Hono, and everything else that speaks fetch. */
import { asError, SessionError } from './error.ts';
import type { Exchange, HeaderLines, IncomingRequest } from './exchange.ts';
import type { SessionOptions } from './options.ts';
import { failureHeaders, failureText } from './response/failure.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';

/** Returns the response with the session's header lines. */
export type AddLines = (response: Response, lines: HeaderLines) => Response;

/** A fetch handler that gets the session of the request. What it throws, or rejects with, becomes a response of status 500. */
export type WebHandler = (request: Request, session: Session) => Response | Promise<Response>;

/**
 * The sessions of an app that answers a Request with a Response.
 *
 * @example
 * const app = new WebSessions({ strategy: 'sticky' });
 * Bun.serve({ fetch: app.handle(async (request, session) => Response.json(session.data)) });
 */
export class WebSessions extends Sessions {
  /**
   * A fetch handler whose `handler` gets the session.
   *
   * @example
   * Bun.serve({ fetch: app.handle(async (request, session) => Response.json(session.data)) });
   */
  handle(handler: WebHandler): (request: Request) => Promise<Response> {
    return (request) => this.around(request, (session) => handler(request, session));
  }

  /**
   * The session of a request that gets no response here (the handshake of a WebSocket): call `session.save()` after changes.
   *
   * @throws SessionError `no-balancer`, `session-store`, `session-fenced` or `session-lost` when the session cannot be opened.
   * @example
   * const session = await app.open(request);
   */
  async open(request: Request): Promise<Session>;
  /**
   * The session of that id, apart from any request (jobs, admin pages); null when there is none. Call `session.save()` after changes.
   * Strategy sticky: only the server that owns a session can change it; elsewhere `save` and `update` throw SessionError
   * `session-fenced`.
   *
   * @throws SessionError `session-store`; `no-balancer` (sticky) before the first request of a balancer. TypeError with strategy
   * stateless, where no server has the session.
   * @example
   * const session = await app.open(id);
   */
  async open(id: string): Promise<Session | null>;
  async open(request: Request | string): Promise<Session | null> {
    if (typeof request === 'string') return this.find(request);
    const { session } = await this.exchange(describeRequest(request), false);
    return session;
  }

  /**
   * Opens the session of a request, runs `work` with it, and returns its response with what the session adds. Whatever fails becomes a
   * response of status 403, 500 or 503.
   *
   * @example
   * const response = await app.around(request, async (session) => Response.json(session.data));
   */
  async around(request: Request, work: (session: Session) => Response | Promise<Response>): Promise<Response> {
    let exchange: Exchange | null = null;
    try {
      exchange = await this.exchange(describeRequest(request), true);
      return await this.finish(exchange, await work(exchange.session));
    } catch (error) {
      exchange?.fail();
      exchange?.close(false);
      return this.refuse(error);
    }
  }

  /**
   * The same for adapters of frameworks: what `work` throws goes to the framework, which makes a response of it. Errors of the session
   * become a response here.
   *
   * @internal
   */
  async within(
    request: Request,
    work: (exchange: Exchange) => Response | Promise<Response>,
    addLines: AddLines = withLines,
  ): Promise<Response> {
    let exchange: Exchange;
    try {
      exchange = await this.exchange(describeRequest(request), true);
    } catch (error) {
      return this.refuse(error);
    }
    let response: Response;
    try {
      response = await work(exchange);
    } catch (error) {
      exchange.fail();
      exchange.close(false);
      if (error instanceof SessionError) return this.refuse(error);
      throw error;
    }
    try {
      return await this.finish(exchange, response, addLines);
    } catch (error) {
      exchange.fail();
      exchange.close(false);
      return this.refuse(error);
    }
  }

  /**
   * Stores what was changed, and returns `response` with what the session adds to it. Throws when the session cannot be stored.
   *
   * @internal
   */
  async finish(exchange: Exchange, response: Response, addLines: AddLines = withLines): Promise<Response> {
    if (response.status >= 500) exchange.fail();
    const complete = addLines(response, await exchange.beforeHead());
    // A Response has no trailers: what changes while the body runs is stored before the body ends.
    const length = Number(complete.headers.get('content-length') ?? Number.NaN);
    const { onError } = this.options;
    const body = complete.body === null ? null : storedBeforeEnd(complete.body, exchange, { length, onError });
    if (body === null) exchange.close(true);
    const { status, statusText, headers } = complete;
    return new Response(body, { status, statusText, headers });
  }

  /**
   * The framework sends the response, or has sent it, without the session's header lines. Throws SessionError `head-left` when the client
   * would have to get one.
   *
   * @internal
   */
  async finishWithoutHead(exchange: Exchange): Promise<void> {
    exchange.markHeadSent();
    const lines = await exchange.beforeEnd(false);
    if (lines.length === 0) return;
    throw new SessionError(
      'head-left',
      'the client has to be told of a new id of its session; expected a response that can be given headers',
    );
  }

  /** The response that the client gets when a session cannot be opened or stored, or a handler has failed. Calls `onError`. */
  refuse(thrown: unknown): Response {
    const error = asError(thrown);
    this.options.onError(error);
    const status = error instanceof SessionError ? error.status : 500;
    return new Response(failureText, { status, headers: failureHeaders(error) });
  }
}

/**
 * The sessions of an app that answers a Request with a Response.
 *
 * @param options Only `strategy` is required.
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * Bun.serve({ fetch: webSessions({ strategy: 'sticky' }).handle(async (request, session) => new Response('hello')) });
 */
export function webSessions(options: SessionOptions): WebSessions {
  return new WebSessions(options);
}

export function describeRequest(request: Request): IncomingRequest {
  return {
    header: (name) => request.headers.get(name) ?? undefined,
    tls: request.url.startsWith('https:'),
  };
}

export function withLines({ body, status, statusText, headers }: Response, lines: HeaderLines): Response {
  const all = new Headers(headers);
  for (const [name, value] of lines) all.append(name, value);
  return new Response(body, { status, statusText, headers: all });
}

/** The body. Its last piece waits until a late change is stored, and the body breaks when that fails. `length`: bytes, NaN unknown. */
function storedBeforeEnd(
  body: ReadableStream<Uint8Array>,
  exchange: Exchange,
  { length, onError }: { length: number; onError: (error: Error) => void },
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytesLeft = length;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          bytesLeft -= value.byteLength;
          // By its length the client has the whole body with this piece.
          if (bytesLeft <= 0) await exchange.beforeEnd(false);
          controller.enqueue(value);
          return;
        }
        await exchange.beforeEnd(false);
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
