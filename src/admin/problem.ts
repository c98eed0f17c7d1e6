/** How a route refuses a request: with a status, a code for programs, and a message for people. */
import type { z } from '@hono/zod-openapi';
import { ErrorSchema } from './schemas.ts';

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 422 | 500 | 503;

/** Thrown by a route. */
export class ApiProblem extends Error {
  readonly status: ProblemStatus;
  readonly code: string;

  constructor(status: ProblemStatus, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function noSuchServer(pool: string, server: string): ApiProblem {
  return new ApiProblem(404, 'no-such-server', `there is no server ${JSON.stringify(`${pool}/${server}`)}`);
}

export function noSuchPool(pool: string): ApiProblem {
  return new ApiProblem(404, 'no-such-pool', `there is no pool ${JSON.stringify(pool)}`);
}

/** What a schema has refused, on one line: `state: found ..., expected ...`. */
export function messageOf({ issues }: z.ZodError): string {
  return issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}

const meanings: Readonly<Record<number, string>> = {
  400: 'The request cannot be read',
  401: 'No token, or another one',
  403: 'A read token, or a page of another site',
  404: 'There is no such thing',
  409: 'It is in another state',
  413: 'The body is too long',
  415: 'The body is of another type',
  421: 'The Host is not known',
  422: 'The request can be read, and a value in it is wrong',
  500: 'A fault of Limpet',
  503: 'The store does not answer',
};

/** The refusals of a route, for its description. 401, 403 and 421 are added. */
export function refusals(...statuses: readonly (400 | 404 | 409 | 413 | 415 | 422 | 503)[]) {
  const content = { 'application/json': { schema: ErrorSchema } };
  const all = [...statuses, 401, 403, 421];
  return Object.fromEntries(all.map((status) => [status, { description: meanings[status] ?? '', content }]));
}
