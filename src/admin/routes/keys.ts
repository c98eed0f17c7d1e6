/** Token keys: which there are, and how another one takes their place. No key is ever told. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { UsageError } from '../../errors.ts';
import type { AdminDependencies } from '../dependencies.ts';
import { ApiProblem, refusals } from '../problem.ts';
import { type KeyList, KeyListSchema } from '../schemas.ts';

const keys = { description: 'As of now', content: { 'application/json': { schema: KeyListSchema } } };

const list = createRoute({
  method: 'get',
  path: '/v1/keys',
  summary: 'The token keys, by name',
  responses: { 200: keys, ...refusals() },
});

const rotate = createRoute({
  method: 'post',
  path: '/v1/keys/rotate',
  summary: 'A new key signs, and the former ones verify',
  description: 'At all nodes of the fleet: each verifies with the new key before the first one signs with it.',
  responses: { 200: keys, ...refusals(409) },
});

const retire = createRoute({
  method: 'post',
  path: '/v1/keys/retire',
  summary: 'Only the key that signs is left',
  description: 'Cookies that another key has signed are not valid any more.',
  responses: { 200: keys, ...refusals(409) },
});

export function addKeys(app: OpenAPIHono, { keys: control }: AdminDependencies): void {
  app.openapi(list, (c) => c.json(control.list(), 200));
  app.openapi(rotate, async (c) => c.json(await orRefused(control.rotate()), 200));
  app.openapi(retire, async (c) => c.json(await orRefused(control.retire()), 200));
}

async function orRefused(change: Promise<KeyList>): Promise<KeyList> {
  try {
    return await change;
  } catch (error) {
    if (error instanceof UsageError) throw new ApiProblem(409, 'keys-refused', error.message);
    throw error;
  }
}
