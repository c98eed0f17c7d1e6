/** Schema of `affinity`, made from the descriptors of all affinities. */
import { z } from 'zod';
import type { affinities } from '../affinity/index.ts';
import { descriptors } from '../affinity/registry.ts';
import { fieldKinds } from './field-kinds.ts';
import { map, oneOf, open, word } from './fields.ts';
import type { AffinityOptions, PoolAffinity } from './options.ts';
import { whenOwnerFailsSchema } from './owner-fails-schema.ts';

type Known = (typeof affinities)[number];
/** The schema of each type's value. */
type Shape = { [D in Known as D['type']]: z.ZodOptional<ReturnType<D['schema']>> };
/** Types that need no value. */
type Word = Extract<Known, { readonly wordRank: number }>['type'];

/** The types that need no value, in the order in which messages name them. */
export const affinityWords = descriptors
  .flatMap(({ type, wordRank }) => (wordRank === undefined ? [] : [{ type, wordRank }]))
  .sort((a, b) => a.wordRank - b.wordRank)
  .map(({ type }) => type) as Word[];

const schemas = descriptors.map(({ type, meaning, schema }) => ({ type, meaning, schema: schema(fieldKinds) }));

/** Made from the same descriptors as `Shape`, which the compiler cannot see. */
const shape = Object.fromEntries(
  schemas.map(({ type, meaning, schema }) => [type, open(schema, undefined, meaning)]),
) as unknown as Shape;

const entryForm = `${affinityWords.join(', ')}, or a map with one affinity, such as { cookie: { name: shop } }`;

const entrySchema = z
  .union(
    [
      word(affinityWords),
      map(
        {
          ...shape,
          whenOwnerFails: open(
            whenOwnerFailsSchema,
            'as the pool says',
            'Beside the affinity: what becomes of the sessions that it recognises when their server is gone.',
          ),
        },
        entryForm,
      ),
    ],
    { error: entryForm },
  )
  .transform((entry, context): PoolAffinity => {
    if (typeof entry === 'string') return entryOf(entry);
    const { whenOwnerFails = null, ...written } = entry;
    const [only, ...more] = Object.values<AffinityOptions | undefined>(written).filter((one) => one !== undefined);
    if (only !== undefined && more.length === 0) return { ...only, whenOwnerFails };
    context.issues.push({ code: 'custom', message: entryForm, input: entry });
    return z.NEVER;
  });

/** A type without a value stands for all of its defaults. */
function entryOf(word: Word): PoolAffinity {
  return entrySchema.parse({ [word]: {} });
}

export const affinitySchema = z
  .union([word([...affinityWords, 'none']), z.array(entrySchema)], {
    error: `${oneOf([...affinityWords, 'none'])}, or a list of affinities`,
  })
  .transform((written): readonly PoolAffinity[] => {
    if (typeof written !== 'string') return written;
    return written === 'none' ? [] : [entryOf(written)];
  });
