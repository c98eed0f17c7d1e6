/** The values of `--affinity`, such as `cookie` or `learn:JSESSIONID`, and what they are in a config. */
import { descriptors } from '../affinity/registry.ts';
import { affinityWords } from './affinity-schema.ts';
import type { Config } from './config.ts';
import { fieldKinds } from './field-kinds.ts';

type Written = NonNullable<Config['pools'][string]['affinity']>;
type Entry = Exclude<Written, string>[number];

const words: readonly string[] = [...affinityWords, 'none'];

/** By the type before the colon. */
const flags = new Map(
  descriptors.flatMap(({ type, flag }) =>
    flag === undefined ? [] : [[type, { ...flag, schema: flag.schema(fieldKinds) }] as const],
  ),
);

const affinityFlagForm = `${words.join(', ')}, or one of ${Array.from(flags.keys()).join(', ')} with a name, such as learn:JSESSIONID`;

/** All forms, for the help: `cookie, source-ip, none, learn:COOKIE or path:REGEX`. */
export const affinityFlagHelp = [...words, ...Array.from(flags, ([type, { value }]) => `${type}:${value}`)]
  .join(', ')
  .replace(/, (?=[^,]*$)/, ' or ');

/** What is expected in place of a wrong value; null: the value is right. */
export function affinityFlagFlaw(word: string): string | null {
  if (words.includes(word)) return null;
  const [type, value] = split(word);
  const flag = type === undefined ? undefined : flags.get(type);
  if (flag === undefined) return affinityFlagForm;
  return flag.schema.safeParse(value).error?.issues[0]?.message ?? null;
}

/** The affinities of a pool for right values, in their order. `none` has to be the only value. */
export function affinityOfFlags(given: readonly string[]): Written {
  const written = given.map((one) => {
    const [type, value] = split(one);
    return type === undefined ? one : { [type]: flags.get(type)?.written(value) };
  });
  const [only] = written;
  // The types come from the descriptors, as do those that the schema accepts.
  return (written.length === 1 && typeof only === 'string' ? only : (written as Entry[])) as Written;
}

/** Splits at the first colon: a pattern may contain others. */
function split(word: string): [string | undefined, string] {
  const colon = word.indexOf(':');
  return colon < 0 ? [undefined, word] : [word.slice(0, colon), word.slice(colon + 1)];
}
