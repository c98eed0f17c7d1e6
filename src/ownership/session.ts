/**
 * The session of one exchange: what the request carried (`recognition`), who owns the session now, and what the store has to hear or
 * has said (store-state.ts). One object for each exchange, used again: `clear`, then the affinities fill the recognition, then `begin`.
 *
 *      part                     written by                                        others have
 *      recognition              the affinities (affinity/affinity.ts)             `RecognitionView`
 *      owner, epoch, version ...  placement, owner look-up, replicator             `SessionView`
 *      binding, storeState      `changeBinding` and `onStore`, and nobody else    the two getters
 */
import { type Binder, type Binding, Recognition, type RecognitionView } from '../affinity/affinity.ts';
import { nextStoreState, type StoreEvent, type StoreState } from './store-state.ts';

/** A request of a session that has ended counts as one that was under way then for this long after the end. */
export const recentEndSeconds = 10;

/**
 * So long ago is an end dated whose time is not known. A second more than `recentEndSeconds`: the clock of a worker, which looks at it
 * once in a tick, may be in the second before.
 */
export const pastEndSeconds = recentEndSeconds + 1;

/** The state of a session as it goes along with a request. */
export interface SentCopy {
  readonly epoch: number;
  readonly version: number;
  readonly data: Uint8Array;
  /** Unix milliseconds. */
  readonly expires: number;
}

/** Why a session comes to its server: it is new there, lives there, its owner failed, or it left its owner. */
export type PlacementReason = 'new' | 'held' | 'rebind' | 'move';

/**
 * What the client has to be told of the session's owner and id with the response. unchanged: nothing, what it has is right.
 * changed: they are others. must-bind: the client is not told of its session yet, or has to have another id; if it is not told now
 * it loses the session. withheld: nothing may be told, whatever has changed: the session is over, or its owner is in doubt.
 */
export type BindingState = 'unchanged' | 'changed' | 'must-bind' | 'withheld';

export class Session implements Binding {
  readonly recognition: RecognitionView;
  /** Id of the server that owns the session now; 0: nobody's, or none that is known. */
  owner = 0;
  /** Generation of that ownership; 0 before the first. */
  epoch = 0;
  /**
   * The table's number of the former owner, who gets the session back if the present one takes no request of it; 0: the
   * present one has taken one.
   */
  former = 0;
  /** The table counts this exchange among those of the session that run now. */
  counted = false;
  /** This exchange gave it its first owner: nothing of it lives there yet. */
  firstPlacement = false;
  /** It goes to a server that is not its owner, which must not take it for its own. */
  substitute = false;
  /** The session that the client came with has ended a moment ago, or goes on under an id that the client may be about to hear of. */
  endedRecently = false;

  // In pools whose servers speak the session protocol:
  reason: PlacementReason = 'new';
  /** Version of the copy that the store is known to keep; 0: none. */
  version = 0;
  /** The copy that came with the claim: its new owner gets it with this request, and need not ask for it. */
  sentCopy: SentCopy | null = null;

  private readonly writable: Recognition;
  private bindingState: BindingState = 'unchanged';
  private state: StoreState = 'not-asked';

  /** Who hands in `recognition` may give it to affinities. */
  constructor(recognition = new Recognition()) {
    this.recognition = this.writable = recognition;
  }

  /** Forgets everything but the recognition's reader. */
  clear(): void {
    this.writable.clear();
    this.owner = this.epoch = this.former = this.version = 0;
    this.counted = this.firstPlacement = this.substitute = this.endedRecently = false;
    this.reason = 'new';
    this.sentCopy = null;
    this.bindingState = 'unchanged';
    this.state = 'not-asked';
  }

  /** The affinities are done: what the token names holds until the table knows better. */
  begin(): void {
    this.owner = this.recognition.owner;
    this.epoch = this.recognition.epoch;
  }

  /** A session that is nobody's gets another id. */
  rename(binder: Binder, now: number): void {
    binder.begin(now, this.writable);
    this.begin();
  }

  /** What the request carried has ended: nothing is recognised any more, and hashing policies still spread it by its key. */
  disown(): void {
    const { key, cookie } = this.recognition;
    this.clear();
    this.writable.key = key;
    // A cookie with a Path of its own would be sent before that of the session which begins now.
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

  /** `withheld` is final. `must-bind` does not become `changed`: the client would lose the session where a cache may keep the response. */
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

  /** The server is told of it. */
  get isOffered(): boolean {
    return this.recognition.hasId && !this.substitute;
  }
}

type Changing = 'clear' | 'begin' | 'rename' | 'disown' | 'rotate' | 'onStore' | 'changeBinding';

/** For everyone who only reads. */
export type SessionView = Readonly<Omit<Session, Changing>>;
