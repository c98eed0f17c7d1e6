/** The store that @fastify/session gets (foreign-id-store.ts has what it does), and how it finds the request that calls it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asError } from '../error.ts';
import type { Exchange } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { ResponseGate } from '../response/response-gate.ts';
import { callBack } from './callback.ts';
import { type DetachedStore, limpetIdOf } from './detached-store.ts';
import { ForeignIdStore } from './foreign-id-store.ts';
import type { Plain } from './foreign-ids.ts';
import type { RequestContext } from './request-context.ts';

type Done = (error?: unknown) => void;

/**
 * What @fastify/session calls: within a request, and with `app.decryptSession` apart from any. No method throws: errors go to the callback.
 * `limpetStore(app)` makes one.
 */
export interface LimpetStore {
  /** Calls back with the session of that id; with none when there is no such session. */
  get(
    id: string,
    done: (error: unknown, found?: Record<string, unknown> & { cookie: { originalMaxAge: number | null } }) => void,
  ): void;
  /** Stores the session under that id. */
  set(id: string, value: object, done: (error?: unknown) => void): void;
  /** Ends the session of that id. */
  destroy(id: string, done: (error?: unknown) => void): void;
}

/** The open requests of one app, and their ids. */
export class FastifyContexts {
  readonly ids: ForeignIdStore;
  private readonly open = new Set<RequestContext>();
  /** A guess: which of several requests of one session calls. */
  private readonly storage = new AsyncLocalStorage<RequestContext>();

  constructor(options: FilledOptions) {
    this.ids = new ForeignIdStore(options, 'fastify');
  }

  enter(
    request: IncomingMessage,
    response: ServerResponse,
    exchange: Exchange,
    gate: ResponseGate,
    next: () => void,
  ): void {
    const context = this.ids.begin(request, exchange, { gate, headersSent: response.headersSent });
    this.open.add(context);
    response.once('close', () => this.open.delete(context));
    this.storage.run(context, next);
  }

  /** The request that a session of @fastify/session was made for. */
  ofSession(value: object): RequestContext | undefined {
    const key = Object.getOwnPropertySymbols(value).find(({ description }) => description === 'request');
    const request: unknown = key === undefined ? undefined : Reflect.get(value, key);
    const raw: unknown = Object(request).raw;
    return typeof raw === 'object' && raw !== null ? this.ids.contextOf(raw) : undefined;
  }

  /** A request that came with this id, or was given it; else the one that seems to call. null: no request can have. */
  ofId(id: string): RequestContext | null {
    const guess = this.storage.getStore();
    if (guess !== undefined && hasId(guess, id)) return guess;
    for (const context of this.open) if (hasId(context, id)) return context;
    // A new id begins with that of its Limpet session.
    const limpetId = limpetIdOf(id);
    return limpetId === undefined || guess?.session.id === limpetId ? (guess ?? null) : null;
  }
}

function hasId({ request, lastKnown }: RequestContext, id: string): boolean {
  const cookies = request.headers.cookie ?? '';
  return lastKnown.has(id) || cookies.includes(id) || cookies.includes(encodeURIComponent(id));
}

export function storeFor(contexts: FastifyContexts, detached: DetachedStore): LimpetStore {
  const { ids } = contexts;
  const calling = (done: Done) => (error: unknown) => (error === null ? done() : done(asError(error)));
  return {
    get(id, done) {
      const read = () => {
        const context = contexts.ofId(id);
        if (context !== null) return ids.read(context, id);
        // An id that Limpet has not made, from a forged cookie, has no session.
        return limpetIdOf(id) === undefined ? null : detached.read(id);
      };
      callBack<Plain | null>(read, (error, found) => {
        if (error !== null) done(asError(error));
        else if (found && hasCookie(found)) done(null, found);
        else done(null);
      });
    },

    set(id, value, done) {
      const write = () => {
        const context = contexts.ofSession(value) ?? contexts.ofId(id);
        if (context === null) return detached.write(id, value);
        ids.write(context, id, value);
        return ids.save(context);
      };
      callBack(write, calling(done));
    },

    destroy(id, done) {
      const end = () => {
        const context = contexts.ofId(id);
        if (context === null) return detached.destroy(id);
        const ending = ids.destroy(context, id);
        return ending === undefined ? ids.save(context) : ending.then(() => ids.save(context));
      };
      callBack(end, calling(done));
    },
  };
}

function hasCookie(found: Plain): found is Plain & { cookie: { originalMaxAge: number | null } } {
  return typeof found.cookie === 'object' && found.cookie !== null;
}
