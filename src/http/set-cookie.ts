/** Reads one Set-Cookie line as browsers do (RFC 6265 section 5.2): where its value is, and when the cookie expires. */
import { SEMICOLON, SP, TAB } from './bytes.ts';
import { maxCookieSeconds, quotesAround, setCookieValue } from './cookie.ts';
import type { Headers } from './headers.ts';

/** Reused: `read`, and after true the value and `expiry`. */
export class SetCookie {
  /** The value without white space and without quotes around it, which some clients send back and some do not. */
  valueStart = 0;
  valueEnd = 0;
  private headers: Headers | null = null;
  private line = 0;

  /** False when line `i` sets a cookie of another name, or none. */
  read(headers: Headers, i: number, name: Uint8Array): boolean {
    const { bytes } = headers;
    let start = setCookieValue(headers, i, name);
    if (start < 0) return false;
    let end = start;
    while (end < headers.valueEnd(i) && bytes[end] !== SEMICOLON) end++;
    this.headers = headers;
    this.line = i;
    while (start < end && (bytes[start] === SP || bytes[start] === TAB)) start++;
    while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === TAB)) end--;
    const quotes = quotesAround(bytes, start, end);
    this.valueStart = start + quotes;
    this.valueEnd = end - quotes;
    return true;
  }

  /**
   * Unix seconds at which the cookie expires; 0: with the browser's session; -1: it is deleted (empty value, or expired at
   * `now`).
   */
  expiry(now: number): number {
    if (this.headers === null || this.valueStart === this.valueEnd) return -1;
    let expires: number | null = null;
    let maxAge: number | null = null;
    const text = this.headers.bytes.toString('latin1', this.valueEnd, this.headers.valueEnd(this.line));
    for (const attribute of text.split(';').slice(1)) {
      const equals = attribute.indexOf('=');
      if (equals < 0) continue;
      const name = attribute.slice(0, equals).trim().toLowerCase();
      const value = attribute.slice(equals + 1).trim();
      // Of several, the last one counts. One that cannot be read is ignored.
      if (name === 'max-age' && /^-?\d+$/.test(value)) maxAge = Number(value);
      else if (name === 'expires') expires = cookieDate(value) ?? expires;
    }
    const end = maxAge === null ? expires : now + maxAge;
    if (end === null) return 0;
    return end <= now ? -1 : Math.min(end, now + maxCookieSeconds);
  }
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Reads a date by the tolerant rules of RFC 6265 section 5.1.1. Unix seconds; null: it is not a date. */
export function cookieDate(text: string): number | null {
  let time: RegExpExecArray | null = null;
  let day = -1;
  let month = -1;
  let year = -1;
  for (const token of text.split(/[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/)) {
    const found: RegExpExecArray | null = time === null ? /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?!\d)/.exec(token) : null;
    if (found !== null) time = found;
    else if (day < 0 && /^\d{1,2}(?!\d)/.test(token)) day = Number.parseInt(token, 10);
    else if (month < 0 && months.includes(token.slice(0, 3).toLowerCase()))
      month = months.indexOf(token.slice(0, 3).toLowerCase());
    else if (year < 0 && /^\d{2,4}(?!\d)/.test(token)) year = Number.parseInt(token, 10);
  }
  if (time === null || day < 1 || month < 0 || year < 0) return null;
  if (year < 100) year += year < 70 ? 2000 : 1900;
  const [hour = 0, minute = 0, second = 0] = time.slice(1).map(Number);
  if (year < 1601 || hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(Date.UTC(year, month, day, hour, minute, second));
  // There is no 31st of February.
  return date.getUTCDate() === day ? date.getTime() / 1000 : null;
}
