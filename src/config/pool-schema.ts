/** What a person may write about a pool, and how it becomes the filled options. */
import { z } from 'zod';
import { policyNames } from '../balance/registry.ts';
import { formatAddress } from '../net/socket.ts';
import { parseServer, serverForm } from './address.ts';
import { affinitySchema } from './affinity-schema.ts';
import { defaults } from './defaults.ts';
import { decimal, field, flag, map, open, size, text, textOrNumber, time, timeOrNone, whole, word } from './fields.ts';
import { healthSchema } from './health-schema.ts';
import { whenOwnerFailsSchema } from './owner-fails-schema.ts';
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
    weight: field(whole(0, 65_535), defaults.server.weight, 'Share of new sessions against its peers; 0 takes none.'),
    maxRequests: field(
      whole(0, 1_000_000),
      defaults.server.maxRequests,
      'Most requests at one time; beyond it they wait in the queue. 0: no cap.',
    ),
    resolve: open(
      word(['any', 'all']),
      'as the pool says',
      'What becomes of a name with several addresses: see `resolve` of the pool.',
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

/** At 1 or below there would be no room for the mean itself. */
const maxLoadForm = '0 (no bound) or a number above 1, to 100';

const queueSchema = map({
  max: field(
    whole(0, 1_000_000),
    pool.queue.max,
    'Requests that may wait; one more is refused with 503 and `Retry-After`.',
  ),
  timeout: field(time(), formatDuration(pool.queue.timeout), 'Longest wait; after it 503.'),
});

const retrySchema = map({
  attempts: field(whole(1, 10), pool.retry.attempts, 'Servers tried in all, the first one included. 1: no retry.'),
  bufferBody: field(
    size(0, 64 * 1024 ** 2),
    formatSize(pool.retry.bufferBody),
    'Of a request body so much is kept for a repeat; a longer one cannot be repeated once it is sent.',
  ),
  deadline: field(timeOrNone(), 'off', 'Time for all attempts until a response begins.'),
});

const timeoutsSchema = map({
  connect: field(time(), formatDuration(pool.timeouts.connect), 'Until the server accepts the connection.'),
  response: field(
    timeOrNone(),
    formatDuration(pool.timeouts.response),
    'From the last byte of the request to the first of the response. Each interim response (1xx) begins it anew.',
  ),
  responseBody: field(
    timeOrNone(),
    formatDuration(pool.timeouts.responseBody),
    'Between two pieces of a response body.',
  ),
  keepAlive: field(
    time(),
    formatDuration(pool.timeouts.keepAlive),
    "A pooled connection is closed after this long unused. Keep it below the server's own (5s in node:http).",
  ),
  tunnel: field(
    timeOrNone(),
    formatDuration(pool.timeouts.tunnel),
    'A WebSocket or other tunnel without a byte either way.',
  ),
});

const limitsSchema = map({
  headBytes: field(
    size(512, 1024 ** 2),
    formatSize(pool.limits.headBytes),
    'Status line and headers of a response together; else 502.',
  ),
  headers: field(whole(1, 10_000), pool.limits.headers, 'Headers of a response; else 502.'),
  interim: field(
    whole(1, 1_000_000),
    pool.limits.interim,
    'Interim responses (1xx) to one request in a second; more are refused with 502 (`too-many-interim`).',
  ),
  connecting: field(
    whole(1, 1_000_000),
    pool.limits.connecting,
    'Connections that one worker makes to one server at one time; beyond it requests wait in the queue.',
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
    'A session with a copy that is not in use leaves a server that has more than this multiple of the mean, such as 1.25, with its next request.',
  ),
  rate: field(whole(1, 100_000), pool.rebalance.rate, 'Most moves in a second, of each worker.'),
});

export const poolSchema = map({
  servers: z
    .array(serverSchema, { error: 'a list of servers' })
    .min(1, { error: 'at least one server' })
    .meta({ description: 'The backend addresses. A short one is only its address, and is named by it.' }),
  resolve: field(
    word(['any', 'all']),
    defaults.resolve,
    'A server whose name has several addresses: one server, which is at `any` of them (they are tried in turn), or `all` of them, each a server of its own, named `NAME@ADDRESS`.',
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
    'How a session is recognised: a list, asked in order. The first that recognises wins, the first that can binds new sessions. `none` for no affinity.',
  ),
  whenOwnerFails: field(
    whenOwnerFailsSchema,
    pool.whenOwnerFails,
    'The server that holds a session is gone: `rebind` to another for good, borrow one (`temporary`), or `reject` with a status.',
  ),
  whenOwnerFull: field(
    word(['queue', 'rebind', 'reject']),
    pool.whenOwnerFull,
    'The server that holds a session is at its `maxRequests`: wait for it, `rebind` to one with room (if any has), or `reject` with 503.',
  ),
  health: field(healthSchema, {}, 'How servers are found to be down.'),
  queue: field(queueSchema, {}, 'Where requests wait when every server is at its `maxRequests`.'),
  retry: field(retrySchema, {}, 'What is tried again on another server.'),
  timeouts: field(timeoutsSchema, {}, 'How long a server may take.'),
  maxIdle: field(whole(0, 65_535), pool.maxIdle, 'Idle connections kept to one server.'),
  pipelining: field(
    whole(1, 64),
    pool.pipelining,
    'GET requests without a body or a condition, of one moment to one server, share a connection, at most so many. For servers that read and answer pipelined requests strictly, and quickly (SECURITY.md). 1: off.',
  ),
  limits: field(limitsSchema, {}, 'What a server may send, and cost before it has accepted.'),
  sessions: open(
    flag(),
    '`true` with a top-level `sessions`',
    'Its servers speak the session protocol: sessions are copied, and survive and leave their servers.',
  ),
  rebalance: field(rebalanceSchema, {}, 'Whether sessions move to servers that have fewer, such as new ones.'),
});
