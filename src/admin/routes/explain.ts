/** What would become of a request, and why: asked of the real balancer, on a network without sockets. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { UsageError } from '../../errors.ts';
import type { AdminDependencies } from '../dependencies.ts';
import { ApiProblem, refusals } from '../problem.ts';
import { ExplainSchema, ExplanationSchema } from '../schemas.ts';

const route = createRoute({
  method: 'post',
  path: '/v1/explain',
  summary: 'What would become of a request, and why',
  description: 'Nothing is sent, and nothing changes. States of servers and the owner of the session are those of now.',
  request: { body: { required: true, content: { 'application/json': { schema: ExplainSchema } } } },
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: ExplanationSchema } } },
    ...refusals(400, 413, 415, 422),
  },
});

export function addExplain(app: OpenAPIHono, { explain }: AdminDependencies): void {
  app.openapi(route, async (c) => {
    try {
      return c.json(await explain(c.req.valid('json')), 200);
    } catch (error) {
      if (error instanceof UsageError) throw new ApiProblem(422, 'invalid', error.message);
      throw error;
    }
  });
}
