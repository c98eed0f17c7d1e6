/**
 * The token in the cookie. It names the owner without its address, and nobody can make or change a token without a key.
 *
 *      byte  0        1       2..3   4..9        10..25       26..29  30..33  34..37  38..53
 *            format   key id  pool   server id   session id   epoch   born    seen    MAC
 *
 * 54 bytes, 72 characters of base64url. Times are Unix seconds. Where the session's server has chosen cookie attributes, the format
 * byte is another one, and the attributes follow (token-attributes.ts). The MAC is HMAC-SHA-256 over bytes 0..37 and the attributes,
 * cut to 128 bits. Its key is derived from the whole name of the pool; the two bytes of the pool only save the work of verifying a
 * foreign token. The server id is a keyed hash of the server's name, the same on every node with the same keys.
 */
import { createHmac, hash } from 'node:crypto';
import type { CookieAttributes } from '../http/session-cookie.ts';
import type { Binding, ProofResult, Recognition, RecognitionView } from './affinity.ts';
import { longestAttributes, readAttributes, writeAttributes } from './token-attributes.ts';

export const tokenChars = 72;
const longestToken = tokenChars + Math.ceil((longestAttributes * 4) / 3);
const tokenBytes = 54;
const signedBytes = 38;
const format = 0x10;
const formatWithAttributes = 0x11;
/** Of SHA-256, in bytes. */
const blockBytes = 64;
const hashBytes = 32;

/** The clocks of balancer nodes always differ a little: a date so far in the future is still taken as it is. */
const toleratedSeconds = 60;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const sextet = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = alphabet.indexOf(String.fromCharCode(byte));
  return value < 0 ? 255 : value;
});

export interface TokenTimes {
  /** Seconds; 0 for no limit. */
  readonly idle: number;
  readonly absolute: number;
  /** The longest idle time that a server may choose for its session. Left out: not longer than `idle`. */
  readonly longestIdle?: number;
}

/** A value of that many characters may be a token. */
export function isTokenLength(chars: number): boolean {
  return chars === tokenChars || (chars > tokenChars && chars <= longestToken);
}

/**
 * Seconds after which a token gets a new date: a quarter of the idle time, so that most responses need no cookie. `isOwn`: the server
 * has chosen the idle time; then at most an hour.
 */
export function redateAfter(idle: number, isOwn: boolean): number {
  if (idle === 0) return Number.POSITIVE_INFINITY;
  const quarter = Math.max(1, Math.floor(idle / 4));
  return isOwn ? Math.min(quarter, 3600) : quarter;
}

/** The idle time of a session in seconds: what its server has chosen, up to `longestIdle`, or else `idle`. 0: no limit. */
export function idleOf({ idle, longestIdle = idle }: TokenTimes, cookie: CookieAttributes | null): number {
  if (cookie === null || cookie.idle === 0) return idle;
  return longestIdle === 0 ? cookie.idle : Math.min(cookie.idle, longestIdle);
}

/** A cache of verified tokens, in slots of typed arrays: a hit allocates nothing. */
class VerifiedTokens {
  /** A power of two. A newer token replaces the older one in its slot. */
  private static readonly size = 4096;
  private readonly chars = new Uint8Array(VerifiedTokens.size * tokenChars);
  private readonly owners = new Float64Array(VerifiedTokens.size);
  /** sid0..sid3, epoch, born, seen. */
  private readonly words = new Uint32Array(VerifiedTokens.size * 7);
  /** The characters after the first 72, and the cookie attributes that they encode. */
  private readonly tails: (Buffer | undefined)[] = [];
  private readonly cookies: (CookieAttributes | undefined)[] = [];

  /** The bits of a MAC are random: 12 bits of its last two characters choose the slot. */
  private slot(bytes: Uint8Array, start: number): number {
    const last = start + tokenChars - 1;
    return ((sextet[bytes[last]!]! << 6) | sextet[bytes[last - 1]!]!) & (VerifiedTokens.size - 1);
  }

  find(bytes: Buffer, start: number, end: number, recognition: Recognition): boolean {
    const slot = this.slot(bytes, start);
    const at = slot * tokenChars;
    // An empty slot holds zeros, and no token begins with one.
    if (this.chars[at] === 0) return false;
    // Without an early exit: the duration must not show how many characters were right.
    let difference = 0;
    for (let i = 0; i < tokenChars; i++) difference |= bytes[start + i]! ^ this.chars[at + i]!;
    const tail = this.tails[slot];
    if (difference !== 0 || end - start - tokenChars !== (tail?.length ?? 0)) return false;
    if (tail !== undefined && tail.compare(bytes, start + tokenChars, end) !== 0) return false;
    recognition.cookie = this.cookies[slot] ?? null;
    const words = this.words;
    const w = slot * 7;
    recognition.owner = this.owners[slot]!;
    recognition.sid0 = words[w]!;
    recognition.sid1 = words[w + 1]!;
    recognition.sid2 = words[w + 2]!;
    recognition.sid3 = words[w + 3]!;
    recognition.epoch = words[w + 4]!;
    recognition.born = words[w + 5]!;
    recognition.seen = words[w + 6]!;
    return true;
  }

