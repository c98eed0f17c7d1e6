/** Servers: what is known of them, and what an operator may do with them. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { milliseconds } from '../../config/units.ts';
import { UsageError } from '../../errors.ts';
import type { AdminDependencies } from '../dependencies.ts';
import { ApiProblem, noSuchPool, noSuchServer, refusals } from '../problem.ts';
import {
  AddedServerSchema,
  DrainQuery,
  DrainStateSchema,
  PoolParams,
  ServerChangeSchema,
  ServerListSchema,
  ServerParams,
  ServerQuery,
  ServerSchema,
  type ServerView,
} from '../schemas.ts';

const server = { description: 'As of now', content: { 'application/json': { schema: ServerSchema } } };

const list = createRoute({
  method: 'get',
  path: '/v1/servers',
  summary: 'All servers, or those of one pool',
  request: { query: ServerQuery },
  responses: {
    200: { description: 'In the order of the config', content: { 'application/json': { schema: ServerListSchema } } },
    ...refusals(404, 422),
  },
});

const one = createRoute({
  method: 'get',
  path: '/v1/servers/{pool}/{server}',
  summary: 'One server',
  request: { params: ServerParams },
  responses: { 200: server, ...refusals(404, 422) },
});

const change = createRoute({
  method: 'patch',
  path: '/v1/servers/{pool}/{server}',
  summary: 'Drain a server, take it out or back, or give it another weight',
  description: 'Holds until the opposite is said, also across reloads and restarts. Every worker has applied it then.',
  request: {
    params: ServerParams,
    body: { required: true, content: { 'application/json': { schema: ServerChangeSchema } } },
  },
  responses: { 200: server, ...refusals(400, 404, 413, 415, 422) },
});

const add = createRoute({
  method: 'post',
  path: '/v1/servers/{pool}',
  summary: 'Add a server to a pool',
  description: 'Kept across reloads and restarts. A config that names it goes before.',
  request: {
    params: PoolParams,
    body: { required: true, content: { 'application/json': { schema: AddedServerSchema } } },
  },
  responses: { 201: server, ...refusals(400, 404, 409, 413, 415, 422) },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/servers/{pool}/{server}',
  summary: 'Remove a server from its pool',
  description: 'What runs there finishes. Drain it first: its sessions go the way of those whose server has failed.',
  request: { params: ServerParams },
  responses: { 204: { description: 'It is removed' }, ...refusals(404, 409, 422) },
});

const drained = createRoute({
  method: 'get',
  path: '/v1/servers/{pool}/{server}/drained',
  summary: 'Wait until a drained server can be stopped without loss',
  request: { params: ServerParams, query: DrainQuery },
  responses: {
    200: {
      description: 'Whether it can be stopped, and what it waits for',
      content: { 'application/json': { schema: DrainStateSchema } },
    },
    ...refusals(404, 422),
  },
});

export function addServers(app: OpenAPIHono, { servers: control }: AdminDependencies): void {
  const find = async (pool: string, name: string): Promise<ServerView> => {
    const found = (await control.list()).find((one) => one.pool === pool && one.name === name);
    if (found === undefined) throw noSuchServer(pool, name);
    return found;
  };

  app.openapi(list, async (c) => {
    const { pool, rank } = c.req.valid('query');
    const all = await control.list();
    const servers = pool === undefined ? [...all] : all.filter((one) => one.pool === pool);
    if (pool !== undefined && servers.length === 0) throw noSuchPool(pool);
    return c.json(rank === 'safest' ? servers.sort(bySafety) : servers, 200);
  });

  app.openapi(one, async (c) => {
    const { pool, server } = c.req.valid('param');
    return c.json(await find(pool, server), 200);
  });

  app.openapi(change, async (c) => {
    const { pool, server } = c.req.valid('param');
    const done = await orInvalid(control.change(pool, server, c.req.valid('json')));
    if (done === 'no-such-server') throw noSuchServer(pool, server);
    return c.json(await find(pool, server), 200);
  });

  app.openapi(add, async (c) => {
    const { pool } = c.req.valid('param');
    const added = c.req.valid('json');
    const done = await orInvalid(control.add(pool, added));
    if (done === 'no-such-pool') throw noSuchPool(pool);
    if (done === 'exists') {
      throw new ApiProblem(409, 'server-exists', `pool ${pool} has a server ${JSON.stringify(added.name)} already`);
    }
    return c.json(await find(pool, added.name), 201);
  });

  app.openapi(remove, async (c) => {
    const { pool, server } = c.req.valid('param');
    const done = await orInvalid(control.remove(pool, server));
    if (done === 'no-such-server') throw noSuchServer(pool, server);
    if (done === 'last-server') {
      throw new ApiProblem(409, 'last-server', `${pool}/${server} is the last server of its pool: it stays`);
    }
    return c.body(null, 204);
  });

  app.openapi(drained, async (c) => {
    const { pool, server } = c.req.valid('param');
    const waitMs = Math.min(readWait(c.req.valid('query').wait ?? '0'), longestWaitMs);
    const state = await control.drained(pool, server, waitMs, c.req.raw.signal);
    if (state === 'no-such-server') throw noSuchServer(pool, server);
    return c.json(state, 200);
  });
}

const longestWaitMs = 24 * 3_600_000;

/** Milliseconds of `10m`; a number alone is seconds. */
function readWait(text: string): number {
  const [, number = '0', unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? [];
  return Number(number) * (milliseconds[unit] ?? 0);
}

/** What does not fit the config is the fault of the request. */
async function orInvalid<Result>(change: Promise<Result>): Promise<Result> {
  try {
    return await change;
  } catch (error) {
    if (error instanceof UsageError) throw new ApiProblem(422, 'invalid', error.message);
    throw error;
  }
}

/** The least loss first: of sessions, then of exchanges; of equal losses, the fewest sessions that have to move. */
function bySafety(a: ServerView, b: ServerView): number {
  return (
    a.loss.sessions - b.loss.sessions ||
    a.loss.exchanges - b.loss.exchanges ||
    Number(a.state === 'up') - Number(b.state === 'up') ||
    a.sessions.live - b.sessions.live
  );
}
