/** The config that is in force. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import type { AdminDependencies } from '../dependencies.ts';
import { refusals } from '../problem.ts';
import { ConfigSchema } from '../schemas.ts';

const effective = createRoute({
  method: 'get',
  path: '/v1/config',
  summary: 'The config in force, with all defaults and without secrets',
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: ConfigSchema } } },
    ...refusals(),
  },
});

export function addConfig(app: OpenAPIHono, deps: AdminDependencies): void {
  app.openapi(effective, (c) => c.json(deps.config(), 200));
}
