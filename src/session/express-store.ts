/** The store that express-session gets (by-id.ts has what it does). */
import type session from 'express-session';
import type { Plain, RequestContext } from './by-id.ts';

type Done = (error?: unknown) => void;

/** A store for express-session, of its own class so that `regenerate` and the like are its own. */
export function storeOf(Store: typeof session.Store, context: RequestContext): session.Store {
  const attempt = (work: () => void, done: Done | undefined) => {
    try {
      work();
    } catch (error) {
      // express-session would send the response as a success. The client gets its 503 here; with the error it would go to
      // next() as well, and Express break the connection, with whatever the balancer has sent on it by then.
      context.current.gate.refuse(error);
    }
    done?.();
  };
  return new (class LimpetStore extends Store {
    override get(id: string, done: (error: unknown, found?: session.SessionData | null) => void): void {
      let found: session.SessionData | null;
      try {
        const plain = context.read(id);
        found = plain !== null && hasCookie(plain) ? plain : null;
      } catch (error) {
        done(error);
        return;
      }
      done(null, found);
    }

    override set(id: string, value: session.SessionData, done?: Done): void {
      attempt(() => context.write(context.current, id, value), done);
    }

    override touch(id: string, value: session.SessionData, done?: () => void): void {
      attempt(() => context.touch(context.current, id, value.cookie), done);
    }

    override destroy(id: string, done?: Done): void {
      attempt(() => context.destroy(id), done);
    }
  })();
}

function hasCookie(plain: Plain): plain is Plain & session.SessionData {
  return typeof plain.cookie === 'object' && plain.cookie !== null;
}
