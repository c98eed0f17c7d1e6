/** Affinity by our own cookie: the token travels with the client, and the servers never see it. */
import type { CookieOptions } from '../config/options.ts';
import { EQUALS, equalsBytes, isToken, SP, TAB } from '../http/bytes.ts';
import { makePrivate } from '../http/cache.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { Splice } from '../http/splice.ts';
import type { Affinity, ClientFacts, Session, Verdict } from './affinity.ts';
import type { TokenRing } from './token.ts';

export interface CookieDependencies {
  readonly ring: TokenRing;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
}

export class CookieAffinity implements Affinity {
  readonly name = 'cookie';
  private readonly settings: CookieOptions;
  private readonly deps: CookieDependencies;
  private readonly cookieName: Uint8Array;
  private readonly scan = new CookieScan();
  private readonly words = new Uint32Array(4);
  /** A token is dated anew after this many seconds: a quarter of the idle time, so most responses carry no cookie. */
  private readonly redateAfter: number;
  private readonly attributes: string;

  constructor(settings: CookieOptions, deps: CookieDependencies) {
    this.settings = settings;
    this.deps = deps;
    this.cookieName = Uint8Array.from(settings.name, (char) => char.charCodeAt(0));
    if (!this.cookieName.every((byte) => isToken[byte] === 1))
      throw new Error(`cookie name ${settings.name} is not a token`);
    this.redateAfter = settings.idle === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(settings.idle / 4000));
    this.attributes =
      `; Path=${settings.path}` +
      (settings.domain === '' ? '' : `; Domain=${settings.domain}`) +
      (settings.httpOnly ? '; HttpOnly' : '') +
      `; SameSite=${settings.sameSite}` +
      (settings.partitioned ? '; Partitioned' : '');
  }

  /** Same-named cookies are tried in turn (another path, domain or partition may have left one); all are hidden from the server. */
  recognise(request: RequestHead, _client: ClientFacts, now: number, session: Session, edit: Splice): boolean {
    const scan = this.scan;
    scan.begin(request.headers, this.cookieName, edit);
    let verdict: Verdict = 'none';
    while (scan.next()) {
      if (verdict === 'valid') continue;
      const found = this.deps.ring.verify(request.bytes, scan.valueStart, scan.valueEnd, now, session);
      if (verdict === 'none' || found !== 'invalid') verdict = found;
    }
    if (verdict !== 'valid') {
      session.clear();
      session.verdict = verdict;
      return false;
    }
    session.verdict = verdict;
    session.recognised = true;
    session.affinity = this;
    session.key = session.sid0;
    session.changed = now - session.seen >= this.redateAfter;
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
    session.changed = true;
  }

  bind(session: Session, response: ResponseHead, client: ClientFacts, now: number, edit: Splice): boolean {
    if (response.headers.has(Name.setCookie)) this.hideForeign(response, edit);
    if (!session.changed || !makePrivate(response, this.settings.onCacheable === 'private', edit)) return false;
    session.seen = now;
    const { settings } = this;
    const secure = settings.secure === 'always' || (settings.secure === 'auto' && client.clientSecure);
    edit.add(
      `Set-Cookie: ${settings.name}=${this.deps.ring.sign(session)}${this.attributes}` +
        (secure ? '; Secure' : '') +
        (settings.lifetime === 'permanent' ? `; Max-Age=${this.remaining(session, now)}` : ''),
    );
    return true;
  }

  /** A server that sets a cookie of our name would take the client away from its session. */
  private hideForeign(response: ResponseHead, edit: Splice): void {
    const headers = response.headers;
    for (let i = headers.first(Name.setCookie); i < headers.count; i++) {
      if (headers.id(i) !== Name.setCookie) continue;
      const start = headers.valueStart(i);
      const end = start + this.cookieName.length;
      let equals = end;
      // Browsers take white space off a name (RFC 6265 section 5.2).
      while (response.bytes[equals] === SP || response.bytes[equals] === TAB) equals++;
      if (response.bytes[equals] === EQUALS && equalsBytes(response.bytes, start, end, this.cookieName)) {
        edit.cutLine(headers, i);
      }
    }
  }

  /** Seconds of life left: never beyond the absolute time. */
  private remaining(session: Session, now: number): number {
    return Math.max(1, Math.floor(this.settings.absolute / 1000) - (now - session.born));
  }
}
