/** An affinity as one word of the command line, `cookie` or `learn:JSESSIONID`, and the same as a config has it. */
import { descriptors } from '../affinity/registry.ts';
import { affinityWords } from './affinity-schema.ts';
import type { Config } from './config.ts';
import { fieldKinds } from './field-kinds.ts';

type Written = NonNullable<Config['pools'][string]['affinity']>;
type Entry = Exclude<Written, string>[number];

const words: readonly string[] = [...affinityWords, 'none'];

/** By what comes before the colon. */
const flags = new Map(
  descriptors.flatMap(({ type, flag }) =>
    flag === undefined ? [] : [[type, { ...flag, schema: flag.schema(fieldKinds) }] as const],
  ),
);

const affinityFlagForm = `${words.join(', ')}, or one of ${Array.from(flags.keys()).join(', ')} with a name, such as learn:JSESSIONID`;

/** For the help: `cookie, source-ip, none, learn:COOKIE or path:REGEX`. */
export const affinityFlagHelp = [...words, ...Array.from(flags, ([type, { value }]) => `${type}:${value}`)]
  .join(', ')
  .replace(/, (?=[^,]*$)/, ' or ');

/** What is wrong with such a word; null: nothing. */
export function affinityFlagFlaw(word: string): string | null {
  if (words.includes(word)) return null;
  const [type, value] = split(word);
  const flag = type === undefined ? undefined : flags.get(type);
  if (flag === undefined) return affinityFlagForm;
  return flag.schema.safeParse(value).error?.issues[0]?.message ?? null;
}

/** Of words without flaw, in their order; `none` stands alone. */
export function affinityOfFlags(given: readonly string[]): Written {
  const written = given.map((one) => {
    const [type, value] = split(one);
    return type === undefined ? one : { [type]: flags.get(type)?.written(value) };
  });
  const [only] = written;
  // The words and keys are those of the descriptors, which is what a config may hold.
  return (written.length === 1 && typeof only === 'string' ? only : (written as Entry[])) as Written;
}

/** At the first colon: a pattern may have more. */
function split(word: string): [string | undefined, string] {
  const colon = word.indexOf(':');
  return colon < 0 ? [undefined, word] : [word.slice(0, colon), word.slice(colon + 1)];
}
