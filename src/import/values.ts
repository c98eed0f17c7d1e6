/** Values that several programs write in the same way, and how a config has them. null: the text is no such value. */
import { isIP } from 'node:net';
import { isHostName, parseServer } from '../config/address.ts';
import { longestTime, longestTimer } from '../config/fields.ts';
import { formatDuration } from '../config/units.ts';
import { formatAddress } from '../net/socket.ts';

/** The longest time that a timer of Limpet can wait. */
export const maxTimerMs = longestTimer;
/** The longest age of a session, which is only compared with a clock. */
export const maxAgeMs = longestTime;

export function parseWhole(text: string | null | undefined, min: number, max: number): number | null {
  const value = /^[0-9]{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

export function parsePort(text: string | null | undefined): number | null {
  return parseWhole(text, 1, 65_535);
}

/** Bytes of `8k`, `1m`, `2g`, or of a number alone; k is 1,024. */
export function parseSize(text: string | undefined, maxDigits = 12): number | null {
  const [, digits, unit = ''] = /^([0-9]+)([kmg]?)$/i.exec(text ?? '') ?? [];
  if (digits === undefined || digits.length > maxDigits) return null;
  return Number(digits) * 1024 ** ' kmg'.indexOf(unit.toLowerCase() || ' ');
}

const goUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go writes it, `1m30s` or `1.5s`, or of a number of seconds. */
export function parseGoDuration(text: string | null): number | null {
  if (text === null || !/^(?:\d{1,9}|(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+)$/.test(text)) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/([0-9.]+)(ms|[smh])/g)) sum += Number(count) * (goUnits[unit] ?? 0);
  return Math.round(sum);
}

/** A time as a config has it: 0 is `off`, and a time above the longest becomes the longest. */
export function writeTime(milliseconds: number, longestMs = maxTimerMs): string {
  return milliseconds === 0 ? 'off' : formatDuration(Math.min(milliseconds, longestMs));
}

/** Names of cookies and headers are tokens: RFC 6265 section 4.1.1, RFC 9110 section 5.1. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(text);
}

/** RFC 6265 section 4.1.1 path-value. */
export function isCookiePath(path: string): boolean {
  return /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path);
}

/** An address or a CIDR block, such as `1.2.3.4` or `10.0.0.0/8`. */
export function isAddressBlock(text: string): boolean {
  const [host = '', bits, ...more] = text.split('/');
  const widest = isIP(host) === 4 ? 32 : 128;
  return isIP(host) > 0 && more.length === 0 && (bits === undefined || parseWhole(bits, 0, widest) !== null);
}

/** The address of a server as a config has it. `defaultPort` is used if the text has no port. */
export function serverAddress(text: string, defaultPort?: number): string | null {
  const address = parseServer(defaultPort === undefined ? text : withPort(text, defaultPort));
  return address === null ? null : formatAddress(address);
}

/** Adds the port if the address has none. Colons within `[]` belong to an IPv6 address. */
export function withPort(text: string, port: number): string {
  return text.startsWith('unix:') || /:[0-9]+$/.test(text.replace(/\[.*\]/, '')) ? text : `${text}:${port}`;
}

/** A host as a route has it: `example.org`, `*.example.org`. */
export function hostPattern(text: string): string | null {
  const host = text.toLowerCase();
  return isHostName(host.replace(/^\*\./, '')) || /^[0-9.]+$/.test(host) ? host : null;
}

/** Has only characters that the path of a request may have. */
export function isPath(text: string): boolean {
  return /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(text);
}

/** A path, perhaps with a query, as a health check asks for it. */
export function isCheckPath(text: string): boolean {
  return /^\/[\x21-\x22\x24-\x7e]*$/.test(text);
}

/** The Host header of a health check. */
export function isCheckHost(text: string): boolean {
  return /^[A-Za-z0-9._:[\]-]+$/.test(text);
}

/** An address of this machine, without its port. */
export function isLoopback(host: string): boolean {
  return /^(?:127\.[0-9.]+|localhost|\[::1\])$/.test(host);
}

/** `css`, `js` of a pattern such as `\.(css|js)$`; empty for any other pattern. */
export function extensionsOf(pattern: string): string[] {
  const [, list] = /^(?:\^?\.[*+])?\\\.\(?(?:\?:)?([\w|-]+)\)?\$$/.exec(pattern) ?? [];
  return list?.split('|').filter((one) => /^[\w-]{1,32}$/.test(one)) ?? [];
}

/** A path as a route has it. */
export function routePath(text: string): string | null {
  return isPath(text) && text.length <= 2048 ? text : null;
}

/** Doubles dollar signs, because `$` begins a variable in a config and `$$` is the sign itself. Omits what is undefined. */
export function withoutVariables(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\$(?=[${(A-Za-z_])/g, '$$$$');
  if (Array.isArray(value)) return value.map(withoutVariables);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === undefined ? [] : [[key, withoutVariables(inner)]])),
  );
}
