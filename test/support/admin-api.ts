/** The admin API before parts that are played: no worker, no socket of a client. */
import { Admin } from '../../src/admin/admin.ts';
import type { AdminDependencies, AdminTokens } from '../../src/admin/dependencies.ts';
import { listenHttp } from '../../src/admin/listen.ts';
import type { ServerView } from '../../src/admin/schemas.ts';
import { UsageError } from '../../src/errors.ts';

export const played: ServerView = {
  pool: 'shop',
  name: 's1',
  address: '127.0.0.1:3001',
  state: 'up',
  drained: false,
  weight: 1,
  maxRequests: 0,
  inflight: 2,
  waiting: 0,
  streams: 0,
  tunnels: 0,
  sessions: { live: 5, copied: 4, uncopied: 1 },
  since: '2026-01-31T12:00:00.000Z',
  reason: null,
  lastCheck: { at: '2026-01-31T12:00:00.000Z', problem: null },
  source: 'config',
  loss: { sessions: 1, exchanges: 2 },
};

const session = {
  id: '0f1e2d3c4b5a6978',
  pool: 'shop',
  server: 's1',
  epoch: 1,
  born: '2026-01-31T12:00:00.000Z',
  seen: '2026-01-31T12:00:00.000Z',
  copied: false,
  version: 0,
  inflight: 0,
};

/** Each change that was made, as text. */
export interface PlayedAdmin {
  readonly deps: AdminDependencies;
  readonly changes: string[];
}

export function playedAdmin(servers: readonly ServerView[] = [played]): PlayedAdmin {
  const changes: string[] = [];
  const has = (pool: string, server: string) => servers.some((one) => one.pool === pool && one.name === server);
  const sessions = { live: 5, copied: 4, uncopied: 1 };
  const deps: AdminDependencies = {
    status: async () => ({
      version: '1.0.0',
      runtime: 'node',
      pid: 1,
      startedAt: '2026-01-31T12:00:00.000Z',
      configFile: null,
      configHash: '0'.repeat(16),
      workers: [],
      store: null,
      counters: { requests: 3 },
      sessions,
    }),
    pools: async () => [
      {
        name: 'shop',
        balance: 'random',
        servers: 1,
        usable: 1,
        sessions,
        skew: 1,
        inflight: 2,
        waiting: 0,
        requestsPerSecond: 1.5,
      },
    ],
    metrics: async () => ({ contentType: 'text/plain', body: Buffer.from('limpet_requests_total 480\n') }),
    workers: () => [{ worker: 1, listening: true, replaced: 0, loopDelayMs: 0.5 }],
    health: async () => ({
      live: true,
      ready: false,
      reasons: ['pool shop has no usable server'],
      notes: [],
      pools: [],
    }),
    fleet: () => null,
    keys: {
      list: () => ({ source: 'state', keys: [] }),
      rotate: () => Promise.reject(new UsageError('this balancer has no fleet')),
      retire: () => Promise.reject(new UsageError('this balancer has no fleet')),
    },
    config: () => ({ file: null, hash: '0'.repeat(16), config: {} }),
    events: { subscribe: () => () => {}, since: () => [] },
    timers: { after: () => () => {} },
    explain: async ({ listener }) => {
      if (listener === undefined) return { decision: 'played' };
      throw new UsageError('there is no such listener');
    },
    configFile: {
      check: async (text) => ({ valid: text === '{}', problems: text === '{}' ? [] : ['E: no'], diff: [] }),
      reload: async (dryRun) => {
        if (!dryRun) changes.push('reloaded');
        return { applied: !dryRun, diff: ['~ a: 1 -> 2'], restart: [] };
      },
    },
    sessions: {
      list: ({ limit, cursor = '0' }) => {
        const all = Array.from({ length: 3 }, (_, i) => ({ ...session, id: session.id.slice(0, 15) + i }));
        const next = Number(cursor) + limit;
        return { sessions: all.slice(Number(cursor), next), cursor: next < 3 ? String(next) : null };
      },
      find: async ({ pool, token }) => {
        if (pool !== undefined && pool !== 'shop') return 'no-such-pool';
        if (token !== 'known') return [];
        const { id } = session;
        return [
          {
            pool: 'shop',
            affinity: 'cookie',
            kind: 'token',
            id,
            tag: id.slice(0, 8),
            state: 'live',
            server: 's1',
            why: 'table',
            session,
            copy: null,
          },
        ];
      },
      move: (pool, id, to, force) => {
        if (pool !== 'shop') return 'no-such-pool';
        if (id !== session.id) return 'no-such-session';
        if (!has(pool, to)) return 'no-such-server';
        if (!force) return 'no-copy';
        changes.push(`${id} to ${to}`);
        return 'done';
      },
      end: async (pool, id) => {
        if (pool !== 'shop') return 'no-such-pool';
        if (id !== session.id) return 'no-such-session';
        changes.push(`${id} ended`);
        return 'ended';
      },
    },
    servers: {
      list: async () => servers,
      change: async (pool, server, change) => {
        if (!has(pool, server)) return 'no-such-server';
        changes.push(`${pool}/${server} ${JSON.stringify(change)}`);
        return 'done';
      },
      add: async (pool, { name }) => {
        if (pool !== 'shop') return 'no-such-pool';
        if (has(pool, name)) return 'exists';
        throw new UsageError('there is no room for it');
      },
      remove: async (pool, server) => (has(pool, server) ? 'last-server' : 'no-such-server'),
      drained: async (pool, server) => {
        if (!has(pool, server)) return 'no-such-server';
        return { drained: false, state: 'up', waitingFor: { inflight: 2, streams: 0, tunnels: 0, uncopied: 1 } };
      },
    },
  };
  return { deps, changes };
}

/** Listens on a free port of this machine. */
export async function listenAdmin(deps: AdminDependencies, tokens: AdminTokens = { operator: '', read: '' }) {
  const admin = new Admin(deps, tokens);
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const listener = await listenHttp(
    address,
    (request, response) => admin.handle(request, response),
    (error) => {
      throw error;
    },
  );
  return { url: listener.url, [Symbol.asyncDispose]: () => listener.close() };
}
