/** The admin API: the routes of each resource, and what all answers have in common. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { AdminDependencies } from './dependencies.ts';
import { ApiProblem, messageOf, type ProblemStatus } from './problem.ts';
import { addConfig } from './routes/config.ts';
import { addEvents } from './routes/events.ts';
import { addExplain } from './routes/explain.ts';
import { addFleet } from './routes/fleet.ts';
import { addKeys } from './routes/keys.ts';
import { addMetrics } from './routes/metrics.ts';
import { addPools } from './routes/pools.ts';
import { addProbes } from './routes/probes.ts';
import { addServers } from './routes/servers.ts';
import { addSessions } from './routes/sessions.ts';
import { addStatus } from './routes/status.ts';

export function createApp(deps: AdminDependencies): OpenAPIHono {
  const app: OpenAPIHono = new OpenAPIHono({
    defaultHook: (result, c) => {
      if (!result.success) return refuse(c, 422, 'invalid', messageOf(result.error));
    },
  });
  app.use(async (c, next) => {
    await next();
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
    c.res.headers.set('x-content-type-options', 'nosniff');
  });
  addProbes(app, deps);
  addMetrics(app, deps);
  addStatus(app, deps);
  addFleet(app, deps);
  addKeys(app, deps);
  addPools(app, deps);
  addServers(app, deps);
  addSessions(app, deps);
  addConfig(app, deps);
  addEvents(app, deps);
  addExplain(app, deps);
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Limpet',
      version: '1',
      description: 'What a running balancer knows, and what can be changed of it. See docs/guide/api.md.',
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
  });
  app.notFound((c) => {
    const allowed = methodsOf(app, c.req.path);
    if (allowed.length === 0) return refuse(c, 404, 'no-such-path', `there is no ${c.req.path}: see /openapi.json`);
    c.header('allow', allowed.join(', '));
    const message = `found the method ${c.req.method}, expected ${allowed.join(' or ')}`;
    return refuse(c, 405, 'wrong-method', message);
  });
  app.onError((error, c) => {
    if (error instanceof ApiProblem) return refuse(c, error.status, error.code, error.message);
    if (!(error instanceof HTTPException)) return refuse(c, 500, 'unexpected', error.message);
    if (error.status === 415)
      return refuse(c, 415, 'wrong-content-type', 'found a body of another type, expected the one in /openapi.json');
    return refuse(c, 400, 'bad-body', `found a body that cannot be read: ${error.message}`);
  });
  return app;
}

function refuse(c: Context, status: ProblemStatus, code: string, message: string): Response {
  return c.json({ error: { code, message } }, status);
}

/** The methods that this path has. */
function methodsOf(app: OpenAPIHono, path: string): string[] {
  const found = app.routes
    .filter(({ method, path: pattern }) => method !== 'ALL' && matches(pattern, path))
    .map(({ method }) => method);
  return [...new Set(found)].sort();
}

/** `pattern`: as `/v1/servers/:pool/:server`. */
function matches(pattern: string, path: string): boolean {
  const [wanted, found] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === found.length &&
    wanted.every((part, i) => (part.startsWith(':') ? found[i] !== '' : part === found[i]))
  );
}
