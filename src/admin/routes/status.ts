/** The balancer as a whole: its process, its workers, its health. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import type { AdminDependencies } from '../dependencies.ts';
import { refusals } from '../problem.ts';
import { HealthSchema, StatusSchema, WorkerListSchema } from '../schemas.ts';

const status = createRoute({
  method: 'get',
  path: '/v1/status',
  summary: 'The process, its store and all counters',
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: StatusSchema } } },
    ...refusals(),
  },
});

const health = createRoute({
  method: 'get',
  path: '/v1/health',
  summary: 'Whether it is live and ready, and why not',
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: HealthSchema } } },
    ...refusals(),
  },
});

const workers = createRoute({
  method: 'get',
  path: '/v1/workers',
  summary: 'The worker threads',
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: WorkerListSchema } } },
    ...refusals(),
  },
});

export function addStatus(app: OpenAPIHono, deps: AdminDependencies): void {
  app.openapi(status, async (c) => c.json(await deps.status(), 200));
  app.openapi(health, async (c) => c.json(await deps.health(), 200));
  app.openapi(workers, (c) => c.json([...deps.workers()], 200));
}
