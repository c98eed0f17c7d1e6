/** The store that express-session gets, as a view of each request (by-id.ts has what it does). */

import { type DetachedStore, limpetIdOf } from './detached-store.ts';
import { type Context, type RequestContexts, settle } from './foreign-id-store.ts';
import type { Plain } from './foreign-ids.ts';

type Done<T = unknown> = (error?: unknown, found?: T) => void;

/** express-session's base class of stores: an EventEmitter with `regenerate`, `load` and `createSession`. */
export type StoreBase = new () => {
  regenerate(request: Asking, done: Done): void;
  /** express-session's: a fresh id and an empty session for the request. */
  generate(request: Asking): void;
};

interface Asking {
  readonly sessionID?: unknown;
}

/** What express-session and apps call. Nothing here throws: whoever asks is told by its callback. */
export interface ExpressStore {
  get(id: string, done: Done<Plain | null>): void;
  set(id: string, value: object, done?: Done): void;
  touch(id: string, value: object, done?: Done): void;
  destroy(id: string, done?: Done): void;
  /** All sessions, with their ids; strategies local and shared. */
  all(done: Done<readonly Plain[]>): void;
  length(done: Done<number>): void;
  clear(done?: Done): void;
  /** The same store, as one request asks it: what `request.sessionStore` is. */
  boundTo(context: Context): ExpressStore;
  /** express-session itself asks the one store for all; whatever it asks while `work` runs is for that request. */
  during<T>(context: Context | null, work: () => T): T;
  /** The same while it ends the response: it saves by itself then. */
  whileEnding<T>(context: Context, work: () => T): T;
}

/** A store for express-session, of its own class so that `regenerate` and the like are its own. */
export function storeOf(Base: StoreBase, contexts: RequestContexts, detached: DetachedStore): ExpressStore {
  const state: { current: Context | null; isEnding: boolean } = { current: null, isEnding: false };
  const withState = <T>(current: Context | null, isEnding: boolean, work: () => T): T => {
    const before = { ...state };
    Object.assign(state, { current, isEnding });
    try {
      return work();
    } finally {
      Object.assign(state, before);
    }
  };

  class LimpetStore extends Base implements ExpressStore {
    protected bound: Context | null = null;

    get(id: string, done: Done<Plain | null>): void {
      settle(
        () => {
          const context = this.contextFor(id);
          return context === null ? detached.read(id) : contexts.read(context, id);
        },
        this.bound === null ? done : later(done),
      );
    }

    set(id: string, value: object, done?: Done): void {
      const change = (context: Context) => void contexts.write(context, id, value);
      this.change({ id, value, change, apart: () => detached.write(id, value) }, done);
    }

    touch(id: string, value: object, done?: Done): void {
      const cookie = 'cookie' in value ? value.cookie : undefined;
      const change = (context: Context) => void contexts.touch(context, id, cookie);
      this.change({ id, value, change, apart: () => detached.touch(id, cookie) }, done);
    }

    destroy(id: string, done?: Done): void {
      const change = (context: Context) => contexts.destroy(context, id);
      this.change({ id, change, apart: () => detached.destroy(id) }, done);
    }

    all(done: Done<readonly Plain[]>): void {
      settle(() => detached.all(), done);
    }

    length(done: Done<number>): void {
      settle(() => detached.length(), done);
    }

    clear(done: Done = () => {}): void {
      settle(() => detached.clear(), done);
    }

    override regenerate(request: Asking, done: Done): void {
      super.regenerate(request, (failed) => {
        const context = contexts.of(request);
        if (failed || context === undefined) return done(failed);
        settle(
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

    boundTo(context: Context): ExpressStore {
      const bound: LimpetStore = Object.create(this);
      bound.bound = context;
      return bound;
    }

    during<T>(context: Context | null, work: () => T): T {
      return withState(context, false, work);
    }

    whileEnding<T>(context: Context, work: () => T): T {
      return withState(context, true, work);
    }

    /** `apart`: when no request of that session asks. */
    private change(
      {
        id,
        value,
        change,
        apart,
      }: {
        id: string;
        value?: object;
        change: (of: Context) => undefined | Promise<void>;
        apart: () => Promise<void>;
      },
      given: Done = () => {},
    ): void {
      let context: Context | undefined;
      const isOwn = state.isEnding;
      const done = isOwn ? given : later(given);
      const changed = () => {
        const found = this.contextFor(id, value);
        if (found === null) return apart();
        context = found;
        const working = change(found);
        found.lost = undefined;
        // Its own change as it ends the response goes with that.
        if (isOwn) return working;
        return working === undefined ? contexts.keep(found) : working.then(() => contexts.keep(found));
      };
      settle(changed, (error) => {
        if (error === null || context === undefined) done(error ?? undefined);
        else if (isOwn) {
          // express-session would send the response as a success. The client gets its 503 here; with the error it would go
          // to next() as well, and Express break the connection, with whatever the balancer has sent on it by then.
          context.gate?.refuse(error);
          done();
        } else {
          // express-session takes it for saved now, whatever the callback is told.
          context.lost = error;
          done(error);
        }
      });
    }

    /** A session knows its request, whichever way it came here. null: no request of that session asks. */
    private contextFor(id: string, value: object = {}): Context | null {
      const request = 'req' in value && typeof value.req === 'object' ? value.req : null;
      const own = request === null ? undefined : contexts.of(request);
      if (own !== undefined) return own;
      // express-session itself asks the one store, for ids that come in cookies: of this request's session, or of none.
      if (this.bound === null) return state.current;
      return contexts.has(this.bound, id) || limpetIdOf(id) === undefined ? this.bound : null;
    }
  }
  return new LimpetStore();
}

/** An app is never called back before its call has come back: it may use what that answers. */
function later<T>(done: Done<T>): Done<T> {
  return (error, found) => process.nextTick(done, error, found);
}
