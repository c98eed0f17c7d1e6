/**
 * The contract of affinities. An affinity recognises the session of a request, and binds a new session by what it adds to the response.
 * It never chooses a server: it says which session a request belongs to, and the token or the session table says which server owns it.
 */
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { CookieAttributes } from '../http/session-cookie.ts';
import type { Splice } from '../http/splice.ts';

/**
 * The result of verifying what a request carries as proof of its session (a token, or a signed prefix).
 *
 * none: the request carries no proof. invalid: forged or damaged. foreign: signed for another pool, or with a key that is not known
 * here; usually by another Limpet. idle: the last request is too long ago. old: the session began too long ago. ahead: dated by a clock
 * that is too far ahead of ours.
 */
export type ProofResult = 'none' | 'valid' | 'invalid' | 'foreign' | 'idle' | 'old' | 'ahead';

/**
 * How the owner of a session is found. token: the request carries owner and epoch; the session table may hold a higher epoch. key: the
 * request carries only a name, and the table holds the owner. hash: the owner is computed from `key`; nothing is stored. fixed: the
 * config or a signed text names the server.
 */
export type SessionKind = 'token' | 'key' | 'hash' | 'fixed';

/** At most so many values of one cookie are verified, because each costs a hash for every key. The values after them are ignored. */
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
  /** 32-bit unsigned hash of the session's key, from which policies that place by hash compute the server. */
  key = 0;
  /**
   * Session id, 128 bits in four unsigned words; all 0 when there is none. The first two are its key in the session table. For kind
   * `key` they are a keyed hash of the name, and the other two are a second hash, in pools where sessions have copies.
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
  /** The token was dated by a clock that is ahead of ours; it is replaced by one with the present date. */
  ahead = false;
  /** The client has to get a token with the response: its first, one with a later date, or one with other cookie attributes. */
  tokenDue = false;
  /** A part of the request was ignored: too many values of one cookie, or a path that is too long to be searched. */
  beyondLimit = false;
  /** The affinity that reads the beginning of the response's body, where the app names the session. `clear` keeps it. */
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
  /** The other half of that id, where sessions have copies. */
  sid2 = 0;
  sid3 = 0;
  /** Unix seconds at which the client will forget the id; 0: the response does not say. */
  expires = 0;

  clear(): void {
    this.state = 'nothing';
    this.sid0 = this.sid1 = this.sid2 = this.sid3 = 0;
    this.expires = 0;
  }
}

/** What an affinity gets to know about the client besides the head of the request. The proxy fills it once per exchange. */
export interface ClientFacts {
  /** Method of the request, one of `Method` (http/head.ts). */
  readonly method?: number;
  /** Client address after trusted X-Forwarded-For; '' on a unix-domain socket. */
  readonly clientAddress: string;
  /** The client uses TLS, either to us or, according to a trusted proxy, to that proxy. */
  readonly clientSecure: boolean;
  /** What the client has shown in the handshake with us, verified. Left out, or null: nothing. */
  readonly clientCertificate?: { readonly fingerprint: string; readonly subject: string } | null;
  /** The peer is one of our own proxies. Left out: it is not. */
  readonly peerTrusted?: boolean;
}

/**
 * One way to recognise a session, made for one pool. Only `name` and `recognise` are required: the proxy calls each other method where
 * it exists.
 */
export interface Affinity {
  /** The type in the config. */
  readonly name: string;
  /** Number under which the session table knows the lifetimes of these sessions; left out: the table stores none of them. */
  readonly lifetime?: number;
  /** The session is the client's address, which proves nothing. The access log marks such requests with a letter of their own. */
  readonly byAddress?: boolean;
  /**
   * Looks for its session in the request. True: it has filled `recognition`, and the search ends. Recognised or not, it removes by
   * `edit` what the server must not see, such as its own cookie. `now` is Unix seconds.
   */
  recognise(request: RequestHead, client: ClientFacts, now: number, recognition: Recognition, edit: Splice): boolean;
  /**
   * Gives a new session its id, its key and its time of creation, after no affinity has recognised one. Called on the first affinity
   * of the pool that has this method. Left out: the affinity only recognises sessions, and another one begins new ones.
   */
  begin?(now: number, recognition: Recognition): void;
  /**
   * Called with each final response of a server. Removes from it what only we may set (such as a cookie of our name) and, when
   * `binding.isBindingDue`, adds what the client has to send from now on, with the owner and the epoch of `binding`. True when it has
   * added something. Left out: the client gets nothing from this affinity.
   */
  bind?(
    recognition: Recognition,
    binding: Binding,
    response: ResponseHead,
    client: ClientFacts,
    now: number,
    edit: Splice,
  ): boolean;
  /** `bind` of this response would give the client a token. Left out: it gives none. */
  givesToken?(binding: Binding, response: ResponseHead, client: ClientFacts): boolean;
  /**
   * Removes from a response what only we may set. Called in place of `bind` and `unbind` when another affinity has the session.
   * `owner`: id of the session's owner.
   */
  hide?(owner: number, response: ResponseHead, edit: Splice): void;
  /** The session has ended: makes the client forget what `bind` gave it. */
  unbind?(
    recognition: RecognitionView,
    binding: Binding,
    response: ResponseHead,
    client: ClientFacts,
    edit: Splice,
  ): void;
  /** The path of a request without what names its session, for those who may not know it. Left out: it reads nothing of the path. */
  hidePath?(path: string): string;
  /**
   * Which attributes of the cookie the servers may choose, as the header to the server says it (`; allow=...`). Left out: this
   * affinity sets no cookie.
   */
  readonly allowed?: string;
  /** The server has chosen attributes for the cookie of its session. The `bind` that follows uses them, as far as they are allowed. */
  shape?(recognition: Recognition, cookie: CookieAttributes | null): void;
  /**
   * Reads in each final response of a server which name the app gives to the session, whichever affinity recognised the request.
   * `recognition` is that of the request; `learned` is clear.
   */
  learn?(
    recognition: RecognitionView,
    response: ResponseHead,
    client: ClientFacts,
    now: number,
    learned: LearnedId,
  ): void;
  /**
   * The same for a name in the body. Called when this affinity is `recognition.reader`, with the beginning of the body as far as it has
   * arrived. False: the text is too short to decide; it is called again with more. True as well when the body can have no name.
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
