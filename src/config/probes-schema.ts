/** Schema of `probes` of a listener. */
import { map, open, text } from './fields.ts';

const probePath = text('path', 'a path such as /livez, without a query', (path) =>
  /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(path) ? path : null,
);

const probesForm = 'a map with live, ready or both, such as { live: /livez, ready: /readyz }';

export const probesSchema = map(
  {
    live: open(probePath, 'none', 'Answered with 200 while the event loop of every worker turns, else with 503.'),
    ready: open(
      probePath,
      'none',
      'Answered with 200 when it is live, a worker listens, the store answers, and each pool has a server that takes new sessions (those with `countsForReadiness: false` excepted); else with 503.',
    ),
  },
  probesForm,
)
  .refine(({ live, ready }) => live !== ready, { error: probesForm })
  .transform(({ live, ready }) => ({ live: live ?? null, ready: ready ?? null }));
