/** What the admin API takes and answers: the source of its types, of its checks, and of /openapi.json. */
import { z } from '@hono/zod-openapi';

export const ErrorSchema = z
  .object({
    error: z.object({
      code: z.string().openapi({ example: 'no-such-server', description: 'Stable: for programs.' }),
      message: z.string().openapi({ description: 'For people: what was found, and what is expected.' }),
    }),
  })
  .openapi('Error');

const count = z.number().int().nonnegative();
const time = z.string().openapi({ format: 'date-time' });
const poolName = z.string().min(1).max(255).openapi({ example: 'shop' });
const serverName = z.string().min(1).max(1024).openapi({ example: 's1' });

export const SessionCountsSchema = z
  .object({
    live: count,
    copied: count.openapi({ description: 'The store has a copy: the session can leave its server without loss.' }),
    uncopied: count,
  })
  .openapi('SessionCounts');

export const ServerSchema = z
  .object({
    pool: poolName,
    name: serverName,
    address: z.string().openapi({ example: '10.0.0.1:3000' }),
    state: z.enum(['up', 'draining', 'down']),
    drained: z
      .boolean()
      .openapi({ description: 'An operator has drained it. A server that is down may be drained, too.' }),
    weight: z.number().nonnegative(),
    maxRequests: count.openapi({ description: 'The most exchanges at one time; 0: no limit.' }),
    inflight: count.openapi({ description: 'Open exchanges.' }),
    waiting: count.openapi({ description: 'Requests that wait for it.' }),
    streams: count.openapi({ description: 'Responses that go on, such as server-sent events.' }),
    tunnels: count.openapi({ description: 'WebSockets and other tunnels.' }),
    sessions: SessionCountsSchema,
    since: time.nullable().openapi({ description: 'When this state began.' }),
    reason: z.string().nullable().openapi({ description: 'Why it is down.' }),
    lastCheck: z
      .object({ at: time, problem: z.string().nullable().openapi({ description: 'null: it passed.' }) })
      .nullable()
      .openapi({ description: 'null: there was none.' }),
    source: z.enum(['config', 'api']).openapi({ description: 'api: it was added while the balancer runs.' }),
    loss: z
      .object({ sessions: count, exchanges: count })
      .openapi({ description: 'What is lost when it is stopped now.' }),
  })
  .openapi('Server');

export const ServerListSchema = z.array(ServerSchema).openapi('ServerList');

const newWeight = z.number().int().min(0).max(65_535);
const newCap = z
  .number()
  .int()
  .min(0)
  .max(1_000_000)
  .openapi({ description: 'The most exchanges at one time; 0: no limit.' });

export const ServerChangeSchema = z
  .strictObject({
    state: z.enum(['ready', 'drain', 'down']).optional().openapi({
      description: 'drain: no new sessions; those with a copy leave. down: no request at all.',
    }),
    weight: newWeight.optional(),
    maxRequests: newCap.optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    error: 'found nothing to change, expected state, weight or maxRequests',
  })
  .openapi('ServerChange');

export const AddedServerSchema = z
  .strictObject({
    name: z.string().min(1).max(128).openapi({ example: 's4' }),
    address: z.string().min(1).max(1024).openapi({ example: '10.0.0.4:3000' }),
    weight: newWeight.optional(),
    maxRequests: newCap.optional(),
  })
  .openapi('AddedServer');

export const DrainStateSchema = z
  .object({
    drained: z.boolean().openapi({ description: 'It gets no new sessions, and nothing is lost if it is stopped.' }),
    state: z.enum(['up', 'draining', 'down']),
    waitingFor: z.object({ inflight: count, streams: count, tunnels: count, uncopied: count }),
  })
  .openapi('DrainState');

export const DrainQuery = z.object({
  wait: z
    .string()
    .regex(/^\d{1,6}(ms|s|m|h)?$/, { error: 'expected a time such as 10m, at most 24h' })
    .optional()
    .openapi({ example: '10m', description: 'The longest wait. Left out: the answer comes at once.' }),
});

