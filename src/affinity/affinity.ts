/**
 * An affinity recognises a session in a request and binds it in a response. It never chooses a server:
 * it says who the client is, and the token or the table says where that session lives.
 */
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { CookieAttributes } from '../http/session-cookie.ts';
import type { Splice } from '../http/splice.ts';

/**
 * What became of a session's proof in the request: none was sent, it holds, it is forged or garbled, it is of another pool or of a
 * key that is not known here (another Limpet's, as a rule), it came too late, it is too old, or it was dated by a clock that is
 * too far ahead.
 */
export type ProofResult = 'none' | 'valid' | 'invalid' | 'foreign' | 'idle' | 'old' | 'ahead';

/**
 * How a session's owner is found. token: what the request carries names owner and epoch, and the table may know better.
 * key: the request carries a name alone, and the table knows the owner. hash: the place follows from `key`, and nothing is
 * stored. fixed: a person chose the server.
 */
export type SessionKind = 'token' | 'key' | 'hash' | 'fixed';

/** Values of one cookie that are verified, each at the price of a hash for every key; what stands behind them is not tried. */
export const maxTried = 8;

/** A session's state as the store has it. */
export interface Carried {
  readonly epoch: number;
  readonly version: number;
  readonly data: Uint8Array;
  /** Unix ms. */
  readonly expires: number;
}

/** What an affinity found out about one exchange; reused, so `clear` before each request. */
export class Session {
  /** Who recognised it, or will bind it as new; null: no affinity on this route. */
  affinity: Affinity | null = null;
  /** True when the request carried a session that is valid. */
  recognised = false;
  kind: SessionKind = 'token';
  proof: ProofResult = 'none';
  /** Id of the server that the request's token names; 0 when it names none (a key that is placed by hash). */
  owner = 0;
  /** 32-bit unsigned hash of the session's key: where hashing policies put it. */
  key = 0;
  /**
   * Session id, 128 bits in four unsigned words; all 0 when there is none. The first two are what the table knows it by.
   * Of a session of kind `key` they are a keyed hash of the client's key, and the other two a second one, in pools that need it.
   */
  sid0 = 0;
  sid1 = 0;
  sid2 = 0;
  sid3 = 0;
  /** Generation of the ownership; 0 before the first. */
  epoch = 0;
  /** Unix seconds at which the session began, and at which its token was last dated. */
  born = 0;
  seen = 0;
  /** Its token was dated by a clock that is ahead, and has to be dated anew. */
  ahead = false;
  /** The response has to tell the client something new: first binding, new owner, later date. */
  changed = false;
  /** The request brought more than is tried: too many values of one cookie, or a path that is too long to be searched. */
  beyondLimit = false;
  /** Wants to see how the body of the response begins: the app names the session there. Outlives `clear` of one affinity. */
  reader: Affinity | null = null;
  /** This exchange gave it its first owner: nothing of it lives there yet. */
  fresh = false;
  /** The table counts this exchange among those of the session that run now. */
  entered = false;
  /**
   * The table's number of the former owner, who gets the session back if the present one takes no request of it; 0: the
   * present one has taken one.
   */
  former = 0;

  // In pools whose servers speak the session protocol:
  /** Why it comes to its server: it is new there, lives there, its owner failed, or it left its owner. */
  reason: 'new' | 'held' | 'rebind' | 'move' = 'new';
  /** Version of the copy that the store is known to keep; 0: none. */
  version = 0;
  /** The store may not know its owner yet: it has to, before this exchange may go there. */
  claiming = false;
  /** The table does not know it, so the store has to be asked; `asked`: it was. */
  unknown = false;
  asked = false;
  /** The store has said that it has ended. The table may have no room or no time for that, so this exchange knows it by itself. */
  over = false;
  /** The store failed, and this exchange goes on without it. */
  alone = false;
  /** The copy that came with the claim: its new owner gets it with this request, and need not ask for it. */
  carried: Carried | null = null;
  /** The client has to be told now, or the session is lost to it. */
  owed = false;
  /** The session that it came with has ended a moment ago, or goes on under an id that the client may be about to hear of. */
  late = false;
  /** It is over, and the store does not know yet: nobody may serve it, or begin anew in its place. */
  ending = false;
  /** At a server that is not its owner, which must not take it for its own. */
  lent = false;
  /** How its cookie is, where its server has said so; null: as configured. */
  cookie: CookieAttributes | null = null;
  /** How the cookie is that the client came with, when it is to get another one; undefined: no other. */
  formerCookie: CookieAttributes | null | undefined = undefined;

