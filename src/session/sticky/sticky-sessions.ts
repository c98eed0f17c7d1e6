/**
 * Strategy sticky: the session lives in this process's memory, and every change is sent with the response that made it
 * (docs/reference/session-protocol.md). The balancer says in each request who owns the session and which version it knows; this
 * process never decides that itself.
 */
import type { SessionDirectory } from '../directory.ts';
import { SessionError } from '../error.ts';
import type { Exchange, IncomingRequest, SessionProvider } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import { LiveSession } from '../live-session.ts';
import { newLiveSession } from '../new-session.ts';
import { type EvictionReason, Registry } from '../registry.ts';
import type { Session } from '../session.ts';
import type { SessionEnd } from '../session-end.ts';
import { UserSessions } from '../user-sessions.ts';
import { BalancerSecrets } from './balancer-secrets.ts';
import { decideEnd } from './end-delivery.ts';
import type { SessionHeader } from './protocol.ts';
import { RemoteSession } from './remote-session.ts';
import { SessionHeaderReader } from './session-header-reader.ts';
import { isCurrent, SessionRestorer } from './session-restorer.ts';
import type { StickyContext } from './sticky-context.ts';
import { StickyDirectory } from './sticky-directory.ts';
import { StickySession } from './sticky-session.ts';
import { StoreClient } from './store-client.ts';

/** Different warnings of cookies: a path or a time may be made from what a client sends. */
const maxCookieWarnings = 16;

export class StickySessions implements SessionProvider {
  private readonly stored: StickyDirectory;
  private readonly context: StickyContext;
  private readonly restorer: SessionRestorer;
  private readonly fallback: SessionProvider | null;
  private readonly headers: SessionHeaderReader;
  private hasWarnedOfFallback = false;
  private readonly cookieWarnings = new Set<string>();

  /** `fallback`: opens the sessions of requests without a valid header; null: that is an error. */
  constructor(options: FilledOptions, fallback: SessionProvider | null) {
    const { limits, idleMs, random, onWarning } = options;
    const secrets = new BalancerSecrets(options.secrets, options.secretFile, {
      maxSkewSeconds: options.clockSkewMs / 1000,
      onDiffers: (seconds) => onWarning({ code: 'clock-differs', message: clockMessage(seconds) }),
    });
    this.headers = new SessionHeaderReader(secrets);
    this.fallback = fallback;
    const context: Omit<StickyContext, 'users'> = {
      options,
      registry: new Registry(
        limits.sessions,
        () => idleMs,
        (live, reason) => this.emitExpired(live, reason),
      ),
      client: new StoreClient({ secrets, timeoutMs: limits.storeTimeout, maxBytes: limits.bytes }),
      processId: Buffer.from(random(9)).toString('base64url'),
      warnOnce: (message) => this.warnOfCookie(message),
    };
    this.stored = new StickyDirectory(context);
    this.context = { ...context, users: new UserSessions(this.stored, options) };
    this.restorer = new SessionRestorer(this.context);
  }

  open(incoming: IncomingRequest, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { options, registry } = this.context;
    const now = options.clock.now();
    const header = this.headers.read(incoming, options.clock.wall());
    if (typeof header === 'string') return this.openFallback(header, incoming, hasResponse);
    this.stored.addStore(header, now);
    const end = registry.endOf(header.id, now);
    if (end !== undefined) {
      const isUnderWay = end !== null && !end.isConfirmed && end.responseClosedAt === 0;
      return isUnderWay ? this.exchangeOf(null, header, hasResponse, end) : this.openEnded(header, end, hasResponse);
    }
    const found = registry.find(header.id, now);
    if (found !== undefined && isCurrent(found, header)) {
      // A version that the balancer knows is stored, unless its store is another one than that to which it was put. Each epoch has its own.
      if (found.storeIncarnation === header.storeIncarnation && found.epoch === header.epoch) {
        found.storedVersion = Math.max(found.storedVersion, Math.min(found.version, header.version));
      }
      return this.exchangeOf(found, header, hasResponse);
    }
    if (header.reason === 'new') {
      const live = newLiveSession(options, now, header);
      registry.add(live, now);
      return this.exchangeOf(live, header, hasResponse);
    }
    return this.openRestored(header, hasResponse);
  }

  get directory(): SessionDirectory {
    return this.fallbackOnly?.directory ?? this.stored;
  }

