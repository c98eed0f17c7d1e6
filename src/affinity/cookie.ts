/** Affinity by a cookie of our own that holds a signed token (token.ts). The servers never see it. */
import { isToken } from '../http/bytes.ts';
import { isCacheable, makePrivate } from '../http/cache.ts';
import { CookieScan, maxCookieSeconds, setCookieValue } from '../http/cookie.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { Headers } from '../http/headers.ts';
import { Name } from '../http/names.ts';
import type { CookieAttributes } from '../http/session-cookie.ts';
import type { Splice } from '../http/splice.ts';
import { httpDate, longAgo } from '../time/http-date.ts';
import {
  type Affinity,
  type Binding,
  type ClientFacts,
  maxTried,
  type ProofResult,
  type Recognition,
  type RecognitionView,
} from './affinity.ts';
import { type CookieNames, type CookieOptions, cookieNames } from './cookie-options.ts';
import { CookiePolicy } from './cookie-policy.ts';
import { isTokenLength, redateAfter, type TokenRing } from './token.ts';

export interface CookieDependencies {
  readonly ring: TokenRing;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
  /** Number under which the session table knows the lifetimes. */
  readonly lifetime?: number;
  /** Called for each token that was dated by a clock ahead of ours and gets the present date. */
  readonly onAhead?: () => void;
  /** Called for each valid token. */
  readonly onValid?: (token: RecognitionView) => void;
  /** The servers speak the session protocol: a session begins when a server says so. */
  readonly sessions?: boolean;
  /**
   * Called for each token of another Limpet, pool or key in a cookie of our name (`owner` null), and for each cookie of our name
   * that a server sets (`owner`: id of that server).
   */
  readonly onForeign?: (cookie: string, owner: number | null) => void;
  /** Called for each cookie for which a server has chosen attributes beyond what is allowed. */
  readonly onLimited?: () => void;
}

/**
 * Of several cookies of our name the one with the highest weight gives the result: a token that was once valid outweighs a
 * forged one.
 */
const weights: Readonly<Record<ProofResult, number>> = {
  none: 0,
  invalid: 1,
  foreign: 2,
  idle: 3,
  old: 3,
  ahead: 3,
  valid: 4,
};

/** The attributes of a cookie, without Max-Age and Expires. */
interface WrittenAttributes {
  /** Path, Domain and HttpOnly. */
  readonly scope: string;
  /** The same, SameSite, Partitioned and Secure. */
  readonly attributes: string;
  /** The same for a cookie without Secure: browsers reject SameSite=None and Partitioned then. */
  readonly plainAttributes: string;
  readonly secure: CookieOptions['secure'];
}

/** One name of the cookie. */
interface NameReader {
  readonly name: Uint8Array;
  /** Its values count for clients that use TLS, and for others. */
  readonly forSecure: boolean;
  readonly forPlain: boolean;
}

function readersOf({ prefix, twin }: CookieOptions, { secure, all }: CookieNames): NameReader[] {
  return all.map((text) => {
    const name = Uint8Array.from(text, (char) => char.charCodeAt(0));
    if (!name.every((byte) => isToken[byte] === 1)) throw new Error(`cookie name ${text} is not a token`);
    const isPrefixed = prefix !== 'none' && (text === secure || text === twin);
    return { name, forSecure: prefix === 'none' || isPrefixed, forPlain: !isPrefixed };
  });
}

export class CookieAffinity implements Affinity {
  readonly name = 'cookie';
  readonly lifetime: number | undefined;
  readonly allowed: string;
  private readonly settings: CookieOptions;
  private readonly deps: CookieDependencies;
  private readonly names: CookieNames;
  private readonly readers: readonly NameReader[];
  private readonly scan = new CookieScan();
  private readonly words = new Uint32Array(4);
  private readonly policy: CookiePolicy;
  /** Seconds after which a token gets a new date. */
  private readonly redateAfter: number;
  private readonly configured: WrittenAttributes;
  /** A client gets its cookie before any server has begun a session for it. */
  private readonly always: boolean;

  constructor(settings: CookieOptions, deps: CookieDependencies) {
    this.settings = settings;
    this.lifetime = deps.lifetime;
    this.deps = deps;
    this.names = cookieNames(settings);
    this.readers = readersOf(settings, this.names);
    this.policy = new CookiePolicy(settings);
    this.allowed = this.policy.allowed;
    this.redateAfter = redateAfter(settings.idle / 1000, false);
    this.configured = this.written(null);
    this.always = settings.bind === 'always' || (settings.bind === 'auto' && deps.sessions !== true);
  }

