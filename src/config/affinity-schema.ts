/** What a person may write about affinity, and how it becomes the filled options. */

import { z } from 'zod';
import { isHostName } from './address.ts';
import { forceSchema, routeSchema } from './affinity-fixed.ts';
import { headerSchema, learnSchema, pathSchema, querySchema, socketIoSchema } from './affinity-learned.ts';
import { cookieName, storedTime } from './affinity-names.ts';
import { defaults } from './defaults.ts';
import { field, flag, longestTime, map, oneOf, open, text, time, timeOrNone, whole, word } from './fields.ts';
import type { CookieOptions, PoolAffinity, SourceIpOptions } from './options.ts';
import { whenOwnerFailsSchema } from './owner-fails-schema.ts';
import { formatDuration } from './units.ts';

const { cookie, appCookie, rewrite, sourceIp } = defaults;

/** RFC 6265 section 4.1.1 path-value: no control character and no semicolon, which would begin an attribute. */
const cookiePath = text('path', 'a path that begins with / and has no space or ;', (path) =>
  /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) ? path : null,
);

/** The leading dot of old times says nothing since RFC 6265 section 5.2.3. */
const cookieDomain = text('domain', 'a domain such as example.org', (written) => {
  const domain = written.replace(/^\./, '').toLowerCase();
  return written === '' || isHostName(domain) ? domain : null;
});

const sameSite = word(['Strict', 'Lax', 'None']);

