/** What a person may write about affinity, and how it becomes the filled options. */

import { z } from 'zod';
import { isToken } from '../http/bytes.ts';
import { isHostName } from './address.ts';
import { defaults } from './defaults.ts';
import { field, flag, longestTime, map, oneOf, open, text, timeOrNone, whole, word } from './fields.ts';
import type { AffinityOptions, CookieOptions, ForceOptions, KeyOptions, RouteAffinityOptions } from './options.ts';
import { formatDuration } from './units.ts';

const { cookie, rewrite, sourceIp } = defaults;

/** RFC 6265 section 4.1.1: a cookie's name is a token. */
const cookieName = text('cookie name', 'a cookie name: letters, digits and the like, no space or ; or =', (name) =>
  name !== '' && name.length <= 256 && Array.from(name).every((char) => isToken[char.charCodeAt(0)] === 1)
    ? name
    : null,
);

/** RFC 6265 section 4.1.1 path-value: no control character and no semicolon, which would begin an attribute. */
const cookiePath = text('path', 'a path that begins with / and has no space or ;', (path) =>
  /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) ? path : null,
);

/** The leading dot of old times says nothing since RFC 6265 section 5.2.3. */
const cookieDomain = text('domain', 'a domain such as example.org', (written) => {
  const domain = written.replace(/^\./, '').toLowerCase();
  return written === '' || isHostName(domain) ? domain : null;
});

const cookieSchema = map({
  name: field(cookieName, cookie.name, 'Name of the cookie.'),
  path: field(cookiePath, cookie.path, 'Its `Path`: below it the client sends the cookie.'),
  domain: field(
    cookieDomain,
    cookie.domain,
    'Its `Domain`, for subdomains too. Empty: left out, and the cookie stays with its host.',
  ),
  sameSite: field(
    word(['Strict', 'Lax', 'None']),
    cookie.sameSite,
    'Its `SameSite`. `None` lets other sites embed yours, and needs `Secure`.',
  ),
  secure: field(
    word(['auto', 'always', 'never']),
    cookie.secure,
    '`Secure`: by what the client speaks (to us, or to a trusted proxy that tells), always, or never.',
  ),
  httpOnly: field(flag(), cookie.httpOnly, '`HttpOnly`: scripts of the page cannot read it.'),
  partitioned: field(
    flag(),
    cookie.partitioned,
    '`Partitioned` (CHIPS): a jar of its own for each site that embeds yours. Needs `Secure`.',
  ),
  twin: field(
    flag(),
    cookie.twin,
    'Secure clients get the token in `NAME-x` too, with `SameSite=None; Secure; Partitioned`, for other sites that embed yours.',
  ),
  lifetime: field(
    word(['session', 'permanent']),
    cookie.lifetime,
    '`session`: no `Max-Age`, the balancer alone keeps the times. `permanent`: `Max-Age` too; needs `absolute`.',
  ),
  idle: open(
    timeOrNone(longestTime),
    formatDuration(cookie.idle),
    'A session ends after this long without a request. Left out, it is never longer than `absolute`.',
  ),
  absolute: field(timeOrNone(longestTime), 'off', 'A session ends at this age, however busy it is.'),
  onCacheable: field(
    word(['private', 'skip']),
    cookie.onCacheable,
    'A response that caches may store and that needs a new cookie: made `Cache-Control: private`, or sent without the cookie.',
  ),
}).transform(({ idle, absolute, twin, ...rest }): CookieOptions => {
  const longest = absolute === 0 ? cookie.idle : Math.min(cookie.idle, absolute);
  return { type: 'cookie', ...rest, twin: twin ? `${rest.name}-x` : '', idle: idle ?? longest, absolute };
});

const sourceIpSchema = map({
  ipv4Prefix: field(
    whole(1, 32),
    sourceIp.ipv4Prefix,
    'Bits of an IPv4 address that count: 24 puts a /24 on one server.',
  ),
  ipv6Prefix: field(
    whole(1, 128),
    sourceIp.ipv6Prefix,
    'Bits of an IPv6 address that count. A customer usually has a /64.',
  ),
}).transform((prefixes) => ({ type: 'source-ip' as const, ...prefixes }));