  /** Forgets all but the reader: what one affinity may do on failing, so that the next finds a clean sheet. */
  clear(): void {
    this.affinity = null;
    this.recognised = false;
    this.kind = 'token';
    this.proof = 'none';
    this.owner = 0;
    this.key = 0;
    this.sid0 = this.sid1 = this.sid2 = this.sid3 = 0;
    this.epoch = 0;
    this.born = 0;
    this.seen = 0;
    this.ahead = false;
    this.changed = false;
    this.beyondLimit = false;
    this.fresh = false;
    this.entered = false;
    this.reason = 'new';
    this.version = this.former = 0;
    this.carried = null;
    this.claiming = this.unknown = this.asked = this.over = this.alone = false;
    this.owed = this.lent = this.late = this.ending = false;
    this.cookie = null;
    this.formerCookie = undefined;
  }

  /** It can have a copy: it has a whole id, and not one that several clients may share (source-ip). */
  get hasId(): boolean {
    return (this.sid2 | this.sid3) !== 0;
  }

  /** The server is told of it. */
  get isOffered(): boolean {
    return this.hasId && !this.lent;
  }
}

/** What a response says of the session's id. Handed in and filled anew for each response. */
export class LearnedId {
  /** named: the session has the id that the fields below hold, from now on. ended: the app ended the session that the request named. */
  state: 'nothing' | 'named' | 'ended' = 'nothing';
  /** Keyed hash of the id, two unsigned words: `Session.sid0` and `sid1` of requests that will carry it. */
  sid0 = 0;
  sid1 = 0;
  /** Unix seconds at which the client will forget the id; 0: the response does not say. */
  expires = 0;

  clear(): void {
    this.state = 'nothing';
    this.sid0 = this.sid1 = 0;
    this.expires = 0;
  }
}

/** What an affinity may know of the client besides the head. Filled by the proxy once per exchange. */
export interface ClientFacts {
  /** Of the request, one of `Method` (http/head.ts). */
  readonly method?: number;
  /** Client address after trusted X-Forwarded-For; '' on a unix-domain socket. */
  readonly clientAddress: string;
  /** The client speaks TLS to us, or to a trusted proxy that says so. */
  readonly clientSecure: boolean;
  /** The peer is one of our own proxies. Left out: it is not. */
  readonly peerTrusted?: boolean;
}

/**
 * One way to recognise a session, made for one pool. Only `recognise` is required. Each other part is asked where it is there, and
 * what it does not have it does not do.
 */
export interface Affinity {
  /** Its type in the config. */
  readonly name: string;
  /** The table's number for how long its sessions live; left out: nothing of them is stored. */
  readonly lifetime?: number;
  /** Its sessions go by the client's address, which proves nothing: the access log marks them with a letter of their own. */
  readonly byAddress?: boolean;
  /**
   * Looks for its session in the request. True: `session` is filled, the search ends. Writes into `edit`
   * what the server must not see (its own cookie), recognised or not. `now` is Unix seconds.
   */
  recognise(request: RequestHead, client: ClientFacts, now: number, session: Session, edit: Splice): boolean;
  /**
   * No affinity recognised anything: gives the new session an id, a key and a birth. Asked of the first affinity of the pool that has
   * this part. Left out: it only recognises (and learns), and another one binds new sessions.
   */
  begin?(now: number, session: Session): void;
  /**
   * On the way back, with each final response of a server: takes out what the server may not say in our name and,
   * when `session.changed`, tells the client the owner and epoch that `session` now has. True when it told. Left out: the client
   * is told nothing.
   */
  bind?(session: Session, response: ResponseHead, client: ClientFacts, now: number, edit: Splice): boolean;
  /** Takes out what the server may not say in our name, where `bind` and `unbind` are not asked: it is not this one's session. */
  hide?(session: Session, response: ResponseHead, edit: Splice): void;
  /** The session is over: tells the client to forget what `bind` told it. */
  unbind?(session: Session, response: ResponseHead, client: ClientFacts, edit: Splice): void;
  /**
   * What its servers may decide of the cookie of their session, as they are told it (`; allow=...`). Left out: there is no cookie of
   * ours.
   */
  readonly allowed?: string;
  /** The server says how the cookie of its session is to be; the `bind` that follows goes by it, within what is allowed. */
  shape?(session: Session, cookie: CookieAttributes | null): void;
  /**
   * For names that the app gives: reads them in each final response of a server, whoever recognised the request. `session`
   * is what the request carried; `learned` is clear. An app that names a session again says so each time.
   */
  learn?(session: Session, response: ResponseHead, client: ClientFacts, now: number, learned: LearnedId): void;
  /**
   * The same for a name in the body, when `session.reader` is this: `text` is the body's beginning, as much of it as has come.
   * False: more is needed, ask again with more. It gives up by itself when there is enough to see that no name comes.
   */
  learnBody?(text: Buffer, now: number, learned: LearnedId): boolean;
}

/** An affinity that can give a new session its id. */
export type Binder = Affinity & Required<Pick<Affinity, 'begin'>>;

export function isBinder(affinity: Affinity): affinity is Binder {
  return affinity.begin !== undefined;
}

/** Makes the keyed hash by which the table knows a name: two unsigned words (table/fingerprint.ts). */
export interface NameHash {
  hash(bytes: Uint8Array, start: number, end: number, out: { hi: number; lo: number }): void;
}
