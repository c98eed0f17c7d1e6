/**
 * Migration of sessions (option `from`): a client whose session is not here yet may have one where the app kept its sessions before, in a
 * store of express-session or by another strategy. Its data is copied and stored here; then the old session is removed.
 */
import type { CookieSettings } from '../data/cookie-settings.ts';
import type { Exchange, HeaderLines, IncomingRequest } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import { gracePeriodMs } from './source-store.ts';

/** A session where it was before. */
export interface SourceSession {
  readonly data: object;
  /** The attributes of its cookie that were set. */
  readonly settings: CookieSettings;
  /** Removes it after a grace period: it is stored here now. */
  readonly retire: () => Promise<void>;
  /** Removes it at once. */
  readonly end: () => Promise<void>;
  /** Deletes its cookie. */
  readonly cookieDeletion: HeaderLines;
}

/** Where the app kept its sessions before. */
export interface MigrationSource {
  /** null: the request has none; no promise where it does not even have the cookie of one. */
  find(incoming: IncomingRequest): null | Promise<SourceSession | null>;
  close(): Promise<void>;
}

/** Migrates sessions, and remembers them as long as they can be read where they were. */
export class SessionMigration {
  private readonly source: MigrationSource;
  private readonly options: FilledOptions;
  /** By the ids that they have here. */
  private readonly migrated = new Map<string, SourceSession>();

  constructor(source: MigrationSource, options: FilledOptions) {
    this.source = source;
    this.options = options;
  }

  /** The session of the request, with the data of the old one when this is its first request here. */
  migrate(exchange: Exchange, incoming: IncomingRequest, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { session } = exchange;
    const before = this.migrated.get(session.id);
    if (before !== undefined) endTogether(exchange, before);
    if (!session.isNew || session.ended) return exchange;
    const finding = this.source.find(incoming);
    return finding === null ? exchange : finding.then((found) => this.copy(found, exchange, hasResponse));
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private async copy(found: SourceSession | null, exchange: Exchange, hasResponse: boolean): Promise<Exchange> {
    if (found === null) return exchange;
    const { session } = exchange;
    const { inner } = this.options.codec;
    // Copied by the codec, so that only data is copied that it can encode.
    inner.check({ ...found.data });
    Object.assign(session.data, inner.decode(inner.encode({ ...found.data })));
    if (Object.keys(found.settings).length > 0) exchange.setCookieSettings(found.settings);
    // Without a response the client cannot get the new cookie: the session is only read, and migrated by the next request.
    if (!hasResponse) return exchange;
    await session.save();
    await found.retire();
    const { id } = session;
    this.migrated.set(id, found);
    this.options.timers.after(gracePeriodMs, () => void this.migrated.delete(id));
    endTogether(exchange, found);
    const beforeHead = exchange.beforeHead.bind(exchange);
    exchange.beforeHead = () => concat(found.cookieDeletion, beforeHead());
    return exchange;
  }
}

/** After a logout, or under a fresh id, the session must not be found by its old cookie any more. */
function endTogether(exchange: Exchange, source: SourceSession): void {
  const { session } = exchange;
  const [destroy, renew] = [session.destroy.bind(session), exchange.renew.bind(exchange)];
  session.destroy = () => source.end().then(destroy);
  // `regenerate` calls it, too.
  exchange.renew = () => source.end().then(renew);
}

function concat(lines: HeaderLines, more: HeaderLines | Promise<HeaderLines>): HeaderLines | Promise<HeaderLines> {
  return more instanceof Promise ? more.then((found) => [...lines, ...found]) : [...lines, ...more];
}
