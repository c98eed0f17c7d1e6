/**
 * The cookie in the session protocol (docs/reference/session-protocol.md): the attributes that the app has set, the limits that the
 * balancer's config puts on them, and the header by which the balancer sets the cookie again.
 */
import { maxCookieSeconds } from '../../http/cookie.ts';
import { idleMsOf } from '../cookie.ts';
import type { CookieSettings } from '../data/cookie-settings.ts';
import type { HeaderLines } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import type { SessionHeader } from './protocol.ts';
import type { StickyContext } from './sticky-context.ts';

export const cookieHeader = 'Limpet-Session-Cookie';

/** The tag of a cookie that is as the balancer is configured. */
const configuredTag = '00000000';

interface CookieHeader {
  /** The attributes; '' none are set. */
  readonly attributes: string;
  readonly tag: string;
}

/** Most sessions of an app have the same settings, each time. */
let lastHeader: {
  readonly settings: CookieSettings;
  readonly idleSeconds: number;
  readonly allow: string;
  readonly header: CookieHeader;
} | null = null;

/** Adds the header by which the balancer sets the cookie, when the client's cookie was set with other attributes. */
export function cookieLines(
  lines: HeaderLines,
  settings: CookieSettings,
  { allow, cookie, pool }: SessionHeader,
  { options, warnOnce }: StickyContext,
): HeaderLines {
  const limits = readCookieLimits(allow);
  // The stored copy lasts no longer than the idle time of the options: the cookie must not either.
  const isShorter = limits.usualIdleSeconds === 0 || options.idleMs < limits.usualIdleSeconds * 1000;
  const idleSeconds = options.ownIdleSeconds || (isShorter ? Math.ceil(options.idleMs / 1000) : 0);
  const { attributes, tag } = cookieHeaderFor(settings, idleSeconds, allow);
  if (tag === cookie) return lines;
  for (const excess of exceededLimits(settings, idleSeconds, limits)) {
    warnOnce(`${excess} in cookie.app of the cookie affinity of pool ${decodeURIComponent(pool)}`);
  }
  return [...lines, [cookieHeader, attributes === '' ? `tag=${tag}` : `tag=${tag}; ${attributes}`]];
}

/** `idleSeconds`: 0 not to be named. `allow`: the field of the balancer's header. */
function cookieHeaderFor(settings: CookieSettings, idleSeconds: number, allow: string): CookieHeader {
  if (lastHeader?.settings === settings && lastHeader.idleSeconds === idleSeconds && lastHeader.allow === allow) {
    return lastHeader.header;
  }
  const attributes = writeAttributes(settings, idleSeconds);
  const header = { attributes, tag: tagOf(attributes, allow) };
  lastHeader = { settings, idleSeconds, allow, header };
  return header;
}

export function writeAttributes(settings: CookieSettings, idleSeconds: number): string {
  const { maxAge, sameSite, secure, httpOnly, partitioned, path, domain } = settings;
  const lifetime = maxAge ?? idleSeconds;
  const fields = [
    lifetime > 0 && `idle=${Math.min(lifetime, maxCookieSeconds)}`,
    maxAge !== undefined && `persistent=${maxAge === null ? 0 : 1}`,
    sameSite !== undefined && `same-site=${sameSite}`,
    secure !== undefined && `secure=${secure ? 1 : 0}`,
    httpOnly !== undefined && `http-only=${httpOnly ? 1 : 0}`,
    partitioned === true && 'partitioned=1',
    path !== undefined && `path=${encodeURIComponent(path)}`,
    domain !== undefined && `domain=${domain}`,
  ];
  return fields.filter((field) => field !== false).join('; ');
}

