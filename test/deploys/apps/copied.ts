/** A server with the session library: the balancer keeps a copy of each session. */
import { sessions } from '../../../src/session/index.ts';
import { serveVisits } from './serve.ts';

const app = sessions({ strategy: 'sticky', onError: (error) => console.error(error) });

serveVisits(
  async (request, response) => {
    const { data } = (await app.open(request, response)) as { data: { count?: number } };
    data.count = (data.count ?? 0) + 1;
    return data.count;
  },
  (request, response, error) => app.guard(request, response).refuse(error),
);