  keep(bytes: Uint8Array, start: number, end: number, recognition: RecognitionView): void {
    const slot = this.slot(bytes, start);
    this.tails[slot] = end - start === tokenChars ? undefined : Buffer.from(bytes.subarray(start + tokenChars, end));
    this.cookies[slot] = recognition.cookie ?? undefined;
    this.chars.set(bytes.subarray(start, start + tokenChars), slot * tokenChars);
    this.owners[slot] = recognition.owner;
    const { sid0, sid1, sid2, sid3, epoch, born, seen } = recognition;
    this.words.set([sid0, sid1, sid2, sid3, epoch, born, seen], slot * 7);
  }
}

/**
 * HMAC-SHA-256 (RFC 2104) as two one-shot hashes with text as their result: an Hmac object or a Buffer for each token would cost more
 * than the hashing itself (docs/benchmarks.md).
 */
class Key {
  readonly id: number;
  /** The block of the secret, then the bytes to be hashed. */
  private readonly inner = Buffer.alloc(blockBytes + signedBytes, 0x36);
  private readonly outer = Buffer.alloc(blockBytes + hashBytes, 0x5c);

  constructor(secret: Buffer, pool: string) {
    this.id = derive(secret, 'limpet key id')[0]!;
    for (const [i, byte] of derive(secret, `limpet token ${pool}`).entries()) {
      this.inner[i]! ^= byte;
      this.outer[i]! ^= byte;
    }
  }

  /** The MAC of the first `signedBytes` bytes and of `tail`, with a character for each of its bytes. */
  mac(bytes: Uint8Array, tail: Buffer | null): string {
    const { inner, outer } = this;
    for (let i = 0; i < signedBytes; i++) inner[blockBytes + i] = bytes[i]!;
    const sum = hash('sha256', tail === null ? inner : Buffer.concat([inner, tail]), 'binary');
    for (let i = 0; i < hashBytes; i++) outer[blockBytes + i] = sum.charCodeAt(i);
    return hash('sha256', outer, 'binary');
  }
}

/** Signs and verifies the tokens of one pool. The first key signs, and every key verifies. */
export class TokenRing {
  private readonly keys: readonly Key[];
  private readonly pool: number;
  private readonly times: TokenTimes;
  private readonly skew: number;
  private readonly verified = new VerifiedTokens();
  private readonly decoded = Buffer.alloc(tokenBytes);
  private decodedTail: Buffer | null = null;
  private readonly signed = Buffer.alloc(tokenBytes);

  /**
   * `keys`: secrets of at least 32 bytes, at least one. `skew`: seconds by which the clock of a node that signs may be ahead of ours;
   * a token that was dated further ahead is refused.
   */
  constructor(keys: readonly Buffer[], pool: string, times: TokenTimes, skew = toleratedSeconds) {
    this.keys = keys.map((secret) => new Key(secret, pool));
    // A plain hash that two pools may share: tokens of different pools have different MAC keys.
    this.pool = createHmac('sha256', 'limpet pool').update(pool).digest().readUInt16BE(0);
    this.times = times;
    this.skew = Math.max(toleratedSeconds, skew);
  }

  /**
   * Reads the token in `bytes[start..end)` into `recognition` (owner, session id, epoch, times). Only after 'valid' may the
   * recognition be used. 'foreign': the token is of another pool, or of a key that is not in the ring. 'idle' and 'old': authentic, but
   * expired. 'ahead': dated beyond the skew. A token that is dated within the skew counts as dated at `now` (Unix seconds), and sets
   * `recognition.ahead`.
   */
  verify(bytes: Buffer, start: number, end: number, now: number, recognition: Recognition): ProofResult {
    if (!isTokenLength(end - start)) return 'invalid';
    if (!this.verified.find(bytes, start, end, recognition)) {
      if (!this.decode(bytes, start, end) || !this.isToken()) return 'invalid';
      if (this.isForeign()) return 'foreign';
      if (!this.authentic() || !this.read(recognition)) return 'invalid';
      this.verified.keep(bytes, start, end, recognition);
    }
    const ahead = Math.max(recognition.born, recognition.seen) - now;
    recognition.ahead = ahead > toleratedSeconds;
    if (recognition.ahead) {
      if (ahead > this.skew) return 'ahead';
      recognition.born = Math.min(recognition.born, now);
      recognition.seen = Math.min(recognition.seen, now);
    }
    if (this.times.absolute > 0 && now - recognition.born >= this.times.absolute) return 'old';
    return this.isIdle(recognition, now) ? 'idle' : 'valid';
  }

  /** An idle time that the server has chosen is a minimum, so the time until the token gets a new date is added to it. */
  private isIdle({ cookie, seen }: RecognitionView, now: number): boolean {
    const idle = idleOf(this.times, cookie);
    if (idle === 0) return false;
    const isOwn = cookie !== null && cookie.idle > 0;
    return now - seen >= (isOwn ? idle + redateAfter(idle, true) : idle);
  }

