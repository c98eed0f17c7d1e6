/** The store that express-session gets, as a view of each request (by-id.ts has what it does). */
import { type Context, type RequestContexts, settle } from './by-id.ts';
import type { Plain } from './session-ids.ts';

type Done<T = unknown> = (error?: unknown, found?: T) => void;

/** express-session's base class of stores: an EventEmitter with `regenerate`, `load` and `createSession`. */
export type StoreBase = new () => { regenerate(request: object, done: Done): void };

/** What express-session and apps call. Nothing here throws: whoever asks is told by its callback. */
export interface ExpressStore {
  get(id: string, done: Done<Plain | null>): void;
  set(id: string, value: object, done?: Done): void;
  touch(id: string, value: object, done?: Done): void;
  destroy(id: string, done?: Done): void;
  /** The same store, as one request asks it: what `request.sessionStore` is. */
  boundTo(context: Context): ExpressStore;
  /** express-session itself asks the one store for all; whatever it asks while `work` runs is for that request. */
  during<T>(context: Context | null, work: () => T): T;
  /** The same while it ends the response: it saves by itself then. */
  whileEnding<T>(context: Context, work: () => T): T;
}

/** A store for express-session, of its own class so that `regenerate` and the like are its own. */
export function storeOf(Base: StoreBase, contexts: RequestContexts): ExpressStore {
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
      settle(() => contexts.read(this.contextOf(), id), this.bound === null ? done : later(done));
    }

    set(id: string, value: object, done?: Done): void {
      this.change(value, (context) => void contexts.write(context, id, value), done);
    }

    touch(id: string, value: object, done?: Done): void {
      this.change(
        value,
        (context) => void contexts.touch(context, id, 'cookie' in value ? value.cookie : undefined),
        done,
      );
    }

    destroy(id: string, done?: Done): void {
      const end = (context: Context) => {
        contexts.destroy(context, id);
        return contexts.endFormer(id);
      };
      this.change(undefined, end, done);
    }

    override regenerate(request: object, done: Done): void {
      super.regenerate(request, (failed) => {
        if (failed) return done(failed);
        settle(
          () => contexts.renew(this.contextOf({ req: request })),
          (error) => done(error ?? undefined),
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

    private change(
      value: object | undefined,
      work: (context: Context) => undefined | Promise<void>,
      given: Done = () => {},
    ): void {
      let context: Context | undefined;
      const isOwn = state.isEnding;
      const done = isOwn ? given : later(given);
      const changed = () => {
        const found = this.contextOf(value);
        context = found;
        const working = work(found);
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

    /** A session knows its request, whichever way it came here. */
    private contextOf(value: object = {}): Context {
      const request = 'req' in value && typeof value.req === 'object' ? value.req : null;
      const context = (request && contexts.of(request)) ?? this.bound ?? state.current;
      if (context !== null) return context;
      throw new Error('session store: found no request, expected to be asked by request.sessionStore');
    }
  }
  return new LimpetStore();
}

/** An app is never called back before its call has come back: it may use what that answers. */
function later<T>(done: Done<T>): Done<T> {
  return (error, found) => process.nextTick(done, error, found);
}
