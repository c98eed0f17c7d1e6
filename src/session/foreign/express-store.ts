/** The store that express-session gets, as a view for each request (foreign-id-store.ts has what it does). */
import { callBack } from './callback.ts';
import { type DetachedStore, limpetIdOf } from './detached-store.ts';
import type { ForeignIdStore } from './foreign-id-store.ts';
import type { Plain } from './foreign-ids.ts';
import type { RequestContext } from './request-context.ts';

type Done<T = unknown> = (error?: unknown, found?: T) => void;

/** express-session's base class of stores: an EventEmitter with `regenerate`, `load` and `createSession`. */
export type StoreBase = new () => {
  regenerate(request: RequestWithId, done: Done): void;
  /** express-session sets it: gives the request a fresh id and an empty session. */
  generate(request: RequestWithId): void;
};

interface RequestWithId {
  readonly sessionID?: unknown;
}

/**
 * The store of `expressSession`: what express-session has documented of stores. No method throws: errors go to the callback.
 *
 * @example
 * middleware.store.get(id, (error, session) => console.log(session?.user));
 */
export interface ExpressSessionStore {
  /** Calls back with the session of that id; null when there is none. */
  get(id: string, done: (error?: unknown, found?: Record<string, unknown> | null) => void): void;
  /** Stores the session under that id. */
  set(id: string, value: object, done?: (error?: unknown) => void): void;
  /** Stores a new expiry of the session. */
  touch(id: string, value: object, done?: (error?: unknown) => void): void;
  /** Ends the session of that id. */
  destroy(id: string, done?: (error?: unknown) => void): void;
  /** Calls back with all sessions, with their ids. Not with strategy stateless. */
  all(done: (error?: unknown, found?: readonly Record<string, unknown>[]) => void): void;
  /** Calls back with the number of sessions. */
  length(done: (error?: unknown, count?: number) => void): void;
  /** Ends all sessions. */
  clear(done?: (error?: unknown) => void): void;
}

/** The same, as the middleware uses it. */
export interface ExpressStore extends ExpressSessionStore {
  /** The same store as one request sees it: its `request.sessionStore`. */
  boundTo(context: RequestContext): ExpressStore;
  /** Calls of express-session, which has one store for all requests, are for that request while `work` runs. */
  during<T>(context: RequestContext | null, work: () => T): T;
  /** The same while express-session ends the response, and saves by itself. */
  whileEnding<T>(context: RequestContext, work: () => T): T;
}

interface StoreChange {
  readonly id: string;
  readonly value?: object;
  readonly inRequest: (context: RequestContext) => undefined | Promise<void>;
  /** When no request of that session calls. */
  readonly detached: () => Promise<void>;
}

/** A store for express-session that extends its own class, so that `regenerate` and its other methods are express-session's. */
export function storeOf(Base: StoreBase, contexts: ForeignIdStore, detached: DetachedStore): ExpressStore {
  const state: { current: RequestContext | null; isEnding: boolean } = { current: null, isEnding: false };
  const withState = <T>(current: RequestContext | null, isEnding: boolean, work: () => T): T => {
    const before = { ...state };
    Object.assign(state, { current, isEnding });
    try {
      return work();
    } finally {
      Object.assign(state, before);
    }
  };

  class LimpetStore extends Base implements ExpressStore {
    /** The request of this view; null: this is the one store that express-session has. */
    protected bound: RequestContext | null = null;

    get(id: string, done: Done<Plain | null>): void {
      callBack(
        () => {
          const context = this.contextFor(id);
          return context === null ? detached.read(id) : contexts.read(context, id);
        },
        this.bound === null ? done : deferred(done),
      );
    }

    set(id: string, value: object, done?: Done): void {
      const inRequest = (context: RequestContext) => void contexts.write(context, id, value);
      this.change({ id, value, inRequest, detached: () => detached.write(id, value) }, done);
    }

    touch(id: string, value: object, done?: Done): void {
      const cookie = 'cookie' in value ? value.cookie : undefined;
      const inRequest = (context: RequestContext) => void contexts.touch(context, id, cookie);
      this.change({ id, value, inRequest, detached: () => detached.touch(id, cookie) }, done);
    }

    destroy(id: string, done?: Done): void {
      const inRequest = (context: RequestContext) => contexts.destroy(context, id);
      this.change({ id, inRequest, detached: () => detached.destroy(id) }, done);
    }

    all(done: Done<readonly Plain[]>): void {
      callBack(() => detached.all(), done);
    }

    length(done: Done<number>): void {
      callBack(() => detached.length(), done);
    }

    clear(done: Done = () => {}): void {
      callBack(() => detached.clear(), done);
    }

    override regenerate(request: RequestWithId, done: Done): void {
      super.regenerate(request, (failed) => {
        const context = contexts.contextOf(request);
        if (failed || context === undefined) return done(failed);
        callBack(
          () => contexts.renew(context),
          (error) => {
            if (error !== null) return done(error);
            // Its id was made before the Limpet session had another one.
            const limpetId = limpetIdOf(String(request.sessionID));
            if (limpetId !== undefined && limpetId !== context.session.id) this.generate(request);
            done();
          },
        );
      });
    }

    boundTo(context: RequestContext): ExpressStore {
      const bound: LimpetStore = Object.create(this);
      bound.bound = context;
      return bound;
    }

    during<T>(context: RequestContext | null, work: () => T): T {
      return withState(context, false, work);
    }

    whileEnding<T>(context: RequestContext, work: () => T): T {
      return withState(context, true, work);
    }

    private change({ id, value, inRequest, detached: change }: StoreChange, given: Done = () => {}): void {
      let context: RequestContext | undefined;
      const isEnding = state.isEnding;
      const done = isEnding ? given : deferred(given);
      const work = () => {
        const found = this.contextFor(id, value);
        if (found === null) return change();
        context = found;
        const working = inRequest(found);
        found.writeError = undefined;
        // What express-session changes as it ends the response is sent with that.
        if (isEnding) return working;
        return working === undefined ? contexts.save(found) : working.then(() => contexts.save(found));
      };
      callBack(work, (error) => {
        if (error === null || context === undefined) done(error ?? undefined);
        else if (isEnding) {
          // express-session would send the response as a success. The client gets its 503 here. The error itself would go to next() as
          // well, and Express would break the connection, with everything that the balancer has sent on it by then.
          context.gate?.refuse(error);
          done();
        } else {
          // express-session takes it for saved now, whatever the callback gets.
          context.writeError = error;
          done(error);
        }
      });
    }

    /** A session knows its request, from wherever it came. null: no request of that session calls. */
    private contextFor(id: string, value: object = {}): RequestContext | null {
      const request = 'req' in value && typeof value.req === 'object' ? value.req : null;
      const own = request === null ? undefined : contexts.contextOf(request);
      if (own !== undefined) return own;
      // express-session itself calls the one store, with ids that come in cookies: of this request's session, or of none.
      if (this.bound === null) return state.current;
      return contexts.has(this.bound, id) || limpetIdOf(id) === undefined ? this.bound : null;
    }
  }
  return new LimpetStore();
}

/** An app is never called back before its call has returned: it may use what that returns. */
function deferred<T>(done: Done<T>): Done<T> {
  return (error, found) => process.nextTick(done, error, found);
}