export const PoolSchema = z
  .object({
    name: poolName,
    balance: z.string(),
    servers: count,
    usable: count.openapi({ description: 'Servers that take new sessions.' }),
    sessions: SessionCountsSchema,
    skew: z.number().nonnegative().nullable().openapi({
      description: 'Sessions of the fullest usable server, by its weight, over the mean; null: no sessions.',
    }),
    inflight: count,
    waiting: count.openapi({ description: 'Requests that wait for a server.' }),
    requestsPerSecond: z
      .number()
      .nonnegative()
      .openapi({ description: 'Requests that were completed, over the last ten seconds.' }),
  })
  .openapi('Pool');

export const PoolListSchema = z.array(PoolSchema).openapi('PoolList');

export const WorkerSchema = z
  .object({
    worker: count.openapi({ description: 'From 1.' }),
    listening: z.boolean(),
    replaced: count.openapi({ description: 'How often another thread took its place.' }),
    loopDelayMs: z
      .number()
      .nonnegative()
      .openapi({ description: 'How late its event loop was at the last look, of which there are four a second.' }),
  })
  .openapi('Worker');

export const WorkerListSchema = z.array(WorkerSchema).openapi('WorkerList');

export const StoreSchema = z
  .object({
    kind: z.string().openapi({ description: 'The scheme only: the address may contain a password.' }),
    replication: z.string(),
    incarnation: z.string().openapi({ description: 'Another one when the store has lost its copies.' }),
    lag: count.openapi({ description: 'Copies that are being stored, of responses that have been sent already.' }),
  })
  .openapi('Store');

export const StatusSchema = z
  .object({
    version: z.string(),
    runtime: z.string().openapi({ example: 'bun' }),
    pid: count,
    startedAt: time,
    configFile: z.string().nullable(),
    configHash: z.string().openapi({ description: 'Of the effective config without its secrets.' }),
    workers: z.array(WorkerSchema),
    store: StoreSchema.nullable(),
    counters: z.record(z.string(), z.number()),
    sessions: SessionCountsSchema,
  })
  .openapi('Status');

export const HealthSchema = z
  .object({
    live: z.boolean(),
    ready: z.boolean(),
    reasons: z.array(z.string()).openapi({ description: 'Why it is not live or not ready.' }),
    notes: z
      .array(z.string())
      .openapi({ description: 'What is not as it should be, and does not keep it from serving.' }),
    pools: z.array(z.object({ name: poolName, up: count, draining: count, down: count })),
  })
  .openapi('Health');

const milliseconds = z.number().int();

export const FleetSchema = z
  .object({
    connected: z.boolean().openapi({ description: 'The store of the fleet answers. False: all else is as of before.' }),
    reason: z.string().nullable().openapi({ description: 'Why it does not answer.' }),
    revision: count.openapi({ description: 'Of the shared orders. It goes up with each of them.' }),
    unsent: count.openapi({ description: 'Servers with changes that the store does not have yet.' }),
    sharers: count.openapi({
      description:
        'Nodes by which `maxRequests` of servers is divided at the one that answers; 1 unless `fleet.limits` is fleet.',
    }),
    leaseMs: milliseconds.openapi({ description: 'Who has told nothing for so long is gone.' }),
    nodes: z
      .array(
        z.object({
          id: z.string().openapi({ example: '0f1e2d3c' }),
          name: z.string().openapi({ example: 'lb1' }),
          self: z.boolean().openapi({ description: 'It is the one that answers.' }),
          state: z.enum(['live', 'gone']),
          version: z.string(),
          runtime: z.string(),
          startedAt: time,
          silentMs: milliseconds.openapi({ description: 'Since it last told something.' }),
          clockAheadMs: milliseconds.openapi({ description: 'Of its clock before that of the store.' }),
          configHash: z.string().openapi({ description: 'Of what has to be the same on all nodes.' }),
          differs: z
            .array(z.string())
            .openapi({ description: 'Fields that are not as on the node that answers.', example: ['routes'] }),
          pending: count.openapi({ description: 'Revisions of the orders that it has not carried out yet.' }),
          failure: z.string().nullable().openapi({ description: 'Why it could not.' }),
        }),
      )
      .openapi({ description: 'The one that answers first. Those that are gone are listed for sixty leases.' }),
    pools: z.array(
      z.object({
        name: poolName,
        requestsPerSecond: z.number().nonnegative().openapi({ description: 'At all nodes.' }),
        sessions: z.object({ atLeast: count, atMost: count }).openapi({
          description:
            'One that several nodes have served is known to each. atMost: all that they know. atLeast: what the one that knows most of them knows.',
        }),
      }),
    ),
  })
  .openapi('Fleet');

