/** One request's use of a sticky session: what happens before its head, before its end, when it fails, and when it is over. */
import { beganAfterHead, hasCode } from '../error.ts';
import { type HeaderLines, noHeaderLines } from '../exchange.ts';
import { LiveSession } from '../live-session.ts';
import { newSessionId } from '../session-id.ts';
import { cookieLines } from './cookie-protocol.ts';
import { deliverEnd, endInMemory } from './end-delivery.ts';
import { IdChange } from './id-change.ts';
import { deleteHeader } from './protocol.ts';
import { StickyWrites } from './sticky-writes.ts';

export class StickySession extends StickyWrites {
  readonly strategy = 'sticky';
  readonly survivesCrash = true;
  private isDestroyed = false;

  override get ended(): boolean {
    return this.wasEnded || super.ended;
  }

  protected changeId(): undefined {
    this.assertHeadOpen('session.regenerate');
    const { options, registry } = this.context;
    const old = this.live;
    const before = old.encoded;
    const encoded = this.encodeData();
    const now = options.clock.now();
    // A copy, not the same object: a request that came with the old id must not see what is written after the login.
    const live = new LiveSession({
      id: newSessionId(options.random),
      epoch: old.epoch,
      storeIncarnation: this.header.storeIncarnation,
      data: options.codec.decode(encoded),
      encoded,
      createdAt: now,
    });
    live.version = old.version;
    live.user = old.user;
    endInMemory(this.context, old, 0);
    registry.add(live, now);
    if (this.idChange === null) this.idChange = new IdChange(old, before);
    else {
      registry.remove(old);
      this.idChange.restart();
    }
    this.live = live;
  }

  async destroy(): Promise<void> {
    const { live, context } = this;
    // The session may have been ended already, with the others of its user: its client has yet to get the deletion.
    if (live.state !== 'ended' || live.end?.isConfirmed !== true) {
      live.assertLive();
      endInMemory(context, live, live.epoch);
      this.emitDestroyed();
    }
    this.isDestroyed = true;
    if (this.response === 'open') return;
    try {
      await context.client.end(this.address(), live.epoch);
    } catch (error) {
      // It is not known to be stored. But the app has asked for it, and in this process the session is over.
      if (hasCode(error, 'session-store')) {
        deliverEnd(context, () => this.address(), live.epoch, { isFirstLate: true });
      }
      throw error;
    }
  }

  beforeHead(): HeaderLines | Promise<HeaderLines> {
    this.response = 'headSent';
    if (this.isDestroyed) return [[deleteHeader, `epoch=${this.live.epoch}`]];
    const lines = this.put(true);
    return lines instanceof Promise ? lines.then((found) => this.withCookie(found)) : this.withCookie(lines);
  }

  /** The balancer sets the cookie with this head, when the client's is not as the app has set its attributes. */
  private withCookie(lines: HeaderLines): HeaderLines {
    const { live, header, cookieSettings, context } = this;
    if (header.allow === '' || this.wasEnded || live.state !== 'live' || live.version === 0) return lines;
    return cookieLines(lines, cookieSettings, header, context);
  }

  beforeEnd(canTrail: boolean): HeaderLines | Promise<HeaderLines> {
    if (this.isDestroyed) return noHeaderLines;
    // Its cookie is a part of the head. In trailers the balancer sees that there was none, and breaks the response.
    if (!canTrail && this.reason === 'new' && this.live.version === 0 && this.hasUnencodedChanges()) {
      throw beganAfterHead();
    }
    return this.put(canTrail);
  }

  /** Undoes a change of id as well that nobody outside knows of: a client must not be signed in by halves. */
  override fail(): void {
    const { idChange, live, context } = this;
    if (idChange === null || !idChange.canBeUndone || this.isDestroyed || this.response === 'closed') {
      super.fail();
      return;
    }
    const { registry, options } = context;
    const { previous } = idChange;
    const { end } = previous;
    super.fail();
    registry.markReplaced(live);
    registry.undoEnd(previous, options.clock.now());
    previous.encoded = idChange.previousEncoded;
    this.live = previous;
    this.idChange = null;
    this.undoTo(previous, previous.encoded, 'another request of the session failed');
    end?.markResponseClosed(options.clock.now());
  }

  override close(isSent: boolean): void {
    super.close(isSent);
    const { context, idChange, live } = this;
    const ended = this.isDestroyed ? live : idChange?.previous;
    ended?.end?.markResponseClosed(context.options.clock.now());
    if (isSent) return;
    // The head may never have reached the balancer. A logout must: the client may not have seen a response, but it has asked.
    if (this.isDestroyed) deliverEnd(context, () => this.address(), live.epoch);
    else if (idChange !== null) {
      // The store knows whether the session goes on under the old id or the new one.
      context.registry.removeTombstone(idChange.previous.id);
      context.registry.markReplaced(live);
    }
  }
}
