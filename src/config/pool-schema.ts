/** Schema of a pool. */
import { z } from 'zod';
import { policyNames } from '../balance/registry.ts';
import { formatAddress } from '../net/socket.ts';
import { parseServer, serverForm } from './address.ts';
import { affinitySchema } from './affinity-schema.ts';
import { defaults } from './defaults.ts';
import { decimal, field, flag, map, open, size, text, textOrNumber, time, timeOrNone, whole, word } from './fields.ts';
import { healthSchema } from './health-schema.ts';
import { whenOwnerFailsSchema } from './owner-fails-schema.ts';
import { poolTlsSchema } from './tls-schema.ts';
import { formatDuration, formatSize } from './units.ts';

const { pool } = defaults;

const address = textOrNumber('address', serverForm, parseServer);

const serverName = text('name', 'a name of 1 to 128 printable characters without spaces', (name) =>
  /^[\x21-\x7e]{1,128}$/.test(name) ? name : null,
);

const serverFields = map(
  {
    name: open(serverName, 'its address', 'Stable name: sessions stay with it when the address changes.'),
    address: address.meta({ description: 'Where it is. A port alone is on 127.0.0.1.' }),
    weight: field(
      whole(0, 65_535),
      defaults.server.weight,
      'Share of new sessions relative to the other servers. 0: none.',
    ),
    maxRequests: field(
      whole(0, 1_000_000),
      defaults.server.maxRequests,
      'Most requests at one time; beyond it they wait in the queue. 0: no limit.',
    ),
    resolve: open(
      word(['any', 'all']),
      'as the pool says',
      'What a host name with several addresses stands for: see `resolve` of the pool.',
    ),
  },
  `${serverForm}, or a map with address`,
);

const serverSchema = z
  .union(
    [
      address.transform((only) => ({ address: only, name: undefined, resolve: undefined, ...defaults.server })),
      serverFields,
    ],
    {
      error: `${serverForm}, or a map with address`,
    },
  )
  .transform((server) => ({ ...server, name: server.name ?? formatAddress(server.address) }));

/** With 1 or less no server could take the mean load. */
const maxLoadForm = '0 (no bound) or a number above 1, to 100';

const queueSchema = map({
  max: field(
    whole(0, 1_000_000),
    pool.queue.max,
    'Most requests that wait; one more is refused with 503 and `Retry-After`.',
  ),
  timeout: field(time(), formatDuration(pool.queue.timeout), 'Longest wait of a request; then 503.'),
});

const retrySchema = map({
  attempts: field(
    whole(1, 10),
    pool.retry.attempts,
    'Most servers that are tried, the first one included. 1: no retry.',
  ),
  bufferBody: field(
    size(0, 64 * 1024 ** 2),
    formatSize(pool.retry.bufferBody),
    'Bytes of a request body that are kept for a retry. A request with a longer body is not retried once its body has been sent.',
  ),
  deadline: field(timeOrNone(), 'off', 'Longest time for all attempts together, until a response begins.'),
});

const timeoutsSchema = map({
  connect: field(
    time(),
    formatDuration(pool.timeouts.connect),
    'Longest time until the server accepts the connection.',
  ),
  response: field(
    timeOrNone(),
    formatDuration(pool.timeouts.response),
    'Longest time from the last byte of the request to the first of the response. Each interim response (1xx) restarts it.',
  ),
  responseBody: field(
    timeOrNone(),
    formatDuration(pool.timeouts.responseBody),
    'Longest time between two pieces of a response body.',
  ),
  keepAlive: field(
    time(),
    formatDuration(pool.timeouts.keepAlive),
    "An idle connection to a server is closed after this long. Keep it below the server's own time-out (5s in node:http).",
  ),
  tunnel: field(
    timeOrNone(),
    formatDuration(pool.timeouts.tunnel),
    'A WebSocket or another tunnel is closed after this long without a byte in either direction.',
  ),
});

const limitsSchema = map({
  headBytes: field(
    size(512, 1024 ** 2),
    formatSize(pool.limits.headBytes),
    'Largest status line and headers of a response together; more is answered with 502.',
  ),
  headers: field(whole(1, 10_000), pool.limits.headers, 'Most headers of a response; more are answered with 502.'),
  interim: field(
    whole(1, 1_000_000),
    pool.limits.interim,
    'Most interim responses (1xx) to one request in a second; more are answered with 502 (`too-many-interim`).',
  ),
  connecting: field(
    whole(1, 1_000_000),
    pool.limits.connecting,
    'Most connections that one worker opens to one server at one time; beyond it requests wait in the queue.',
  ),
  h2Connections: field(
    whole(1, 65_535),
    pool.limits.h2Connections,
    'With `protocol: h2`, most connections of one worker to one server. Another one is made when those that are open have no room for a request; beyond it requests wait in the queue.',
  ),
  h2Streams: field(
    whole(1, 8000),
    pool.limits.h2Streams,
    'With `protocol: h2`, most requests at one time on one connection, if the server allows as many.',
  ),
});

