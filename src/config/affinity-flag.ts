/** An affinity as one word of the command line, `cookie` or `learn:JSESSIONID`, and the same as a config has it. */
import type { z } from 'zod';
import { pathSchema } from './affinity-learned.ts';
import { cookieName, headerName, queryName } from './affinity-names.ts';
import type { Config } from './config.ts';

type Written = NonNullable<Config['pools'][string]['affinity']>;
type Entry = Exclude<Written, string>[number];

const words = ['cookie', 'source-ip', 'socket.io', 'none'] as const;

/** What comes before the colon: how the rest is checked, and what it is in a config. */
const kinds = new Map<string, { readonly rest: z.ZodType; readonly entry: (rest: string) => Entry }>(
  Object.entries({
    cookie: { rest: cookieName, entry: (name: string) => ({ cookie: { name } }) },
    learn: { rest: cookieName, entry: (learn: string) => ({ learn }) },
    header: { rest: headerName, entry: (header: string) => ({ header }) },
    query: { rest: queryName, entry: (query: string) => ({ query }) },
    path: { rest: pathSchema, entry: (path: string) => ({ path }) },
    rewrite: { rest: cookieName, entry: (rewrite: string) => ({ rewrite }) },
  }),
);

export const affinityFlagForm = `${words.join(', ')}, or one of ${Array.from(kinds.keys()).join(', ')} with a name, such as learn:JSESSIONID`;

/** What is wrong with such a word; null: nothing. */
export function affinityFlagFlaw(word: string): string | null {
  if (words.some((known) => known === word)) return null;
  const [kind, rest] = split(word);
  const known = kind === undefined ? undefined : kinds.get(kind);
  if (known === undefined) return affinityFlagForm;
  return known.rest.safeParse(rest).error?.issues[0]?.message ?? null;
}

/** Of words without flaw, in their order; `none` stands alone. */
export function affinityOfFlags(given: readonly string[]): Written {
  const [only] = given;
  const word = words.find((known) => known === only);
  if (word !== undefined && given.length === 1) return word;
  return given.map((one): Entry => {
    const [kind, rest] = split(one);
    if (kind !== undefined) return kinds.get(kind)?.entry(rest) ?? {};
    return one === 'source-ip' || one === 'socket.io' ? one : 'cookie';
  });
}

/** At the first colon: a pattern may have more. */
function split(word: string): [string | undefined, string] {
  const colon = word.indexOf(':');
  return colon < 0 ? [undefined, word] : [word.slice(0, colon), word.slice(colon + 1)];
}