  /**
   * A request may carry several cookies of our name, set for other paths, domains or partitions. They are verified in turn, at most
   * `maxTried` of those that have the length of a token. All of them are removed from the request. A name that does not count for this
   * client is only removed: who can write the client's cookies from plain HTTP or another host must not choose the session.
   */
  recognise(request: RequestHead, client: ClientFacts, now: number, recognition: Recognition, edit: Splice): boolean {
    const scan = this.scan;
    let proof: ProofResult = 'none';
    let tried = 0;
    const { beyondLimit } = recognition;
    const isSecure = this.isSecure(client);
    for (const { name, forSecure, forPlain } of this.readers) {
      const counts = isSecure ? forSecure : forPlain;
      scan.begin(request.headers, name, edit);
      while (scan.next()) {
        if (!counts || proof === 'valid' || tried > maxTried) continue;
        if (isTokenLength(scan.valueEnd - scan.valueStart) && ++tried > maxTried) continue;
        const found = this.deps.ring.verify(request.bytes, scan.valueStart, scan.valueEnd, now, recognition);
        if (weights[found] >= weights[proof]) proof = found;
      }
    }
    if (proof === 'foreign') this.deps.onForeign?.(this.settings.name, null);
    if (proof !== 'valid') {
      recognition.clear();
      recognition.proof = proof;
      recognition.beyondLimit = beyondLimit || tried > maxTried;
      return false;
    }
    recognition.proof = proof;
    recognition.recognised = true;
    recognition.kind = 'token';
    recognition.affinity = this;
    recognition.key = recognition.sid0;
    recognition.tokenDue = recognition.ahead || now - recognition.seen >= this.redateOf(recognition);
    if (recognition.ahead) this.deps.onAhead?.();
    this.deps.onValid?.(recognition);
    return true;
  }

  begin(now: number, recognition: Recognition): void {
    this.deps.randomWords(this.words);
    recognition.affinity = this;
    recognition.sid0 = this.words[0]!;
    recognition.sid1 = this.words[1]!;
    recognition.sid2 = this.words[2]!;
    recognition.sid3 = this.words[3]!;
    recognition.key = recognition.sid0;
    recognition.epoch = 1;
    recognition.born = now;
    recognition.tokenDue = this.always;
  }

  shape(recognition: Recognition, cookie: CookieAttributes | null): void {
    const before = recognition.cookie;
    // The client has a cookie with these attributes already.
    if (before?.tag === cookie?.tag) return;
    const limited = cookie === null ? null : this.policy.limit(cookie);
    if (limited?.isLimited) this.deps.onLimited?.();
    recognition.cookie = limited?.cookie ?? null;
    if (!recognition.recognised) return;
    recognition.formerCookie = before;
    recognition.tokenDue = true;
  }

  bind(
    recognition: Recognition,
    binding: Binding,
    response: ResponseHead,
    client: ClientFacts,
    now: number,
    edit: Splice,
  ): boolean {
    this.hide(binding.owner, response, edit);
    if (!binding.isBindingDue || !makePrivate(response, this.mayChange(binding), edit)) return false;
    const how = this.writtenOf(recognition.cookie);
    if (this.nameFor(client) === '') return false;
    recognition.seen = now;
    const former = recognition.formerCookie === undefined ? how : this.writtenOf(recognition.formerCookie);
    // A client that keeps both cookies may send the former one first.
    if (former.scope !== how.scope) this.deleteCookie(former, client, edit);
    this.setCookie(how, this.deps.ring.sign(recognition, binding), this.lifeOf(recognition, now), client, edit);
    return true;
  }

  givesToken(binding: Binding, response: ResponseHead, client: ClientFacts): boolean {
    const mayCarry = binding.isBindingDue && (this.mayChange(binding) || !isCacheable(response));
    return mayCarry && this.nameFor(client) !== '';
  }

  unbind(
    recognition: RecognitionView,
    { owner }: Binding,
    response: ResponseHead,
    client: ClientFacts,
    edit: Splice,
  ): void {
    this.hide(owner, response, edit);
    // The cookie has to be deleted even where a cache could have stored the response.
    makePrivate(response, true, edit);
    this.deleteCookie(this.writtenOf(recognition.cookie), client, edit);
  }

  private deleteCookie(how: WrittenAttributes, client: ClientFacts, edit: Splice): void {
    this.setCookie(how, '', `; Max-Age=0; Expires=${longAgo}`, client, edit);
  }

