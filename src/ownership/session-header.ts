/**
 * Writes the header that names the session of a request to its server (docs/reference/session-protocol.md):
 *
 *      Limpet-Session: id=<sid>; epoch=<n>; version=<n>; reason=<word>; pool=<name>; store=<url>; copy=<word>
 *                      [; allow=<list>][; cookie=<8 hex digits>][; ttl=<s>; data=<base64url>][; t=<s>; sig=<hex>]
 *
 * Every request of a session has it. So it is written digit by digit into one buffer, and while a session does not change its
 * signature is made once a minute.
 */
import { Mac } from '../secrets/mac.ts';
import type { PlacementReason, SentCopy, SessionView } from './session.ts';

const name = 'Limpet-Session: ';
const begin = `${name}id=`;
/** Seconds for which a signature is used again; servers accept it for 120. */
const signFor = 60;
const hexDigits = Buffer.from('0123456789abcdef');
const reasons: Readonly<Record<PlacementReason, number>> = { new: 0, held: 1, rebind: 2, move: 3 };

const signedWords = 9;

/** A cache of signatures. Each session has one slot; another session with the same slot replaces it. */
class Signatures {
  /** A power of two. */
  private static readonly size = 8192;
  /** sid0..sid3, epoch, version, reason and server, time, tag of the cookie. */
  private readonly words = new Uint32Array(Signatures.size * signedWords);
  private readonly texts = Buffer.alloc(Signatures.size * 32);

  /** Offset of the 32 digits in `bytes`; -1: it is not in the cache. */
  find(session: SessionView, what: number, time: number): number {
    const { sid0, sid1, sid2, sid3, cookie } = session.recognition;
    const slot = sid3 & (Signatures.size - 1);
    const { words } = this;
    const w = slot * signedWords;
    const same =
      words[w] === sid0 &&
      words[w + 1] === sid1 &&
      words[w + 2] === sid2 &&
      words[w + 3] === sid3 &&
      words[w + 4] === session.epoch &&
      words[w + 5] === session.version &&
      words[w + 6] === what &&
      words[w + 7] === time &&
      words[w + 8] === (cookie?.tag ?? 0);
    return same ? slot * 32 : -1;
  }

  keep({ recognition, epoch, version }: SessionView, what: number, time: number, digits: string): number {
    const { sid0, sid1, sid2, sid3, cookie } = recognition;
    const slot = sid3 & (Signatures.size - 1);
    this.words.set([sid0, sid1, sid2, sid3, epoch, version, what, time, cookie?.tag ?? 0], slot * signedWords);
    this.texts.write(digits, slot * 32, 'latin1');
    return slot * 32;
  }

  clear(): void {
    this.words.fill(0);
  }

  get bytes(): Buffer {
    return this.texts;
  }
}

export class SessionHeader {
  bytes = Buffer.alloc(512);
  length = 0;
  private readonly pool: string;
  private readonly storeUrlOf: (server: number) => string;
  /** null: headers are not signed. */
  private readonly mac: Mac | null;
  /** Made with the first signature. */
  private signatures: Signatures | null = null;
  /** `; pool=...; store=...; copy=...` by the server's slot, for the present incarnation of the store. */
  private readonly ends: string[] = [];
  private copy = '';

  /** `storeUrlOf`: the address of the store interface for the server of that slot. `secret`: '': headers are not signed. */
  constructor(pool: string, storeUrlOf: (slot: number) => string, secret: string) {
    this.pool = pool;
    this.storeUrlOf = storeUrlOf;
    this.mac = secret === '' ? null : new Mac(secret);
    this.bytes.write(begin, 0, 'latin1');
  }

