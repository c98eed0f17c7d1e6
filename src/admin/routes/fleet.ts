/** The fleet, as this node knows it. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import type { AdminDependencies } from '../dependencies.ts';
import { ApiProblem, refusals } from '../problem.ts';
import { FleetSchema } from '../schemas.ts';

const fleet = createRoute({
  method: 'get',
  path: '/v1/fleet',
  summary: 'The nodes of the fleet, and what is not the same on them',
  responses: {
    200: { description: 'As of the last beat', content: { 'application/json': { schema: FleetSchema } } },
    ...refusals(404),
  },
});

export function addFleet(app: OpenAPIHono, deps: AdminDependencies): void {
  app.openapi(fleet, (c) => {
    const view = deps.fleet();
    if (view === null) throw new ApiProblem(404, 'no-fleet', 'the config has no fleet: this balancer is the only one');
    return c.json(view, 200);
  });
}
