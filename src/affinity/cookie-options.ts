/** The options of the affinity `cookie`: schema, defaults, and checks of what browsers demand. */
import type { FieldKinds } from '../config/field-kinds.ts';
import type { AffinityReport } from './descriptor.ts';

export interface CookieOptions {
  readonly type: 'cookie';
  /** Without `prefix`. */
  readonly name: string;
  /** Stands before the name for clients that use TLS. host: `__Host-`; secure: `__Secure-`. */
  readonly prefix: 'none' | 'secure' | 'host';
  readonly path: string;
  /** '': no Domain attribute; the cookie is sent to its host only. */
  readonly domain: string;
  readonly sameSite: 'Strict' | 'Lax' | 'None';
  readonly secure: 'auto' | 'always' | 'never';
  readonly httpOnly: boolean;
  readonly partitioned: boolean;
  /** Name, with its prefix, of a second cookie that secure clients get, for pages of other sites that embed ours; '' none. */
  readonly twin: string;
  /** session: no Max-Age; only the balancer enforces the times. permanent: Max-Age and Expires too. */
  readonly lifetime: 'session' | 'permanent';
  /** Milliseconds without a request after which a session ends; 0: never. */
  readonly idle: number;
  /** Milliseconds after its beginning at which a session ends; 0: never. */
  readonly absolute: number;
  /** always: every client gets a cookie. on-session: when its server begins a session. auto: on-session in pools with sessions. */
  readonly bind: 'auto' | 'always' | 'on-session';
  /** A response that caches may store and that needs a new cookie: made private, or sent without the cookie. */
  readonly onCacheable: 'private' | 'skip';
  /** The widest attributes that an app may choose for the cookie of one session: at least as wide as those above. */
  readonly app: CookieLimits;
}

/** The widest attributes that an app may choose for the cookie of one session. */
export interface CookieLimits {
  /** Milliseconds. */
  readonly maxAge: number;
  readonly sameSite: CookieOptions['sameSite'];
  /** never: the app may omit `Secure`. */
  readonly secure: CookieOptions['secure'];
  /** False: the app may omit `HttpOnly`. */
  readonly httpOnly: boolean;
  /** The app may choose this domain or one below it; '': only the host. */
  readonly domain: string;
  /** The app may choose this path or one below it. */
  readonly path: string;
}

/** Times in milliseconds. */
export const cookieDefaults = {
  name: 'limpet',
  prefix: 'none',
  path: '/',
  domain: '',
  sameSite: 'Lax',
  secure: 'auto',
  httpOnly: true,
  partitioned: false,
  twin: false,
  lifetime: 'session',
  idle: 8 * 3_600_000,
  absolute: 0,
  bind: 'auto',
  onCacheable: 'private',
} as const;

/** What browsers demand of cookies with these names is told in RFC 6265bis section 4.1.3. */
const prefixes = { none: '', secure: '__Secure-', host: '__Host-' } as const;

/** The names under which clients get the cookie. */
export interface CookieNames {
  /** With `Secure`. */
  readonly secure: string;
  /** Without it; '': no cookie, because browsers reject this name without `Secure`. */
  readonly plain: string;
  /** The cookie and its twin, for clients that use TLS and for others. Cookies of all these names are ours. */
  readonly all: readonly string[];
}

export function cookieNames({ name, prefix, twin }: Pick<CookieOptions, 'name' | 'prefix' | 'twin'>): CookieNames {
  const secure = prefixes[prefix] + name;
  const plain = needsSecure(name) ? '' : name;
  return { secure, plain, all: [...new Set([secure, twin, name])].filter((one) => one !== '') };
}

function needsSecure(name: string): boolean {
  return /^__(?:Host|Secure)-/i.test(name);
}

/** Default of `app.maxAge` where the config has no `idle`. */
const usualMaxAgeMs = 30 * 24 * 3_600_000;

