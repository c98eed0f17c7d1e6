/**
 * Strategy sticky: the session lives in this process's memory, and every change leaves with the response that carries it
 * (docs/reference/session-protocol.md). The balancer says who owns a session; this file believes its epoch, never its own.
 */
import { idleOf } from '../cookie.ts';
import { userOf } from '../data/user.ts';
import type { Directory } from '../directory.ts';
import { SessionError } from '../error.ts';
import type { Exchange, Incoming, Opener } from '../exchange.ts';
import { type Ending, Live } from '../live-session.ts';
import type { FilledOptions } from '../options.ts';
import { type Gone, Registry } from '../registry.ts';
import type { Session } from '../session.ts';
import { UserSessions } from '../user-sessions.ts';
import { Secrets } from './balancer-secrets.ts';
import type { Word } from './protocol.ts';
import { ForeignSession } from './remote-session.ts';
import { Words } from './session-header-reader.ts';
import type { StickyParts } from './sticky-context.ts';
import { StickyDirectory } from './sticky-directory.ts';
import { StickySession } from './sticky-session.ts';
import { StoreClient } from './store-client.ts';

/** Different warnings of cookies. */
const mostWarnings = 16;

interface Pending {
  readonly epoch: number;
  readonly version: number;
  readonly live: Promise<Live | null>;
}

export class StickySessions implements Opener {
  private readonly sticky: StickyDirectory;
  private readonly parts: StickyParts;
  /** Restores under way: one for a session, however many requests wait. */
  private readonly pending = new Map<string, Pending>();
  private readonly fallback: Opener | null;
  private readonly words: Words;
  private warned = false;
  /** Of cookies. Bounded: a path or a time may be made from what a client sends. */
  private readonly warnings = new Set<string>();

  /** `fallback`: opens what comes without a believable header; null: that is an error. */
  constructor(options: FilledOptions, fallback: Opener | null) {
    const { limits, idle, random } = options;
    const secrets = new Secrets(options.secrets, options.secretFile, {
      skew: options.clockSkew / 1000,
      onDiffers: (seconds) => options.onWarning({ code: 'clock-differs', message: differs(seconds) }),
    });
    this.words = new Words(secrets);
    this.fallback = fallback;
    const parts: Omit<StickyParts, 'users'> = {
      options,
      registry: new Registry(
        limits.sessions,
        () => idle,
        (live, why) => this.tellGone(live, why),
      ),
      client: new StoreClient({ secrets, timeout: limits.storeTimeout, largest: limits.bytes }),
      by: Buffer.from(random(9)).toString('base64url'),
      warnOnce: (message) => this.warnOnce(message),
    };
    this.sticky = new StickyDirectory(parts);
    this.parts = { ...parts, users: new UserSessions(this.sticky, options) };
  }

  open(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { options, registry } = this.parts;
    const now = options.clock.now();
    const word = this.words.read(incoming, options.clock.wall());
    if (typeof word === 'string') return this.openWithout(word, incoming, hasResponse);
    this.sticky.learn(word, now);
    const ending = registry.endingOf(word.id, now);
    if (ending !== undefined) {
      const isDecided = ending === null || ending.confirmed || ending.closedAt === 0;
      return isDecided ? this.hold(null, word, hasResponse, ending) : this.openDoubtful(word, ending, hasResponse);
    }
    const found = registry.find(word.id, now);
    if (found !== undefined && isCurrent(found, word)) {
      // What the balancer knows of is kept, unless it speaks of other copies than those that were put.
      if (found.copy === word.copy) found.kept = Math.max(found.kept, Math.min(found.version, word.version));
      return this.hold(found, word, hasResponse);
    }
    if (word.reason === 'new') {
      const live = this.empty(word, now);
      registry.add(live, now);
      return this.hold(live, word, hasResponse);
    }
    return this.openRestored(word, hasResponse);
  }

  get directory(): Directory {
    return this.alone?.directory ?? this.sticky;
  }

  async find(id: string): Promise<Session | null> {
    if (this.alone !== null) return this.alone.find(id);
    const { options, registry } = this.parts;
    const looked = await this.sticky.look(id);
    if (looked === null) return null;
    const { place, found } = looked;
    const { epoch, version, text } = found;
    const own = registry.peek(id);
    if (own !== undefined && isCurrent(own, found)) {
      const word: Word = {
        ...place,
        epoch,
        version,
        reason: 'held',
        copy: own.copy,
        allow: '',
        cookie: '',
        state: null,
      };
      const how = { reason: word.reason, isNew: false, hasResponse: false, dead: false, ending: null };
      return new StickySession(this.parts, word, own, how);
    }
    const now = options.clock.now();
    const live = new Live({ id, epoch, copy: '', data: options.codec.decode(text), written: text, now });
    live.version = live.kept = version;
    return new ForeignSession(live, options, this.sticky);
  }

  sweep(now: number): void {
    const { registry } = this.parts;
    registry.sweep(now, registry.size);
    this.fallback?.sweep?.(now);
  }

  async close(): Promise<void> {
    this.parts.client.close();
    await this.fallback?.close();
  }

  /** What has all sessions as long as no balancer has sent a request; null: this has. */
  private get alone(): Opener | null {
    return this.sticky.isEmpty ? this.fallback : null;
  }

  /** One that went because the memory was full is read again when it is asked for. */
  private tellGone(live: Live, why: Gone): void {
    const { id, data, version } = live;
    if (why === 'idle' && version > 0) this.parts.options.events.emitOnce(live, 'expired', { id, data, reason: why });
  }

