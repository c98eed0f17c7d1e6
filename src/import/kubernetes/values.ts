/** Values of manifests as we write them: names, hosts, paths, ports, times. null: it cannot be. */
import { isIPv4, isIPv6 } from 'node:net';
import { isHostName } from '../../config/address.ts';
import { durationPattern, formatDuration, parseDuration } from '../../config/units.ts';
import { isToken } from '../../http/bytes.ts';

/** The longest that a timer of ours keeps, and the longest that is only compared with a clock. */
const longestTimer = 596 * 3_600_000;
const longestAge = 99_999 * 3_600_000;

export function parseWhole(text: string | null, min: number, max: number): number | null {
  const value = text !== null && /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

export function parsePort(text: string | null): number | null {
  return parseWhole(text, 1, 65_535);
}

/** `1h30m` of the Gateway API, as long as a session may live; null for 0 too. */
export function ageOf(text: string | null): string | null {
  const time = parseDuration(text ?? '');
  return time > 0 && time <= longestAge ? formatDuration(time) : null;
}

/** Milliseconds of what `ageOf` gave. */
export const lengthOf = parseDuration;

/** The same for a time that a timer has to keep; 0 is `off`. */
export function timerOf(text: string | null): string | null {
  if (text === null || !durationPattern.test(text)) return null;
  const time = parseDuration(text);
  return time <= longestTimer ? writeTimer(time) : null;
}

export function writeTimer(milliseconds: number): string {
  return milliseconds === 0 ? 'off' : formatDuration(Math.min(milliseconds, longestTimer));
}

/** Whole seconds, at least one, as long as a session may live. */
export function secondsOf(text: string | null): string | null {
  const seconds = parseWhole(text, 1, longestAge / 1000);
  return seconds === null ? null : formatDuration(seconds * 1000);
}

/** RFC 6265 section 4.1.1: a cookie's name is a token. */
export function isCookieName(name: string): boolean {
  return name !== '' && name.length <= 256 && isAllToken(name);
}

export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name);
}

/** RFC 6265 section 4.1.1 path-value. */
export function isCookiePath(path: string): boolean {
  return /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path);
}

function isAllToken(text: string): boolean {
  return Array.from(text).every((char) => isToken[char.charCodeAt(0)] === 1);
}

/** Of a rule: exact, `*.` and a domain, or '' for any. */
export function hostOf(text: string): string | null {
  const host = text.toLowerCase();
  return host === '' || isHostName(host.replace(/^\*\./, '')) || isIPv4(host) ? host : null;
}

/** A path of ours, without slashes at its end; null when a request's path cannot look so. */
export function pathOf(text: string): string | null {
  return /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(text) ? text.replace(/(?<=.)\/+$/, '') : null;
}

/** What a regular expression begins with, cut to whole segments of a path: that is how we match. */
export function literalPrefix(pattern: string): string {
  const [, plain = '', rest = ''] = /^\^?([^\\^$.|?*+()[\]{}]*)(.*)$/s.exec(pattern) ?? [];
  // Such as (/|$)(.*): the segment ends here.
  if (rest === '' || /^\$|^\((?:\?:)?[/$|]/.test(rest)) return plain;
  // What a ? * or { follows may be missing.
  const sure = /^[?*{]/.test(rest) ? plain.slice(0, -1) : plain;
  return plain.endsWith('/') && sure.length > 0 ? sure : sure.slice(0, sure.lastIndexOf('/') + 1);
}

/** `host:port`; null when that is no address. */
export function addressOf(host: string, port: number): string | null {
  if (isIPv6(host)) return `[${host.toLowerCase()}]:${port}`;
  return isIPv4(host) || isHostName(host) ? `${host.toLowerCase()}:${port}` : null;
}

/** In a config `$$` is a dollar sign; one alone may begin a variable, of ours or of another program. */
export function withoutVariables(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\$(?=[${(A-Za-z_])/g, '$$$$');
  if (Array.isArray(value)) return value.map(withoutVariables);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutVariables(item)]));
}
