/**
 * The adapter for handlers of WHATWG Request and Response: Bun.serve, Deno, Hono, and whatever else speaks fetch.
 *
 *     Bun.serve({ fetch: webSessions({ strategy: 'sticky' }).handle(async (request, session) => new Response('hello')) });
 */
import { asError, SessionError } from './error.ts';
import type { SessionOptions } from './options.ts';
import type { Exchange, Incoming, Lines, Session } from './session.ts';
import { Sessions } from './sessions.ts';

/** What Bun.serve hands its handler as second argument, as far as it matters here. */
export interface AddressSource {
  requestIP(request: Request): { readonly address: string } | null;
}

export type WebHandler = (request: Request, session: Session) => Response | Promise<Response>;

export class WebSessions extends Sessions {
  /** A fetch handler. `source`: Bun's server, which knows the address that the request came from. */
  handle(handler: WebHandler): (request: Request, source?: AddressSource) => Promise<Response> {
    return (request, source) => this.around(request, peerOf(request, source), (session) => handler(request, session));
  }

  /** The session of a request that gets no response here (the handshake of a WebSocket): call `session.save()`. */
  async open(request: Request, source?: AddressSource): Promise<Session>;
  /** As that of NodeSessions: the session of that id, apart from any request. */
  async open(id: string): Promise<Session | null>;
  async open(request: Request | string, source?: AddressSource): Promise<Session | null> {
    if (typeof request === 'string') return this.find(request);
    const { session } = await this.exchange(incomingOf(request, peerOf(request, source)), false);
    return session;
  }

  /** `peer`: the address that the request came from; '' a unix-domain socket, null unknown. */
  async around(
    request: Request,
    peer: string | null,
    work: (session: Session) => Response | Promise<Response>,
  ): Promise<Response> {
    let exchange: Exchange | null = null;
    try {
      exchange = await this.exchange(incomingOf(request, peer), true);
      return await this.finish(exchange, await work(exchange.session));
    } catch (error) {
      exchange?.fail();
      exchange?.close(false);
      return this.refuse(error);
    }
  }

  /** `response` with what the session adds to it. Throws when the session cannot be kept. */
  async finish(exchange: Exchange, response: Response): Promise<Response> {
    if (response.status >= 500) exchange.fail();
    const lines = await exchange.head();
    // There are no trailers here: what changes while the body runs is stored before the body ends.
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const { onError } = this.options;
    const body = response.body === null ? null : guarded(response.body, exchange, { length, onError });
    if (body === null) exchange.close(true);
    const { status, statusText } = response;
    return new Response(body, { status, statusText, headers: withLines(response.headers, lines) });
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

function peerOf(request: Request, source: AddressSource | undefined): string | null {
  return source?.requestIP(request)?.address ?? null;
}

export function incomingOf(request: Request, peer: string | null): Incoming {
  return {
    header: (name) => request.headers.get(name) ?? undefined,
    peer,
    tls: request.url.startsWith('https:'),
  };
}

function withLines(headers: Headers, lines: Lines): Headers {
  const all = new Headers(headers);
  for (const [name, value] of lines) all.append(name, value);
  return all;
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
