/** What a person may write about affinities that a person decides: `route` and `force`. */
import { z } from 'zod';
import { cookieName, headerName, queryName } from './affinity-names.ts';
import { map, open } from './fields.ts';
import type { ForceOptions, KeyOptions, RouteAffinityOptions } from './options.ts';

/** One of `header`, `cookie` and `query` says where the client gives its key. */
const keyFields = {
  header: open(headerName, undefined, 'The key is the value of this header.'),
  cookie: open(cookieName, undefined, 'The key is the value of this cookie.'),
  query: open(queryName, undefined, 'The key is the value of this query parameter.'),
};

type KeyFields = { readonly [From in KeyOptions['from']]?: string | undefined };

function keyOf(fields: KeyFields): KeyOptions | null {
  const given = (['header', 'cookie', 'query'] as const).flatMap((from): KeyOptions[] => {
    const name = fields[from];
    return name === undefined ? [] : [{ from, name }];
  });
  return given.length === 1 ? given[0]! : null;
}

const routeForm = 'a map with header, cookie or query (one of them), and map';

export const routeSchema = map(
  {
    ...keyFields,
    map: z
      .record(z.string().min(1, { error: 'a pattern' }), z.string({ error: 'the name of a server' }), {
        error: 'a map from keys to names of servers',
      })
      .meta({ description: 'Key to name of a server of the pool. `*` stands for any text; keys without it go first.' }),
  },
  routeForm,
).transform(({ map, ...fields }, context): RouteAffinityOptions => {
  const key = keyOf(fields);
  if (key !== null)
    return { type: 'route', key, map: Object.entries(map).map(([pattern, server]) => ({ pattern, server })) };
  context.issues.push({ code: 'custom', message: routeForm, input: fields });
  return z.NEVER;
});

const forceForm = 'a map with header, cookie or query (one of them)';

export const forceSchema = map(keyFields, forceForm).transform((fields, context): ForceOptions => {
  const key = keyOf(fields);
  if (key !== null) return { type: 'force', key };
  context.issues.push({ code: 'custom', message: forceForm, input: fields });
  return z.NEVER;
});
