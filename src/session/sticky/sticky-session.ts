/** One request's use of a sticky session: what of it has to be put, and by which way. */
import { idleOf } from '../cookie.ts';
import { userOf } from '../data/user.ts';
import { asError, beganLate, SessionError } from '../error.ts';
import { type Lines, noLines } from '../exchange.ts';
import { Ending, Live } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import type { Reason } from '../session.ts';
import { beyond, cookieHeader, cookieWord, readAllowed } from './cookie-protocol.ts';
import {
  deleteHeader,
  headerChars,
  type PutWord,
  putHeader,
  rotateHeader,
  ttlOf,
  type Word,
  writePut,
} from './protocol.ts';
import type { StickyParts } from './sticky-context.ts';
import type { Place } from './store-client.ts';

/** Milliseconds: the response that ended a session is with the balancer, and its store has to answer still. */
const endPauses = [0, 50, 250];

/** The same for an end whose response did not get through; the balancer may be starting anew. */
const repeatPauses = [250, 1000, 4000, 15_000, 30_000];

/** It is over, or is to be. */
function isEnd(error: unknown): boolean {
  return error instanceof SessionError && (error.code === 'session-ended' || error.code === 'session-ending');
}

/** The store interface has not answered, or its store has failed. */
function isUndecided(error: unknown): boolean {
  return error instanceof SessionError && error.code === 'session-store';
}

export class StickySession extends OpenSession {
  readonly strategy = 'sticky';
  readonly survivesCrash = true;
  private readonly parts: StickyParts;
  private readonly word: Word;
  /** The session was over before this request came. */
  private readonly dead: boolean;
  /** By what, if that is known. */
  private readonly deadBy: Ending | null;
  /** Last version that this request has put. */
  private told = 0;
  /** What was written before the text that this request has put. */
  private textBefore = '';
  /** The object under the former id, after `regenerate`. */
  private former: Live | null = null;
  /** What of it was written before that. */
  private formerText = '';
  /** due: with the next put. kept: the store knows, the balancer has to give the client the new id. */
  private rotation: 'none' | 'due' | 'kept' | 'told' = 'none';
  /** The store has been asked for it: whatever it answers, it may have done it. */
  private isRotationAsked = false;
  /** That the store interface has kept it under its new id; '' when that goes with the response. */
  private proof = '';
  private destroyed = false;
  /** The version when this request came: whatever is later it may have made or seen. */
  private readonly opened: number;

  constructor(
    parts: StickyParts,
    word: Word,
    live: Live,
    how: { reason: Reason; isNew: boolean; hasResponse: boolean; dead: boolean; ending: Ending | null },
  ) {
    super(live, parts.options, how);
    this.parts = parts;
    this.word = word;
    this.dead = how.dead;
    this.deadBy = how.ending;
    this.opened = live.version;
  }

  override get ids(): readonly string[] {
    const { former, word } = this;
    return [...new Set([this.live.id, word.id, ...(former === null ? [] : [former.id])])];
  }

  override get ended(): boolean {
    return this.dead || super.ended;
  }

  protected changeId(): undefined {
    this.assertHeadHere('session.regenerate');
    const { options, registry } = this.parts;
    const old = this.live;
    const before = old.written;
    const text = this.text();
    // A copy, not the same object: a request that came with the old id must not see what is written after signing in.
    const fresh = new Live({
      id: this.newId(),
      epoch: old.epoch,
      copy: this.word.copy,
      data: options.codec.decode(text),
      written: text,
      now: options.clock.now(),
    });
    fresh.version = old.version;
    fresh.user = old.user;
    this.end(old);
    registry.add(fresh, options.clock.now());
    if (this.former === null) {
      this.former = old;
      this.formerText = before;
    } else registry.forget(old);
    this.rotation = 'due';
    this.live = fresh;
  }

  async destroy(): Promise<void> {
    const { live } = this;
    // Over already, with the others of its user: its client has yet to be told.
    if (live.state !== 'ended' || live.ending?.confirmed !== true) {
      live.assertLive();
      this.end(live, true);
      this.tellEnd();
    }
    this.destroyed = true;
    if (this.phase === 'open') return;
    try {
      await this.parts.client.end(this.place(), this.live.epoch);
    } catch (error) {
      // Nobody may take it for done yet; but it has been asked for, and here the session is over.
      if (isUndecided(error)) this.endAgain(0, repeatPauses[0]);
      throw error;
    }
  }

