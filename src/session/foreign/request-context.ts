/** One request of an app with express-session or @fastify/session, as their stores see it. */
import type { IncomingMessage } from 'node:http';
import type { Exchange } from '../exchange.ts';
import { isHandshake } from '../node.ts';
import type { ResponseGate } from '../response/response-gate.ts';
import type { Session } from '../session.ts';
import type { Plain } from './foreign-ids.ts';

export interface RequestContext {
  readonly request: IncomingMessage & { session?: unknown; sessionID?: unknown };
  readonly session: Session;
  readonly exchange: Exchange;
  /** null: no response can carry anything (the handshake of a WebSocket). */
  readonly gate: ResponseGate | null;
  /** What this request has read or written last, by id. */
  readonly lastKnown: Map<string, Plain>;
  /** No header can be sent any more: the head was sent, or there is none. */
  isHeadSent: boolean;
  /** The error of a write, by which the app knows that its change is lost; undefined: none since the last write. */
  writeError: unknown;
}

export interface ContextOptions {
  readonly gate: ResponseGate | null;
  readonly headersSent: boolean;
  /** Runs just before the session is stored for the head. */
  readonly beforeHead?: (context: RequestContext) => void;
}

/** Nothing of it is read or written yet. */
export function createContext(
  request: IncomingMessage,
  exchange: Exchange,
  { gate, headersSent }: ContextOptions,
): RequestContext {
  const isHeadSent = gate === null || headersSent || isHandshake(request);
  return {
    request,
    session: exchange.session,
    exchange,
    gate,
    lastKnown: new Map(),
    isHeadSent,
    writeError: undefined,
  };
}

/** Its response has a head, by which the client gets a new id. */
export function hasHead({ gate, request }: RequestContext): boolean {
  return gate !== null && !isHandshake(request);
}
