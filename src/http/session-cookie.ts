/**
 * The attributes that a server asks for the cookie of its session (docs/reference/session-protocol.md), in the head of a response:
 *
 *      Limpet-Session-Cookie: tag=<8 hex digits>[; idle=<s>][; persistent=<0|1>][; same-site=<strict|lax|none>]
 *                             [; secure=<0|1>][; http-only=<0|1>][; partitioned=1][; path=<percent-encoded>][; domain=<name>]
 *
 * What is left out is as configured at the balancer. A value that is not in the protocol makes the whole header refused.
 */
import { maxCookieSeconds } from './cookie.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';
import { fieldsOf, isNamed, whole } from './session-headers.ts';

export type SameSite = 'Strict' | 'Lax' | 'None';

/** The attributes of a session's cookie that its server may choose. */
export interface CookieAttributes {
  /** 32 bits by which the server recognises the attributes that it has sent. */
  readonly tag: number;
  /** Seconds without a request after which the session is over; 0: as configured. */
  readonly idle: number;
  /** The cookie outlives the browser; null: as configured. */
  readonly persistent: boolean | null;
  readonly sameSite: SameSite | null;
  readonly secure: boolean | null;
  readonly httpOnly: boolean | null;
  /** False: as configured. */
  readonly partitioned: boolean;
  /** '' as configured. */
  readonly path: string;
  /** '' of this host alone; null: as configured. */
  readonly domain: string | null;
}

/** Characters of path and domain together. */
export const longestScope = 255;
const sites: ReadonlyMap<string, SameSite> = new Map([
  ['strict', 'Strict'],
  ['lax', 'Lax'],
  ['none', 'None'],
]);

/** null: there is no such header. 'bad': it is not in the protocol. 'configured': all attributes as configured at the balancer. */
export function readSessionCookie(headers: Headers): CookieAttributes | 'configured' | 'bad' | null {
  let found: CookieAttributes | 'configured' | 'bad' | null = null;
  for (let i = headers.first(Name.limpet); headers.has(Name.limpet) && i < headers.count; i++) {
    if (headers.id(i) !== Name.limpet || !isNamed(headers, i, 'limpet-session-cookie')) continue;
    if (found !== null) return 'bad';
    found = readAttributes(headers.value(i));
  }
  return found;
}

/** Reads the value of such a header. */
export function readAttributes(value: string): CookieAttributes | 'configured' | 'bad' {
  const fields = fieldsOf(value);
  const tag = fields.get('tag') ?? '';
  const idle = fields.has('idle') ? whole(fields.get('idle'), maxCookieSeconds) : null;
  const persistent = flag(fields.get('persistent'));
  const sameSite = fields.has('same-site') ? sites.get(fields.get('same-site')!) : null;
  const secure = flag(fields.get('secure'));
  const httpOnly = flag(fields.get('http-only'));
  const partitioned = flag(fields.get('partitioned'));
  const path = fields.has('path') ? pathOf(fields.get('path')!) : '';
  const domain = fields.get('domain') ?? null;
  if (!/^[0-9a-f]{8}$/.test(tag) || idle === 0 || sameSite === undefined || path === null) return 'bad';
  if (persistent === 'bad' || secure === 'bad' || httpOnly === 'bad' || partitioned === 'bad') return 'bad';
  if (partitioned === false || (domain !== null && domain !== '' && !isDomain(domain))) return 'bad';
  if (path.length + (domain ?? '').length > longestScope) return 'bad';
  const flags = [idle, persistent, sameSite, secure, httpOnly, partitioned, domain];
  if (path === '' && flags.every((one) => one === null)) return 'configured';
  return {
    tag: Number.parseInt(tag, 16),
    idle: idle ?? 0,
    persistent,
    sameSite,
    secure,
    httpOnly,
    partitioned: partitioned ?? false,
    path,
    domain,
  };
}

function flag(text: string | undefined): boolean | null | 'bad' {
  if (text === undefined) return null;
  return text === '1' ? true : text === '0' ? false : 'bad';
}

/** RFC 6265 section 4.1.1 path-value: no control character and no semicolon, which would begin an attribute. */
function pathOf(written: string): string | null {
  try {
    const path = decodeURIComponent(written);
    return /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) ? path : null;
  } catch {
    return null;
  }
}

function isDomain(name: string): boolean {
  return (
    name.length <= 253 &&
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name)
  );
}