/** RFC 6265 section 4.1.1: what a cookie's value may hold. */
const separator = text('character', 'one character such as ~ . ! : or |', (char) =>
  /^[!#$&'()*+./:?@^`{|}~-]$/.test(char) ? char : null,
);

const rewriteFields = map(
  {
    cookie: cookieName.meta({ description: "Name of the app's cookie." }),
    separator: field(separator, rewrite.separator, "Stands between our prefix and the app's value."),
  },
  "the name of the app's cookie, or a map with cookie",
);

const rewriteSchema = z
  .union([cookieName.transform((name) => ({ cookie: name, ...rewrite })), rewriteFields], {
    error: "the name of the app's cookie, or a map with cookie",
  })
  .transform((filled) => ({ type: 'rewrite' as const, ...filled }));

const headerName = text('header name', 'a header name such as X-User', (name) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) ? name : null,
);

const queryName = text('parameter', 'the name of a query parameter', (name) => (name !== '' ? name : null));

/** One of `header`, `cookie` and `query` says where the client gives its key. */
const keyFields = {
  header: open(headerName, undefined, 'The key is the value of this header.'),
  cookie: open(cookieName, undefined, 'The key is the value of this cookie.'),
  query: open(queryName, undefined, 'The key is the value of this query parameter.'),
};

type KeyFields = { readonly [From in KeyOptions['from']]?: string | undefined };

function keyOf(fields: KeyFields): KeyOptions | null {
  const given = (['header', 'cookie', 'query'] as const).flatMap((from): KeyOptions[] => {
    const name = fields[from];
    return name === undefined ? [] : [{ from, name }];
  });
  return given.length === 1 ? given[0]! : null;
}

const routeForm = 'a map with header, cookie or query (one of them), and map';

const routeSchema = map(
  {
    ...keyFields,
    map: z
      .record(z.string().min(1, { error: 'a pattern' }), z.string({ error: 'the name of a server' }), {
        error: 'a map from keys to names of servers',
      })
      .meta({ description: 'Key to name of a server of the pool. `*` stands for any text; keys without it go first.' }),
  },
  routeForm,
).transform(({ map, ...fields }, context): RouteAffinityOptions => {
  const key = keyOf(fields);
  if (key !== null)
    return { type: 'route', key, map: Object.entries(map).map(([pattern, server]) => ({ pattern, server })) };
  context.issues.push({ code: 'custom', message: routeForm, input: fields });
  return z.NEVER;
});

const forceForm = 'a map with header, cookie or query (one of them)';

const forceSchema = map(keyFields, forceForm).transform((fields, context): ForceOptions => {
  const key = keyOf(fields);
  if (key !== null) return { type: 'force', key };
  context.issues.push({ code: 'custom', message: forceForm, input: fields });
  return z.NEVER;
});

const names = ['cookie', 'source-ip'] as const;
const entryForm = `cookie, source-ip, or a map with one affinity, such as { cookie: { name: shop } }`;

const entrySchema = z
  .union(
    [
      word(names),
      map(
        {
          cookie: open(cookieSchema, undefined, 'A cookie of our own, which the servers never see.'),
          'source-ip': open(sourceIpSchema, undefined, "A keyed hash of the client's address."),
          rewrite: open(rewriteSchema, undefined, "A prefix in the app's own cookie, which the servers never see."),
          route: open(routeSchema, undefined, 'A fixed map from keys to servers, for test users and canaries.'),
          force: open(
            forceSchema,
            undefined,
            'A signed header or parameter of a trusted peer picks the server, for debugging.',
          ),
        },
        entryForm,
      ),
    ],
    { error: entryForm },
  )
  .transform((entry, context): AffinityOptions => {
    if (entry === 'cookie') return cookieSchema.parse({});
    if (entry === 'source-ip') return sourceIpSchema.parse({});
    const [only, ...more] = Object.values(entry).filter((one) => one !== undefined);
    if (only !== undefined && more.length === 0) return only;
    context.issues.push({ code: 'custom', message: entryForm, input: entry });
    return z.NEVER;
  });

export const affinitySchema = z
  .union([word([...names, 'none']), z.array(entrySchema)], {
    error: `${oneOf([...names, 'none'])}, or a list of affinities`,
  })
  .transform((written): readonly AffinityOptions[] => {
    if (typeof written !== 'string') return written;
    return written === 'none' ? [] : [entrySchema.parse(written)];
  });
