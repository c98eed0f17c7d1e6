/**
 * What stands behind the stores for express-session and @fastify/session: their data is one name of the Limpet session, by
 * the ids that they give out (session-ids.ts).
 *
 * They ask a store by id alone, and by whatever callback the app has come through: an `end` event, a database's client, a
 * socket's handler. AsyncLocalStorage would know the wrong request there, or none. So a request is found by what cannot be
 * lost: the request object, and the ids that it came with or was given.
 *
 * They copy a session for each request and write back the whole of it. So writing merges name by name what this request
 * has changed (twenty writers of different names all survive), and an id that was destroyed meanwhile is not written
 * again (express/session#632, and @fastify/session where even a read would).
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../time/clock.ts';
import { isPlain } from '../data/codec.ts';
import { noSettings } from '../data/cookie-settings.ts';
import { asError, beganLate } from '../error.ts';
import type { Exchange } from '../exchange.ts';
import { FormerStore } from '../migration/source-store.ts';
import { isHandshake } from '../node.ts';
import type { FilledOptions } from '../options.ts';
import type { Gate } from '../response/response-gate.ts';
import type { Session } from '../session.ts';
import { Slot } from '../symbol-property.ts';
import { settingsOf } from './foreign-cookie.ts';
import {
  changedNames,
  endedMeanwhile,
  type Ids,
  idsIn,
  isLoss,
  isReadable,
  mergeIds,
  ownOf,
  type Plain,
  plainOf,
  withNames,
} from './foreign-ids.ts';
import { type ForeignStore, isForeignStore } from './foreign-store.ts';

/** Ids in one Limpet session: more than one only when a client has lost its cookie. */
const mostIds = 8;

/** One request, as a store sees it. */
export interface Context {
  readonly request: IncomingMessage & { session?: unknown; sessionID?: unknown };
  readonly session: Session;
  readonly exchange: Exchange;
  /** null: no response will carry anything (the handshake of a WebSocket). */
  readonly gate: Gate | null;
  /** What this request knows, by id: what it has read or written last. */
  readonly known: Map<string, Plain>;
  /** Nothing can go with the head any more: it has left, or there is none. */
  headLeft: boolean;
  /** The app was told by its callback that a change is lost, and has not changed it back since. */
  lost: unknown;
}

/** The requests of one app, and what each of them does to its ids. */
export class RequestContexts {
  private readonly clock: Clock;
  /** Name in the Limpet session's data. */
  private readonly place: string;
  private readonly contexts = new Slot<object, Context>('limpet.context');
  private readonly options: FilledOptions;
  private readonly isNullSaid: boolean;
  private former: FormerStore | null = null;

  /** `isNullSaid`: the app names a maxAge for its sessions, so that to have none says something. */
  constructor(options: FilledOptions, place: string, isNullSaid = false) {
    this.options = options;
    this.clock = options.clock;
    this.place = place;
    this.isNullSaid = isNullSaid;
  }

  /** Sessions that are not here are looked for in that store, by the same id, and moved. */
  lookIn(store: ForeignStore): void {
    if (!isForeignStore(store)) throw new TypeError('from: found no store, expected get, set and destroy');
    this.former = new FormerStore(store, this.options);
  }

  of(request: object): Context | undefined {
    return this.contexts.get(request);
  }

  /** `beforeHead` runs while the head can still carry something. */
  begin(
    request: IncomingMessage,
    exchange: Exchange,
    how: { gate: Gate | null; headersSent: boolean; beforeHead?: (context: Context) => void },
  ): Context {
    const { gate, headersSent, beforeHead } = how;
    const { session } = exchange;
    const headLeft = gate === null || headersSent || isHandshake(request);
    const context: Context = { request, session, exchange, gate, known: new Map(), headLeft, lost: undefined };
    exchange.mergeBy(this.place, mergeIds);
    gate?.beforeHead(() => {
      beforeHead?.(context);
      context.headLeft = true;
    });
    this.contexts.set(request, context);
    return context;
  }

  /** A promise when the request has read it before: what others have kept since is asked for. */
  read(context: Context, id: string): Plain | null | Promise<Plain | null> {
    if (!context.known.has(id)) return this.readNow(context, id) ?? this.bring(context, id);
    const fresh = context.exchange.refresh();
    return fresh === undefined ? this.readNow(context, id) : fresh.then(() => this.readNow(context, id));
  }

  /** Writes what this request has changed. Throws SessionError when the id was destroyed meanwhile. */
  write(context: Context, id: string, value: unknown): void {
    const { session, known } = context;
    const mine = plainOf(value);
    const before = known.get(id);
    const changed = changedNames(before ?? {}, mine);
    // The Limpet session itself may be over, or go on under another id: that is no error to who has only read.
    if (before !== undefined && session.ended && !isLoss(changed)) return;
    const stored = ownOf(this.idsOf(session), id);
    if (stored === undefined && before !== undefined) {
      if (!isLoss(changed)) return;
      throw endedMeanwhile();
    }
    // Its cookie would have been a part of the head.
    if (stored === undefined && context.headLeft && hasHead(context)) throw beganLate();
    if (changed.length > 0 || stored === undefined) {
      const kept = withNames(stored ?? {}, mine, changed);
      this.keepId(session, id, kept);
      this.shapeCookie(context, kept.cookie);
    }
    known.set(id, mine);
  }

