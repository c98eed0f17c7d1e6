/** The config: the one in force, another one checked, and the file read again. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { UsageError } from '../../errors.ts';
import type { AdminDependencies } from '../dependencies.ts';
import { ApiProblem, refusals } from '../problem.ts';
import { ConfigCheckSchema, ConfigSchema, ReloadQuery, ReloadSchema } from '../schemas.ts';

const effective = createRoute({
  method: 'get',
  path: '/v1/config',
  summary: 'The config in force, with all defaults and without secrets',
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: ConfigSchema } } },
    ...refusals(),
  },
});

const check = createRoute({
  method: 'post',
  path: '/v1/config/check',
  summary: 'Whether a config could be put in force, and what it would change',
  description: 'It may name variables of the environment, so that it needs the operator token.',
  request: { body: { required: true, content: { 'application/yaml': { schema: z.string() } } } },
  responses: {
    200: { description: 'Nothing has changed', content: { 'application/json': { schema: ConfigCheckSchema } } },
    ...refusals(409, 413),
  },
});

const reload = createRoute({
  method: 'post',
  path: '/v1/config/reload',
  summary: 'Read the config file again, and put it in force at all workers or at none',
  request: { query: ReloadQuery },
  responses: {
    200: { description: 'What has changed', content: { 'application/json': { schema: ReloadSchema } } },
    ...refusals(409, 422),
  },
});

export function addConfig(app: OpenAPIHono, { config, configFile }: AdminDependencies): void {
  const file = () => {
    if (configFile !== null) return configFile;
    throw new ApiProblem(409, 'no-config-file', 'the config did not come from a file: there is none to read');
  };

  app.openapi(effective, (c) => c.json(config(), 200));

  app.openapi(check, async (c) => c.json(await file().check(await c.req.text()), 200));

  app.openapi(reload, async (c) => {
    const dryRun = c.req.valid('query')['dry-run'] ?? 'false';
    try {
      return c.json(await file().reload(dryRun !== 'false'), 200);
    } catch (error) {
      if (error instanceof UsageError) throw new ApiProblem(422, 'config-refused', error.message);
      throw error;
    }
  });
}
