/**
 * Which cookie attributes a server may choose for its session: always what is narrower than the config's own; what is wider, up to
 * `app` of the config. A wider choice is cut to what is allowed, or replaced by what is configured.
 */
import { maxCookieSeconds } from '../http/cookie.ts';
import type { CookieAttributes, SameSite } from '../http/session-cookie.ts';
import { type CookieOptions, cookieNames } from './cookie-options.ts';

const width: Readonly<Record<SameSite, number>> = { Strict: 0, Lax: 1, None: 2 };

export class CookiePolicy {
  /** Seconds: the longest idle time that a server may choose. */
  readonly longestIdle: number;
  /** The limits as the header to the server says them, so that the server can warn about what is refused. */
  readonly allowed: string;
  private readonly settings: CookieOptions;
  /** A name with the prefix `__Host-` requires `Path=/` and no Domain (RFC 6265bis section 4.1.3.2). */
  private readonly isHostOnly: boolean;

  constructor(settings: CookieOptions) {
    const { app, idle } = settings;
    this.settings = settings;
    this.isHostOnly = /^__Host-/i.test(cookieNames(settings).secure);
    this.longestIdle = idle === 0 ? maxCookieSeconds : Math.max(idle, app.maxAge) / 1000;
    const items = [`idle:${Math.floor(this.longestIdle)}`];
    if (idle > 0) items.push(`usual:${Math.floor(idle / 1000)}`);
    if (app.sameSite !== 'Lax') items.push(`same-site:${app.sameSite.toLowerCase()}`);
    if (app.secure === 'never') items.push('insecure');
    if (!app.httpOnly) items.push('scripts');
    if (app.domain !== '') items.push(`domain:${app.domain}`);
    if (app.path !== '/') items.push(`path:${encodeURIComponent(app.path)}`);
    if (this.isHostOnly) items.push('fixed');
    this.allowed = `; allow=${items.join(',')}`;
  }

  /** `isLimited`: something was asked for that is not allowed. */
  limit(requested: CookieAttributes): { readonly cookie: CookieAttributes; readonly isLimited: boolean } {
    const { app } = this.settings;
    const { sameSite, domain, path } = requested;
    const fits = {
      idle: requested.idle <= this.longestIdle,
      sameSite: sameSite === null || width[sameSite] <= width[app.sameSite],
      secure: requested.secure !== false || app.secure === 'never',
      httpOnly: requested.httpOnly !== false || !app.httpOnly,
      domain: domain === null || (this.isHostOnly ? domain === '' : isWithinDomain(domain, app.domain)),
      path: path === '' || (this.isHostOnly ? path === '/' : isWithinPath(path, app.path)),
    };
    if (Object.values(fits).every(Boolean)) return { cookie: requested, isLimited: false };
    const cookie = {
      ...requested,
      idle: Math.min(requested.idle, Math.floor(this.longestIdle)),
      sameSite: fits.sameSite ? sameSite : app.sameSite,
      secure: fits.secure ? requested.secure : null,
      httpOnly: fits.httpOnly ? requested.httpOnly : null,
      domain: fits.domain ? domain : null,
      path: fits.path ? path : '',
    };
    return { cookie, isLimited: true };
  }
}

/** Every host that gets a cookie of `domain` also gets one of `widest`. '' is one host alone. */
function isWithinDomain(domain: string, widest: string): boolean {
  return domain === '' || domain === widest || (widest !== '' && domain.endsWith(`.${widest}`));
}

/** RFC 6265 section 5.1.4. */
export function isWithinPath(path: string, widest: string): boolean {
  return path === widest || path.startsWith(widest.endsWith('/') ? widest : `${widest}/`);
}