const skewForm = 'off, or a number above 1, to 100';

const rebalanceSchema = map({
  skew: field(
    z
      .union([z.literal('off'), decimal(0, 100, skewForm)], { error: skewForm })
      .transform((skew) => (skew === 'off' ? 0 : skew))
      .refine((skew) => skew === 0 || skew > 1, { error: skewForm }),
    'off',
    'When a server has more sessions than this multiple of the mean, such as 1.25, those with a copy that are not in use move to other servers with their next request.',
  ),
  rate: field(whole(1, 100_000), pool.rebalance.rate, 'Most moves in a second by each worker.'),
});

const drainSchema = map({
  grace: field(
    time(),
    formatDuration(pool.drain.grace),
    'After this long, WebSocket clients of a drained server get a close frame (1001), and server-sent events end, so that their clients come back elsewhere.',
  ),
  deadline: field(
    timeOrNone(),
    'off',
    'After this long, the streams and tunnels of a drained server that are left are closed. `off`: never; they are also closed when the server is taken down.',
  ),
});

export const poolSchema = map({
  servers: z
    .array(serverSchema, { error: 'a list of servers' })
    .min(1, { error: 'at least one server' })
    .meta({ description: 'The servers. One that is only an address has that address as its name.' }),
  resolve: field(
    word(['any', 'all']),
    defaults.resolve,
    'What a host name with several addresses stands for. `any`: one server, whose addresses are tried in turn. `all`: one server for each address, named `NAME@ADDRESS`.',
  ),
  protocol: field(
    word(['h1', 'h2']),
    pool.protocol,
    'Version of HTTP that the servers get. `h2`, which gRPC needs, without `tls` is begun with at once (prior knowledge).',
  ),
  tls: open(
    poolTlsSchema,
    '`false`',
    'Connections to the servers use TLS, health checks too. `true`: with all defaults. A server whose certificate does not verify gets no request.',
  ),
  balance: field(word(policyNames), pool.balance, 'Where new sessions go.'),
  maxLoad: field(
    decimal(0, 100, maxLoadForm).refine((load) => load === 0 || load > 1, { error: maxLoadForm }),
    pool.maxLoad,
    'Bounded load: no server takes a new session above this multiple of the mean, such as 1.25. 0: no bound.',
  ),
  affinity: field(
    affinitySchema,
    [...pool.affinity],
    'How sessions are recognised: a list, tried in order. The first affinity that recognises a request decides, and the first that is able to do so binds new sessions. `none`: no affinity.',
  ),
  whenOwnerFails: field(
    whenOwnerFailsSchema,
    pool.whenOwnerFails,
    'What happens to a session whose server has failed. `rebind`: it moves to another server and stays there. `temporary`: another server serves it until its own is back. `reject`: its requests are refused with a status.',
  ),
  whenOwnerFull: field(
    word(['queue', 'rebind', 'reject']),
    pool.whenOwnerFull,
    'What happens to a request of a session whose server is at its `maxRequests`. `queue`: it waits. `rebind`: the session moves to a server with room, if there is one. `reject`: it is refused with 503.',
  ),
  health: field(healthSchema, {}, 'How it is found out that a server is down.'),
  queue: field(queueSchema, {}, 'Where requests wait when every server is at its `maxRequests`.'),
  retry: field(retrySchema, {}, 'When a request is retried on another server.'),
  timeouts: field(timeoutsSchema, {}, 'How long a server may take.'),
  maxIdle: field(whole(0, 65_535), pool.maxIdle, 'Most idle connections that are kept to one server.'),
  pipelining: field(
    whole(1, 64),
    pool.pipelining,
    'Most GET requests that share one connection to a server at one time, when they have neither a body nor a condition. For servers that read and answer pipelined requests strictly, and quickly (SECURITY.md). 1: off.',
  ),
  limits: field(limitsSchema, {}, 'What a server may send, and how many connections to it may be opened at once.'),
  sessions: open(
    flag(),
    '`true` with a top-level `sessions`',
    'Its servers speak the session protocol: their sessions are copied, survive a failed server, and can move.',
  ),
  rebalance: field(
    rebalanceSchema,
    {},
    'Whether sessions move to servers that have fewer of them, such as new servers.',
  ),
  notifyMoves: field(
    flag(),
    pool.notifyMoves,
    'The first request of a session at a server that takes over from another one has `Limpet-Affinity: reason=rebind; from=NAME`, for servers that do not speak the session protocol.',
  ),
  countsForReadiness: field(
    flag(),
    pool.countsForReadiness,
    'The balancer is ready (`/readyz`, `probes`) only while this pool has a server that takes new sessions. `false`: also without.',
  ),
  drain: field(drainSchema, {}, 'What becomes of the WebSockets and streams of a server that is drained.'),
});