  /** `owner`, `epoch`: of the session's present owner. Left out: those of the recognition. */
  sign(recognition: RecognitionView, { owner, epoch }: Pick<Binding, 'owner' | 'epoch'> = recognition): string {
    const bytes = this.signed;
    const key = this.keys[0]!;
    const tail = recognition.cookie === null ? null : writeAttributes(recognition.cookie);
    bytes[0] = tail === null ? format : formatWithAttributes;
    bytes[1] = key.id;
    bytes[2] = this.pool >> 8;
    bytes[3] = this.pool;
    // A shift would cut the number to 32 bits.
    bytes[4] = owner / 2 ** 40;
    bytes[5] = owner / 2 ** 32;
    writeWord(bytes, 6, owner);
    writeWord(bytes, 10, recognition.sid0);
    writeWord(bytes, 14, recognition.sid1);
    writeWord(bytes, 18, recognition.sid2);
    writeWord(bytes, 22, recognition.sid3);
    writeWord(bytes, 26, epoch);
    writeWord(bytes, 30, recognition.born);
    writeWord(bytes, 34, recognition.seen);
    const sum = key.mac(bytes, tail);
    for (let i = signedBytes; i < tokenBytes; i++) bytes[i] = sum.charCodeAt(i - signedBytes);
    const text = bytes.toString('base64url');
    return tail === null ? text : text + tail.toString('base64url');
  }

  /** Strict: exactly the alphabet, so that each token has one spelling. */
  private decode(bytes: Buffer, start: number, end: number): boolean {
    const out = this.decoded;
    for (let i = start, o = 0; o < tokenBytes; i += 4, o += 3) {
      const a = sextet[bytes[i]!]!;
      const b = sextet[bytes[i + 1]!]!;
      const c = sextet[bytes[i + 2]!]!;
      const d = sextet[bytes[i + 3]!]!;
      if ((a | b | c | d) > 63) return false;
      out[o] = (a << 2) | (b >> 4);
      out[o + 1] = (b << 4) | (c >> 2);
      out[o + 2] = (c << 6) | d;
    }
    this.decodedTail = null;
    if (end - start === tokenChars) return true;
    const tail = bytes.toString('latin1', start + tokenChars, end);
    this.decodedTail = Buffer.from(tail, 'base64url');
    return this.decodedTail.toString('base64url') === tail;
  }

  private isToken(): boolean {
    return this.decoded[0] === (this.decodedTail === null ? format : formatWithAttributes);
  }

  /** True when no key here can verify the token. */
  private isForeign(): boolean {
    const bytes = this.decoded;
    return bytes.readUInt16BE(2) !== this.pool || !this.keys.some((key) => key.id === bytes[1]);
  }

  private authentic(): boolean {
    const bytes = this.decoded;
    const tail = this.decodedTail;
    return this.keys.some((key) => key.id === bytes[1] && isSum(key.mac(bytes, tail), bytes));
  }

  private read(recognition: Recognition): boolean {
    const bytes = this.decoded;
    recognition.cookie = this.decodedTail === null ? null : readAttributes(this.decodedTail);
    recognition.owner = bytes.readUIntBE(4, 6);
    recognition.sid0 = bytes.readUInt32BE(10);
    recognition.sid1 = bytes.readUInt32BE(14);
    recognition.sid2 = bytes.readUInt32BE(18);
    recognition.sid3 = bytes.readUInt32BE(22);
    recognition.epoch = bytes.readUInt32BE(26);
    recognition.born = bytes.readUInt32BE(30);
    recognition.seen = bytes.readUInt32BE(34);
    return this.decodedTail === null || recognition.cookie !== null;
  }
}

/**
 * The token rings of one worker, each as long as a pool uses it. After a reload that changes neither keys nor times a pool gets the same
 * ring with its cache of verified tokens.
 */
export class TokenRings {
  private readonly known = new Map<string, { readonly keys: readonly Buffer[]; readonly ring: WeakRef<TokenRing> }>();

  of(keys: readonly Buffer[], pool: string, times: TokenTimes, skew: number): TokenRing {
    for (const [name, { ring }] of this.known) if (ring.deref() === undefined) this.known.delete(name);
    const name = `${pool} ${times.idle} ${times.absolute} ${times.longestIdle ?? times.idle} ${skew}`;
    const known = this.known.get(name);
    const sameKeys = known?.keys.length === keys.length && known.keys.every((key, i) => key.equals(keys[i]!));
    const there = sameKeys ? known.ring.deref() : undefined;
    if (there !== undefined) return there;
    const ring = new TokenRing(keys, pool, times, skew);
    this.known.set(name, { keys, ring: new WeakRef(ring) });
    return ring;
  }
}

/** Without an early exit: the duration must not show how many bytes were right. */
function isSum(sum: string, token: Uint8Array): boolean {
  let difference = 0;
  for (let i = signedBytes; i < tokenBytes; i++) difference |= sum.charCodeAt(i - signedBytes) ^ token[i]!;
  return difference === 0;
}

/** Writes big-endian. Storing a number into a byte takes its low eight bits. */
function writeWord(bytes: Buffer, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

/** A key for one purpose, so that one configured secret never serves two. */
export function derive(secret: Buffer, purpose: string): Buffer {
  return createHmac('sha256', secret).update(purpose).digest();
}