export const KeyListSchema = z
  .object({
    source: z.enum(['config', 'fleet', 'state']).openapi({
      description: 'fleet: its store has them. state: the state folder has the only one.',
    }),
    keys: z.array(
      z.object({
        name: z.string().openapi({ example: '0f1e2d3c', description: 'It tells nothing of the key.' }),
        use: z.enum(['signs', 'verifies']),
        made: time.nullable(),
      }),
    ),
  })
  .openapi('KeyList');

export const ConfigSchema = z
  .object({
    file: z.string().nullable(),
    hash: z.string(),
    config: z.record(z.string(), z.unknown()).openapi({ description: 'With all defaults, and without secrets.' }),
  })
  .openapi('Config');

export const PoolParams = z.object({ pool: poolName });
export const ServerParams = z.object({ pool: poolName, server: serverName });
export const ServerQuery = z.object({
  pool: poolName.optional(),
  rank: z.enum(['safest']).optional().openapi({ description: 'What can be stopped with the least loss comes first.' }),
});

const anyId = z
  .string()
  .regex(/^([0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{32})$/, { error: 'expected 8, 16 or 32 hex digits' })
  .openapi({ example: '0f1e2d3c' });

const sessionId = z
  .string()
  .regex(/^([0-9a-f]{16}|[0-9a-f]{32})$/, { error: 'expected 16 or 32 hex digits, as /v1/sessions has them' })
  .openapi({ example: '0f1e2d3c4b5a6978' });

export const SessionSchema = z
  .object({
    id: z.string().openapi({ description: '16 hex digits, the first eight as in the access log.' }),
    pool: poolName,
    server: z.string().nullable().openapi({ description: 'null: its server has left the config.' }),
    epoch: count,
    born: time,
    seen: time,
    copied: z.boolean(),
    version: count.openapi({ description: 'Of the copy; 0: there is none.' }),
    inflight: count,
  })
  .openapi('Session');

export const SessionPageSchema = z
  .object({
    sessions: z.array(SessionSchema),
    cursor: z.string().nullable().openapi({ description: 'For the next page; null: there is none.' }),
  })
  .openapi('SessionPage');

export const SessionListQuery = z.object({
  pool: poolName.optional(),
  server: serverName.optional(),
  cursor: z
    .string()
    .regex(/^\d{1,10}$/, { error: 'expected the cursor of the page before' })
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional().openapi({
    description:
      'A page may have up to 126 more, or fewer, also none: only the cursor says whether there is a next one.',
  }),
});

export const SessionQuerySchema = z
  .strictObject({
    pool: poolName.optional(),
    cookie: z
      .string()
      .max(16_384)
      .optional()
      .openapi({ example: 'JSESSIONID=1A2B', description: 'As in the header Cookie.' }),
    token: z.string().max(16_384).optional().openapi({ description: "The value of Limpet's own cookie." }),
    id: anyId.optional(),
    header: z
      .string()
      .max(16_384)
      .regex(/^[\w!#$%&'*+.^`|~-]{1,100}:[^\r\n\0]*$/, { error: 'expected Name: value' })
      .optional(),
    headers: z
      .record(
        z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/),
        z
          .string()
          .max(16_384)
          .regex(/^[^\r\n\0]*$/),
      )
      .optional()
      .openapi({ example: { 'Mcp-Session-Id': '1868a90c' } }),
    path: z
      .string()
      .max(8192)
      .regex(/^\/[\x21-\x7e]*$/)
      .optional()
      .openapi({ example: '/shop;jsessionid=1A2B' }),
    client: z.string().max(64).optional().openapi({ example: '203.0.113.7', description: 'Address of the client.' }),
  })
  .refine(({ pool: _, ...rest }) => Object.values(rest).some((value) => value !== undefined), {
    error: 'found nothing to look for, expected cookie, token, id, headers, path or client',
  })
  .openapi('SessionQuery');

export const FoundSessionSchema = z
  .object({
    pool: poolName,
    affinity: z.string().openapi({ description: 'The affinity that has recognised it.' }),
    kind: z.enum(['token', 'key', 'hash', 'fixed']),
    id: z.string().nullable().openapi({ description: '32 hex digits where it can have a copy, else 16.' }),
    tag: z.string().nullable().openapi({ description: 'As the access log has it.' }),
    state: z.enum(['live', 'ended', 'none', 'idle', 'old']).openapi({ description: 'In the table.' }),
    server: z.string().nullable(),
    why: z.enum(['table', 'token', 'config']).nullable().openapi({ description: 'Where the server is known from.' }),
    session: SessionSchema.nullable().openapi({ description: 'What the table has; null: nothing.' }),
    copy: z.object({ version: count, epoch: count, bytes: count, expires: time }).nullable(),
  })
  .openapi('FoundSession');

export const FoundSessionsSchema = z.object({ found: z.array(FoundSessionSchema) }).openapi('FoundSessions');

export const SessionMoveSchema = z
  .strictObject({
    pool: poolName,
    session: sessionId,
    to: serverName,
    force: z.boolean().optional().openapi({ description: 'Also without a copy: its state stays behind, and is lost.' }),
  })
  .openapi('SessionMove');

export const SessionEndSchema = z.strictObject({ pool: poolName, session: sessionId }).openapi('SessionEnd');

export const SessionDoneSchema = z
  .object({
    state: z
      .enum(['moved', 'ended', 'ending'])
      .openapi({ description: 'ending: the store gets the end when it is back.' }),
  })
  .openapi('SessionDone');

export const EventsQuery = z.object({
  since: z
    .string()
    .regex(/^\d{1,16}$/, { error: 'expected the id of an event' })
    .optional(),
});

export const ExplainSchema = z
  .strictObject({
    request: z.string().min(1).max(131_072).openapi({
      description: 'The head of a request as a client sends it; LF line ends will do.',
      example: 'GET /cart HTTP/1.1\nHost: shop.example\n\n',
    }),
    listener: z.string().max(1024).optional().openapi({ description: 'As the config says it. Left out: the first.' }),
    client: z.union([z.ipv4(), z.ipv6()]).optional().openapi({ description: 'Who connects. Left out: 127.0.0.1.' }),
  })
  .openapi('Explain');

export const ExplanationSchema = z
  .record(z.string(), z.unknown())
  .openapi('Explanation', { description: 'As `limpet explain --json` prints it, and the same in words as `text`.' });

const differences = z.array(z.string()).openapi({
  description: 'A line for each field: + added, - removed, ~ changed. No secrets.',
  example: ['~ pools.shop.servers.s2.weight: 1 -> 2'],
});

export const ConfigCheckSchema = z
  .object({
    valid: z.boolean(),
    problems: z.array(z.string()).openapi({ description: 'Errors, and warnings of a valid one.' }),
    diff: differences,
  })
  .openapi('ConfigCheck');

export const ReloadQuery = z.object({
  'dry-run': z
    .enum(['', 'true', 'false'])
    .optional()
    .openapi({ description: 'Tells what would change, and changes nothing.' }),
});

export const ReloadSchema = z
  .object({
    applied: z.boolean(),
    diff: differences,
    restart: z.array(z.string()).openapi({ description: 'Fields that change with a restart only.' }),
  })
  .openapi('Reload');

export type ConfigCheck = z.infer<typeof ConfigCheckSchema>;
export type Reload = z.infer<typeof ReloadSchema>;
export type ExplainRequest = z.infer<typeof ExplainSchema>;
export type ServerView = z.infer<typeof ServerSchema>;
export type ServerChange = z.infer<typeof ServerChangeSchema>;
export type AddedServer = z.infer<typeof AddedServerSchema>;
export type DrainState = z.infer<typeof DrainStateSchema>;
export type PoolView = z.infer<typeof PoolSchema>;
export type WorkerView = z.infer<typeof WorkerSchema>;
export type Status = z.infer<typeof StatusSchema>;
export type Health = z.infer<typeof HealthSchema>;
export type KeyList = z.infer<typeof KeyListSchema>;
export type FleetView = z.infer<typeof FleetSchema>;
export type ConfigView = z.infer<typeof ConfigSchema>;
export type SessionPage = z.infer<typeof SessionPageSchema>;
export type SessionFilter = Omit<z.infer<typeof SessionListQuery>, 'limit'> & { readonly limit: number };
export type SessionQuery = z.infer<typeof SessionQuerySchema>;
export type FoundSession = z.infer<typeof FoundSessionSchema>;
