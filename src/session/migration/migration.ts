/**
 * Moving house: a client whose session is not here yet may have one where the app kept them before, in a store of express-session or
 * by another strategy. Its data is taken over and kept, and then the old session goes.
 */

import { deletion, writeCookie } from '../cookie.ts';
import { type CookieSettings, cookieOf, noSettings } from '../data/cookie-settings.ts';
import { asError, SessionError } from '../error.ts';
import type { Exchange, Incoming, Lines, Opener } from '../exchange.ts';
import { settingsOf } from '../foreign/foreign-cookie.ts';
import { isForeignStore } from '../foreign/foreign-store.ts';
import type { FilledOptions, FormerExpressSession } from '../options.ts';
import { readSignedIds } from './signed-cookie.ts';
import { FormerStore, graceTime } from './source-store.ts';

/** A session where it was. */
interface Found {
  readonly data: object;
  /** What was said of its cookie. */
  readonly settings: CookieSettings;
  /** It is kept elsewhere now. */
  readonly retire: () => Promise<void>;
  /** At once, in place of a minute later. */
  readonly end: () => Promise<void>;
  /** The client forgets the old cookie. */
  readonly clear: Lines;
}

export interface Former {
  /** null: none, at once where the request does not speak of one. */
  find(incoming: Incoming): null | Promise<Found | null>;
  close(): Promise<void>;
}

export function formerExpress(
  { store, secret, name = 'connect.sid' }: FormerExpressSession,
  options: FilledOptions,
): Former {
  const secrets = typeof secret === 'string' ? [secret] : (secret ?? []);
  if (!isForeignStore(Object(store)) || secrets.length === 0 || secrets.includes('')) {
    throw new TypeError(
      'from: found neither a strategy, nor a store of express-session with the secret of its cookies',
    );
  }
  const former = new FormerStore(store, options);
  return {
    find(incoming) {
      const ids = readSignedIds(incoming, name, secrets);
      return ids.length === 0 ? null : findAny(ids);
    },
    async close() {},
  };

  async function findAny(ids: readonly string[]): Promise<Found | null> {
    for (const id of ids) {
      const found = await former.read(id);
      if (found === null) continue;
      const { cookie, ...data } = found;
      // Its attributes are the new cookie's to say; how long the session lasts goes with it.
      const { maxAge } = settingsOf(cookie, false, options.clock.wall());
      const settings = maxAge === undefined ? noSettings : { maxAge };
      const clear: Lines = [['Set-Cookie', `${name}=; Path=/; ${deletion}`]];
      return { data, settings, retire: () => former.retire(id, found), end: () => former.destroy(id), clear };
    }
    return null;
  }
}

/** `former`: the options by which `opener` was made. */
export function formerStrategy(opener: Opener, former: FilledOptions, options: FilledOptions): Former {
  const isSticky = former.strategy === 'sticky';
  const { name } = former.cookie;
  return {
    find(incoming) {
      const isThere = isSticky
        ? incoming.header('limpet-session') !== undefined
        : (incoming.header('cookie') ?? '').includes(`${name}=`);
      return isThere ? find(incoming) : null;
    },
    close: () => opener.close(),
  };

  async function find(incoming: Incoming): Promise<Found | null> {
    const exchange = await openIfThere(opener, incoming);
    if (exchange === null || exchange.session.isNew || exchange.session.ended) return null;
    const { session } = exchange;
    const settings = cookieOf(session.data);
    // The cookie of `sticky` is the balancer's.
    const isOther = !isSticky && (options.strategy === 'sticky' || name !== options.cookie.name);
    // A token cannot be taken back: the client forgets it, and copies of it end with their time.
    const end = async () => {
      if (former.strategy !== 'stateless' && !session.ended) await session.destroy();
    };
    return {
      data: session.data,
      settings,
      retire: async () => {
        options.timers.after(graceTime, () => void end().catch((error) => options.onError(asError(error))));
      },
      end,
      clear: isOther ? writeCookie(former, '', { secure: false, settings, former: settings }).slice(0, 1) : [],
    };
  }
}

/** null: there is no balancer in front any more, or not yet. */
async function openIfThere(opener: Opener, incoming: Incoming): Promise<Exchange | null> {
  try {
    return await opener.open(incoming, false);
  } catch (error) {
    if (error instanceof SessionError && error.code === 'no-balancer') return null;
    throw error;
  }
}

/** Brings sessions over, and knows which ones for as long as they are to be found where they were. */
export class Move {
  private readonly former: Former;
  private readonly options: FilledOptions;
  /** By the ids that they have now. */
  private readonly recent = new Map<string, Found>();

  constructor(former: Former, options: FilledOptions) {
    this.former = former;
    this.options = options;
  }

  /** The session of the request, with the data of the former one when this is its first request here. */
  bring(exchange: Exchange, incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { session } = exchange;
    const before = this.recent.get(session.id);
    if (before !== undefined) this.endTogether(exchange, before);
    if (!session.isNew || session.ended) return exchange;
    const looked = this.former.find(incoming);
    return looked === null ? exchange : looked.then((found) => this.take(exchange, found, hasResponse));
  }

  close(): Promise<void> {
    return this.former.close();
  }

  private async take(exchange: Exchange, found: Found | null, hasResponse: boolean): Promise<Exchange> {
    if (found === null) return exchange;
    const { session } = exchange;
    // A copy, of what this codec can keep.
    const { inner } = this.options.codec;
    inner.check({ ...found.data });
    Object.assign(session.data, inner.decode(inner.encode({ ...found.data })));
    if (Object.keys(found.settings).length > 0) exchange.shapeCookie(found.settings);
    // Without a response the client cannot be told: it is only read, and moves with the next request.
    if (!hasResponse) return exchange;
    await session.save();
    await found.retire();
    const { id } = session;
    this.recent.set(id, found);
    this.options.timers.after(graceTime, () => void this.recent.delete(id));
    this.endTogether(exchange, found);
    const head = exchange.head.bind(exchange);
    exchange.head = () => concat(found.clear, head());
    return exchange;
  }

  /** Who signs out, or gets a fresh id, is not to be found under the old cookie any more. */
  private endTogether(exchange: Exchange, found: Found): void {
    const { session } = exchange;
    const [destroy, renew] = [session.destroy.bind(session), exchange.renew.bind(exchange)];
    session.destroy = () => found.end().then(destroy);
    // What `regenerate` does, too.
    exchange.renew = () => found.end().then(renew);
  }
}

function concat(lines: Lines, more: Lines | Promise<Lines>): Lines | Promise<Lines> {
  return more instanceof Promise ? more.then((later) => [...lines, ...later]) : [...lines, ...more];
}