  async save(): Promise<void> {
    this.live.assertLive();
    const text = this.nextPut();
    if (text !== null) await this.putByStore(text);
    this.tellKept();
  }

  head(): Lines | Promise<Lines> {
    this.phase = 'sent';
    if (this.destroyed) return [[deleteHeader, `epoch=${this.live.epoch}`]];
    const lines = this.put(true);
    return lines instanceof Promise ? lines.then((kept) => this.withCookie(kept)) : this.withCookie(lines);
  }

  /** The client's cookie is not as the app has said: the balancer hears of it, and sets it with this head. */
  private withCookie(lines: Lines): Lines {
    const { live, options, parts, settings, word } = this;
    if (word.allow === '' || this.dead || live.state !== 'live' || live.version === 0) return lines;
    const allowed = readAllowed(word.allow);
    // The copy of a session lasts no longer than its idle time: its cookie must not either.
    const isShorter = allowed.usual === 0 || options.idle < allowed.usual * 1000;
    const idle = options.idleSaid || (isShorter ? Math.ceil(options.idle / 1000) : 0);
    const { said, tag } = cookieWord(settings, idle, word.allow);
    if (tag === word.cookie) return lines;
    for (const one of beyond(settings, idle, allowed)) {
      parts.warnOnce(`${one} in cookie.app of the cookie affinity of pool ${decodeURIComponent(word.pool)}`);
    }
    return [...lines, [cookieHeader, said === '' ? `tag=${tag}` : `tag=${tag}; ${said}`]];
  }

  last(trailers: boolean): Lines | Promise<Lines> {
    if (this.destroyed) return noLines;
    // Its cookie goes with the head. In trailers the balancer sees that it has not, and breaks the response.
    if (!trailers && this.reason === 'new' && this.live.version === 0 && this.isWritten()) throw beganLate();
    return this.put(trailers);
  }

  /** A change of id that nobody has heard of is undone, too: a client must not be half signed in. */
  override fail(): void {
    const { former, live: fresh, rotation, isRotationAsked, destroyed, phase } = this;
    if (former === null || rotation !== 'due' || isRotationAsked || destroyed || phase === 'over') {
      super.fail();
      return;
    }
    const { registry, options } = this.parts;
    const { ending } = former;
    super.fail();
    registry.replace(fresh);
    registry.revive(former, options.clock.now());
    former.written = this.formerText;
    this.live = former;
    this.former = null;
    this.rotation = 'none';
    this.takeBack(former, former.written, 'another request of the session failed');
    ending?.close(options.clock.now());
  }

  close(sent: boolean): void {
    this.leave(sent);
    const { registry, options } = this.parts;
    const gone = this.destroyed ? this.live : this.former;
    gone?.ending?.close(options.clock.now());
    if (sent) return;
    // The head may never have reached the balancer. A logout must: the client may have seen nothing, but it has asked.
    if (this.destroyed) this.endAgain(0);
    else if (this.former !== null) {
      // Whether it goes on under the old id or the new one, the store knows.
      registry.unbury(this.former.id);
      registry.replace(this.live);
    }
  }

  /** Until the balancer has it, or says that it will keep it, or that the session is somebody else's by now. */
  private endAgain(tries: number, after = 0): void {
    const { client, options } = this.parts;
    if (after > 0) {
      options.timers.after(after, () => this.endAgain(tries + 1));
      return;
    }
    client.end(this.place(), this.live.epoch).catch((error: unknown) => {
      const pause = repeatPauses[tries];
      if (isUndecided(error) && pause !== undefined) this.endAgain(tries, pause);
      else if (!isEnd(error)) options.onError(asError(error));
    });
  }