/** 8 hex digits. The balancer's header has the tag that the client's cookie was set with: an equal one needs no new cookie. */
export function tagOf(attributes: string, allow: string): string {
  if (attributes === '') return configuredTag;
  // FNV-1a: nobody gains anything by a second text of the same tag.
  let hash = 0x811c9dc5;
  for (const char of `${attributes} ${allow}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0 || 1).toString(16).padStart(8, '0');
}

/** The most that an app may set. */
export interface CookieLimits {
  /** Without a request. */
  readonly idleSeconds: number;
  /** The idle time of a session whose app sets none; 0: no limit. */
  readonly usualIdleSeconds: number;
  readonly sameSite: 'strict' | 'lax' | 'none';
  /** The cookie may be sent without TLS. */
  readonly insecure: boolean;
  /** Scripts may read the cookie. */
  readonly scripts: boolean;
  /** '' the host of the request alone. */
  readonly domain: string;
  readonly path: string;
  /** The name of the cookie (`__Host-`) demands path / and no domain. */
  readonly isHostOnly: boolean;
}

/** Reads `allow` of the balancer's header; unknown items are skipped, so that the protocol can grow. */
export function readCookieLimits(allow: string): CookieLimits {
  if (allow !== lastLimits.allow) lastLimits = { allow, limits: parseCookieLimits(allow) };
  return lastLimits.limits;
}

/** Milliseconds that a session lives without a request: no longer than the balancer accepts its cookie. */
export function acceptedIdleMs(options: FilledOptions, live: LiveSession, { allow }: SessionHeader): number {
  const idleMs = idleMsOf(options, live);
  return allow === '' ? idleMs : Math.min(idleMs, readCookieLimits(allow).idleSeconds * 1000);
}

function parseCookieLimits(allow: string): CookieLimits {
  const items = new Map<string, string>();
  for (const item of allow.split(',')) {
    const [name = '', value = ''] = item.split(':');
    items.set(name, value);
  }
  const sameSite = items.get('same-site');
  return {
    idleSeconds: items.has('idle') ? Number(items.get('idle')) : Number.POSITIVE_INFINITY,
    usualIdleSeconds: Number(items.get('usual') ?? 0),
    sameSite: sameSite === 'strict' || sameSite === 'none' ? sameSite : 'lax',
    insecure: items.has('insecure'),
    scripts: items.has('scripts'),
    domain: items.get('domain') ?? '',
    path: decodeURIComponent(items.get('path') ?? '/'),
    isHostOnly: items.has('fixed'),
  };
}

/** One balancer sends the same limits each time. */
let lastLimits = { allow: '', limits: parseCookieLimits('') };

/** From the strictest to the least strict. */
const sameSites = ['strict', 'lax', 'none'];

/** Sentences about attributes that the balancer will not set: what was found, and what to configure there. */
export function exceededLimits(settings: CookieSettings, idleSeconds: number, limits: CookieLimits): string[] {
  const { maxAge, sameSite, secure, httpOnly, path, domain } = settings;
  const lifetime = maxAge ?? idleSeconds;
  const found: string[] = [];
  const add = (name: string, value: unknown, expected: string, key: string) =>
    found.push(`${name}: found ${JSON.stringify(value)}, expected ${expected}. To allow it: ${key}`);
  if (lifetime > limits.idleSeconds) {
    const name = typeof maxAge === 'number' ? 'cookie.maxAge' : 'idle';
    const expected = `at most ${limits.idleSeconds} seconds, which is what the session gets`;
    add(name, lifetime, expected, `maxAge: ${configDuration(lifetime)}`);
  }
  if (sameSite !== undefined && sameSites.indexOf(sameSite) > sameSites.indexOf(limits.sameSite)) {
    add('cookie.sameSite', sameSite, `${limits.sameSite} at most`, 'sameSite: None');
  }
  if (secure === false && !limits.insecure) add('cookie.secure', secure, 'true', 'secure: never');
  if (httpOnly === false && !limits.scripts) add('cookie.httpOnly', httpOnly, 'true', 'httpOnly: false');
  if (domain !== undefined && !isWithinDomain(domain, limits)) {
    const expected = limits.domain === '' ? 'none' : `${limits.domain} or one below it`;
    add('cookie.domain', domain, expected, `domain: ${domain}`);
  }
  if (path !== undefined && !isWithinPath(path, limits)) {
    add('cookie.path', path, `one below ${limits.path}`, `path: ${path}`);
  }
  return found;
}

/** As the balancer's config writes it. */
function configDuration(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600}h` : `${seconds}s`;
}

function isWithinDomain(domain: string, { domain: widest, isHostOnly }: CookieLimits): boolean {
  if (domain === '') return true;
  return !isHostOnly && (domain === widest || (widest !== '' && domain.endsWith(`.${widest}`)));
}

function isWithinPath(path: string, { path: widest, isHostOnly }: CookieLimits): boolean {
  if (isHostOnly) return path === '/';
  return path === widest || path.startsWith(widest.endsWith('/') ? widest : `${widest}/`);
}
