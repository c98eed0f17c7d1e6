/** Affinity by a part of the path that names the session, such as the id of a room or a document: the group of a regular expression. */
import type { FieldKinds } from '../config/field-kinds.ts';
import { QUESTION } from '../http/bytes.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Recognition } from './affinity.ts';
import type { AffinityDescriptor, SessionTimes } from './descriptor.ts';
import { checkTimes, fillTimes, longestName, type NamedDependencies, Naming, usualIdleMs } from './named.ts';
import { flawOf, PathPattern } from './pattern.ts';

export interface PathOptions extends SessionTimes {
  readonly type: 'path';
  /** Source of a regular expression for the path without its query; its one group is the name. */
  readonly pattern: string;
}

const patternForm = 'a regular expression with exactly one group, such as ^/rooms/([^/]+)';
const pathForm = `${patternForm}, or a map with pattern`;

export const path = {
  type: 'path',
  meaning: 'A part of the path.',
  hasIds: true,
  schema: schemaOf,
  flag: { value: 'REGEX', schema: schemaOf, written: (pattern) => pattern },
  check: (options, report) => checkTimes(options, report),
  sourcesOf: ({ pattern }) => [{ text: `path, by ${pattern}`, quoted: `the path ${pattern}` }],
  timesOf: (options) => options,
  tableNameOf: ({ pattern }) => pattern,
  create: (options, dependencies) => new PathAffinity(options, dependencies),
} satisfies AffinityDescriptor<PathOptions>;

/** The pattern is checked after the union, so that the short form gets the exact message too. */
function schemaOf({ map, storedTimes, z }: FieldKinds) {
  const pattern = z.string({ error: patternForm }).meta({ title: 'regular expression (RE2)' });
  const fields = map(
    {
      pattern: pattern.meta({
        description: 'For the path without its query, as the client writes it. Its one group is the key.',
      }),
      ...storedTimes(usualIdleMs),
    },
    pathForm,
  );
  return z.union([pattern, fields], { error: pathForm }).transform((written, context): PathOptions => {
    const isShort = typeof written === 'string';
    const { pattern, idle, absolute } = isShort ? { pattern: written, idle: undefined, absolute: 0 } : written;
    const flaw = flawOf(pattern);
    if (flaw === null) return { type: 'path', pattern, ...fillTimes(idle, absolute) };
    const path = isShort ? [] : ['pattern'];
    context.issues.push({ code: 'custom', message: `${patternForm}: ${flaw}`, input: pattern, path });
    return z.NEVER;
  });
}

export class PathAffinity implements Affinity {
  readonly name = 'path';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly pattern: PathPattern;
  /** One byte longer than the longest name, so that a longer text is seen to be too long. */
  private readonly group = Buffer.alloc(longestName + 1);

  constructor({ pattern }: PathOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.pattern = new PathPattern(pattern);
  }

  /** The pattern is matched with the path as it was received, without the query. */
  recognise(request: RequestHead, _client: ClientFacts, now: number, recognition: Recognition): boolean {
    const { bytes, pathStart, pathEnd } = request;
    let end = pathStart;
    while (end < pathEnd && bytes[end] !== QUESTION) end++;
    if (end - pathStart > this.pattern.longest) {
      recognition.beyondLimit = true;
      return false;
    }
    const key = this.pattern.find(bytes.toString('latin1', pathStart, end));
    if (key === null) return false;
    const length = this.group.write(key, 'latin1');
    this.naming.begin();
    this.naming.offer(this.group, 0, length, now, recognition);
    return this.naming.recognise(this, now, recognition);
  }

  hidePath(path: string): string {
    if (path.length > this.pattern.longest) return '/*';
    const key = this.pattern.find(path);
    return key === null || key === '' ? path : path.replaceAll(key, '*');
  }
}