  private put(byHeader: boolean): Lines | Promise<Lines> {
    const { deadBy } = this;
    if (deadBy !== null && !deadBy.confirmed && (deadBy.epoch > 0 || deadBy.isSent)) return this.confirmDead(deadBy);
    const { state, ending } = this.live;
    if (state === 'ended' && ending?.isOpen === true && !ending.confirmed) return this.confirmEnd(ending, byHeader);
    const text = this.nextPut();
    if (text === null) return this.rotationLines();
    // Whose it is, the store has to know before the client does, whatever the replication.
    if (userOf(this.live.data) !== this.live.user) return this.putInstead(text);
    const data = byHeader && text.length <= headerChars ? Buffer.from(text).toString('base64url') : null;
    if (data === null || data.length > headerChars) return this.putInstead(text);
    const put: Lines = [[putHeader, writePut(this.putWord(), data)]];
    if (this.rotation !== 'due') return put;
    this.rotation = 'kept';
    return [...put, ...this.rotationLines()];
  }

  /**
   * Another request has ended the session, or changed its id, while changes were under way that this one has made or seen:
   * they are kept if that end is.
   */
  private async confirmEnd(ending: Ending, byHeader: boolean): Promise<Lines> {
    this.assertWritesCount();
    await ending.closed;
    // Whoever had ended it has failed, and it goes on.
    if (this.live.state === 'live') return this.put(byHeader);
    if (await this.isEndKept(ending)) return noLines;
    throw new SessionError(
      'session-ended',
      'the session ended while this request changed it, and neither is known to be kept',
    );
  }

  /**
   * This request has found the session over, and the response that ended it, or its id, may never get through: what the client
   * is told now must not turn out to be wrong. The app's own end is told to the store by this request as well.
   */
  private async confirmDead(ending: Ending): Promise<Lines> {
    this.assertWritesCount();
    if (ending.epoch > 0) {
      await this.parts.client.end(this.place(), ending.epoch);
      ending.confirmed = true;
    } else if (!(await this.isEndKept(ending))) {
      throw new SessionError(
        'session-store',
        'it is not decided yet whether the session goes on under another id; expected a moment more',
      );
    }
    return noLines;
  }

  /** Asked more than once: the response that says it may be on its way still. */
  private async isEndKept(ending: Ending): Promise<boolean> {
    const { client, options } = this.parts;
    for (const pause of endPauses) {
      if (pause > 0) await new Promise<void>((soon) => void options.timers.after(pause, soon));
      const { state } = await client.read(this.place());
      ending.confirmed ||= state === 'ended';
      if (ending.confirmed) return true;
    }
    return false;
  }

  /** After the store has it; `degrade` lets the response go all the same, marked. */
  private async putInstead(text: string): Promise<Lines> {
    const { whenStoreFails, onError } = this.parts.options;
    try {
      await this.putByStore(text);
    } catch (error) {
      const isSignIn = userOf(this.live.data) !== this.live.user;
      const degrade = whenStoreFails === 'degrade' && this.rotation !== 'due' && !isSignIn;
      if (!(degrade && error instanceof SessionError && error.code === 'session-store')) throw error;
      onError(error);
      return [['Limpet-Degraded', 'session-store']];
    }
    return this.rotationLines();
  }

  private async putByStore(text: string): Promise<void> {
    const { live, rotation } = this;
    const word = this.putWord();
    const { textBefore } = this;
    const { users } = this.parts;
    const newUser = word.user === live.user ? undefined : word.user;
    if (newUser !== undefined)
      await users.admit(newUser, this.ids).catch((error) => this.refuseUser(textBefore, error));
    if (rotation === 'due') {
      this.isRotationAsked = true;
      this.tellSent();
    }
    try {
      const proof = await this.parts.client.put(this.place(), word, text, rotation === 'due' ? live.id : '');
      if (rotation === 'due') this.proof = proof;
    } catch (error) {
      if (error instanceof SessionError && error.code === 'session-fenced') this.parts.registry.replace(live);
      if (error instanceof SessionError && error.code === 'session-ended') this.end(live).confirmed = true;
      if (error instanceof SessionError && error.code === 'state-too-large') this.giveUp(live, text, textBefore, error);
      throw error;
    }
    live.kept = Math.max(live.kept, word.version);
    live.user = word.user;
    if (rotation === 'due') this.rotation = 'kept';
    if (newUser !== undefined) await users.settle(newUser, live.id);
  }

  /** Before the store has heard of it: nobody is signed in, here either. What was kept before is read with the next request. */
  private refuseUser(before: string, error: unknown): never {
    if (error instanceof SessionError && error.code === 'session-limit') {
      const { registry, options } = this.parts;
      if (before !== '') this.live.written = before;
      this.live.undo(this.live.written, options.codec, error);
      // A change of id is undone, too; then it is the object under the former one that nobody may go on with.
      this.fail();
      this.live.undo(this.live.written, options.codec, error);
      registry.replace(this.live);
    }
    throw error;
  }