/** What is left out is as the cookie itself has it. */
const appSchema = map({
  maxAge: open(
    time(longestTime),
    '`idle` where that is written, else 720h',
    'Longest that a session may live without a request, and its cookie: `maxAge` of the app ("remember me").',
  ),
  sameSite: open(
    sameSite,
    "the cookie's own",
    'Widest `SameSite`: `None` is wider than `Lax`, and that than `Strict`.',
  ),
  secure: open(word(['auto', 'always', 'never']), "the cookie's own", '`never`: the app may leave `Secure` out.'),
  httpOnly: open(flag(), "the cookie's own", '`false`: the app may leave `HttpOnly` out.'),
  domain: open(
    cookieDomain,
    "the cookie's own",
    'Widest `Domain`; the app may choose one below it, or the host alone.',
  ),
  path: open(cookiePath, "the cookie's own", 'Widest `Path`; the app may choose one below it.'),
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
    sameSite,
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
    '`session`: no `Max-Age`, the balancer alone keeps the times. `permanent`: `Max-Age` and `Expires` too; needs `absolute`.',
  ),
  idle: open(
    timeOrNone(longestTime),
    formatDuration(cookie.idle),
    'A session ends after this long without a request. Left out, it is never longer than `absolute`.',
  ),
  absolute: field(timeOrNone(longestTime), 'off', 'A session ends at this age, however busy it is.'),
  bind: field(
    word(['auto', 'always', 'on-session']),
    cookie.bind,
    '`always`: every client gets the cookie with its first answer. `on-session`: once its server begins a session, so that anonymous traffic stays free of it. `auto`: `on-session` in pools with `sessions`, else `always`.',
  ),
  onCacheable: field(
    word(['private', 'skip']),
    cookie.onCacheable,
    'A response that caches may store, or by which they may update one (304), and that needs a new cookie: made `Cache-Control: private`, or sent without the cookie.',
  ),
  app: field(
    appSchema,
    {},
    'What apps with the session library may decide of the cookie of one session: the widest of each. What is narrower than the cookie itself they may always choose.',
  ),
}).transform(({ idle, absolute, twin, app, ...rest }): CookieOptions => {
  const longest = absolute === 0 ? cookie.idle : Math.min(cookie.idle, absolute);
  const { sameSite, secure, httpOnly, domain, path } = rest;
  const maxAge = app.maxAge ?? idle ?? appCookie.maxAge;
  return {
    type: 'cookie',
    ...rest,
    twin: twin ? `${rest.name}-x` : '',
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
  mode: field(
    word(['hash', 'table']),
    sourceIp.mode,
    '`hash`: the server follows from the address alone. `table`: the same at first, and it stays when servers are added.',
  ),
  idle: open(
    storedTime(),
    formatDuration(sourceIp.idle),
    'In mode `table`: an address is forgotten after this long without a request. `off`: only when the table is full.',
  ),
}).transform(({ idle, ...rest }, context): SourceIpOptions => {
  if (idle === undefined || rest.mode === 'table') return { type: 'source-ip', ...rest, idle: idle ?? sourceIp.idle };
  context.issues.push({
    code: 'custom',
    message: 'none, because only mode table keeps anything',
    input: idle,
    path: ['idle'],
  });
  return z.NEVER;
});

/** RFC 6265 section 4.1.1: what a cookie's value may hold. */
const separator = text('character', 'one character such as ~ . ! : or |', (char) =>
  /^[!#$&'()*+./:?@^`{|}~-]$/.test(char) ? char : null,
);

const rewriteFields = map(
  {
    cookie: cookieName.meta({ description: "Name of the app's cookie." }),
    separator: field(separator, rewrite.separator, "Stands between our prefix and the app's value."),
    idle: field(
      storedTime(),
      formatDuration(rewrite.idle),
      'The table remembers this long without a request that a session has moved, while its prefix names the old server.',
    ),
  },
  "the name of the app's cookie, or a map with cookie",
);

const rewriteSchema = z
  .union([cookieName.transform((name) => ({ cookie: name, ...rewrite })), rewriteFields], {
    error: "the name of the app's cookie, or a map with cookie",
  })
  .transform((filled) => ({ type: 'rewrite' as const, ...filled }));

const names = ['cookie', 'source-ip', 'socket.io'] as const;
const entryForm = `${names.join(', ')}, or a map with one affinity, such as { cookie: { name: shop } }`;

const entrySchema = z
  .union(
    [
      word(names),
      map(
        {
          cookie: open(cookieSchema, undefined, 'A cookie of our own, which the servers never see.'),
          learn: open(
            learnSchema,
            undefined,
            "The app's own session id: learned from responses, followed in requests.",
          ),
          header: open(headerSchema, undefined, 'A header that the client gives, or that a response gave it.'),
          query: open(querySchema, undefined, 'A query parameter that the client gives.'),
          path: open(pathSchema, undefined, 'A part of the path.'),
          'socket.io': open(
            socketIoSchema,
            undefined,
            'Sessions of Socket.IO clients without cookies: the `sid` of the handshake.',
          ),
          'source-ip': open(sourceIpSchema, undefined, "A keyed hash of the client's address."),
          rewrite: open(rewriteSchema, undefined, "A prefix in the app's own cookie, which the servers never see."),
          route: open(routeSchema, undefined, 'A fixed map from keys to servers, for test users and canaries.'),
          force: open(
            forceSchema,
            undefined,
            'A signed header or parameter of a trusted peer picks the server, for debugging.',
          ),
          whenOwnerFails: open(
            whenOwnerFailsSchema,
            'as the pool says',
            'Beside the affinity: what becomes of the sessions that it recognises when their server is gone.',
          ),
        },
        entryForm,
      ),
    ],
    { error: entryForm },
  )
  .transform((entry, context): PoolAffinity => {
    if (typeof entry === 'string') return { ...plain[entry](), whenOwnerFails: null };
    const { whenOwnerFails = null, ...affinities } = entry;
    const [only, ...more] = Object.values(affinities).filter((one) => one !== undefined);
    if (only !== undefined && more.length === 0) return { ...only, whenOwnerFails };
    context.issues.push({ code: 'custom', message: entryForm, input: entry });
    return z.NEVER;
  });

/** What a word alone stands for. */
const plain = {
  cookie: () => cookieSchema.parse({}),
  'source-ip': () => sourceIpSchema.parse({}),
  'socket.io': () => socketIoSchema.parse({}),
};

export const affinitySchema = z
  .union([word([...names, 'none']), z.array(entrySchema)], {
    error: `${oneOf([...names, 'none'])}, or a list of affinities`,
  })
  .transform((written): readonly PoolAffinity[] => {
    if (typeof written !== 'string') return written;
    return written === 'none' ? [] : [entrySchema.parse(written)];
  });
