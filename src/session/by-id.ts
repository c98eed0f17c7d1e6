/**
 * What stands behind the stores for express-session and @fastify/session: their data is one name of the Limpet session, by
 * the ids that they give out.
 *
 * They copy a session for each request and write back the whole of it. So writing merges name by name what this request
 * has changed (twenty writers of different names all survive), and an id that was destroyed meanwhile is not written
 * again (express/session#632, and @fastify/session where even a read would).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../time/clock.ts';
import { SessionError } from './error.ts';
import type { Gate } from './gate.ts';
import type { FilledOptions } from './options.ts';
import type { Session } from './session.ts';

/** Ids in one Limpet session: more than one only when a client has lost its cookie. */
const mostIds = 8;

export type Plain = Record<string, unknown>;
export interface Context {
  readonly request: IncomingMessage & { session?: unknown; sessionID?: unknown };
  readonly session: Session;
  readonly gate: Gate;
  /** What this request knows, by id: what it has read or written last. */
  readonly known: Map<string, Plain>;
}

/** Tells the store whose request it is: it is asked by id alone. */
export class RequestContext {
  private readonly clock: Clock;
  /** Name in the Limpet session's data. */
  private readonly place: string;
  private readonly storage = new AsyncLocalStorage<Context>();

  constructor({ clock }: FilledOptions, place: string) {
    this.clock = clock;
    this.place = place;
  }

  run(request: IncomingMessage, session: Session, gate: Gate, go: (context: Context) => void): void {
    const context: Context = { request, session, gate, known: new Map() };
    this.storage.run(context, () => go(context));
  }

  get current(): Context {
    const context = this.storage.getStore();
    if (context === undefined) throw new Error('session store: found no request, expected to be asked within one');
    return context;
  }

  read(id: string): Plain | null {
    const { session, known } = this.current;
    const found = this.idsOf(session)[id];
    if (found === undefined || isOver(found, this.clock.wall())) return null;
    known.set(id, structuredClone(found));
    return structuredClone(found);
  }

  /** Writes what this request has changed. Throws SessionError when the id was destroyed meanwhile. */
  write({ session, known }: Context, id: string, value: unknown): void {
    const mine: Plain = JSON.parse(JSON.stringify(value));
    const before = known.get(id);
    const stored = this.idsOf(session)[id];
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
    if (changed.length > 0 || stored === undefined) this.keepId(session, id, now);
    known.set(id, mine);
  }

  destroy(id: string): void {
    const { session } = this.current;
    const ids = this.idsOf(session);
    if (!(id in ids)) return;
    const { [id]: _gone, ...rest } = ids;
    if (Object.keys(rest).length === 0) session.delete(this.place);
    else session.set(this.place, rest);
  }

  /** Expiry alone: the rest of the object is not to be written by a touch. */
  touch(context: Context, id: string, cookie: unknown): void {
    const before = context.known.get(id);
    if (before !== undefined) this.write(context, id, { ...before, cookie });
  }

  /** express-session saves after the head; what has changed by then goes with the head, and its own save finds it done. */
  takeEarly(context: Context): void {
    const { request, known } = context;
    const { session: value, sessionID: id } = request;
    if (typeof id !== 'string' || typeof value !== 'object' || value === null) return;
    const mine: Plain = JSON.parse(JSON.stringify(value));
    // A session nobody has written to is kept or not as saveUninitialized says: express-session's business.
    if (changedNames(known.get(id) ?? { cookie: mine.cookie }, mine).length > 0) this.write(context, id, mine);
  }

  private idsOf(session: Session): Record<string, Plain> {
    const found = session.get(this.place);
    return isIds(found) ? found : {};
  }

  private keepId(session: Session, id: string, value: Plain): void {
    const all = Object.entries({ ...this.idsOf(session), [id]: value });
    session.set(this.place, Object.fromEntries(all.slice(-mostIds)));
  }
}

function isIds(value: unknown): value is Record<string, Plain> {
  return typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'object');
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
  const without = (cookie: unknown) =>
    JSON.stringify({ ...Object(cookie), expires: undefined, originalMaxAge: undefined });
  if (without(before) !== without(mine)) return true;
  // express-session computes the second from the first, a millisecond off at times.
  const moved = Math.abs(expiryOf(mine) - expiryOf(before));
  const lengthened = Math.abs(slackOf(mine) - slackOf(before)) * 4;
  return Math.max(moved, lengthened) > slackOf(mine);
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
