/** Schema of the config: every field with its kind, default and meaning. The JSON Schema and the reference are made from it. */
import { z } from 'zod';
import { isToken } from '../http/bytes.ts';
import { formatAddress } from '../net/socket.ts';
import { trustOf } from '../net/trust.ts';
import { isHostName, listenerForm, parseListener } from './address.ts';
import { defaults } from './defaults.ts';
import { field, flag, map, open, size, text, time, timeOrNone, whole, word } from './fields.ts';
import { fleetSchema } from './fleet-schema.ts';
import { h2LimitsSchema } from './h2-schema.ts';
import { keyForm, parseKey } from './keys.ts';
import { logSchema } from './log-schema.ts';
import type { ListenerOptions, RouteOptions } from './options.ts';
import { poolSchema } from './pool-schema.ts';
import { probesSchema } from './probes-schema.ts';
import { resolverSchema } from './resolver-schema.ts';
import { adminSchema, sessionsSchema } from './sessions-schema.ts';
import { hstsSchema, listenerTlsSchema } from './tls-schema.ts';
import { requestIdSchema, tracingSchema } from './tracing-schema.ts';
import { formatDuration, formatSize } from './units.ts';
import { mostWorkers } from './workers.ts';

const { listener } = defaults;

const trustedProxy = text('address or block', 'an address like 10.0.0.1, a block like 10.0.0.0/8, or unix', (proxy) => {
  try {
    trustOf([proxy]);
    return proxy;
  } catch {
    return null;
  }
});

/** Behind an upgrade to h2c nobody could check the requests of a client (RFC 9113 section 3.1 has given it up, too). */
const upgrade = text('protocol', 'the name of a protocol, such as websocket, but not h2c', (name) =>
  name !== '' &&
  name.toLowerCase() !== 'h2c' &&
  Array.from(name).every((char) => isToken[char.charCodeAt(0)] === 1 || char === '/')
    ? name.toLowerCase()
    : null,
);

const redirect = text('https', 'https, or https:PORT such as https:443', (written) => {
  const port = /^https(?::(\d{1,5}))?$/.exec(written);
  if (port === null || Number(port[1] ?? 1) < 1 || Number(port[1] ?? 1) > 65535) return null;
  return { port: Number(port[1] ?? 0) };
});

const limitsSchema = map({
  connections: field(
    whole(1, 10_000_000),
    listener.limits.connections,
    'Most open connections; one more is refused with 503.',
  ),
  headBytes: field(
    size(512, 1024 ** 2),
    formatSize(listener.limits.headBytes),
    'Largest request line and headers together; more is refused with 431.',
  ),
  headers: field(whole(1, 10_000), listener.limits.headers, 'Most headers of a request; more are refused with 431.'),
  uriBytes: field(
    size(64, 1024 ** 2),
    formatSize(listener.limits.uriBytes),
    'Longest request target; a longer one is refused with 414.',
  ),
  bodyBytes: field(
    size(0, 1024 ** 4),
    listener.limits.bodyBytes,
    'Largest request body; a larger one is refused with 413. 0: no limit.',
  ),
  lingerBytes: field(
    size(0, 1024 ** 4),
    formatSize(listener.limits.lingerBytes),
    'After a response that is sent before the request has ended, the rest of the request is read and dropped up to this many bytes, so that a client that writes everything before it reads still gets the response. Beyond it the connection is closed.',
  ),
  h2: field(h2LimitsSchema, {}, 'Limits of HTTP/2. Its header lists have those of `headBytes` and `headers`.'),
});

const timeoutsSchema = map({
  handshake: field(
    time(),
    formatDuration(listener.timeouts.handshake),
    'With `tls`: longest time from the connection to the end of the handshake; then it is closed.',
  ),
  requestHead: field(
    time(),
    formatDuration(listener.timeouts.requestHead),
    'Longest time from the first byte of a request head to its last; then 408.',
  ),
  requestBody: field(
    time(),
    formatDuration(listener.timeouts.requestBody),
    'Longest time between two pieces of a request body; then 408.',
  ),
  keepAlive: field(
    time(),
    formatDuration(listener.timeouts.keepAlive),
    'Longest time between the end of a response and the next request; then the connection is closed.',
  ),
  write: field(
    time(),
    formatDuration(listener.timeouts.write),
    'A connection whose client accepts no byte of its response for this long is closed.',
  ),
  linger: field(
    time(),
    formatDuration(listener.timeouts.linger),
    'After a response that is sent before the request has ended, the rest of the request is read and dropped for this long; then the connection is closed.',
  ),
});

const protocolsForm = 'a list of h2 and h1, each at most once';

const protocols = z
  .array(word(['h1', 'h2']), { error: protocolsForm })
  .min(1, { error: protocolsForm })
  .refine((list) => new Set(list).size === list.length, { error: protocolsForm });

