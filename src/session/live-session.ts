/**
 * A session in the memory of this process: the one object that all its requests share, and what is known of its stored copy.
 *
 *      live ── destroy, regenerate ──> ended
 *        └──── read again (other epoch, or changed elsewhere) ──> replaced
 *
 * Both ends are final: a request that still holds the object cannot write it any more. Otherwise a late response would revive
 * a session after its logout, or would store changes under a version number that another object has used already.
 */
import type { UserHash } from '../store/store.ts';
import type { Codec, SessionData } from './data/codec.ts';
import { cookieOf, setCookieOf } from './data/cookie-settings.ts';
import { SessionError } from './error.ts';
import type { SessionEnd } from './session-end.ts';
import { UpdateQueue } from './update-queue.ts';

export interface NewLiveSession {
  readonly id: string;
  readonly epoch: number;
  /** The incarnation of the store that has its copy; '' where there is none. */
  readonly storeIncarnation: string;
  readonly data: SessionData;
  /** `data`, encoded. */
  readonly encoded: string;
  /** When the session began, Unix ms. */
  readonly createdAt: number;
}

export class LiveSession {
  state: 'live' | 'ended' | 'replaced' = 'live';
  readonly id: string;
  readonly epoch: number;
  data: SessionData;
  /** Number of the last change; 0: it was never changed. */
  version = 0;
  /** The data of that version, encoded. Data that encodes to another text has changed since. */
  encoded: string;
  /** The process that numbered that version; '' unknown, or none. */
  writtenBy = '';
  /** The last version that is known to be stored. */
  storedVersion = 0;
  /** The user that the store has noted for the session. */
  user: UserHash | undefined;
  /** The incarnation of the store that the last version was put to: after a restart a store may have lost it. */
  storeIncarnation: string;
  /** When a version was last put to the store, Unix ms. */
  lastPutAt = 0;
  /** When the session began, Unix ms. */
  readonly createdAt: number;
  /** When a request last used it, Unix ms. */
  lastUsedAt: number;
  /** The app was warned of its size. */
  isSizeWarned = false;
  /** Open requests that may have changed the data since it was last encoded. */
  writers = 0;
  /** How often changes were undone that other open requests may have made, and the error that those requests get. */
  undoCount = 0;
  undoReason: SessionError | null = null;
  /** How it ended in this process; null: it has not. */
  end: SessionEnd | null = null;
  readonly updates = new UpdateQueue();

  constructor({ id, epoch, storeIncarnation, data, encoded, createdAt }: NewLiveSession) {
    this.id = id;
    this.epoch = epoch;
    this.storeIncarnation = storeIncarnation;
    this.data = data;
    this.encoded = encoded;
    this.createdAt = this.lastUsedAt = createdAt;
  }

  /** Throws SessionError `session-ended` or `session-fenced` when the object may not be used any more. */
  assertLive(): void {
    if (this.state === 'ended') {
      throw new SessionError('session-ended', 'the session was destroyed, or goes on under another id; open it anew');
    }
    if (this.state === 'replaced') {
      throw new SessionError('session-fenced', 'the session was changed or owned elsewhere meanwhile; open it anew');
    }
  }

  /** Sets the data to what `encoded` says. The object stays the same where that is possible, because requests hold it. */
  undo(encoded: string, codec: Codec, reason: SessionError): void {
    const before = codec.decode(encoded);
    try {
      for (const name of Reflect.ownKeys(this.data)) Reflect.deleteProperty(this.data, name);
      Object.setPrototypeOf(this.data, Object.prototype);
      Object.assign(this.data, before);
      setCookieOf(this.data, cookieOf(before));
      if (codec.encode(this.data) !== encoded) this.data = before;
    } catch {
      // The data is frozen, or has a property that cannot be removed.
      this.data = before;
    }
    this.undoCount++;
    this.undoReason = reason;
  }
}