export function cookieSchema(kinds: FieldKinds) {
  const { cookieName, field, flag, formatDuration, longestTime, map, open, timeOrNone, word } = kinds;
  const usual = cookieDefaults;
  return map({
    name: field(cookieName, usual.name, 'Name of the cookie.'),
    prefix: field(
      word(['none', 'secure', 'host']),
      usual.prefix,
      'Before the name, for clients that use TLS: `__Host-` (`host`) or `__Secure-` (`secure`). Such a cookie cannot come from plain HTTP, and one with `__Host-` not from another host. Others get the name alone, and over TLS that does not count.',
    ),
    path: field(cookiePath(kinds), usual.path, 'Its `Path`: below it the client sends the cookie.'),
    domain: field(
      cookieDomain(kinds),
      usual.domain,
      'Its `Domain`, for subdomains too. Empty: left out, and the cookie stays with its host.',
    ),
    sameSite: field(
      word(sites),
      usual.sameSite,
      'Its `SameSite`. `None` lets other sites embed yours, and needs `Secure`.',
    ),
    secure: field(
      word(['auto', 'always', 'never']),
      usual.secure,
      '`Secure`: by what the client speaks (to us, or to a trusted proxy that tells), always, or never.',
    ),
    httpOnly: field(flag(), usual.httpOnly, '`HttpOnly`: scripts of the page cannot read it.'),
    partitioned: field(
      flag(),
      usual.partitioned,
      '`Partitioned` (CHIPS): a jar of its own for each site that embeds yours. Needs `Secure`.',
    ),
    twin: field(
      flag(),
      usual.twin,
      'Secure clients get the token in `NAME-x` too, with `SameSite=None; Secure; Partitioned`, for other sites that embed yours.',
    ),
    lifetime: field(
      word(['session', 'permanent']),
      usual.lifetime,
      '`session`: no `Max-Age`, the balancer alone keeps the times. `permanent`: `Max-Age` and `Expires` too; needs `absolute`.',
    ),
    idle: open(
      timeOrNone(longestTime),
      formatDuration(usual.idle),
      'A session ends after this long without a request. Left out, it is never longer than `absolute`.',
    ),
    absolute: field(timeOrNone(longestTime), 'off', 'A session ends at this age, however busy it is.'),
    bind: field(
      word(['auto', 'always', 'on-session']),
      usual.bind,
      '`always`: every client gets the cookie with its first answer. `on-session`: once its server begins a session, so that anonymous traffic stays free of it. `auto`: `on-session` in pools with `sessions`, else `always`.',
    ),
    onCacheable: field(
      word(['private', 'skip']),
      usual.onCacheable,
      'A response that caches may store, or by which they may update one (304), and that needs a new cookie: made `Cache-Control: private`, or sent without the cookie.',
    ),
    app: field(
      appSchema(kinds),
      {},
      'What apps with the session library may decide of the cookie of one session: the widest of each. What is narrower than the cookie itself they may always choose.',
    ),
  }).transform(({ idle, absolute, twin, app, ...rest }): CookieOptions => {
    const longest = absolute === 0 ? usual.idle : Math.min(usual.idle, absolute);
    const { sameSite, secure, httpOnly, domain, path } = rest;
    const maxAge = app.maxAge ?? idle ?? usualMaxAgeMs;
    return {
      type: 'cookie',
      ...rest,
      twin: twin ? `${prefixes[rest.prefix]}${rest.name}-x` : '',
      idle: idle ?? longest,
      absolute,
      app: {
        maxAge,
        sameSite: app.sameSite ?? sameSite,
        secure: app.secure ?? secure,
        httpOnly: app.httpOnly ?? httpOnly,
        domain: app.domain ?? domain,
        path: app.path ?? path,
      },
    };
  });
}

/** Each attribute that is left out is that of the cookie itself. */
function appSchema(kinds: FieldKinds) {
  const { flag, longestTime, map, open, time, word } = kinds;
  return map({
    maxAge: open(
      time(longestTime),
      '`idle` where that is written, else 720h',
      'Longest that a session may live without a request, and its cookie: `maxAge` of the app ("remember me").',
    ),
    sameSite: open(
      word(sites),
      "the cookie's own",
      'Widest `SameSite`: `None` is wider than `Lax`, and that than `Strict`.',
    ),
    secure: open(word(['auto', 'always', 'never']), "the cookie's own", '`never`: the app may leave `Secure` out.'),
    httpOnly: open(flag(), "the cookie's own", '`false`: the app may leave `HttpOnly` out.'),
    domain: open(
      cookieDomain(kinds),
      "the cookie's own",
      'Widest `Domain`; the app may choose one below it, or the host alone.',
    ),
    path: open(cookiePath(kinds), "the cookie's own", 'Widest `Path`; the app may choose one below it.'),
  });
}