  private openWithout(found: string, incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    const message = `strategy sticky: ${found}; expected one from a Limpet balancer in front of this server`;
    if (this.fallback === null) {
      throw new SessionError('no-balancer', `${message}. For running without one: fallback: 'local'`);
    }
    if (!this.warned) {
      this.warned = true;
      const { onWarning } = this.parts.options;
      onWarning({
        code: 'no-balancer',
        message: `${message}. Sessions without it are local and end with this process`,
      });
    }
    return this.fallback.open(incoming, hasResponse);
  }

  private warnOnce(message: string): void {
    if (this.warnings.has(message) || this.warnings.size >= mostWarnings) return;
    this.warnings.add(message);
    this.parts.options.onWarning({ code: 'cookie-limited', message });
  }

  /**
   * It ended here, and the response that said so is over; but the balancer still sends requests of it. Either that response
   * has not come through yet, or its store has failed and the session goes on.
   */
  private async openDoubtful(word: Word, ending: Ending, hasResponse: boolean): Promise<Exchange> {
    const { options, registry, client } = this.parts;
    // The app has asked for its end, whatever became of the response: that is not given up.
    const isOver = ending.epoch > 0 && (await isEnded(client, word, ending.epoch));
    if (isOver || (await client.read(word)).state === 'ended') {
      ending.confirmed = true;
      return this.hold(null, word, hasResponse);
    }
    if (options.clock.now() - ending.closedAt < options.limits.storeTimeout) {
      throw new SessionError(
        'session-store',
        'it is not decided yet whether the session has ended; expected a moment more',
      );
    }
    registry.unbury(word.id);
    return this.openRestored(word, hasResponse);
  }

  private async openRestored(word: Word, hasResponse: boolean): Promise<Exchange> {
    const waiting = this.pending.get(word.id);
    if (waiting !== undefined && waiting.epoch >= word.epoch && waiting.version >= word.version) {
      return this.hold(await waiting.live, word, hasResponse);
    }
    const pending: Pending = { epoch: word.epoch, version: word.version, live: this.restore(word) };
    this.pending.set(word.id, pending);
    try {
      const live = await pending.live;
      const exchange = this.hold(live, word, hasResponse);
      const moved = word.reason === 'rebind' || word.reason === 'move';
      if (moved && live !== null) {
        const { events, onMove } = this.parts.options;
        onMove(exchange.session);
        events.emit('moved', { id: live.id, data: live.data, reason: word.reason });
      }
      return exchange;
    } finally {
      if (this.pending.get(word.id) === pending) this.pending.delete(word.id);
    }
  }

  /** null: the session has ended. */
  private async restore(word: Word): Promise<Live | null> {
    const { options, registry, client } = this.parts;
    const { epoch, version, state } = word;
    const found = state === null ? await client.read(word) : { state: 'live' as const, epoch, version, ...state };
    const now = options.clock.now();
    if (found.state === 'ended') {
      registry.bury(word.id, now);
      return null;
    }
    if (found.state === 'live' && found.epoch > word.epoch) {
      throw new SessionError(
        'session-fenced',
        `the session is at epoch ${found.epoch}, the request came with ${word.epoch}`,
      );
    }
    // While this waited, a request of a later epoch may have brought the session already.
    const there = registry.find(word.id, now);
    if (there !== undefined && isCurrent(there, word)) return there;
    const live = this.empty(word, now);
    if (found.state === 'live') {
      live.data = options.codec.decode(found.text);
      live.written = found.text;
      live.version = live.kept = found.version;
      live.user = userOf(live.data);
      live.putAt = now - Math.max(0, idleOf(options, live) - found.ttl);
    } else if (word.version > 0) {
      // An empty session in its place would be kept as if it were the next change of the one that is lost.
      throw new SessionError(
        'session-lost',
        `the balancer has told of version ${word.version} of the session, and its store has none; expected the copy`,
      );
    }
    registry.add(live, now);
    return live;
  }

  private empty({ id, epoch, copy }: Word, now: number): Live {
    const data = {};
    return new Live({ id, epoch, copy, data, written: this.parts.options.codec.encode(data), now });
  }

  /** `live` null: the session is over, by `ending` if that is known; the request reads an empty one, which cannot be written. */
  private hold(live: Live | null, word: Word, hasResponse: boolean, ending: Ending | null = null): Exchange {
    const { options } = this.parts;
    const held = live ?? this.empty(word, options.clock.now());
    const dead = live === null;
    const how = { reason: word.reason, isNew: dead || held.version === 0, hasResponse, dead, ending };
    return new StickySession(this.parts, word, held, how);
  }
}

function differs(seconds: number): string {
  const how = seconds > 0 ? 'ahead of' : 'behind';
  return `the clock of the balancer is ${Math.abs(seconds)} s ${how} this machine's: set both; beyond clockSkew its sessions are not believed`;
}

/** The end is told once more. False: the session has gone on under a later epoch. */
async function isEnded(client: StoreClient, word: Word, epoch: number): Promise<boolean> {
  try {
    await client.end(word, epoch);
  } catch (error) {
    if (error instanceof SessionError && error.code === 'session-fenced') return false;
    throw error;
  }
  return true;
}

/**
 * The same ownership, and no change is missing. A higher epoch than the request's is ours too: the request was overtaken
 * by one that told of it, and an epoch has one owner.
 */
function isCurrent(live: Live, word: Pick<Word, 'epoch' | 'version'>): boolean {
  return live.epoch > word.epoch || (live.epoch === word.epoch && live.version >= word.version);
}
