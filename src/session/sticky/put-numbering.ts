/** Numbers the versions that one request puts, and decides whether there is anything to put. */
import { userOf } from '../data/user.ts';
import type { LiveSession } from '../live-session.ts';
import { acceptedIdleMs } from './cookie-protocol.ts';
import { copyTtlMs, type PutFields, type SessionHeader } from './protocol.ts';
import type { StickyContext } from './sticky-context.ts';

export class PutNumbering {
  private readonly context: StickyContext;
  private readonly header: SessionHeader;
  /** The last version that this request has put; 0: none. */
  private sentVersion = 0;
  /** The encoded data before the version that this request has put; '' it has numbered none. */
  encodedBefore = '';

  constructor(context: StickyContext, header: SessionHeader) {
    this.context = context;
    this.header = header;
  }

  /** Numbers the data as the next version when it has changed. Returns whether it has to be put. */
  next(live: LiveSession, encoded: string, isIdChanging: boolean): boolean {
    const { options, processId } = this.context;
    const isChanged = encoded !== live.encoded || isIdChanging;
    const now = options.clock.now();
    // Another response has it and may fail, while this one would claim success for the same change.
    const isUnstored = live.version > Math.max(live.storedVersion, this.sentVersion);
    const isDue =
      isUnstored ||
      live.storeIncarnation !== this.header.storeIncarnation ||
      now - live.lastPutAt > this.idleMs(live) / 4;
    if (!isChanged && (live.version === 0 || !isDue)) return false;
    // A version is put again only by the process that numbered it: from another one it would look like a second live object.
    if (isChanged || live.writtenBy !== processId) {
      live.version++;
      this.encodedBefore = live.encoded;
      live.encoded = encoded;
      live.writtenBy = processId;
    }
    live.storeIncarnation = this.header.storeIncarnation;
    live.lastPutAt = now;
    this.sentVersion = live.version;
    return true;
  }

  fields(live: LiveSession): PutFields {
    const { epoch, version, data } = live;
    const ttlMs = copyTtlMs(this.idleMs(live));
    return { epoch, version, ttlMs, processId: this.context.processId, user: userOf(data) };
  }

  /** The session has a version that is not known to be stored: this request may have made or seen it. */
  hasSeenUnstored({ version, storedVersion }: LiveSession): boolean {
    return version > Math.max(storedVersion, this.sentVersion);
  }

  private idleMs(live: LiveSession): number {
    return acceptedIdleMs(this.context.options, live, this.header);
  }
}
