/**
 * What the stores for express-session and @fastify/session have in common: their sessions are one name in the data of the Limpet session,
 * by the ids that those libraries give out (foreign-ids.ts).
 *
 * Those libraries call a store with an id alone, and from whatever callback the app has come through: an `end` event, a client of a
 * database, a handler of a socket. AsyncLocalStorage would give the wrong request there, or none. So the request is found by what cannot
 * be lost: the request object, and the ids that it came with or was given.
 *
 * They copy a session for each request and write back all of it. So a write merges, name by name, what this request has changed
 * (twenty writers of different names all survive), and an id that was destroyed meanwhile is not written again (express/session#632, and
 * @fastify/session, where even a read would do so).
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../time/clock.ts';
import { isPlain } from '../data/codec.ts';
import { noSettings } from '../data/cookie-settings.ts';
import { asError, beganAfterHead } from '../error.ts';
import type { Exchange } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import { SourceStore } from '../migration/source-store.ts';
import type { Session } from '../session.ts';
import { SymbolProperty } from '../symbol-property.ts';
import { settingsOf } from './foreign-cookie.ts';
import {
  changedNames,
  endedMeanwhile,
  type Ids,
  idsIn,
  isReadable,
  losesData,
  mergeIds,
  ownValue,
  type Plain,
  toPlain,
  withNames,
} from './foreign-ids.ts';
import { type ForeignStore, isForeignStore } from './foreign-store.ts';
import { type ContextOptions, createContext, hasHead, type RequestContext } from './request-context.ts';

/** Ids in one Limpet session: more than one only when a client has lost its cookie. */
const maxIds = 8;

/** The requests of one app, and what each of them does to its ids. */
export class ForeignIdStore {
  private readonly clock: Clock;
  /** The name of the ids in the Limpet session's data. */
  private readonly dataName: string;
  private readonly contexts = new SymbolProperty<object, RequestContext>('limpet.context');
  private readonly options: FilledOptions;
  private readonly hasMaxAge: boolean;
  private source: SourceStore | null = null;

  /** `hasMaxAge`: the app sets a maxAge for its sessions, so that the absence of one means a cookie that ends with the browser. */
  constructor(options: FilledOptions, dataName: string, hasMaxAge = false) {
    this.options = options;
    this.clock = options.clock;
    this.dataName = dataName;
    this.hasMaxAge = hasMaxAge;
  }

  /** Sessions that are not here are looked up in that store, by the same id, and migrated. Throws TypeError when it is none. */
  migrateFrom(store: ForeignStore): void {
    if (!isForeignStore(store)) throw new TypeError('from: found no store, expected get, set and destroy');
    this.source = new SourceStore(store, this.options);
  }

  contextOf(request: object): RequestContext | undefined {
    return this.contexts.get(request);
  }

  begin(request: IncomingMessage, exchange: Exchange, options: ContextOptions): RequestContext {
    const { gate, beforeHead } = options;
    const context = createContext(request, exchange, options);
    exchange.setMerge(this.dataName, mergeIds);
    gate?.onBeforeHead(() => {
      beforeHead?.(context);
      context.isHeadSent = true;
    });
    this.contexts.set(request, context);
    return context;
  }

  /** A promise when the request has read it before, and what others have stored since is read, or when it may have to be migrated. */
  read(context: RequestContext, id: string): Plain | null | Promise<Plain | null> {
    if (!context.lastKnown.has(id)) return this.readNow(context, id) ?? this.readSource(context, id);
    const refreshing = context.exchange.refresh();
    return refreshing === undefined ? this.readNow(context, id) : refreshing.then(() => this.readNow(context, id));
  }

  /** Writes what this request has changed. Throws SessionError when the id was destroyed meanwhile. */
  write(context: RequestContext, id: string, value: unknown): void {
    const { session, lastKnown } = context;
    const mine = toPlain(value);
    const before = lastKnown.get(id);
    const changed = changedNames(before ?? {}, mine);
    // The Limpet session may be over, or have another id: that is no error for a request that has only read.
    if (before !== undefined && session.ended && !losesData(changed)) return;
    const stored = ownValue(this.idsOf(session), id);
    if (stored === undefined && before !== undefined) {
      if (!losesData(changed)) return;
      throw endedMeanwhile();
    }
    // The cookie of a new session is a part of the head.
    if (stored === undefined && context.isHeadSent && hasHead(context)) throw beganAfterHead();
    if (changed.length > 0 || stored === undefined) {
      const merged = withNames(stored ?? {}, mine, changed);
      this.setId(session, id, merged);
      this.applyCookie(context, merged.cookie);
    }
    lastKnown.set(id, mine);
  }

