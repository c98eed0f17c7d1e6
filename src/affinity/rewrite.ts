/**
 * Affinity inside the app's own cookie, for clients that accept no second one. In responses the value gets a prefix that names the
 * owner; in requests the prefix is removed again. The session table stores only the sessions that have moved.
 *
 *      Set-Cookie: PHPSESSID=k3ld09...              what the server sends
 *      Set-Cookie: PHPSESSID=TAG~k3ld09...          what the client keeps, and sends
 *
 *      TAG, 16 characters of base64url:   byte  0..5        6..11
 *                                               server id   MAC
 *
 * The MAC is HMAC-SHA-256 over pool, server id and value, cut to 48 bits: a prefix fits one value only, and whoever guesses one has
 * gained no more than the choice of a server.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FieldKinds } from '../config/field-kinds.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import { SetCookie } from '../http/set-cookie.ts';
import type { Splice } from '../http/splice.ts';
import {
  type Affinity,
  type Binding,
  type ClientFacts,
  maxTried,
  type NameHash,
  type ProofResult,
  type Recognition,
} from './affinity.ts';
import type { AffinityDescriptor } from './descriptor.ts';
import { checkAppCookie, cookieSource } from './id-sources.ts';
import { derive } from './token.ts';

export interface RewriteOptions {
  readonly type: 'rewrite';
  /** Name of the app's cookie. */
  readonly cookie: string;
  /** One character between our prefix and the app's value. */
  readonly separator: string;
  /** Milliseconds. */
  readonly idle: number;
}

const usualSeparator = '~';
const usualIdleMs = 8 * 3_600_000;
const cookieForm = "the name of the app's cookie, or a map with cookie";

