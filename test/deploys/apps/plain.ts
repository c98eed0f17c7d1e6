/** A server that keeps its sessions in its own memory, under a cookie of its own: nobody has a copy. */
import { randomBytes } from 'node:crypto';
import { serveVisits } from './serve.ts';

const visits = new Map<string, number>();

serveVisits(
  async (request, response) => {
    const known = /\bapp=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    const id = known !== undefined && visits.has(known) ? known : randomBytes(16).toString('hex');
    const count = (visits.get(id) ?? 0) + 1;
    visits.set(id, count);
    response.setHeader('set-cookie', `app=${id}; Path=/`);
    return count;
  },
  (_, response, error) => {
    response.statusCode = 500;
    response.end(String(error));
  },
);
