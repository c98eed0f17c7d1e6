/** The adapter for node:http, on which those of Express and Fastify stand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange, Incoming } from './exchange.ts';
import type { SessionOptions } from './options.ts';
import { isNodeResponse, NodeGate } from './response/node-response-gate.ts';
import { QueuedGate } from './response/queued-response-gate.ts';
import type { Gate } from './response/response-gate.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { Slot } from './symbol-property.ts';

export type NodeHandler = (request: IncomingMessage, response: ServerResponse, session: Session) => unknown;

export class NodeSessions extends Sessions {
  /** By request: whoever opens first, all get the same session. */
  private readonly opened = new Slot<IncomingMessage, Exchange | Promise<Exchange>>('limpet.session');
  private readonly gates = new Slot<ServerResponse, Gate>('limpet.gate');

  /**
   * The session of a request. With its response the changes are kept before the client hears of success; without (the
   * handshake of a WebSocket) call `session.save()`. Throws SessionError.
   */
  async open(request: IncomingMessage, response?: ServerResponse): Promise<Session>;
  /**
   * The session of that id, apart from any request (jobs, admin pages), or null when there is none. Call `session.save()` for what you
   * change. Strategy sticky: only the server that owns a session can change it; elsewhere it can be read and destroyed, and
   * `save` and `update` throw SessionError `session-fenced`. Strategy stateless: TypeError, for no server has the session.
   */
  async open(id: string): Promise<Session | null>;
  async open(request: IncomingMessage | string, response?: ServerResponse): Promise<Session | null> {
    if (typeof request === 'string') return this.find(request);
    const { session } = await this.openNow(request, response);
    return session;
  }

  /** The same, at once where nothing has to be asked. */
  openNow(request: IncomingMessage, response?: ServerResponse): Exchange | Promise<Exchange> {
    const before = this.opened.get(request);
    if (before !== undefined) return before;
    // Before anything is asked: a head that leaves meanwhile must be known.
    const gate = response === undefined || !isResponse(response) ? null : this.guard(request, response);
    const exchange = this.exchange(new NodeIncoming(request), gate !== null && !isHandshake(request));
    this.opened.set(request, exchange);
    if (!(exchange instanceof Promise)) {
      gate?.use(exchange);
      return exchange;
    }
    const ready = exchange.then((found) => {
      gate?.use(found);
      this.opened.set(request, found);
      return found;
    });
    this.opened.set(request, ready);
    // Whoever opens once more may have better luck.
    ready.catch(() => this.opened.set(request, undefined));
    return ready;
  }

  /** Stands before the response, which goes through untouched as long as no session is opened. */
  guard(request: IncomingMessage, response: ServerResponse): Gate {
    const before = this.gates.get(response);
    if (before !== undefined) return before;
    const { onError } = this.options;
    const gate = isNodeResponse(request, response)
      ? new NodeGate(request, response, onError)
      : new QueuedGate(request, response, onError);
    this.gates.set(response, gate);
    return gate;
  }

  /** A request listener whose handler gets the session. What the handler throws becomes a 500, as long as it can. */
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

/** False for what handlers of a WebSocket's handshake give to a middleware in its place: it can carry nothing. */
export function isResponse(response: object): response is ServerResponse {
  return 'flushHeaders' in response && 'appendHeader' in response && 'on' in response;
}

/** Of a WebSocket: its response may be one in name, and no head ever leave through it. */
export function isHandshake({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /websocket/i.test(headers.upgrade);
}

/** Sessions for node:http: `const app = sessions({ strategy: 'sticky' })`, then `await app.open(request, response)`. */
export function sessions(options: SessionOptions): NodeSessions {
  return new NodeSessions(options);
}

class NodeIncoming implements Incoming {
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
