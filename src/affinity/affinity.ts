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

/**
 * What the affinities of a pool found out about one request. Written by affinities alone, all others read it (`RecognitionView`): who
 * owns the session now is in ownership/session.ts. Reused, so `clear` before each request.
 */
export class Recognition {
  /** Who recognised the session, or will bind it as new; null: no affinity on this route. */
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
  /** Generation of the ownership that the token names; 0: it names none. */
  epoch = 0;
  /** Unix seconds at which the session began, and at which its token was last dated. */
  born = 0;
  seen = 0;
  /** Its token was dated by a clock that is ahead, and has to be dated anew. */
  ahead = false;
  /** The client has to get a token with the response: its first, one with a later date, or one with other cookie attributes. */
  tokenDue = false;
  /** The request brought more than is tried: too many values of one cookie, or a path that is too long to be searched. */
  beyondLimit = false;
  /** Wants to see how the body of the response begins: the app names the session there. Outlives `clear` of one affinity. */
  reader: Affinity | null = null;
  /** Attributes of its cookie, where its server has chosen them; null: as configured. */
  cookie: CookieAttributes | null = null;
  /** Attributes of the cookie that the client came with, when it is to get another one; undefined: no other. */
  formerCookie: CookieAttributes | null | undefined = undefined;

  /** Forgets all but the reader: an affinity that did not recognise its session does so before the next one is asked. */
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
    this.tokenDue = false;
    this.beyondLimit = false;
    this.cookie = null;
    this.formerCookie = undefined;
  }

  /** The session can have a copy: it has a whole id, and not one that several clients may share (source-ip). */
  get hasId(): boolean {
    return (this.sid2 | this.sid3) !== 0;
  }
}

/** For everyone who is not an affinity. */
export type RecognitionView = Readonly<Omit<Recognition, 'clear'>>;

/** What an affinity may tell the client of the session's owner. */
export interface Binding {
  /** Id of the server that owns the session now, and the epoch of that ownership. */
  readonly owner: number;
  readonly epoch: number;
  /** The client has to be told with this response: the token is due, or names another owner or id than the present one. */
  readonly isBindingDue: boolean;
  /** It has to be told whatever caches might do: a client that is not told now loses the session. */
  readonly mustBind: boolean;
}

/** What a response says of the session's id. Handed in and filled anew for each response. */
export class LearnedId {
  /** named: the session has the id that the fields below hold, from now on. ended: the app ended the session that the request named. */
  state: 'nothing' | 'named' | 'ended' = 'nothing';
  /** Keyed hash of the id, two unsigned words: `Recognition.sid0` and `sid1` of requests that will carry it. */
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
   * Looks for its session in the request. True: `recognition` is filled, the search ends. Writes into `edit`
   * what the server must not see (its own cookie), recognised or not. `now` is Unix seconds.
   */
  recognise(request: RequestHead, client: ClientFacts, now: number, recognition: Recognition, edit: Splice): boolean;
  /**
   * No affinity recognised anything: gives the new session an id, a key and a birth. Asked of the first affinity of the pool that has
   * this part. Left out: it only recognises (and learns), and another one binds new sessions.
   */
  begin?(now: number, recognition: Recognition): void;
  /**
   * On the way back, with each final response of a server: takes out what the server may not say in our name and,
   * when `binding.isBindingDue`, tells the client the owner and epoch that `binding` has. True when it told. Left out: the client
   * is told nothing.
   */
  bind?(
    recognition: Recognition,
    binding: Binding,
    response: ResponseHead,
    client: ClientFacts,
    now: number,
    edit: Splice,
  ): boolean;
  /**
   * Takes out what the server may not say in our name, where `bind` and `unbind` are not asked: it is not this one's session. `owner`:
   * id of the session's owner.
   */
  hide?(owner: number, response: ResponseHead, edit: Splice): void;
  /** The session is over: tells the client to forget what `bind` told it. */
  unbind?(
    recognition: RecognitionView,
    binding: Binding,
    response: ResponseHead,
    client: ClientFacts,
    edit: Splice,
  ): void;
  /**
   * What its servers may decide of the cookie of their session, as they are told it (`; allow=...`). Left out: there is no cookie of
   * ours.
   */
  readonly allowed?: string;
  /** The server chooses the attributes of its session's cookie; the `bind` that follows goes by them, within what is allowed. */
  shape?(recognition: Recognition, cookie: CookieAttributes | null): void;
  /**
   * For names that the app gives: reads them in each final response of a server, whoever recognised the request. `recognition`
   * is what the request carried; `learned` is clear. An app that names a session again says so each time.
   */
  learn?(
    recognition: RecognitionView,
    response: ResponseHead,
    client: ClientFacts,
    now: number,
    learned: LearnedId,
  ): void;
  /**
   * The same for a name in the body, when `recognition.reader` is this: `text` is the body's beginning, as much of it as has come.
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
