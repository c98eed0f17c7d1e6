/**
 * The kinds of values of a config, as zod schemas. Each has a name (`title`, for editors and the reference), and its error
 * says what is expected, never what was found: that could be a secret.
 */
import { z } from 'zod';
import { durationPattern, formatDuration, formatSize, parseDuration, parseSize, sizePattern } from './units.ts';

// A config is read once: code that zod writes for each schema, to read faster later, would only make the start slower.
z.config({ jitless: true });

/** The longest time-out (ms) for which a timer can be set on both runtimes: whole hours below 2^31 ms. */
export const longestTimer = 596 * 3_600_000;
/** The longest time (ms) that is only compared: 99999h, eleven years. */
export const longestTime = 99_999 * 3_600_000;

/**
 * A field, or a part with fields of its own, that is filled with `written` when it is absent. `meaning` is a sentence or two
 * for the reference.
 */
export function field<S extends z.ZodType>(schema: S, written: z.input<S> & {}, meaning: string) {
  return schema.prefault(written).meta({ description: meaning });
}

/** A field that stays undefined when it is absent. `written`: what the reference names as its default. */
export function open<S extends z.ZodType>(schema: S, written: string | undefined, meaning: string) {
  return schema.optional().meta({ description: meaning, usual: written });
}

/** A map of known fields. Its error for an unknown field is the list of the known ones, from which `explain` makes the message. */
export function map<T extends z.ZodRawShape>(shape: T, expected = 'a map of fields') {
  const known = Object.keys(shape).join(' ');
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known : expected) });
}

/** Text that `parse` can read; it returns null for text that it cannot. */
export function text<T>(title: string, expected: string, parse: (value: string) => T | null) {
  return z.string({ error: expected }).meta({ title }).transform(parsing(expected, parse));
}

/** The same for text that YAML reads as a number when it has no quotes, such as a port. */
export function textOrNumber<T>(title: string, expected: string, parse: (value: string) => T | null) {
  return z
    .union([z.string(), z.int()], { error: expected })
    .meta({ title })
    .transform(parsing(expected, (value: string | number) => parse(String(value))));
}

function parsing<I, T>(expected: string, parse: (value: I) => T | null) {
  return (value: I, context: z.core.$RefinementCtx): T => {
    const parsed = parse(value);
    if (parsed !== null) return parsed;
    context.issues.push({ code: 'custom', message: expected, input: value });
    return z.NEVER;
  };
}

export function word<const T extends readonly string[]>(choices: T) {
  return z.enum(choices, { error: oneOf(choices) });
}

export function oneOf(choices: readonly string[]): string {
  return choices.length === 1 ? choices.join() : `one of ${choices.join(', ')}`;
}

/** A whole number, or its digits as text: variables of the environment are text. */
export function whole(min: number, max: number, error = `a whole number from ${min} to ${max}`) {
  return z.preprocess(numberOf, z.int({ error }).min(min, { error }).max(max, { error }));
}

export function decimal(min: number, max: number, error = `a number from ${min} to ${max}`) {
  return z.preprocess(numberOf, z.number({ error }).min(min, { error }).max(max, { error }));
}

function numberOf(value: number | `${number}`): unknown {
  return typeof value === 'string' && /^[0-9]+(?:\.[0-9]+)?$/.test(value) ? Number(value) : value;
}

export function flag() {
  return z.preprocess(
    (value: boolean | 'true' | 'false'): unknown => (value === 'true' ? true : value === 'false' ? false : value),
    z.boolean({ error: 'true or false' }),
  );
}

/** A time above 0; read as milliseconds. */
export function time(longest = longestTimer) {
  const expected = `a time such as 500ms, 30s or 1m30s, at most ${formatDuration(longest)}`;
  const fits = (found: number) => found > 0 && found <= longest;
  return z
    .string({ error: expected })
    .regex(durationPattern, { error: expected })
    .transform(parseDuration)
    .refine(fits, { error: expected })
    .meta({ title: 'time' });
}

/** A time, or `0`, `0s` or `off` for none; read as milliseconds. */
export function timeOrNone(longest = longestTimer, shortest = 0) {
  const range = `${shortest > 0 ? `at least ${formatDuration(shortest)}, ` : ''}at most ${formatDuration(longest)}`;
  const expected = `a time such as 30s or 1m30s, ${range}, or off`;
  return z
    .union([z.literal(0), z.literal('off'), z.string().regex(durationPattern, { error: expected })], {
      error: expected,
    })
    .transform((value) => (value === 0 || value === 'off' ? 0 : parseDuration(value)))
    .refine((found) => found <= longest && (found === 0 || found >= shortest), { error: expected })
    .meta({ title: 'time or off' });
}

/** A size; read as bytes. */
export function size(min: number, max: number) {
  const expected = `a size from ${formatSize(min)} to ${formatSize(max)}, such as 16k, 1M or a number of bytes`;
  return z
    .union([z.int().min(0, { error: expected }), z.string().regex(sizePattern, { error: expected })], {
      error: expected,
    })
    .transform((value) => (typeof value === 'number' ? value : parseSize(value)))
    .refine((found) => found >= min && found <= max, { error: expected })
    .meta({ title: 'size' });
}