  async find(id: string): Promise<Session | null> {
    if (this.fallbackOnly !== null) return this.fallbackOnly.find(id);
    const { options, registry } = this.context;
    const found = await this.stored.find(id);
    if (found === null) return null;
    const { address, copy } = found;
    const { epoch, version, text } = copy;
    const own = registry.peek(id);
    if (own !== undefined && isCurrent(own, copy)) {
      const header: SessionHeader = {
        ...address,
        epoch,
        version,
        reason: 'held',
        storeIncarnation: own.storeIncarnation,
        allow: '',
        cookie: '',
        state: null,
      };
      const openedAs = { reason: header.reason, isNew: false, hasResponse: false, wasEnded: false, end: null };
      return new StickySession(this.context, header, own, openedAs);
    }
    const data = options.codec.decode(text);
    const createdAt = options.clock.now();
    const live = new LiveSession({ id, epoch, storeIncarnation: '', data, encoded: text, createdAt });
    live.version = live.storedVersion = version;
    return new RemoteSession(live, options, this.stored);
  }

  sweep(now: number): void {
    const { registry } = this.context;
    registry.sweep(now, registry.size);
    this.fallback?.sweep?.(now);
  }

  async close(): Promise<void> {
    this.context.client.close();
    await this.fallback?.close();
  }

  /** The fallback, as long as no balancer has sent a request: then it has all sessions. */
  private get fallbackOnly(): SessionProvider | null {
    return this.stored.hasNoStore ? this.fallback : null;
  }

  /** A session that was evicted because the memory was full is not over: it is read again when it is needed. */
  private emitExpired(live: LiveSession, reason: EvictionReason): void {
    const { id, data, version } = live;
    if (reason === 'idle' && version > 0) this.context.options.events.emitOnce(live, 'expired', { id, data, reason });
  }

  /** `problem`: what is wrong with the header of the request. */
  private openFallback(problem: string, incoming: IncomingRequest, hasResponse: boolean): Exchange | Promise<Exchange> {
    const message = `strategy sticky: ${problem}; expected one from a Limpet balancer in front of this server`;
    if (this.fallback === null) {
      throw new SessionError('no-balancer', `${message}. For running without one: fallback: 'local'`);
    }
    if (!this.hasWarnedOfFallback) {
      this.hasWarnedOfFallback = true;
      this.context.options.onWarning({
        code: 'no-balancer',
        message: `${message}. Sessions without it are local and end with this process`,
      });
    }
    return this.fallback.open(incoming, hasResponse);
  }

  private warnOfCookie(message: string): void {
    if (this.cookieWarnings.has(message) || this.cookieWarnings.size >= maxCookieWarnings) return;
    this.cookieWarnings.add(message);
    this.context.options.onWarning({ code: 'cookie-limited', message });
  }

  /**
   * The session ended here, and the response that announced it is over; but the balancer still sends its requests. Either that response
   * has not reached the balancer yet, or it went to another balancer, or the store has failed and the session goes on.
   */
  private async openEnded(header: SessionHeader, end: SessionEnd | null, hasResponse: boolean): Promise<Exchange> {
    if (await decideEnd(this.context, header, end)) return this.exchangeOf(null, header, hasResponse);
    this.context.registry.removeTombstone(header.id);
    return this.openRestored(header, hasResponse);
  }

  /** The session is not in memory, or not as it should be: it is read from the store. */
  private async openRestored(header: SessionHeader, hasResponse: boolean): Promise<Exchange> {
    const underWay = this.restorer.underWay(header);
    if (underWay !== null) return this.exchangeOf(await underWay, header, hasResponse);
    const live = await this.restorer.restore(header);
    const exchange = this.exchangeOf(live, header, hasResponse);
    const { reason } = header;
    if ((reason === 'rebind' || reason === 'move') && live !== null) {
      const { events, onMove } = this.context.options;
      onMove(exchange.session);
      events.emit('moved', { id: live.id, data: live.data, reason });
    }
    return exchange;
  }

  /** `live` null: the session is over, by `end` when that is known. The request reads an empty session, which cannot be written. */
  private exchangeOf(
    live: LiveSession | null,
    header: SessionHeader,
    hasResponse: boolean,
    end: SessionEnd | null = null,
  ): Exchange {
    const { options } = this.context;
    const session = live ?? newLiveSession(options, options.clock.now(), header);
    const wasEnded = live === null;
    const openedAs = {
      reason: header.reason,
      isNew: wasEnded || session.version === 0,
      hasResponse,
      wasEnded,
      end,
    };
    return new StickySession(this.context, header, session, openedAs);
  }
}

/** `seconds`: positive when the clock of the balancer is ahead. */
function clockMessage(seconds: number): string {
  const how = seconds > 0 ? 'ahead of' : 'behind';
  return `the clock of the balancer is ${Math.abs(seconds)} s ${how} this machine's: set both; beyond clockSkew its sessions are not believed`;
}
