/**
 * An affinity recognises a session in a request and binds it in a response. It never chooses a server:
 * it says who the client is, and the token or the table says where that session lives.
 */
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { Splice } from '../http/splice.ts';

/** What became of a session's proof in the request: none was sent, it holds, it is forged or garbled, it came too late, it is too old. */
export type Verdict = 'none' | 'valid' | 'invalid' | 'idle' | 'old';

/** What an affinity found out about one exchange; reused, so `clear` before each request. */
export class Session {
  /** Who recognised it, or will bind it as new; null: no affinity on this route. */
  affinity: Affinity | null = null;
  /** True when the request carried a session that is valid. */
  recognised = false;
  verdict: Verdict = 'none';
  /** Id of the server that the request's token names; 0 when it names none (a key that is placed by hash). */
  owner = 0;
  /** 32-bit unsigned hash of the session's key: where hashing policies put it. */
  key = 0;
  /** Session id, 128 bits in four unsigned words; all 0 when there is none. */
  sid0 = 0;
  sid1 = 0;
  sid2 = 0;
  sid3 = 0;
  /** Generation of the ownership; 0 before the first. */
  epoch = 0;
  /** Unix seconds at which the session began, and at which its token was last dated. */
  born = 0;
  seen = 0;
  /** The response has to tell the client something new: first binding, new owner, later date. */
  changed = false;

  clear(): void {
    this.affinity = null;
    this.recognised = false;
    this.verdict = 'none';
    this.owner = 0;
    this.key = 0;
    this.sid0 = this.sid1 = this.sid2 = this.sid3 = 0;
    this.epoch = 0;
    this.born = 0;
    this.seen = 0;
    this.changed = false;
  }
}

/** What an affinity may know of the client besides the head. Filled by the proxy once per exchange. */
export interface ClientFacts {
  /** Client address after trusted X-Forwarded-For; '' on a unix-domain socket. */
  readonly clientAddress: string;
  /** The client speaks TLS to us, or to a trusted proxy that says so. */
  readonly clientSecure: boolean;
  /** The peer is one of our own proxies. Left out: it is not. */
  readonly peerTrusted?: boolean;
}

export interface Affinity {
  readonly name: string;
  /** False: it only recognises, and another one binds new sessions. Left out: it binds. */
  readonly binds?: boolean;
  /**
   * Looks for its session in the request. True: `session` is filled, the search ends. Writes into `edit`
   * what the server must not see (its own cookie), recognised or not. `now` is Unix seconds.
   */
  recognise(request: RequestHead, client: ClientFacts, now: number, session: Session, edit: Splice): boolean;
  /** No affinity recognised anything and this one is to bind: give the session an id, a key and a birth. */
  begin(now: number, session: Session): void;
  /**
   * On the way back, with each final response of a server: takes out what the server may not say in our name and,
   * when `session.changed`, tells the client the owner and epoch that `session` now has. True when it told.
   */
  bind(session: Session, response: ResponseHead, client: ClientFacts, now: number, edit: Splice): boolean;
}