/** RFC 6265 section 4.1.1 path-value: no control character and no semicolon, which would begin an attribute. */
function cookiePath({ text }: FieldKinds) {
  return text('path', 'a path that begins with / and has no space or ;', (path) =>
    /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) ? path : null,
  );
}

/** A leading dot has no meaning since RFC 6265 section 5.2.3. */
function cookieDomain({ isHostName, text }: FieldKinds) {
  return text('domain', 'a domain such as example.org', (written) => {
    const domain = written.replace(/^\./, '').toLowerCase();
    return written === '' || isHostName(domain) ? domain : null;
  });
}

const sites = ['Strict', 'Lax', 'None'] as const;

/** Browsers silently reject a cookie that breaks one of these rules, and then no session is ever kept. */
export function checkCookie(cookie: CookieOptions, report: AffinityReport): void {
  const { secure } = cookie;
  const name = cookieNames(cookie).secure;

  if (secure === 'never') {
    if (cookie.sameSite === 'None') report.error(['secure'], 'SameSite=None needs Secure: expected auto or always');
    if (cookie.partitioned) report.error(['secure'], 'a partitioned cookie needs Secure: expected auto or always');
    if (cookie.twin !== '') report.error(['secure'], 'a twin cookie needs Secure: expected auto or always');
    if (needsSecure(name)) report.error(['secure'], `the name ${name} needs Secure: expected always`);
  } else if (secure === 'auto' && needsSecure(cookie.name)) {
    const text = `the name ${name} needs Secure: clients that do not come over TLS get no cookie; "prefix" gives them one`;
    report.warning(['secure'], text);
  }
  if (cookie.prefix !== 'none' && needsSecure(cookie.name)) {
    report.error(['name'], `found ${cookie.name}, expected it without a prefix, because prefix is ${cookie.prefix}`);
  }
  if (/^__Host-/i.test(name)) {
    if (cookie.path !== '/')
      report.error(['path'], `found ${JSON.stringify(cookie.path)}, expected "/" with the name ${name}`);
    if (cookie.domain !== '') report.error(['domain'], `expected none with the name ${name}`);
  }
  if (cookie.lifetime === 'permanent' && cookie.absolute === 0) {
    report.error(['absolute'], 'found nothing, expected a time, because lifetime is permanent');
  }
  checkApp(cookie, report);
  if (cookie.absolute > 0 && cookie.idle > cookie.absolute) {
    report.error(['idle'], 'longer than absolute: a session would never be idle that long');
  }
  checkSessions(cookie, report);
}

/** What an app may choose must include what the cookie has by itself. */
function checkApp(cookie: CookieOptions, report: AffinityReport): void {
  const { app, sameSite, domain, path: own } = cookie;
  const name = cookieNames(cookie).secure;
  const add = (field: string, text: string) => report.error(['app', field], text);
  if (sites.indexOf(app.sameSite) < sites.indexOf(sameSite)) {
    add('sameSite', `found ${app.sameSite}, expected ${sameSite} as the cookie has it, or wider`);
  }
  if (app.domain !== domain && domain !== '' && !domain.endsWith(`.${app.domain}`)) {
    add('domain', `found ${JSON.stringify(app.domain)}, expected ${domain} as the cookie has it, or a domain above it`);
  }
  if (app.domain !== domain && /^__Host-/i.test(name)) add('domain', `expected none with the name ${name}`);
  if (app.secure === 'never' && cookie.secure !== 'never' && needsSecure(name)) {
    add('secure', `found never, expected auto or always with the name ${name}`);
  }
  if (app.path !== own && !own.startsWith(app.path.endsWith('/') ? app.path : `${app.path}/`)) {
    add(
      'path',
      `found ${JSON.stringify(app.path)}, expected ${JSON.stringify(own)} as the cookie has it, or a path above it`,
    );
  }
}

function checkSessions({ bind }: CookieOptions, report: AffinityReport): void {
  const { config, index, pool } = report;
  if (!pool.sessions && bind === 'on-session') {
    report.error(['bind'], 'found on-session, expected always: no server of this pool begins sessions');
  }
  const learn = pool.affinity.findIndex(({ type }) => type === 'learn');
  if (pool.sessions && config.sessions !== null && learn >= 0 && learn < index) {
    const text = `what a server keeps before affinity[${learn}] has learned the name is not found under it: put cookie first, or leave it out`;
    report.warning('entry', text);
  }
}
