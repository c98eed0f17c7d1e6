/** Pools: the sums of their servers. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import type { AdminDependencies } from '../dependencies.ts';
import { refusals } from '../problem.ts';
import { PoolListSchema } from '../schemas.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/pools',
  summary: 'All pools, in the order of the config',
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: PoolListSchema } } },
    ...refusals(),
  },
});

export function addPools(app: OpenAPIHono, { pools }: AdminDependencies): void {
  app.openapi(list, async (c) => c.json([...(await pools())], 200));
}
