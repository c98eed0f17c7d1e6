/** Values of an nginx.conf as we write them: times, sizes, addresses, hosts. null: it cannot be. */

import { isHostName, parseListener, parseServer } from '../../config/address.ts';
import { formatDuration, formatSize } from '../../config/units.ts';
import { formatAddress } from '../../net/socket.ts';
import { isReservedName } from '../names.ts';

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/** The longest that a timer of ours keeps, and the longest that is only compared with a clock. */
export const longestTimer = 596 * 3_600_000;
export const longestAge = 99_999 * 3_600_000;

/** Milliseconds: `1h 30m`, `500ms`, `60` seconds. null: not a time. */
export function parseTime(text: string | undefined): number | null {
  if (text === undefined || !/^(?:\s*[0-9]{1,9}(?:ms|[smhdwMy])?)+\s*$/.test(text)) return null;
  let sum = 0;
  for (const [, digits, unit = 's'] of text.matchAll(/([0-9]+)(ms|[smhdwMy])?/g)) {
    sum += Number(digits) * (units[unit] ?? Number.NaN);
  }
  return sum;
}

/** A time that may not be 0; null: it is, or it is none. */
export function writeTime(text: string | undefined, longest = longestTimer): string | null {
  const time = parseTime(text);
  return time === null || time === 0 ? null : formatDuration(Math.min(time, longest));
}

/** Bytes: `8k`, `1m`, `2g`, a number. */
export function parseSize(text: string | undefined): number | null {
  const [, digits, unit = ''] = /^([0-9]{1,12})([kmg]?)$/i.exec(text ?? '') ?? [];
  return digits === undefined ? null : Number(digits) * 1024 ** Math.max(0, ' kmg'.indexOf(unit.toLowerCase() || ' '));
}

/** Within these bounds. */
export function writeSize(bytes: number, min: number, max: number): string {
  return formatSize(Math.min(Math.max(bytes, min), max));
}

export function parseWhole(text: string | undefined, min: number, max: number): number | null {
  const value = /^[0-9]{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

/** Of `server` and of `proxy_pass`: port 80 when there is none. */
export function serverAddress(text: string): string | null {
  const full = text.startsWith('unix:') || /:[0-9]+$/.test(text.replace(/\[.*\]/, '')) ? text : `${text}:80`;
  const address = parseServer(full);
  return address === null ? null : formatAddress(address);
}

/** Of `listen`: a port, `*:80`, `[::]:80`, an address without port. */
export function listenAddress(text: string): string | null {
  let full = text;
  if (/^[0-9]{1,5}$/.test(text)) full = `:${text}`;
  else if (text.startsWith('*:')) full = text.slice(1);
  else if (!text.startsWith('unix:') && !/:[0-9]+$/.test(text.replace(/\[.*\]/, ''))) full = `${text}:80`;
  const address = parseListener(full);
  if (address === null || (address.kind === 'tcp' && address.port === 0)) return null;
  return address.kind === 'tcp' && address.host === '0.0.0.0' ? `:${address.port}` : formatAddress(address);
}

/** Of `server_name`, as a route has it: `example.org`, `*.example.org`. */
export function hostPattern(text: string): string | null {
  const host = text.toLowerCase();
  return isHostName(host.replace(/^\*\./, '')) || /^[0-9.]+$/.test(host) ? host : null;
}

/** Of a route: a prefix of whole segments. */
export function routePath(text: string): string | null {
  return /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(text) && text.length <= 2048 ? text : null;
}

/** RFC 6265 section 4.1.1 and RFC 9110 section 5.1: names of cookies and of headers are tokens. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(text);
}

/** A name for a pool or a server that no other has: `base`, `base-2` and so on. */
export function freeName(wanted: string, taken: ReadonlySet<string>, longest = 64): string {
  const cleaned = wanted.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  const base = cleaned.slice(0, longest - 8).replace(/[^A-Za-z0-9]+$/, '') || 'pool';
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(name) && !isReservedName(name)) return name;
  }
}

/** In a config `$$` is a dollar sign; one alone may begin a variable, of ours or of another program. */
export function withoutVariables(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\$(?=[${(A-Za-z_])/g, '$$$$');
  if (Array.isArray(value)) return value.map(withoutVariables);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutVariables(inner)]));
}