  /**
   * Writes the header for that session and the server of that slot. `copy` names the incarnation of the store. `now` is Unix seconds,
   * `wall` the same by the machine's clock, because servers compare the signature's time with theirs.
   */
  fill(session: SessionView, slot: number, copy: string, now: number, wall = now): void {
    if (copy !== this.copy) {
      this.copy = copy;
      this.ends.length = 0;
      this.signatures?.clear();
    }
    const { recognition } = session;
    const { affinity, cookie } = recognition;
    const end = this.endOf(slot);
    // Numbers, names of fields and the signature take less than 256 bytes.
    this.reserve(end.length + (affinity?.allowed?.length ?? 0) + 256);
    const { bytes } = this;
    let at = begin.length;
    at = writeHex(bytes, at, recognition.sid0);
    at = writeHex(bytes, at, recognition.sid1);
    at = writeHex(bytes, at, recognition.sid2);
    at = writeHex(bytes, at, recognition.sid3);
    at += bytes.write('; epoch=', at, 'latin1');
    at = writeNumber(bytes, at, session.epoch);
    at += bytes.write('; version=', at, 'latin1');
    at = writeNumber(bytes, at, session.version);
    at += bytes.write('; reason=', at, 'latin1');
    at += bytes.write(session.reason, at, 'latin1');
    at += bytes.write(end, at, 'latin1');
    if (affinity?.allowed !== undefined) at += bytes.write(affinity.allowed, at, 'latin1');
    if (cookie !== null) {
      at += bytes.write('; cookie=', at, 'latin1');
      at = writeHex(bytes, at, cookie.tag);
    }
    if (session.sentCopy !== null) at = this.writeCopy(session.sentCopy, now, at);
    if (this.mac !== null) at = this.sign(this.mac, session, slot, wall, at);
    // `bytes` may be another buffer by now.
    this.bytes[at++] = 13;
    this.bytes[at++] = 10;
    this.length = at;
  }

  private writeCopy({ data, expires }: SentCopy, now: number, at: number): number {
    const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64url');
    this.reserve(at + text.length + 256);
    const { bytes } = this;
    at += bytes.write('; ttl=', at, 'latin1');
    at = writeNumber(bytes, at, Math.max(1, Math.floor(expires / 1000) - now));
    at += bytes.write('; data=', at, 'latin1');
    return at + bytes.write(text, at, 'latin1');
  }

  private sign(mac: Mac, session: SessionView, slot: number, wall: number, start: number): number {
    this.signatures ??= new Signatures();
    const { bytes, signatures } = this;
    const time = wall - (wall % signFor);
    const what = slot * 4 + reasons[session.reason];
    let at = start + bytes.write('; t=', start, 'latin1');
    at = writeNumber(bytes, at, time);
    // A header with a copy is sent once: its signature is not worth a slot.
    if (session.sentCopy !== null) return at + bytes.write(`; sig=${this.digitsOf(mac, at)}`, at, 'latin1');
    let found = signatures.find(session, what, time);
    if (found < 0) found = signatures.keep(session, what, time, this.digitsOf(mac, at));
    at += bytes.write('; sig=', at, 'latin1');
    return at + signatures.bytes.copy(bytes, at, found, found + 32);
  }

  /** The signature of what is written up to `end`. */
  private digitsOf(mac: Mac, end: number): string {
    return mac.digits(this.bytes, name.length, end).slice(0, 32);
  }

  private endOf(slot: number): string {
    const known = this.ends[slot];
    if (known !== undefined) return known;
    const end = `; pool=${encodeURIComponent(this.pool)}; store=${this.storeUrlOf(slot)}; copy=${this.copy}`;
    this.ends[slot] = end;
    return end;
  }

  private reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const { bytes } = this;
    this.bytes = Buffer.alloc(length);
    bytes.copy(this.bytes);
  }
}

function writeHex(bytes: Buffer, start: number, word: number): number {
  for (let i = 0, shift = 28; i < 8; i++, shift -= 4) bytes[start + i] = hexDigits[(word >>> shift) & 15]!;
  return start + 8;
}

function writeNumber(bytes: Buffer, start: number, number: number): number {
  let digits = 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let rest = number;
  for (let i = start + digits - 1; i >= start; i--) {
    bytes[i] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return start + digits;
}
