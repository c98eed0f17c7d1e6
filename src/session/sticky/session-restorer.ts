/** Reads sessions from the store that moved to this process, or that it does not have any more. */
import { userOf } from '../data/user.ts';
import { SessionError } from '../error.ts';
import type { LiveSession } from '../live-session.ts';
import { newLiveSession } from '../new-session.ts';
import { acceptedIdleMs } from './cookie-protocol.ts';
import { copyTtlMs, type SessionHeader } from './protocol.ts';
import type { StickyContext } from './sticky-context.ts';

interface Restore {
  readonly epoch: number;
  readonly version: number;
  /** null: the session has ended. */
  readonly live: Promise<LiveSession | null>;
}

export class SessionRestorer {
  private readonly context: StickyContext;
  /** By session id: one restore, however many requests wait for it. */
  private readonly restores = new Map<string, Restore>();

  constructor(context: StickyContext) {
    this.context = context;
  }

  /** What another request is reading already, and what is new enough for this one; null: nothing. */
  underWay({ id, epoch, version }: SessionHeader): Promise<LiveSession | null> | null {
    const restore = this.restores.get(id);
    return restore !== undefined && restore.epoch >= epoch && restore.version >= version ? restore.live : null;
  }

  /**
   * The session as the store has it, in the registry from now on; null: it has ended. Throws SessionError: `session-fenced` when the store
   * has a later epoch than the request, `session-lost` when it does not have the session, `session-store`.
   */
  async restore(header: SessionHeader): Promise<LiveSession | null> {
    const { id, epoch, version } = header;
    const restore: Restore = { epoch, version, live: this.read(header) };
    this.restores.set(id, restore);
    try {
      return await restore.live;
    } finally {
      if (this.restores.get(id) === restore) this.restores.delete(id);
    }
  }

  private async read(header: SessionHeader): Promise<LiveSession | null> {
    const { options, registry, client } = this.context;
    const { epoch, version, state } = header;
    const copy = state === null ? await client.read(header) : { state: 'live' as const, epoch, version, ...state };
    const now = options.clock.now();
    if (copy.state === 'ended') {
      registry.addTombstone(header.id, now);
      return null;
    }
    if (copy.state === 'live' && copy.epoch > header.epoch) {
      throw new SessionError(
        'session-fenced',
        `the session is at epoch ${copy.epoch}, the request came with ${header.epoch}`,
      );
    }
    // A request of a later epoch may have restored the session meanwhile.
    const there = registry.find(header.id, now);
    if (there !== undefined && isCurrent(there, header)) return there;
    const live = newLiveSession(options, now, header);
    if (copy.state === 'live') {
      live.data = options.codec.decode(copy.text);
      live.encoded = copy.text;
      live.version = live.storedVersion = copy.version;
      live.user = userOf(live.data);
      live.lastPutAt = now - Math.max(0, copyTtlMs(acceptedIdleMs(options, live, header)) - copy.ttlMs);
    } else if (header.version > 0) {
      // An empty session in its place would be stored as if it were the next change of the lost one.
      throw new SessionError(
        'session-lost',
        `the balancer has told of version ${header.version} of the session, and its store has none; expected the copy`,
      );
    }
    registry.add(live, now);
    return live;
  }
}

/**
 * The same ownership, and no change is missing. A higher epoch than the request's is right too: the request was overtaken by one of that
 * epoch, and each epoch has one owner.
 */
export function isCurrent(live: LiveSession, header: Pick<SessionHeader, 'epoch' | 'version'>): boolean {
  return live.epoch > header.epoch || (live.epoch === header.epoch && live.version >= header.version);
}