const listenerSchema = map({
  address: text('address', listenerForm, parseListener).meta({
    description:
      'Where clients connect: `127.0.0.1:8080`, `[::1]:8080`, `:8080` for all interfaces, `unix:/run/limpet.sock`.',
  }),
  protocols: open(
    protocols,
    '`[h2, h1]` with `tls`, else `[h1]`',
    'Versions of HTTP that clients may use, the preferred one first. `h2` without `tls` is for clients that begin with it (prior knowledge), such as gRPC.',
  ),
  tls: open(
    listenerTlsSchema,
    'none: plain HTTP',
    'HTTPS, with these certificates. Files that change are read again, without effect on open connections. `auto`: for development, see `certificates`.',
  ),
  redirect: open(
    redirect,
    'none',
    '`https`: requests over plain HTTP are redirected to the same URL with `https` (301; 308 for methods other than GET and HEAD), unless a route names this listener. The port is that of the listener with `tls`; `https:443` names it where clients know it by another one.',
  ),
  hsts: open(
    hstsSchema,
    'none',
    'Browsers that have been here by HTTPS use nothing else for this long (`Strict-Transport-Security`), such as `1y`. Sent over TLS only.',
  ),
  probes: open(
    probesSchema,
    'none',
    'Paths on which GET and HEAD tell load balancers and orchestrators whether Limpet works. They go before all routes and `redirect`, to no server, and are not in the access log.',
  ),
  reusePort: field(flag(), listener.reusePort, 'Several processes share the port (`SO_REUSEPORT`).'),
  backlog: field(
    whole(1, 65_535),
    listener.backlog,
    'Kernel queue of connections not accepted yet. Bun decides by itself.',
  ),
  trustedProxies: field(
    z.array(trustedProxy, { error: 'a list of addresses and blocks' }),
    [...listener.trustedProxies],
    'Addresses and CIDR blocks of proxies whose `X-Forwarded-*` and `Forwarded` are believed.',
  ),
  upgrades: field(
    z.array(upgrade, { error: 'a list of protocols' }),
    [...listener.upgrades],
    'Upgrade protocols that are passed on.',
  ),
  halfClose: field(
    flag(),
    listener.halfClose,
    'A client that closes its sending side after the request still gets its response. `false`: it counts as disconnected.',
  ),
  limits: field(limitsSchema, {}, 'What a client may send.'),
  timeouts: field(timeoutsSchema, {}, 'How long a client may take.'),
}).transform(
  ({ protocols, tls = null, redirect = null, hsts = null, probes = null, ...rest }): ListenerOptions => ({
    ...rest,
    protocols: protocols ?? (tls === null ? ['h1'] : ['h2', 'h1']),
    tls,
    redirect,
    hsts,
    probes,
  }),
);

const hostPattern = text('host', 'a host without port, such as example.org or *.example.org', (written) => {
  const host = written.toLowerCase();
  return host === '' || isHostName(host.replace(/^\*\./, '')) || /^[0-9.]+$|^\[[0-9a-f:.]+\]$/.test(host) ? host : null;
});

const pathPrefix = text('path', 'a path that begins with / and has no space, ? or #', (path) =>
  /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(path) ? path.replace(/(?<=.)\/+$/, '') : null,
);

const method = text('method', 'a method in capitals, such as GET', (name) =>
  /^[A-Z-]{1,32}$/.test(name) ? name : null,
);

const extension = text('extension', 'an extension such as css', (written) => {
  const name = written.replace(/^\./, '').toLowerCase();
  return /^[\w-]{1,32}$/.test(name) ? name : null;
});

const listenerRef = text('listener', listenerForm, (written) => {
  const address = parseListener(written);
  return address === null ? null : formatAddress(address);
});

const routeSchema = map({
  match: field(
    map({
      host: field(
        hostPattern,
        defaults.match.host,
        'Host without port; `*.example.org` for its subdomains. Empty: any.',
      ),
      path: field(
        pathPrefix,
        defaults.match.path,
        'Path prefix on whole segments: `/a` matches `/a` and `/a/b`, not `/ab`.',
      ),
      methods: field(
        z.array(method, { error: 'a list of methods' }),
        [...defaults.match.methods],
        'Methods, any of these. None: every method.',
      ),
      extensions: field(
        z.array(extension, { error: 'a list of extensions' }),
        [...defaults.match.extensions],
        'What the path ends in, any of these: `[css, js, png]`. None: anything.',
      ),
      listeners: field(
        z.array(listenerRef, { error: 'a list of addresses of listeners' }),
        [...defaults.match.listeners],
        'Where the client connected, any of these listeners by `address`, as it stands there: `[":8080"]`. None: every listener.',
      ),
    }),
    {},
    'What a request must look like; left out, every request matches.',
  ),
  pool: z.string({ error: 'the name of a pool' }).meta({ description: 'Name of the pool that serves it.' }),
  affinity: z
    .literal('none', { error: 'none, or nothing: the affinities are those of the pool' })
    .optional()
    .meta({ description: '`none`: this route neither recognises nor binds a session. Left out: as the pool says.' }),
}).transform(({ affinity, ...rest }): RouteOptions => ({ ...rest, affinity: affinity !== 'none' }));

const poolName = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/, {
  error: 'a pool name of letters, digits, . _ and -',
});

const keySchema = text('key', keyForm, parseKey);