  /** Ends it in the store that it was migrated from as well: its old cookie must not bring it back. */
  destroy(context: RequestContext, id: string): undefined | Promise<void> {
    this.remove(context, id);
    return this.source?.destroy(id);
  }

  private remove({ session, exchange }: RequestContext, id: string): void {
    const ids = this.idsOf(session);
    if (!Object.hasOwn(ids, id)) return;
    const { [id]: _removed, ...rest } = ids;
    if (Object.keys(rest).length > 0) session.set(this.dataName, rest);
    else {
      session.delete(this.dataName);
      exchange.setCookieSettings(noSettings);
      // To the app that was the whole session.
      session.user = null;
    }
  }

  /**
   * The session gets another id. So does the Limpet session, as long as the client can get a new cookie: whoever knew the old cookies has
   * neither session, and a late response with the old ones cannot set a cookie over the new one.
   */
  renew({ exchange, isHeadSent }: RequestContext): undefined | Promise<void> {
    return isHeadSent ? undefined : exchange.renew();
  }

  /** Whether it is an id of this request. */
  has({ request, session, lastKnown }: RequestContext, id: string): boolean {
    return request.sessionID === id || lastKnown.has(id) || ownValue(this.idsOf(session), id) !== undefined;
  }

  /** Writes the expiry alone: a touch must not write the rest of the object. */
  touch(context: RequestContext, id: string, cookie: unknown): void {
    const before = context.lastKnown.get(id);
    if (before !== undefined) this.write(context, id, { ...before, cookie });
  }

  /**
   * The app waits until its change is stored. Where the head will carry it, nothing has to be done. A shared store is written at once: it
   * has to be written anyway. Not when the request is about to fail: @fastify/session saves then, too.
   */
  save({ session, isHeadSent, gate }: RequestContext): undefined | Promise<void> {
    if (isHeadSent) return session.save();
    return session.strategy === 'shared' && gate?.isFailing !== true ? session.save() : undefined;
  }

  /**
   * Writes before the head what express-session would save after it; its own save then finds nothing to do. `isSaved`: whether it is
   * going to save a session that nobody has written to.
   */
  writeBeforeHead(context: RequestContext, isSaved: (id: string) => boolean): void {
    const { request, lastKnown, session } = context;
    const { session: value, sessionID: id } = request;
    if (typeof id !== 'string' || !isPlain(value)) return;
    const before = lastKnown.get(id);
    const mine = toPlain(value);
    const changed = changedNames(before ?? { cookie: mine.cookie }, mine);
    const isNew = before === undefined && ownValue(this.idsOf(session), id) === undefined && isSaved(id);
    if (changed.length > 0 || isNew) this.write(context, id, mine);
  }

  private readSource(context: RequestContext, id: string): null | Promise<Plain | null> {
    return this.source === null ? null : this.migrate(this.source, context, id);
  }

  private async migrate(source: SourceStore, context: RequestContext, id: string): Promise<Plain | null> {
    const found = await source.read(id);
    if (found === null) return null;
    if (context.isHeadSent) {
      // The client cannot get the cookie of the Limpet session: it is only read, and migrated by the next request.
      context.lastKnown.set(id, structuredClone(found));
      return found;
    }
    this.setId(context.session, id, found);
    this.applyCookie(context, found.cookie);
    await context.session.save();
    await source.retire(id, found);
    return this.readNow(context, id);
  }

  private readNow({ session, lastKnown }: RequestContext, id: string): Plain | null {
    const found = ownValue(this.idsOf(session), id);
    if (found === undefined || !isReadable(found, this.clock.wall())) return null;
    lastKnown.set(id, structuredClone(found));
    return structuredClone(found);
  }

  /** The cookie of the Limpet session lasts as long as theirs and has its scope: one is useless without the other. */
  private applyCookie({ exchange }: RequestContext, cookie: unknown): void {
    try {
      exchange.setCookieSettings(settingsOf(cookie, this.hasMaxAge, this.clock.wall()));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.options.onWarning({ code: 'cookie-limited', message: `the cookie of a session: ${asError(error).message}` });
    }
  }

  private idsOf(session: Session): Ids {
    return idsIn(session.get(this.dataName));
  }

  private setId(session: Session, id: string, value: Plain): void {
    const all = Object.entries({ ...this.idsOf(session), [id]: value });
    session.set(this.dataName, Object.fromEntries(all.slice(-maxIds)));
  }
}
