/** How the changes of one request to a sticky session are put: in a header of its response, or through the store interface before it. */
import { userOf } from '../data/user.ts';
import { hasCode, SessionError } from '../error.ts';
import { type HeaderLines, noHeaderLines } from '../exchange.ts';
import type { LiveSession } from '../live-session.ts';
import { type OpenedAs, OpenSession } from '../open-session.ts';
import type { SessionEnd } from '../session-end.ts';
import { confirmFoundEnd, isEndStored } from './end-delivery.ts';
import type { IdChange } from './id-change.ts';
import { maxHeaderChars, putHeader, type SessionHeader, writePut } from './protocol.ts';
import { PutNumbering } from './put-numbering.ts';
import type { StickyContext } from './sticky-context.ts';
import type { SessionAddress } from './store-client.ts';
import { putToStore } from './store-put.ts';

export interface StickyOpenedAs extends OpenedAs {
  /** The session was over before this request came. */
  readonly wasEnded: boolean;
  /** How it ended, when that is known. */
  readonly end: SessionEnd | null;
}

export abstract class StickyWrites extends OpenSession {
  protected readonly context: StickyContext;
  protected readonly header: SessionHeader;
  /** The session was over before this request came. */
  protected readonly wasEnded: boolean;
  /** After `regenerate`; null: the id is as it was. */
  protected idChange: IdChange | null = null;
  private readonly foundEnd: SessionEnd | null;
  private readonly numbering: PutNumbering;

  constructor(context: StickyContext, header: SessionHeader, live: LiveSession, openedAs: StickyOpenedAs) {
    super(live, context.options, openedAs);
    this.context = context;
    this.header = header;
    this.wasEnded = openedAs.wasEnded;
    this.foundEnd = openedAs.end;
    this.numbering = new PutNumbering(context, header);
  }

  override get ids(): readonly string[] {
    const { idChange, header } = this;
    return [...new Set([this.live.id, header.id, ...(idChange === null ? [] : [idChange.previous.id])])];
  }

  async save(): Promise<void> {
    this.live.assertLive();
    const encoded = this.nextPut();
    if (encoded !== null) await this.putNow(encoded);
    this.emitStored();
  }

  /** Puts what has changed. Returns the headers that do it, or none when the store interface has taken it. */
  protected put(byHeader: boolean): HeaderLines | Promise<HeaderLines> {
    const { foundEnd, idChange, live } = this;
    if (foundEnd !== null && !foundEnd.isConfirmed && (foundEnd.epoch > 0 || foundEnd.mayBeKnown)) {
      return this.confirmFoundEnd(foundEnd);
    }
    if (live.state === 'ended' && live.end?.hasPendingChanges === true && !live.end.isConfirmed) {
      return this.confirmEnd(live.end, byHeader);
    }
    const encoded = this.nextPut();
    if (encoded === null) return idChange?.announce(live) ?? noHeaderLines;
    // The store has to know the user before the client does, whatever the replication.
    if (userOf(live.data) !== live.user) return this.putBefore(encoded);
    const data = byHeader && encoded.length <= maxHeaderChars ? Buffer.from(encoded).toString('base64url') : null;
    if (data === null || data.length > maxHeaderChars) return this.putBefore(encoded);
    const put: HeaderLines = [[putHeader, writePut(this.numbering.fields(live), data)]];
    if (idChange?.state !== 'pending') return put;
    idChange.markSent();
    return [...put, ...idChange.announce(live)];
  }

  private async confirmFoundEnd(end: SessionEnd): Promise<HeaderLines> {
    this.assertWritesCount();
    await confirmFoundEnd(this.context, this.address(), end);
    return noHeaderLines;
  }

