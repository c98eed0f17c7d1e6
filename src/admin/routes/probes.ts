/** Liveness and readiness, for a service manager or an orchestrator: text, and no token. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';

import type { AdminDependencies } from '../dependencies.ts';

const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } });

const responses = {
  200: text('ok, and a line for what is not as it should be'),
  503: text('A line for each reason'),
};

const live = createRoute({
  method: 'get',
  path: '/livez',
  summary: 'Whether the event loop of each worker turns',
  security: [],
  responses,
});

const ready = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether it listens, and each pool has a usable server',
  security: [],
  responses,
});

export function addProbes(app: OpenAPIHono, { health }: AdminDependencies): void {
  app.openapi(live, async (c) => {
    const { live, reasons } = await health();
    return live ? c.text('ok\n', 200) : c.text(lines(reasons), 503);
  });
  app.openapi(ready, async (c) => {
    const { ready, reasons, notes } = await health();
    return ready ? c.text(`ok\n${lines(notes)}`, 200) : c.text(lines(reasons), 503);
  });
}

function lines(reasons: readonly string[]): string {
  return reasons.map((reason) => `${reason}\n`).join('');
}