  /** The store will never take that text: with it, no later response could be kept either. */
  private giveUp(live: Live, text: string, before: string, error: SessionError): void {
    if (live.state !== 'live' || live.written !== text) return;
    if (before === '') {
      // What the store has is read with the next request.
      this.parts.registry.replace(live);
      return;
    }
    live.written = before;
    live.undo(before, this.options.codec, error);
  }

  private rotationLines(): Lines {
    if (this.rotation !== 'kept') return noLines;
    this.rotation = 'told';
    this.tellSent();
    const proof = this.proof === '' ? '' : `; proof=${this.proof}`;
    return [[rotateHeader, `epoch=${this.live.epoch}; id=${this.live.id}${proof}`]];
  }

  /** Others may hear of the change of id from now on. */
  private tellSent(): void {
    if (this.former?.ending) this.former.ending.isSent = true;
  }

  /** Milliseconds that the session lives without a request: no copy is kept for longer than the balancer lets a cookie count. */
  private get idle(): number {
    const { live, options, word } = this;
    const asked = idleOf(options, live);
    return word.allow === '' ? asked : Math.min(asked, readAllowed(word.allow).idle * 1000);
  }

  private isWritten(): boolean {
    return this.parts.options.codec.encode(this.live.data) !== this.live.written;
  }

  /** Where the store has it: under the old id until it has heard of the new one. */
  private place(): Place {
    const { id, pool, store } = this.word;
    return { id: this.rotation === 'kept' || this.rotation === 'told' ? this.live.id : id, pool, store };
  }

  private putWord(): PutWord {
    const { live, parts } = this;
    const { epoch, version, data } = live;
    return { epoch, version, ttl: ttlOf(this.idle), by: parts.by, user: userOf(data) };
  }

  /** Numbers the state if it has changed; the text to put, null when there is nothing to put. */
  private nextPut(): string | null {
    const { live, word } = this;
    const { options, by } = this.parts;
    this.assertWritesCount();
    if (this.dead || live.state !== 'live') return null;
    const text = this.text();
    const changed = text !== live.written || this.rotation === 'due';
    const now = options.clock.now();
    // Not known to be kept: another response carries it, and may fail while this one claims success for the same change.
    const open = live.version > Math.max(live.kept, this.told);
    const due = open || live.copy !== word.copy || now - live.putAt > this.idle / 4;
    if (!changed && (live.version === 0 || !due)) return null;
    // The same number again only by who has written it: of another process it would look like a second live object.
    if (changed || live.by !== by) {
      live.version++;
      this.textBefore = live.written;
      live.written = text;
      live.by = by;
    }
    live.copy = word.copy;
    live.putAt = now;
    this.told = live.version;
    return text;
  }

  /** What was written to an object that is dead is lost: that must not look like success. */
  private assertWritesCount(): void {
    const { live, former, dead } = this;
    const { codec } = this.parts.options;
    if (dead && codec.encode(live.data) !== live.written) {
      throw new SessionError('session-ended', 'the session was over before this request wrote to it');
    }
    if (live.state !== 'live' && codec.encode(live.data) !== live.written) live.assertLive();
    // Another request has put what this one has made or seen together with its own. Whether that was refused, this process need not
    // have been told: what is not known to be kept, nobody keeps.
    if (live.state === 'replaced' && live.version > Math.max(live.kept, this.opened, this.told)) live.assertLive();
    if (former !== null && codec.encode(former.data) !== former.written) {
      throw new SessionError(
        'session-ended',
        'session.data as it was before regenerate() was written to after it; read session.data again after regenerate()',
      );
    }
  }

  /** `whole`: the session, and not only its id. */
  private end(live: Live, whole = false): Ending {
    const { options, registry } = this.parts;
    const text = this.lastText(live);
    const ending = new Ending(text !== live.written || live.version > live.kept, whole ? live.epoch : 0);
    live.ending = ending;
    // From here on whatever differs was written too late.
    live.written = text;
    registry.end(live, options.clock.now());
    return ending;
  }
}
