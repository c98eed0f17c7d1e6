/** Descriptor of the affinity by a cookie of our own. */
import type { FieldKinds } from '../config/field-kinds.ts';
import { CookieAffinity } from './cookie.ts';
import { type CookieOptions, checkCookie, cookieNames, cookieSchema } from './cookie-options.ts';
import { CookiePolicy } from './cookie-policy.ts';
import type { AffinityDescriptor } from './descriptor.ts';

export const cookie = {
  type: 'cookie',
  meaning: 'A cookie of our own, which the servers never see.',
  wordRank: 1,
  binds: true,
  hasIds: true,
  issuesTokens: true,
  schema: (kinds: FieldKinds) => cookieSchema(kinds),
  flag: { value: 'NAME', schema: ({ cookieName }: FieldKinds) => cookieName, written: (name) => ({ name }) },
  check: checkCookie,
  cookiesOf: (options) => ({ names: cookieNames(options).all, path: options.path, domain: options.domain }),
  timesOf: (options) => options,
  tableNameOf: ({ name }) => name,
  whyRecognised: (options) => `the token in the cookie ${cookieNames(options).secure} is authentic and in time`,
  whyNotRecognised: (options) => `no cookie ${cookieNames(options).all.join(' or ')}`,
  whyNoCookie: (_options, pool, isDue) =>
    isDue
      ? `a plain 200 may be stored by caches, and ${pool} has onCacheable: skip`
      : 'the token that the client has is right, and its date young enough',
  create(options, dependencies) {
    const { keys, pool, rings, skew } = dependencies;
    const { longestIdle } = new CookiePolicy(options);
    const times = { idle: options.idle / 1000, absolute: options.absolute / 1000, longestIdle };
    return new CookieAffinity(options, { ...dependencies, ring: rings.of(keys, pool, times, skew) });
  },
} satisfies AffinityDescriptor<CookieOptions>;
