/** The store that @fastify/session gets (by-id.ts has what it does), and how it finds the request that asks. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asError } from '../error.ts';
import type { Exchange } from '../exchange.ts';
import type { FilledOptions } from '../options.ts';
import type { Gate } from '../response/response-gate.ts';
import { type DetachedStore, limpetIdOf } from './detached-store.ts';
import { type Context, RequestContexts, settle } from './foreign-id-store.ts';
import type { Plain } from './foreign-ids.ts';

type Done = (error?: unknown) => void;

/** What @fastify/session asks of a store: in a request, and with `app.decryptSession` apart from any. */
export interface LimpetStore {
  get(id: string, done: (error: unknown, found?: Plain & { cookie: { originalMaxAge: number | null } }) => void): void;
  set(id: string, value: object, done: Done): void;
  destroy(id: string, done: Done): void;
}

/** The requests of one app that have not been answered, by whose ids a store finds them. */
export class FastifyContexts {
  readonly requests: RequestContexts;
  private readonly open = new Set<Context>();
  /** A guess among requests of the same session: which of them asks. */
  private readonly storage = new AsyncLocalStorage<Context>();

  constructor(options: FilledOptions) {
    this.requests = new RequestContexts(options, 'fastify');
  }

  enter(request: IncomingMessage, response: ServerResponse, exchange: Exchange, gate: Gate, go: () => void): void {
    const context = this.requests.begin(request, exchange, { gate, headersSent: response.headersSent });
    this.open.add(context);
    response.once('close', () => this.open.delete(context));
    this.storage.run(context, go);
  }

  /** The request that a session of @fastify/session was made for. */
  ofSession(value: object): Context | undefined {
    const key = Object.getOwnPropertySymbols(value).find(({ description }) => description === 'request');
    const request: unknown = key === undefined ? undefined : Reflect.get(value, key);
    const raw: unknown = Object(request).raw;
    return typeof raw === 'object' && raw !== null ? this.requests.of(raw) : undefined;
  }

  /** A request that came with this id, or was given it; else the one that seems to ask. null: none that could have. */
  ofId(id: string): Context | null {
    const guess = this.storage.getStore();
    if (guess !== undefined && hasId(guess, id)) return guess;
    for (const context of this.open) if (hasId(context, id)) return context;
    // A new one has been given an id that begins with that of its Limpet session.
    const limpetId = limpetIdOf(id);
    return limpetId === undefined || guess?.session.id === limpetId ? (guess ?? null) : null;
  }
}

function hasId({ request, known }: Context, id: string): boolean {
  const cookies = request.headers.cookie ?? '';
  return known.has(id) || cookies.includes(id) || cookies.includes(encodeURIComponent(id));
}

/** Nothing here throws: whoever asks is told by its callback. */
export function storeFor(contexts: FastifyContexts, detached: DetachedStore): LimpetStore {
  const { requests } = contexts;
  const told = (done: Done) => (error: unknown) => (error === null ? done() : done(asError(error)));
  return {
    get(id, done) {
      const read = () => {
        const context = contexts.ofId(id);
        if (context !== null) return requests.read(context, id);
        // A cookie of somebody else's making asks for what is not there.
        return limpetIdOf(id) === undefined ? null : detached.read(id);
      };
      settle<Plain | null>(read, (error, found) => {
        if (error !== null) done(asError(error));
        else if (found && hasCookie(found)) done(null, found);
        else done(null);
      });
    },

    set(id, value, done) {
      const write = () => {
        const context = contexts.ofSession(value) ?? contexts.ofId(id);
        if (context === null) return detached.write(id, value);
        requests.write(context, id, value);
        return requests.keep(context);
      };
      settle(write, told(done));
    },

    destroy(id, done) {
      const end = () => {
        const context = contexts.ofId(id);
        if (context === null) return detached.destroy(id);
        const ended = requests.destroy(context, id);
        return ended === undefined ? requests.keep(context) : ended.then(() => requests.keep(context));
      };
      settle(end, told(done));
    },
  };
}

function hasCookie(found: Plain): found is Plain & { cookie: { originalMaxAge: number | null } } {
  return typeof found.cookie === 'object' && found.cookie !== null;
}
