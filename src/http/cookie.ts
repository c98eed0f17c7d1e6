/**
 * Finds cookies in Cookie headers (RFC 6265 section 4.2) by position, and removes some, so that order and
 * spelling of the others stay as they were. Java's clients may write cookies in the form of RFC 2965, with the same value:
 *
 *      Cookie: $Version="1"; name="value";$Path="/";$Domain="example.org"
 */
import { DOLLAR, EQUALS, equalsBytes, equalsIgnoreCase, QUOTE, SEMICOLON, SP, TAB } from './bytes.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';
import { find } from './scan.ts';
import type { Splice } from './splice.ts';

/** Browsers keep no cookie for longer than this many seconds (RFC 6265bis section 5.5). */
export const maxCookieSeconds = 400 * 86_400;

/** Walks the cookies of one name through all Cookie headers of a request. Reused: `begin`, then `next` until false. */
export class CookieScan {
  /** Value of the cookie found by the last `next`, without white space and without quotes around it. */
  valueStart = 0;
  valueEnd = 0;

  private headers: Headers | null = null;
  private name: Uint8Array = new Uint8Array(0);
  private edit: Splice | null = null;
  private header = 0;
  private p = 0;
  private end = 0;
  /** End of the last cookie of this header that stays; -1: none so far. */
  private keptEnd = -1;
  private cutFrom = -1;

  /** When `edit` is given, every cookie found is also cut out of the request. The cuts are complete when `next` answers false. */
  begin(headers: Headers, name: Uint8Array, edit: Splice | null): void {
    this.headers = headers;
    this.name = name;
    this.edit = edit;
    this.header = headers.has(Name.cookie) ? headers.first(Name.cookie) - 1 : headers.count;
    this.p = this.end = 0;
  }

  next(): boolean {
    const headers = this.headers!;
    for (;;) {
      if (this.p >= this.end) {
        this.finishHeader();
        do this.header++;
        while (this.header < headers.count && headers.id(this.header) !== Name.cookie);
        if (this.header >= headers.count) return false;
        this.p = headers.valueStart(this.header);
        this.end = headers.valueEnd(this.header);
        this.keptEnd = -1;
        this.cutFrom = -1;
        continue;
      }
      if (this.headers!.bytes[this.p] === SEMICOLON) this.skipEmpty();
      else if (this.nextPair()) return true;
    }
  }

  /** Skips empty pairs, which stay in the header. All of a row in one loop, because a client can send many. */
  private skipEmpty(): void {
    const { bytes } = this.headers!;
    const { end } = this;
    let { p } = this;
    this.flushCut(p);
    for (; p < end; p++) {
      const byte = bytes[p];
      if (byte === SEMICOLON) this.keptEnd = p;
      else if (byte !== SP && byte !== TAB) break;
    }
    this.p = p;
  }

  /** Reads one pair and steps over its separator; true when it has the name. */
  private nextPair(): boolean {
    const bytes = this.headers!.bytes;
    const end = this.end;
    let p = this.p;
    const start = p;
    let equals = -1;
    for (; p < end; p++) {
      const byte = bytes[p];
      if (byte === SEMICOLON) break;
      if (byte !== EQUALS) continue;
      equals = p;
      p = find(bytes, p, end, SEMICOLON);
      break;
    }
    const pairEnd = p;
    if (p < end) p++;
    while (p < end && (bytes[p] === SP || bytes[p] === TAB)) p++;
    this.p = p;

    let nameEnd = equals;
    while (nameEnd > start && (bytes[nameEnd - 1] === SP || bytes[nameEnd - 1] === TAB)) nameEnd--;
    if (bytes[start] === DOLLAR && equals >= 0 && this.passAttribute(start, nameEnd, pairEnd)) return false;
    if (equals < 0 || !equalsBytes(bytes, start, nameEnd, this.name)) {
      this.flushCut(start);
      this.keptEnd = pairEnd;
      return false;
    }
    if (this.cutFrom < 0) this.cutFrom = start;
    let from = equals + 1;
    let to = pairEnd;
    while (from < to && (bytes[from] === SP || bytes[from] === TAB)) from++;
    while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === TAB)) to--;
    const quotes = quotesAround(bytes, from, to);
    this.valueStart = from + quotes;
    this.valueEnd = to - quotes;
    return true;
  }

  /**
   * True when the pair is an attribute of RFC 2965. It is kept or removed with the cookie before it. `$Version`, before the first
   * cookie, is removed when no cookie stays.
   */
  private passAttribute(start: number, nameEnd: number, pairEnd: number): boolean {
    const { bytes } = this.headers!;
    if (!isCookieAttribute(bytes, start, nameEnd)) return false;
    const isFirstVersion = this.keptEnd < 0 && equalsIgnoreCase(bytes, start, nameEnd, version);
    if (this.cutFrom < 0 && !isFirstVersion) this.keptEnd = pairEnd;
    return true;
  }

  /** A pair that stays begins at `start`: the pairs to be removed before it are cut now. */
  private flushCut(start: number): void {
    if (this.cutFrom < 0) return;
    this.edit?.cut(this.cutFrom, start);
    this.cutFrom = -1;
  }

  /** Pairs to be removed at the end of a header are cut with the separator before them; the whole line when nothing stays. */
  private finishHeader(): void {
    if (this.cutFrom < 0) return;
    if (this.keptEnd < 0) this.edit?.cutLine(this.headers!, this.header);
    else this.edit?.cut(this.keptEnd, this.end);
    this.cutFrom = -1;
  }
}

const version = '$version';
const attributes = [version, '$path', '$domain', '$port'];

/** True for the names that RFC 2965 has given to attributes: no cookie has one of them. */
function isCookieAttribute(bytes: Uint8Array, start: number, end: number): boolean {
  for (const name of attributes) if (equalsIgnoreCase(bytes, start, end, name)) return true;
  return false;
}

/** How many quotes stand at either end of `bytes[start..end)`: 1 where they stand around it, else 0. */
export function quotesAround(bytes: Uint8Array, start: number, end: number): 0 | 1 {
  return end - start > 1 && bytes[start] === QUOTE && bytes[end - 1] === QUOTE ? 1 : 0;
}

/**
 * Where the value of a Set-Cookie line begins, directly after its `=`; -1 when the cookie has another name. Browsers ignore white
 * space around a name (RFC 6265 section 5.2).
 */
export function setCookieValue(headers: Headers, i: number, name: Uint8Array): number {
  const { bytes } = headers;
  const start = headers.valueStart(i);
  let equals = start + name.length;
  if (equals >= headers.valueEnd(i) || !equalsBytes(bytes, start, equals, name)) return -1;
  while (bytes[equals] === SP || bytes[equals] === TAB) equals++;
  return bytes[equals] === EQUALS ? equals + 1 : -1;
}