  /**
   * Another request has ended the session, or changed its id, while changes were not stored that this request has made or seen: they are
   * stored if that end is.
   */
  private async confirmEnd(end: SessionEnd, byHeader: boolean): Promise<HeaderLines> {
    this.assertWritesCount();
    await end.responseClosed;
    // The request that ended the session has failed, and the session goes on.
    if (this.live.state === 'live') return this.put(byHeader);
    if (await isEndStored(this.context, this.address(), end)) return noHeaderLines;
    throw new SessionError(
      'session-ended',
      'the session ended while this request changed it, and neither is known to be kept',
    );
  }

  /** The response waits for the store; with `degrade` it is sent, marked, when the store fails. */
  private async putBefore(encoded: string): Promise<HeaderLines> {
    const { whenStoreFails, onError } = this.context.options;
    try {
      await this.putNow(encoded);
    } catch (error) {
      const isSignIn = userOf(this.live.data) !== this.live.user;
      const mayDegrade = whenStoreFails === 'degrade' && this.idChange?.state !== 'pending' && !isSignIn;
      if (!(mayDegrade && hasCode(error, 'session-store'))) throw error;
      onError(error);
      return [['Limpet-Degraded', 'session-store']];
    }
    return this.idChange?.announce(this.live) ?? noHeaderLines;
  }

  private async putNow(encoded: string): Promise<void> {
    const { live, numbering, context } = this;
    const fields = numbering.fields(live);
    const { encodedBefore } = numbering;
    const idChange = this.idChange?.state === 'pending' ? this.idChange : null;
    const newUser = fields.user === live.user ? undefined : fields.user;
    if (newUser !== undefined) {
      await context.users.assertRoom(newUser, this.ids).catch((error) => this.refuseUser(encodedBefore, error));
    }
    await putToStore(context, this.address(), { live, fields, encoded, encodedBefore, idChange });
    if (newUser !== undefined) await context.users.enforceLimit(newUser, live.id);
  }

  /** The user has too many sessions, and the store was not asked: nobody is signed in. What is stored is read with the next request. */
  private refuseUser(encodedBefore: string, error: unknown): never {
    if (hasCode(error, 'session-limit')) {
      const { registry, options } = this.context;
      if (encodedBefore !== '') this.live.encoded = encodedBefore;
      this.live.undo(this.live.encoded, options.codec, error);
      // A change of id is undone as well; then the object under the previous id must not be used any more.
      this.fail();
      this.live.undo(this.live.encoded, options.codec, error);
      registry.markReplaced(this.live);
    }
    throw error;
  }

  /** Where the store has the session: under its old id until the change of id is stored. */
  protected address(): SessionAddress {
    const { id, pool, store } = this.header;
    const hasNewId = this.idChange !== null && this.idChange.state !== 'pending';
    return { id: hasNewId ? this.live.id : id, pool, store };
  }

  /** Numbers the state when it has changed. Returns the text to put; null: there is nothing to put. */
  private nextPut(): string | null {
    const { live } = this;
    this.assertWritesCount();
    if (this.wasEnded || live.state !== 'live') return null;
    const encoded = this.encodeData();
    return this.numbering.next(live, encoded, this.idChange?.state === 'pending') ? encoded : null;
  }

  protected hasUnencodedChanges(live = this.live): boolean {
    return this.options.codec.encode(live.data) !== live.encoded;
  }

  /** What was written to an object that is not live is lost: that must not look like success. */
  private assertWritesCount(): void {
    const { live, idChange, wasEnded } = this;
    if (wasEnded && this.hasUnencodedChanges()) {
      throw new SessionError('session-ended', 'the session was over before this request wrote to it');
    }
    if (live.state !== 'live' && this.hasUnencodedChanges()) live.assertLive();
    // Another request has put this one's changes together with its own. Whether the store refused that, this process may not know: what
    // is not known to be stored counts as lost.
    if (live.state === 'replaced' && this.numbering.hasSeenUnstored(live)) live.assertLive();
    if (idChange !== null && this.hasUnencodedChanges(idChange.previous)) {
      throw new SessionError(
        'session-ended',
        'session.data as it was before regenerate() was written to after it; read session.data again after regenerate()',
      );
    }
  }
}
