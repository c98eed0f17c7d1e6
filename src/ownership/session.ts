/**
 * The session of one exchange: what the request carried (`recognition`), who owns the session now, and what the store has to do
 * with it (store-state.ts). Each exchange has one object and uses it again: `clear`, the affinities fill the recognition, `begin`.
 *
 *      part                        written by                               all others have
 *      recognition                 affinities (affinity/affinity.ts)        `RecognitionView`
 *      owner, epoch, version, ...  placement and the files of this folder   `SessionView`
 *      binding, storeState         `changeBinding` and `onStore` alone      the two getters
 */
import { type Binder, type Binding, Recognition, type RecognitionView } from '../affinity/affinity.ts';
import { nextStoreState, type StoreEvent, type StoreState } from './store-state.ts';

/** For so many seconds after a session's end, a request with its cookie counts as one that was running then. */
export const recentEndSeconds = 10;

/**
 * An end that is to count as not recent is dated so many seconds back. It is one more than `recentEndSeconds`, because a worker reads
 * its clock once in a tick and may still be in the second before.
 */
export const pastEndSeconds = recentEndSeconds + 1;

/** A copy of the session's state that is sent along with a request. */
export interface SentCopy {
  readonly epoch: number;
  readonly version: number;
  readonly data: Uint8Array;
  /** Unix milliseconds. */
  readonly expires: number;
}

/** Why the request goes to its server: the session is new there, is there already, its owner failed, or it was moved. */
export type PlacementReason = 'new' | 'held' | 'rebind' | 'move';

/**
 * Whether the response has to give the client a token because of the session's owner or id. unchanged: what the client has is right.
 * changed: the owner or the epoch is another one. must-bind: the client has no token of the session yet, or needs one with another id;
 * without it the client loses the session. withheld: no token may be given, whatever has changed, because the session is over or its
 * owner is not certain.
 */
export type BindingState = 'unchanged' | 'changed' | 'must-bind' | 'withheld';

export class Session implements Binding {
  readonly recognition: RecognitionView;
  /** Id of the server that owns the session now; 0: it has no owner, or one that is not in this config. */
  owner = 0;
  /** Generation of that ownership; 0 before the first. */
  epoch = 0;
  /**
   * Slot of the former owner, to which the session returns if its provisional owner takes no request; 0: the owner is not provisional.
   */
  former = 0;
  /** The table counts this exchange as a running one of the session. */
  counted = false;
  /** This exchange gave the session its first owner: there is no state at that server yet. */
  firstPlacement = false;
  /** The request goes to a server that is not the owner and does not become it. That server does not get the session's id. */
  substitute = false;
  /** The session in the request has ended a moment ago, or has another id that another response may be giving to the client now. */
  endedRecently = false;

  // In pools whose servers speak the session protocol:
  reason: PlacementReason = 'new';
  /** The session has left an owner that is up, and the store does not know yet. */
  isMoving = false;
  /** It was to leave an owner that is up, and other balancers did not agree: it stays for this exchange. */
  mustStay = false;
  /** Version of the copy in the store, as far as the table knows; 0: there is none. */
  version = 0;
  /** The copy that the store returned when the new owner was announced: sent along with the request, so that the server need not read it. */
  sentCopy: SentCopy | null = null;

  private readonly writable: Recognition;
  private bindingState: BindingState = 'unchanged';
  private state: StoreState = 'not-asked';

  /** Only the caller, who has `recognition` itself, can give it to affinities. */
  constructor(recognition = new Recognition()) {
    this.recognition = this.writable = recognition;
  }

  /** Forgets everything but the recognition's reader. */
  clear(): void {
    this.writable.clear();
    this.owner = this.epoch = this.former = this.version = 0;
    this.counted = this.firstPlacement = this.substitute = this.endedRecently = false;
    this.reason = 'new';
    this.isMoving = this.mustStay = false;
    this.sentCopy = null;
    this.bindingState = 'unchanged';
    this.state = 'not-asked';
  }

  /** The affinities are done: the token's owner and epoch hold until the table has newer ones. */
  begin(): void {
    this.owner = this.recognition.owner;
    this.epoch = this.recognition.epoch;
  }

  /** A session without an owner gets another id. */
  rename(binder: Binder, now: number): void {
    binder.begin(now, this.writable);
    this.begin();
  }

  /**
   * The session in the request has ended: nothing counts as recognised any more. The key stays, for hashing policies. `endedRecently`: as
   * the property.
   */
  disown(endedRecently = false): void {
    const { key, cookie } = this.recognition;
    this.clear();
    this.writable.key = key;
    this.endedRecently = endedRecently;
    // The client has to drop the old cookie: with a Path of its own it would be sent before the new session's.
    if (cookie !== null) this.writable.formerCookie = cookie;
  }

  /** The server has given the session another id. */
  rotate(sid0: number, sid1: number, sid2: number, sid3: number): void {
    const { writable } = this;
    writable.sid0 = sid0;
    writable.sid1 = sid1;
    writable.sid2 = sid2;
    writable.sid3 = sid3;
  }

  get storeState(): StoreState {
    return this.state;
  }

  onStore(event: StoreEvent): void {
    this.state = nextStoreState(this.state, event);
  }

  get binding(): BindingState {
    return this.bindingState;
  }

  /**
   * `withheld` is final. `must-bind` does not become `changed`: a token is left out of a response that caches may store, unless it is
   * `must-bind`.
   */
  changeBinding(next: 'changed' | 'must-bind' | 'withheld'): void {
    if (this.bindingState === 'withheld' || (this.bindingState === 'must-bind' && next === 'changed')) return;
    this.bindingState = next;
  }

  get isBindingDue(): boolean {
    const { bindingState } = this;
    return bindingState === 'unchanged' ? this.recognition.tokenDue : bindingState !== 'withheld';
  }

  get mustBind(): boolean {
    return this.bindingState === 'must-bind';
  }

  /** The request names the session to its server. */
  get isOffered(): boolean {
    return this.recognition.hasId && !this.substitute;
  }
}

type Changing = 'clear' | 'begin' | 'rename' | 'disown' | 'rotate' | 'onStore' | 'changeBinding';

/** For all who only read. */
export type SessionView = Readonly<Omit<Session, Changing>>;
