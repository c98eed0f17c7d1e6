/** Affinity by our own cookie: the token travels with the client, and the servers never see it. */
import type { CookieOptions } from '../config/options.ts';
import { isToken } from '../http/bytes.ts';
import { makePrivate } from '../http/cache.ts';
import { CookieScan, setCookieValue } from '../http/cookie.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { Splice } from '../http/splice.ts';
import { type Affinity, type ClientFacts, maxTried, type Session, type Verdict } from './affinity.ts';
import { type TokenRing, tokenChars } from './token.ts';

export interface CookieDependencies {
  readonly ring: TokenRing;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
  /** The table's number for how long the sessions live. */
  readonly lifetime?: number;
  /** Told of each token that a clock which is ahead has dated, and that is dated anew. Left out: nobody is. */
  readonly onAhead?: () => void;
  /** The servers begin sessions, and the balancer hears of it. Left out: they do not. */
  readonly sessions?: boolean;
}

export class CookieAffinity implements Affinity {
  readonly name = 'cookie';
  readonly lifetime: number | undefined;
  private readonly settings: CookieOptions;
  private readonly deps: CookieDependencies;
  /** Ours, and its twin for pages of other sites if there is one. */
  private readonly cookieNames: readonly Uint8Array[];
  private readonly scan = new CookieScan();
  private readonly words = new Uint32Array(4);
  /** A token is dated anew after this many seconds: a quarter of the idle time, so most responses carry no cookie. */
  private readonly redateAfter: number;
  private readonly scope: string;
  private readonly attributes: string;
  /** A client gets its cookie before any server has begun a session for it. */
  private readonly always: boolean;

  constructor(settings: CookieOptions, deps: CookieDependencies) {
    this.settings = settings;
    this.lifetime = deps.lifetime;
    this.deps = deps;
    const names = settings.twin === '' ? [settings.name] : [settings.name, settings.twin];
    this.cookieNames = names.map((name) => Uint8Array.from(name, (char) => char.charCodeAt(0)));
    if (!this.cookieNames[0]!.every((byte) => isToken[byte] === 1))
      throw new Error(`cookie name ${settings.name} is not a token`);
    this.redateAfter = settings.idle === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(settings.idle / 4000));
    this.scope =
      `; Path=${settings.path}` +
      (settings.domain === '' ? '' : `; Domain=${settings.domain}`) +
      (settings.httpOnly ? '; HttpOnly' : '');
    this.always = settings.bind === 'always' || (settings.bind === 'auto' && deps.sessions !== true);
    this.attributes = `${this.scope}; SameSite=${settings.sameSite}${settings.partitioned ? '; Partitioned' : ''}`;
  }

  /**
   * Same-named cookies are tried in turn (another path, domain or partition may have left one), `maxTried` of those that may be
   * tokens; all are hidden from the server.
   */
  recognise(request: RequestHead, _client: ClientFacts, now: number, session: Session, edit: Splice): boolean {
    const scan = this.scan;
    let verdict: Verdict = 'none';
    let tried = 0;
    const { beyondLimit } = session;
    for (const name of this.cookieNames) {
      scan.begin(request.headers, name, edit);
      while (scan.next()) {
        if (verdict === 'valid' || tried > maxTried) continue;
        if (scan.valueEnd - scan.valueStart === tokenChars && ++tried > maxTried) continue;
        const found = this.deps.ring.verify(request.bytes, scan.valueStart, scan.valueEnd, now, session);
        if (verdict === 'none' || found !== 'invalid') verdict = found;
      }
    }
    if (verdict !== 'valid') {
      session.clear();
      session.verdict = verdict;
      session.beyondLimit = beyondLimit || tried > maxTried;
      return false;
    }
    session.verdict = verdict;
    session.recognised = true;
    session.kind = 'token';
    session.affinity = this;
    session.key = session.sid0;
    session.changed = session.ahead || now - session.seen >= this.redateAfter;
    if (session.ahead) this.deps.onAhead?.();
    return true;
  }

  begin(now: number, session: Session): void {
    this.deps.randomWords(this.words);
    session.affinity = this;
    session.sid0 = this.words[0]!;
    session.sid1 = this.words[1]!;
    session.sid2 = this.words[2]!;
    session.sid3 = this.words[3]!;
    session.key = session.sid0;
    session.epoch = 1;
    session.born = now;
    session.changed = this.always;
  }

  bind(session: Session, response: ResponseHead, client: ClientFacts, now: number, edit: Splice): boolean {
    if (response.headers.has(Name.setCookie)) this.hideForeign(response, edit);
    if (!session.changed || !this.mayTell(session, response, edit)) return false;
    session.seen = now;
    const { settings } = this;
    const secure = settings.secure === 'always' || (settings.secure === 'auto' && client.clientSecure);
    const token = this.deps.ring.sign(session);
    const maxAge = settings.lifetime === 'permanent' ? `; Max-Age=${this.remaining(session, now)}` : '';
    edit.add(`Set-Cookie: ${settings.name}=${token}${this.attributes}${secure ? '; Secure' : ''}${maxAge}`);
    if (settings.twin !== '' && secure)
      edit.add(`Set-Cookie: ${settings.twin}=${token}${this.scope}; SameSite=None; Partitioned; Secure${maxAge}`);
    return true;
  }

  unbind(response: ResponseHead, client: ClientFacts, edit: Splice): void {
    if (response.headers.has(Name.setCookie)) this.hideForeign(response, edit);
    const { settings } = this;
    // Whatever caches might do with it: the client must forget.
    makePrivate(response, true, edit);
    const secure = settings.secure === 'always' || (settings.secure === 'auto' && client.clientSecure);
    edit.add(`Set-Cookie: ${settings.name}=${this.attributes}${secure ? '; Secure' : ''}; Max-Age=0`);
    if (settings.twin !== '' && secure)
      edit.add(`Set-Cookie: ${settings.twin}=${this.scope}; SameSite=None; Partitioned; Secure; Max-Age=0`);
  }

  private mayTell({ owed }: Session, response: ResponseHead, edit: Splice): boolean {
    return makePrivate(response, owed || this.settings.onCacheable === 'private', edit);
  }

  /** A server that sets a cookie of our name would take the client away from its session. */
  private hideForeign(response: ResponseHead, edit: Splice): void {
    const headers = response.headers;
    for (let i = headers.first(Name.setCookie); i < headers.count; i++) {
      if (headers.id(i) !== Name.setCookie) continue;
      if (this.cookieNames.some((name) => setCookieValue(headers, i, name) >= 0)) edit.cutLine(headers, i);
    }
  }

  /** Seconds of life left: never beyond the absolute time. */
  private remaining(session: Session, now: number): number {
    return Math.max(1, Math.floor(this.settings.absolute / 1000) - (now - session.born));
  }
}
