import { describe, expect, test } from 'vitest';
import { readAttributes } from '../http/session-cookie.ts';
import { type CookieLimits, type CookieOptions, cookieDefaults } from './cookie-options.ts';
import { CookiePolicy } from './cookie-policy.ts';

function policyOf(change: Partial<CookieOptions> = {}, app: Partial<CookieLimits> = {}): CookiePolicy {
  const { sameSite, secure, httpOnly, domain, path } = { ...cookieDefaults, ...change };
  const limits = { maxAge: 3_600_000, sameSite, secure, httpOnly, domain, path, ...app };
  return new CookiePolicy({ ...cookieDefaults, type: 'cookie', twin: '', ...change, app: limits });
}

/** What becomes of it, '' when it is as asked; else the fields that are not. */
function limited(policy: CookiePolicy, asked: string): string {
  const cookie = readAttributes(`tag=00000001; ${asked}`);
  if (typeof cookie === 'string') throw new Error(asked);
  const { cookie: found, isLimited } = policy.limit(cookie);
  const changed = Object.entries(found).filter(
    ([name, value]) => value !== Object.entries(cookie).find(([own]) => own === name)?.[1],
  );
  expect(isLimited).toBe(changed.length > 0);
  return changed.map(([name, value]) => `${name}=${value}`).join(' ');
}

describe('what is narrower than the config is always allowed, what is wider as far as it says', () => {
  const idle8h = policyOf();
  const domain = policyOf({ domain: 'example.org', path: '/shop', sameSite: 'Strict', secure: 'always' });
  const wide = policyOf(
    { sameSite: 'Strict', path: '/shop' },
    { maxAge: 7_200_000_000, sameSite: 'None', secure: 'never', httpOnly: false, domain: 'example.org', path: '/' },
  );
  const host = policyOf({ name: '__Host-limpet' });
  test.each([
    [idle8h, 'idle=60; persistent=1; same-site=strict; secure=1; http-only=1; partitioned=1; path=/a; domain=', ''],
    [idle8h, 'idle=28801', 'idle=28800'],
    [idle8h, 'same-site=none', 'sameSite=Lax'],
    [idle8h, 'secure=0', 'secure=null'],
    [idle8h, 'http-only=0', 'httpOnly=null'],
    [idle8h, 'domain=example.org', 'domain=null'],
    [domain, 'domain=a.example.org; path=/shop/a', ''],
    [domain, 'domain=example.org; path=/shop', ''],
    [domain, 'domain=', ''],
    [domain, 'domain=evilexample.org', 'domain=null'],
    [domain, 'domain=org', 'domain=null'],
    [domain, 'path=/', 'path='],
    [domain, 'path=/shopping', 'path='],
    [domain, 'same-site=lax', 'sameSite=Strict'],
    [wide, 'idle=7200000; same-site=none; secure=0; http-only=0; domain=a.example.org; path=/b', ''],
    [host, 'domain=; path=/', ''],
    [host, 'path=/a', 'path='],
  ])('%#: %s', (policy, asked, expected) => {
    expect(limited(policy, asked)).toBe(expected);
  });

  test('servers are told, briefly where it is as usual', () => {
    expect(idle8h.allowed).toBe('; allow=idle:28800,usual:28800');
    expect(domain.allowed).toBe('; allow=idle:28800,usual:28800,same-site:strict,domain:example.org,path:%2Fshop');
    expect(wide.allowed).toBe('; allow=idle:7200000,usual:28800,same-site:none,insecure,scripts,domain:example.org');
    expect(host.allowed).toBe('; allow=idle:28800,usual:28800,fixed');
    expect(policyOf({ idle: 0 }).allowed).toBe('; allow=idle:34560000');
  });
});