  /** Where it was before, it is over as well: who comes with its cookie must not bring it back. */
  destroy(context: Context, id: string): undefined | Promise<void> {
    this.remove(context, id);
    return this.former?.destroy(id);
  }

  private remove({ session, exchange }: Context, id: string): void {
    const ids = this.idsOf(session);
    if (!Object.hasOwn(ids, id)) return;
    const { [id]: _gone, ...rest } = ids;
    if (Object.keys(rest).length > 0) session.set(this.place, rest);
    else {
      session.delete(this.place);
      exchange.shapeCookie(noSettings);
      // To the app that was the whole session.
      session.user = null;
    }
  }

  /**
   * The session begins anew under another id. So does the Limpet session, as long as the client can be told: whoever knew
   * the old cookies has neither, and what arrives late with them cannot put a cookie of its own over the new one.
   */
  renew({ exchange, headLeft }: Context): undefined | Promise<void> {
    return headLeft ? undefined : exchange.renew();
  }

  /** Whether it is a session of this request. */
  has({ request, session, known }: Context, id: string): boolean {
    return request.sessionID === id || known.has(id) || ownOf(this.idsOf(session), id) !== undefined;
  }

  /** Expiry alone: the rest of the object is not to be written by a touch. */
  touch(context: Context, id: string, cookie: unknown): void {
    const before = context.known.get(id);
    if (before !== undefined) this.write(context, id, { ...before, cookie });
  }

  /**
   * The app has asked for its change to be kept, and waits. Where the head will carry it nothing is to be done; a store
   * is told at once, which costs nothing: it has to be told anyway. Not when the request is about to fail: @fastify/session saves by
   * itself then, too.
   */
  keep({ session, headLeft, gate }: Context): undefined | Promise<void> {
    if (headLeft) return session.save();
    return session.strategy === 'shared' && gate?.isFailing !== true ? session.save() : undefined;
  }

  /**
   * express-session saves after the head; what has changed by then goes with the head, and its own save finds it done.
   * `isSaved` answers whether it is going to save a session that nobody has written to.
   */
  takeEarly(context: Context, isSaved: (id: string) => boolean): void {
    const { request, known, session } = context;
    const { session: value, sessionID: id } = request;
    if (typeof id !== 'string' || !isPlain(value)) return;
    const before = known.get(id);
    const mine = plainOf(value);
    const changed = changedNames(before ?? { cookie: mine.cookie }, mine);
    const begins = before === undefined && ownOf(this.idsOf(session), id) === undefined && isSaved(id);
    if (changed.length > 0 || begins) this.write(context, id, mine);
  }

  private bring(context: Context, id: string): null | Promise<Plain | null> {
    const { former } = this;
    return former === null ? null : this.moveFrom(former, context, id);
  }

  private async moveFrom(former: FormerStore, context: Context, id: string): Promise<Plain | null> {
    const found = await former.read(id);
    if (found === null) return null;
    if (context.headLeft) {
      // The client cannot be told of the Limpet session: this one is only read, and moves with the next request.
      context.known.set(id, structuredClone(found));
      return found;
    }
    this.keepId(context.session, id, found);
    this.shapeCookie(context, found.cookie);
    await context.session.save();
    await former.retire(id, found);
    return this.readNow(context, id);
  }

  private readNow({ session, known }: Context, id: string): Plain | null {
    const found = ownOf(this.idsOf(session), id);
    if (found === undefined || !isReadable(found, this.clock.wall())) return null;
    known.set(id, structuredClone(found));
    return structuredClone(found);
  }

  /** The cookie of the Limpet session lasts as long as theirs, and goes where that one goes: one is nothing without the other. */
  private shapeCookie({ exchange }: Context, cookie: unknown): void {
    try {
      exchange.shapeCookie(settingsOf(cookie, this.isNullSaid, this.clock.wall()));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.options.onWarning({ code: 'cookie-limited', message: `the cookie of a session: ${asError(error).message}` });
    }
  }

  private idsOf(session: Session): Ids {
    return idsIn(session.get(this.place));
  }

  private keepId(session: Session, id: string, value: Plain): void {
    const all = Object.entries({ ...this.idsOf(session), [id]: value });
    session.set(this.place, Object.fromEntries(all.slice(-mostIds)));
  }
}

/** Its response has a head, by which the client is told of an id. */
function hasHead({ gate, request }: Context): boolean {
  return gate !== null && !isHandshake(request);
}

type Callback<T> = (error: unknown, value?: T) => void;

/** Runs `work` and tells `done` of its end, at once where nothing has to be awaited. Never throws but what `done` throws. */
export function settle<T>(work: () => T | Promise<T>, done: Callback<T>): void {
  let value: T | Promise<T>;
  try {
    value = work();
  } catch (error) {
    done(error);
    return;
  }
  if (value instanceof Promise) value.then((found) => done(null, found), done);
  else done(null, value);
}
