/** The metrics, for Prometheus. Outside of /v1: their form is Prometheus' own. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { AdminDependencies } from '../dependencies.ts';
import { refusals } from '../problem.ts';

const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Metrics for Prometheus, as text, or as OpenMetrics where Accept prefers it',
  responses: {
    200: {
      description: 'As of now',
      content: {
        'text/plain': { schema: z.string() },
        'application/openmetrics-text': { schema: z.string() },
      },
    },
    ...refusals(),
  },
});

export function addMetrics(app: OpenAPIHono, deps: AdminDependencies): void {
  app.openapi(metrics, async (c) => {
    const { contentType, body } = await deps.metrics(c.req.header('accept') ?? '');
    return c.body(body, 200, { 'content-type': contentType }) as never;
  });
}