export const rewrite = {
  type: 'rewrite',
  meaning: "A prefix in the app's own cookie, which the servers never see.",
  binds: true,
  hasIds: true,
  withoutEpoch: true,
  schema({ cookieName, field, formatDuration, map, storedTime, text, z }: FieldKinds) {
    // RFC 6265 section 4.1.1: what a cookie's value may hold.
    const separator = text('character', 'one character such as ~ . ! : or |', (char) =>
      /^[!#$&'()*+./:?@^`{|}~-]$/.test(char) ? char : null,
    );
    const fields = map(
      {
        cookie: cookieName.meta({ description: "Name of the app's cookie." }),
        separator: field(separator, usualSeparator, "Stands between our prefix and the app's value."),
        idle: field(
          storedTime(),
          formatDuration(usualIdleMs),
          'The table remembers this long without a request that a session has moved, while its prefix names the old server.',
        ),
      },
      cookieForm,
    );
    return z
      .union([cookieName.transform((cookie) => fields.parse({ cookie })), fields], { error: cookieForm })
      .transform((filled): RewriteOptions => ({ type: 'rewrite', ...filled }));
  },
  flag: { value: 'COOKIE', schema: ({ cookieName }: FieldKinds) => cookieName, written: (cookie) => cookie },
  check({ cookie }, report) {
    const { binder, config, index, pool } = report;
    checkAppCookie(cookie, report);
    // An affinity that cannot bind leaves new sessions to the next one.
    if (binder !== index)
      report.warning('entry', `recognises nobody: affinity[${binder}] comes first and binds every new session`);
    if (pool.sessions && config.sessions !== null) {
      const text =
        'gives a session its name after its first answer, too late for a copy: use cookie, or sessions: false';
      report.error('entry', text);
    }
  },
  sourcesOf: ({ cookie }) => [cookieSource(cookie)],
  timesOf: ({ idle }) => ({ idle, absolute: 0 }),
  tableNameOf: ({ cookie }) => cookie,
  whyRecognised: ({ cookie }) => `the cookie ${cookie} has a prefix of ours`,
  whyNotRecognised: ({ cookie }) => `no cookie ${cookie} with a prefix of ours`,
  whyNoCookie: () => "the prefix goes into the app's own Set-Cookie, whenever it sets one",
  create: (options, dependencies) => new RewriteAffinity(options, dependencies),
} satisfies AffinityDescriptor<RewriteOptions>;

const idBytes = 6;
const macBytes = 6;
const tagChars = 16;

/** So many verified values are remembered, so that an HMAC is computed once per session and not once per request. */
const keptValues = 4096;

export interface RewriteDependencies {
  /** Secrets of at least 32 bytes, at least one: the first signs, all verify. */
  readonly keys: readonly Buffer[];
  /** Name of the pool: prefixes of other pools are not accepted. */
  readonly pool: string;
  /** Hashes the app's values for the session table: not with a token key, which is replaced while sessions live. */
  readonly names: NameHash;
  /** Fills the words with random bits, cryptographically strong. */
  readonly randomWords: (words: Uint32Array) => void;
  /** Number under which the session table knows the lifetimes. */
  readonly lifetime?: number;
}

/** What a verified value holds. */
interface Known {
  readonly owner: number;
  /** The session's key in the table: a keyed hash of the app's value. */
  readonly hi: number;
  readonly lo: number;
}

export class RewriteAffinity implements Affinity {
  readonly name = 'rewrite';
  readonly lifetime: number | undefined;
  private readonly cookieName: Uint8Array;
  private readonly separator: number;
  private readonly pool: string;
  private readonly secrets: readonly Buffer[];
  private readonly names: NameHash;
  private readonly randomWords: RewriteDependencies['randomWords'];
  private readonly scan = new CookieScan();
  private readonly setCookie = new SetCookie();
  private readonly words = new Uint32Array(2);
  private readonly known = new Map<string, Known>();

  constructor(settings: RewriteOptions, { keys, pool, names, randomWords, lifetime }: RewriteDependencies) {
    this.lifetime = lifetime;
    this.cookieName = Buffer.from(settings.cookie, 'latin1');
    this.separator = settings.separator.charCodeAt(0);
    this.pool = pool;
    this.secrets = keys.map((key) => derive(key, 'limpet rewrite'));
    this.names = names;
    this.randomWords = randomWords;
  }

  /**
   * Removes the prefix from every value with a valid one; the first of these values is the session. All other values are passed on as
   * they are, and so are those after `maxTried` values that look as if they had a prefix.
   */
  recognise(request: RequestHead, _client: ClientFacts, now: number, recognition: Recognition, edit: Splice): boolean {
    const { scan } = this;
    let proof: ProofResult = 'none';
    let tried = 0;
    scan.begin(request.headers, this.cookieName, null);
    while (scan.next()) {
      const { valueStart, valueEnd } = scan;
      if (valueEnd - valueStart <= tagChars || request.bytes[valueStart + tagChars] !== this.separator) continue;
      if (++tried > maxTried) {
        recognition.beyondLimit = true;
        break;
      }
      const known = this.verify(request.bytes.toString('latin1', valueStart, valueEnd));
      if (known === undefined) {
        if (proof === 'none') proof = 'invalid';
        continue;
      }
      edit.cut(valueStart, valueStart + tagChars + 1);
      if (proof !== 'valid') this.fill(recognition, known, now);
      proof = 'valid';
    }
    recognition.proof = proof;
    return proof === 'valid';
  }

  /** Until the app sets its cookie, the new session has a random id. */
  begin(now: number, recognition: Recognition): void {
    this.randomWords(this.words);
    const [sid0, sid1] = this.words;
    Object.assign(recognition, { affinity: this, sid0, sid1, key: sid0, epoch: 1, born: now });
  }

  /** True when the server has set its cookie: only with it can the client get a new prefix. */
  bind(
    _recognition: Recognition,
    { owner }: Binding,
    response: ResponseHead,
    _client: ClientFacts,
    _now: number,
    edit: Splice,
  ): boolean {
    const { headers, bytes } = response;
    let isBound = false;
    if (!headers.has(Name.setCookie)) return isBound;
    for (let i = headers.first(Name.setCookie); i < headers.count; i++) {
      if (headers.id(i) !== Name.setCookie || !this.setCookie.read(headers, i, this.cookieName)) continue;
      const { valueStart: start, valueEnd: end } = this.setCookie;
      // An empty value deletes the cookie: the session has ended.
      if (start === end) continue;
      const prefix = this.tag(owner, bytes.toString('latin1', start, end));
      edit.cut(start, start, prefix + String.fromCharCode(this.separator));
      isBound = true;
    }
    return isBound;
  }

  private fill(recognition: Recognition, { owner, hi, lo }: Known, now: number): void {
    recognition.affinity = this;
    recognition.recognised = true;
    recognition.kind = 'token';
    recognition.owner = owner;
    recognition.sid0 = recognition.key = hi;
    recognition.sid1 = lo;
    // The prefix has no epoch: a move that the table remembers is always newer.
    recognition.epoch = 1;
    recognition.born = now;
  }

  /** `text`: the cookie's value with its prefix. */
  private verify(text: string): Known | undefined {
    const before = this.known.get(text);
    if (before !== undefined) return before;
    const tag = Buffer.from(text.slice(0, tagChars), 'base64url');
    // Strict: each prefix has exactly one spelling.
    if (tag.length !== idBytes + macBytes || tag.toString('base64url') !== text.slice(0, tagChars)) return undefined;
    const owner = tag.readUIntBE(0, idBytes);
    const value = text.slice(tagChars + 1);
    if (!this.secrets.some((secret) => timingSafeEqual(this.mac(secret, owner, value), tag.subarray(idBytes))))
      return undefined;
    const known = { owner, hi: 0, lo: 0 };
    const bytes = Buffer.from(value, 'latin1');
    this.names.hash(bytes, 0, bytes.length, known);
    this.keep(text, known);
    return known;
  }

  private keep(text: string, known: Known): void {
    if (this.known.size >= keptValues) {
      for (const oldest of this.known.keys()) {
        this.known.delete(oldest);
        break;
      }
    }
    this.known.set(text, known);
  }

  private tag(owner: number, value: string): string {
    const tag = Buffer.alloc(idBytes + macBytes);
    tag.writeUIntBE(owner, 0, idBytes);
    this.mac(this.secrets[0]!, owner, value).copy(tag, idBytes);
    return tag.toString('base64url');
  }

  private mac(secret: Buffer, owner: number, value: string): Buffer {
    // The name of a pool has no space, so the signed text has one reading only.
    const hmac = createHmac('sha256', secret).update(`owner ${this.pool} ${owner} `).update(value, 'latin1');
    return hmac.digest().subarray(0, macBytes);
  }
}