/** Milliseconds. */
const longestWorkerTimeout = 3_600_000;

const workersForm = `a whole number from 1 to ${mostWorkers}, or auto`;

const tableSchema = map({
  capacity: field(
    whole(1000, 100_000_000),
    defaults.table.capacity,
    'Most sessions, about 46.5 bytes each; beyond it those without a request for the longest time are removed.',
  ),
  save: field(
    timeOrNone(),
    formatDuration(defaults.table.save),
    'Time between two saves to `stateDir`; the table is saved at shutdown too. `off`: never.',
  ),
});

export const configSchema = map(
  {
    listeners: z
      .array(listenerSchema, { error: 'a list of listeners' })
      .min(1, { error: 'at least one listener' })
      .meta({ description: 'Where clients connect.' }),
    pools: z
      .record(poolName, poolSchema, { error: 'a map of pools by name' })
      .meta({ description: 'Sets of servers of which each can serve the same requests, by name.' }),
    routes: z
      .array(routeSchema, { error: 'a list of routes' })
      .min(1, { error: 'at least one route' })
      .optional()
      .meta({
        description:
          'Tried in order: the first that matches gives the pool that serves the request. With one pool they may be left out: it serves all requests.',
      }),
    keys: field(
      z.array(keySchema, { error: 'a list of keys' }),
      [],
      'Secrets that sign the tokens, 32 bytes or more each, in hex, base64 or plain text: the first signs, all verify. None: a key is generated and kept in `stateDir`. Take them from the environment.',
    ),
    log: field(logSchema, {}, 'What is logged.'),
    requestId: open(
      requestIdSchema,
      'none',
      'Each request has an id, by which it is found in the logs of all who serve it. `{}`: with the defaults.',
    ),
    tracing: open(
      tracingSchema,
      'none: the headers of trace context pass like any other',
      'Distributed tracing: W3C Trace Context (`traceparent`, `tracestate`) is continued or begun, and spans are exported.',
    ),
    shutdown: field(
      map({
        timeout: field(
          time(),
          formatDuration(defaults.shutdown.timeout),
          'Open exchanges that have not finished after this long are cut.',
        ),
      }),
      {},
      'SIGTERM and SIGINT: nothing new is accepted, and open exchanges are finished.',
    ),
    limits: field(
      map({
        keptBytes: field(
          size(1024 ** 2, 64 * 1024 ** 3),
          formatSize(defaults.limits.keptBytes),
          'Most bytes that one worker buffers for slow clients and servers, for requests that wait, and for retries. Beyond it the connections with the largest buffers and the least progress are closed, or new requests are refused with 503 (`buffers-full`).',
        ),
        connecting: field(
          whole(1, 10_000_000),
          defaults.limits.connecting,
          'Most connections that one worker opens to servers at one time; beyond it requests wait in the queue of their pool.',
        ),
      }),
      {},
      'What the balancer may use of this machine.',
    ),
    clock: field(
      map({
        skew: field(
          time(),
          formatDuration(defaults.clock.skew),
          'A token dated by a clock that is ahead of this one by up to this long is accepted, and dated anew (counter `clock_ahead`); beyond it the session is refused. At least one minute is always allowed.',
        ),
      }),
      {},
      'How far the clocks of nodes that share sessions may differ.',
    ),
    resolver: field(
      resolverSchema,
      {},
      'How the names of servers are looked up: in the background, never for a request.',
    ),
    workers: field(
      z.union([z.literal('auto'), whole(1, mostWorkers, workersForm)], { error: workersForm }),
      defaults.workers,
      'Worker threads, each with its own event loop and listening sockets. `auto`: one for each core.',
    ),
    workerTimeout: field(
      timeOrNone(longestWorkerTimeout, 1000),
      formatDuration(defaults.workerTimeout),
      'A worker whose event loop has not turned for this long is ended and replaced. `off`: never (for a debugger).',
    ),
    table: field(tableSchema, {}, 'The table of sessions, which all workers share.'),
    stateDir: field(
      text('folder', 'the path of a folder', (path) => (path !== '' && !path.includes('\0') ? path : null)),
      defaults.stateDir,
      'Folder for what outlives the process, such as a generated key and the saved table. The environment variable `LIMPET_STATE` takes precedence.',
    ),
    sessions: open(
      sessionsSchema,
      'none',
      'Copies of sessions, for servers that speak the [session protocol](session-protocol.md). A change takes effect with a restart only.',
    ),
    fleet: open(
      fleetSchema,
      'none: this is the only balancer of its pools',
      'Several balancers side by side, of which each may get any request: they share one store. A change takes effect with a restart only.',
    ),
    admin: field(adminSchema, {}, 'The admin listener, through which a running balancer is queried and changed.'),
    identify: field(
      flag(),
      defaults.identify,
      'Responses say which server gave them: `Limpet-Server: NAME; epoch=N`. For demos and debugging.',
    ),
  },
  'a map with listeners and pools',
);

/** Checked and filled field by field, but still in the shape of the config. */
export type FilledConfig = z.output<typeof configSchema>;
