/** Sessions: pages of the table, one by what its client carries, and what an operator may do with one. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { AdminDependencies } from '../dependencies.ts';
import { ApiProblem, noSuchPool, noSuchServer, refusals } from '../problem.ts';
import {
  FoundSessionsSchema,
  SessionDoneSchema,
  SessionEndSchema,
  SessionListQuery,
  SessionMoveSchema,
  SessionPageSchema,
  SessionQuerySchema,
} from '../schemas.ts';

const usualLimit = 100;

const done = { description: 'It is done', content: { 'application/json': { schema: SessionDoneSchema } } };

const list = createRoute({
  method: 'get',
  path: '/v1/sessions',
  summary: 'A page of the sessions in the table, in no order',
  request: { query: SessionListQuery },
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: SessionPageSchema } } },
    ...refusals(422),
  },
});

const find = createRoute({
  method: 'post',
  path: '/v1/sessions/find',
  summary: 'The session that a client carries: where it is, why, since when, and its copy',
  request: { body: { required: true, content: { 'application/json': { schema: SessionQuerySchema } } } },
  responses: {
    200: { description: 'One of each pool', content: { 'application/json': { schema: FoundSessionsSchema } } },
    ...refusals(400, 404, 413, 415, 422),
  },
});

const move = createRoute({
  method: 'post',
  path: '/v1/sessions/move',
  summary: 'Give a session another server, from its next request on',
  request: { body: { required: true, content: { 'application/json': { schema: SessionMoveSchema } } } },
  responses: { 200: done, ...refusals(400, 404, 409, 413, 415, 422) },
});

const end = createRoute({
  method: 'post',
  path: '/v1/sessions/end',
  summary: 'End a session, as a sign-out does',
  request: { body: { required: true, content: { 'application/json': { schema: SessionEndSchema } } } },
  responses: { 200: done, ...refusals(400, 404, 409, 413, 415, 422, 503) },
});

export function addSessions(app: OpenAPIHono, { sessions }: AdminDependencies): void {
  app.openapi(list, (c) => {
    const { limit = usualLimit, ...filter } = c.req.valid('query');
    return c.json(sessions.list({ ...filter, limit }), 200);
  });

  app.openapi(find, async (c) => {
    const found = await sessions.find(c.req.valid('json'));
    if (found === 'no-such-pool') throw noSuchPool(c.req.valid('json').pool ?? '');
    return c.json({ found: [...found] }, 200);
  });

  app.openapi(move, (c) => {
    const { pool, session, to, force = false } = c.req.valid('json');
    switch (sessions.move(pool, session, to, force)) {
      case 'done':
        return c.json({ state: 'moved' as const }, 200);
      case 'no-such-pool':
        throw noSuchPool(pool);
      case 'no-such-server':
        throw noSuchServer(pool, to);
      case 'no-such-session':
        throw noSuchSession(pool, session);
      case 'no-copy':
        throw new ApiProblem(
          409,
          'no-copy',
          'it has no copy, and its state would stay behind: "force": true moves it all the same',
        );
      case 'busy':
        throw new ApiProblem(409, 'busy', 'one of its requests is running: try again when it is over');
      case 'is-there':
        throw new ApiProblem(409, 'is-there', `its server is ${to} already`);
    }
  });

  app.openapi(end, async (c) => {
    const { pool, session } = c.req.valid('json');
    switch (await sessions.end(pool, session)) {
      case 'ended':
        return c.json({ state: 'ended' as const }, 200);
      case 'ending':
        return c.json({ state: 'ending' as const }, 200);
      case 'no-such-pool':
        throw noSuchPool(pool);
      case 'no-such-session':
        throw noSuchSession(pool, session);
      case 'needs-whole-id':
        throw new ApiProblem(
          409,
          'needs-whole-id',
          'it has no copy by which its whole id is known: name it by its 32 hex digits, as /v1/sessions/find has them',
        );
      case 'store-failed':
        throw new ApiProblem(503, 'store-failed', 'the store does not answer: the session goes on');
    }
  });
}

function noSuchSession(pool: string, session: string): ApiProblem {
  return new ApiProblem(404, 'no-such-session', `there is no session ${session} in pool ${pool}`);
}
