/**
 * The store that express-session gets: its data is one name of the Limpet session, by the id that express-session gives out.
 *
 * express-session copies a session for each request and writes back the whole of it, long after it has sent the head. So
 * writing merges name by name what this request has changed (twenty writers of different names all survive), an id that
 * was destroyed meanwhile is not written again (express/session#632), and changes are taken before the head leaves.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import type session from 'express-session';
import { asError, SessionError } from './error.ts';
import type { Gate } from './gate.ts';
import type { FilledOptions } from './options.ts';
import type { Session } from './session.ts';

/** Name in the Limpet session's data. */
const place = 'express';
/** Ids of express-session in one Limpet session: more than one only when a client has lost its cookie. */
const mostIds = 8;

type Plain = Record<string, unknown>;
type Done = (error?: unknown) => void;

interface Context {
  readonly request: IncomingMessage & { session?: unknown; sessionID?: unknown };
  readonly session: Session;
  readonly gate: Gate;
  /** What this request knows, by id: what it has read or written last. */
  readonly known: Map<string, Plain>;
}

/** Tells the store whose request it is: express-session asks by id alone. */
export class RequestContext {
  readonly options: FilledOptions;
  private readonly storage = new AsyncLocalStorage<Context>();

  constructor(options: FilledOptions) {
    this.options = options;
  }

  run(request: IncomingMessage, session: Session, gate: Gate, go: () => void): void {
    const context: Context = { request, session, gate, known: new Map() };
    gate.beforeHead(() => this.takeEarly(context));
    this.storage.run(context, go);
  }

  get current(): Context {
    const context = this.storage.getStore();
    if (context === undefined) throw new Error('express-session: found no request, expected to be asked within one');
    return context;
  }

  read(id: string): Plain | null {
    const { session, known } = this.current;
    const found = idsOf(session)[id];
    if (found === undefined || isOver(found, this.options.clock.now())) return null;
    known.set(id, structuredClone(found));
    return structuredClone(found);
  }

  /** Writes what this request has changed. Throws SessionError when the id was destroyed meanwhile. */
  write({ session, known }: Context, id: string, value: unknown): void {
    const mine: Plain = JSON.parse(JSON.stringify(value));
    const before = known.get(id);
    const stored = idsOf(session)[id];
    const changed = changedNames(before ?? {}, mine);
    if (stored === undefined && before !== undefined) {
      if (changed.length === 0) return;
      throw new SessionError(
        'session-ended',
        'the session was destroyed while this request worked; its change is lost',
      );
    }
    const now: Plain = { ...stored };
    for (const name of changed) {
      if (name in mine) now[name] = mine[name];
      else delete now[name];
    }
    if (changed.length > 0 || stored === undefined) keepId(session, id, now);
    known.set(id, mine);
  }

  destroy(id: string): void {
    const { session } = this.current;
    const ids = idsOf(session);
    if (!(id in ids)) return;
    const { [id]: _gone, ...rest } = ids;
    if (Object.keys(rest).length === 0) session.delete(place);
    else session.set(place, rest);
  }

  /** express-session saves after the head; what has changed by then goes with the head, and its own save finds it done. */
  private takeEarly(context: Context): void {
    const { request, known } = context;
    const { session: value, sessionID: id } = request;
    if (typeof id !== 'string' || typeof value !== 'object' || value === null) return;
    const mine: Plain = JSON.parse(JSON.stringify(value));
    // A session nobody has written to is kept or not as saveUninitialized says: express-session's business.
    if (changedNames(known.get(id) ?? { cookie: mine.cookie }, mine).length > 0) this.write(context, id, mine);
  }
}

/** A store for express-session, of its own class so that `regenerate` and the like are its own. */
export function storeOf(Store: typeof session.Store, context: RequestContext): session.Store {
  const attempt = (work: () => void, done: Done | undefined) => {
    try {
      work();
    } catch (error) {
      // express-session would send the response as a success and tell the error to nobody.
      context.current.gate.refuse(error);
      done?.(asError(error));
      return;
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
      const { known, session: kept } = context.current;
      const stored = idsOf(kept)[id];
      const before = known.get(id);
      // Expiry alone: the rest of the object is not to be written by a touch.
      if (stored !== undefined && before !== undefined) {
        attempt(() => context.write(context.current, id, { ...before, cookie: value.cookie }), done);
      } else done?.();
    }

    override destroy(id: string, done?: Done): void {
      attempt(() => context.destroy(id), done);
    }
  })();
}

function hasCookie(plain: Plain): plain is Plain & session.SessionData {
  return typeof plain.cookie === 'object' && plain.cookie !== null;
}

function idsOf(session: Session): Record<string, Plain> {
  const found = session.get(place);
  return isIds(found) ? found : {};
}

function isIds(value: unknown): value is Record<string, Plain> {
  return typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'object');
}

function keepId(session: Session, id: string, value: Plain): void {
  const all = Object.entries({ ...idsOf(session), [id]: value });
  session.set(place, Object.fromEntries(all.slice(-mostIds)));
}

/** Names whose values differ. Of the cookie an expiry that has moved by less than a quarter of its time does not count. */
function changedNames(before: Plain, mine: Plain): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(mine)]);
  return [...names].filter((name) =>
    name === 'cookie'
      ? isCookieChanged(before.cookie, mine.cookie)
      : JSON.stringify(before[name]) !== JSON.stringify(mine[name]),
  );
}

function isCookieChanged(before: unknown, mine: unknown): boolean {
  const without = (cookie: unknown) => JSON.stringify({ ...Object(cookie), expires: undefined });
  if (without(before) !== without(mine)) return true;
  const moved = expiryOf(mine) - expiryOf(before);
  return Math.abs(moved) > slackOf(mine);
}

/** Unix ms; 0: it has none. */
function expiryOf(cookie: unknown): number {
  const { expires } = Object(cookie);
  return typeof expires === 'string' ? Date.parse(expires) : 0;
}

function slackOf(cookie: unknown): number {
  const { originalMaxAge } = Object(cookie);
  return typeof originalMaxAge === 'number' ? originalMaxAge / 4 : 0;
}

function isOver({ cookie }: Plain, now: number): boolean {
  const expires = expiryOf(cookie);
  return expires > 0 && expires + slackOf(cookie) < now;
}
