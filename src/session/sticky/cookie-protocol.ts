/**
 * The part of the session protocol that is about the cookie (docs/reference/session-protocol.md): what the app has said of it, and
 * what the balancer lets an app decide.
 */
import { type CookieSettings, longestAge } from '../data/cookie-settings.ts';

export const cookieHeader = 'Limpet-Session-Cookie';

/** The tag of a cookie that is as the balancer is configured. */
const asConfigured = '00000000';

export interface CookieWord {
  /** The value of the header but for its tag, '' when nothing is said. */
  readonly said: string;
  readonly tag: string;
}

/** Most sessions of an app say the same, each time. */
let lastWord: {
  readonly settings: CookieSettings;
  readonly idle: number;
  readonly allow: string;
  word: CookieWord;
} | null = null;

/** `idle`: seconds where they are to be named, else 0. `allow`: as the balancer tells it. */
export function cookieWord(settings: CookieSettings, idle: number, allow: string): CookieWord {
  if (lastWord?.settings === settings && lastWord.idle === idle && lastWord.allow === allow) return lastWord.word;
  const said = writeCookieWord(settings, idle);
  const word = { said, tag: tagOf(said, allow) };
  lastWord = { settings, idle, allow, word };
  return word;
}

export function writeCookieWord(settings: CookieSettings, idle: number): string {
  const { maxAge, sameSite, secure, httpOnly, partitioned, path, domain } = settings;
  const life = maxAge ?? idle;
  const fields = [
    life > 0 && `idle=${Math.min(life, longestAge)}`,
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

/** By which the balancer tells that the client's cookie is as `said`, under what it allowed then: 8 hex digits. */
export function tagOf(said: string, allowed: string): string {
  if (said === '') return asConfigured;
  // FNV-1a: nobody gains by a second text of the same tag.
  let sum = 0x811c9dc5;
  for (const char of `${said} ${allowed}`) sum = Math.imul(sum ^ char.charCodeAt(0), 0x01000193);
  return (sum >>> 0 || 1).toString(16).padStart(8, '0');
}

/** The most that an app may say. */
export interface Allowed {
  /** Seconds without a request. */
  readonly idle: number;
  /** The same of a session of which nothing is said; 0: no limit. */
  readonly usual: number;
  readonly sameSite: 'strict' | 'lax' | 'none';
  readonly insecure: boolean;
  readonly scripts: boolean;
  /** '' the host alone. */
  readonly domain: string;
  readonly path: string;
  /** The name of the cookie demands path / and no domain. */
  readonly isFixed: boolean;
}

/** What a balancer tells by `allow`; unknown items are passed over, so that the protocol can grow. */
export function readAllowed(text: string): Allowed {
  if (text !== last.text) last = { text, allowed: parseAllowed(text) };
  return last.allowed;
}

function parseAllowed(text: string): Allowed {
  const items = new Map<string, string>();
  for (const item of text.split(',')) {
    const [name = '', value = ''] = item.split(':');
    items.set(name, value);
  }
  const sameSite = items.get('same-site');
  return {
    idle: items.has('idle') ? Number(items.get('idle')) : Number.POSITIVE_INFINITY,
    usual: Number(items.get('usual') ?? 0),
    sameSite: sameSite === 'strict' || sameSite === 'none' ? sameSite : 'lax',
    insecure: items.has('insecure'),
    scripts: items.has('scripts'),
    domain: items.get('domain') ?? '',
    path: decodeURIComponent(items.get('path') ?? '/'),
    isFixed: items.has('fixed'),
  };
}

/** One balancer says the same each time. */
let last = { text: '', allowed: parseAllowed('') };

const sites = ['strict', 'lax', 'none'];

/** Sentences about what the balancer will not do: what was found, and what to configure there. */
export function beyond(settings: CookieSettings, idle: number, allowed: Allowed): string[] {
  const { maxAge, sameSite, secure, httpOnly, path, domain } = settings;
  const life = maxAge ?? idle;
  const found: string[] = [];
  const add = (name: string, value: unknown, most: string, key: string) =>
    found.push(`${name}: found ${JSON.stringify(value)}, expected ${most}. To allow it: ${key}`);
  if (life > allowed.idle) {
    const name = typeof maxAge === 'number' ? 'cookie.maxAge' : 'idle';
    add(name, life, `at most ${allowed.idle} seconds, which is what the session gets`, `maxAge: ${seconds(life)}`);
  }
  if (sameSite !== undefined && sites.indexOf(sameSite) > sites.indexOf(allowed.sameSite)) {
    add('cookie.sameSite', sameSite, `${allowed.sameSite} at most`, 'sameSite: None');
  }
  if (secure === false && !allowed.insecure) add('cookie.secure', secure, 'true', 'secure: never');
  if (httpOnly === false && !allowed.scripts) add('cookie.httpOnly', httpOnly, 'true', 'httpOnly: false');
  if (domain !== undefined && !isWithinDomain(domain, allowed)) {
    add(
      'cookie.domain',
      domain,
      allowed.domain === '' ? 'none' : `${allowed.domain} or one below it`,
      `domain: ${domain}`,
    );
  }
  if (path !== undefined && !isWithinPath(path, allowed))
    add('cookie.path', path, `one below ${allowed.path}`, `path: ${path}`);
  return found;
}

/** As a balancer's config has it. */
function seconds(life: number): string {
  return life % 3600 === 0 ? `${life / 3600}h` : `${life}s`;
}

function isWithinDomain(domain: string, { domain: widest, isFixed }: Allowed): boolean {
  if (domain === '') return true;
  return !isFixed && (domain === widest || (widest !== '' && domain.endsWith(`.${widest}`)));
}

function isWithinPath(path: string, { path: widest, isFixed }: Allowed): boolean {
  if (isFixed) return path === '/';
  return path === widest || path.startsWith(widest.endsWith('/') ? widest : `${widest}/`);
}