  private setCookie(how: WrittenAttributes, token: string, life: string, client: ClientFacts, edit: Splice): void {
    const { twin } = this.settings;
    const name = this.nameFor(client);
    if (name === '') return;
    const secure = this.writesSecure(how, client);
    edit.add(`Set-Cookie: ${name}=${token}${secure ? how.attributes : how.plainAttributes}${life}`);
    if (twin !== '' && secure)
      edit.add(`Set-Cookie: ${twin}=${token}${how.scope}; SameSite=None; Partitioned; Secure${life}`);
  }

  /** The name under which this client gets the cookie; '': none, because its browser would reject it. */
  private nameFor(client: ClientFacts): string {
    return this.isSecure(client) ? this.names.secure : this.names.plain;
  }

  private writesSecure({ secure }: WrittenAttributes, client: ClientFacts): boolean {
    return secure === 'always' || (secure === 'auto' && client.clientSecure);
  }

  /** The client uses TLS, or the config says that all do, though nobody tells us. */
  private isSecure({ clientSecure }: ClientFacts): boolean {
    return clientSecure || this.settings.secure === 'always';
  }

  private writtenOf(cookie: CookieAttributes | null): WrittenAttributes {
    // The config may have changed since the token was signed.
    return cookie === null ? this.configured : this.written(this.policy.limit(cookie).cookie);
  }

  private written(cookie: CookieAttributes | null): WrittenAttributes {
    const { settings } = this;
    const domain = cookie?.domain ?? settings.domain;
    const sameSite = cookie?.sameSite ?? settings.sameSite;
    const isPartitioned = settings.partitioned || cookie?.partitioned === true;
    const scope =
      `; Path=${cookie?.path || settings.path}` +
      (domain === '' ? '' : `; Domain=${domain}`) +
      ((cookie?.httpOnly ?? settings.httpOnly) ? '; HttpOnly' : '');
    const requested = cookie?.secure == null ? settings.secure : cookie.secure ? 'always' : 'never';
    // Browsers reject SameSite=None and Partitioned without Secure.
    const isOwn = cookie !== null && (cookie.sameSite === 'None' || cookie.partitioned);
    return {
      scope,
      attributes: `${scope}; SameSite=${sameSite}${isPartitioned ? '; Partitioned' : ''}; Secure`,
      plainAttributes: `${scope}; SameSite=${sameSite === 'None' ? 'Lax' : sameSite}`,
      secure: isOwn ? 'always' : requested,
    };
  }

  /** A response that a cache could store is changed, so that it gets a cookie. */
  private mayChange({ mustBind }: Binding): boolean {
    return mustBind || this.settings.onCacheable === 'private';
  }

  /** Removes each cookie of our name that a server sets (another Limpet, as a rule): it would replace the client's token. */
  hide(owner: number, { headers }: ResponseHead, edit: Splice): void {
    if (!headers.has(Name.setCookie)) return;
    for (let i = headers.first(Name.setCookie); i < headers.count; i++) {
      if (headers.id(i) !== Name.setCookie || !this.isOurs(headers, i)) continue;
      edit.cutLine(headers, i);
      this.deps.onForeign?.(this.settings.name, owner);
    }
  }

  private isOurs(headers: Headers, i: number): boolean {
    return this.readers.some(({ name }) => setCookieValue(headers, i, name) >= 0);
  }

  private redateOf({ cookie }: RecognitionView): number {
    if (cookie === null || cookie.idle === 0) return this.redateAfter;
    return redateAfter(Math.min(cookie.idle, this.policy.longestIdle), true);
  }

  /**
   * Max-Age and Expires: as long as the token is valid, never beyond the absolute time. With Max-Age alone Java's client takes the
   * cookie for one of RFC 2965, and sends it back in quotes.
   */
  private lifeOf(recognition: RecognitionView, now: number): string {
    const { settings } = this;
    const { cookie } = recognition;
    if (!(cookie?.persistent ?? settings.lifetime === 'permanent')) return '';
    const absolute =
      settings.absolute === 0 ? maxCookieSeconds : Math.floor(settings.absolute / 1000) - (now - recognition.born);
    const requested = cookie === null || cookie.idle === 0 ? 0 : Math.min(cookie.idle, this.policy.longestIdle);
    const idle =
      requested > 0 ? requested + redateAfter(requested, true) : cookie?.persistent ? settings.idle / 1000 : 0;
    const maxAge = Math.max(1, Math.floor(Math.min(absolute, idle || absolute)));
    return `; Max-Age=${maxAge}; Expires=${httpDate(now + maxAge)}`;
  }
}
