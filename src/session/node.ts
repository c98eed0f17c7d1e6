/** The adapter for node:http, on which those of Express, Fastify and Koa stand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange, IncomingRequest } from './exchange.ts';
import type { SessionOptions } from './options.ts';
import { isNodeResponse } from './response/node-response.ts';
import { NodeResponseGate } from './response/node-response-gate.ts';
import { QueuedResponseGate } from './response/queued-response-gate.ts';
import type { ResponseGate } from './response/response-gate.ts';
import type { ResponseGuard } from './response/response-guard.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { SymbolProperty } from './symbol-property.ts';

/** A request listener that gets the session of the request. What it throws, or rejects with, becomes a response of status 500. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, session: Session) => unknown;

/**
 * The sessions of an app on node:http, on Node and Bun, also over HTTP/2.
 *
 * @example
 * const app = new NodeSessions({ strategy: 'sticky' });
 * createServer(app.handle((request, response, session) => response.end(String(session.data.name)))).listen(3001);
 */
export class NodeSessions extends Sessions {
  /** All who open the session of a request get the same one. */
  private readonly exchanges = new SymbolProperty<IncomingMessage, Exchange | Promise<Exchange>>('limpet.session');
  private readonly gates = new SymbolProperty<ServerResponse, ResponseGate>('limpet.gate');

  /**
   * The session of a request. With its response, changes are stored before the client gets it. Without a response (the handshake
   * of a WebSocket) call `session.save()`.
   *
   * @throws SessionError `no-balancer`, `session-store`, `session-fenced` or `session-lost` when the session cannot be opened.
   * @example
   * const session = await app.open(request, response);
   */
  async open(request: IncomingMessage, response?: ServerResponse): Promise<Session>;
  /**
   * The session of that id, apart from any request (jobs, admin pages); null when there is none. Call `session.save()` after changes.
   * Strategy sticky: only the server that owns a session can change it; elsewhere it can be read and destroyed, and `save` and
   * `update` throw SessionError `session-fenced`.
   *
   * @throws SessionError `session-store`; `no-balancer` (sticky) before the first request of a balancer. TypeError with strategy
   * stateless, where no server has the session.
   * @example
   * const session = await app.open(id);
   */
  async open(id: string): Promise<Session | null>;
  async open(request: IncomingMessage | string, response?: ServerResponse): Promise<Session | null> {
    if (typeof request === 'string') return this.find(request);
    const { session } = await this.openNow(request, response);
    return session;
  }

  /**
   * The same, without a promise where nothing has to be read.
   *
   * @internal
   */
  openNow(request: IncomingMessage, response?: ServerResponse): Exchange | Promise<Exchange> {
    const before = this.exchanges.get(request);
    if (before !== undefined) return before;
    // The gate must stand before anything is read: it notices a head that is sent meanwhile.
    const gate = response === undefined || !isResponse(response) ? null : this.gateOf(request, response);
    const exchange = this.exchange(new NodeIncomingRequest(request), gate !== null && !isHandshake(request));
    this.exchanges.set(request, exchange);
    if (!(exchange instanceof Promise)) {
      gate?.use(exchange);
      return exchange;
    }
    const opened = exchange.then((found) => {
      gate?.use(found);
      this.exchanges.set(request, found);
      return found;
    });
    this.exchanges.set(request, opened);
    // After a failure the next one to open it tries again.
    opened.catch(() => this.exchanges.set(request, undefined));
    return opened;
  }

  /**
   * Guards a response: it is held back until the session is stored, and passes unchanged as long as no session is opened. Call
   * `guard(request, response).refuse(error)` when a handler fails: its changes are undone, and the client gets the error.
   *
   * @returns the guard of that response, always the same one.
   * @example
   * serve(request, response).catch((error) => app.guard(request, response).refuse(error));
   */
  guard(request: IncomingMessage, response: ServerResponse): ResponseGuard {
    return this.gateOf(request, response);
  }

  /**
   * The same, for adapters.
   *
   * @internal
   */
  gateOf(request: IncomingMessage, response: ServerResponse): ResponseGate {
    const before = this.gates.get(response);
    if (before !== undefined) return before;
    const { onError } = this.options;
    const gate = isNodeResponse(request, response)
      ? new NodeResponseGate(request, response, onError)
      : new QueuedResponseGate(request, response, onError);
    this.gates.set(response, gate);
    return gate;
  }

  /**
   * A request listener whose handler gets the session. What the handler throws becomes a response of status 500, as long as the head is
   * not sent.
   *
   * @example
   * const app = sessions({ strategy: 'sticky' });
   * createServer(app.handle((request, response, session) => response.end('hello'))).listen(3001);
   */
  handle(handler: NodeHandler): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    return async (request, response) => {
      try {
        await handler(request, response, await this.open(request, response));
      } catch (error) {
        this.guard(request, response).refuse(error);
      }
    };
  }
}

/** False for the object that WebSocket servers give to a middleware in place of a response: it can carry nothing. */
export function isResponse(response: object): response is ServerResponse {
  return 'flushHeaders' in response && 'appendHeader' in response && 'on' in response;
}

/** The request of a WebSocket: it may come with a real response, whose head is never sent. */
export function isHandshake({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /websocket/i.test(headers.upgrade);
}

/**
 * The sessions of an app on node:http, on Node and Bun.
 *
 * @param options Only `strategy` is required.
 * @throws TypeError that names the option, what was found and what is expected.
 * @example
 * const app = sessions({ strategy: 'sticky' });
 * const session = await app.open(request, response);
 */
export function sessions(options: SessionOptions): NodeSessions {
  return new NodeSessions(options);
}

class NodeIncomingRequest implements IncomingRequest {
  private readonly request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.request = request;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  get tls(): boolean {
    const { socket } = this.request;
    return 'encrypted' in socket && socket.encrypted === true;
  }
}
