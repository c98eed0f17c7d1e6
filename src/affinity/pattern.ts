/**
 * The regular expression of `path`, which runs on what strangers send: in RE2's syntax, and in time that grows with the
 * path's length and no faster. JavaScript's own engine tries every way to read a path: `^/(\w+\s?)+$` and 40 bytes keep it
 * busy for ever. It is asked only for patterns in which there is one way to go back at most, because it is ten times as fast.
 */
import { RE2JS, RE2JSSyntaxException } from 're2js';

/** Characters of a pattern, and steps of the program that it becomes. */
const longestPattern = 1024;
const mostSteps = 2048;
/** Steps times bytes of a path, each about 20 ns at worst: a longer path is not searched. */
const mostWork = 1 << 19;

/**
 * A pattern that both engines read alike, and in which one thing at most may be repeated: `^`, then letters and classes, one
 * group, `$` or not. Going back costs at most one look at the rest for each byte.
 */
const plainAtom = String.raw`(?:[\w/~!%&=:;,@-]|\\[^A-Za-z0-9]|\\[dDwWsS]|\.|\[\^?[^\][\\^][^\][\\]*\])`;
const plainPattern = new RegExp(
  String.raw`^\^${plainAtom}*\((?:\?<[A-Za-z]\w*>|(?!\?))(?:${plainAtom}(?![+*?{]))*${plainAtom}(?:[+*?]|\{\d+(?:,\d*)?\})?${plainAtom}*\)${plainAtom}*\$?$`,
);

/** What the one group of a pattern finds in a path. */
export class PathPattern {
  /** Bytes of the longest path that is searched. */
  readonly longest: number;
  private readonly plain: RegExp | null;
  private readonly linear: RE2JS;

  /** `source`: one of which `flawOf` says nothing. */
  constructor(source: string) {
    this.linear = RE2JS.compile(source);
    this.plain = plainPattern.test(source) ? new RegExp(source) : null;
    this.longest = this.plain === null ? Math.floor(mostWork / this.linear.programSize()) : Number.POSITIVE_INFINITY;
  }

  /** null: the pattern does not match, or its group has no part in the match. */
  find(path: string): string | null {
    if (this.plain !== null) return this.plain.exec(path)?.[1] ?? null;
    const matcher = this.linear.matcher(path);
    return matcher.find() ? (matcher.group(1) ?? null) : null;
  }
}

/** What is wrong with a pattern, as the end of a sentence about it; null: nothing. */
export function flawOf(source: string): string | null {
  if (source.length > longestPattern) return `this one is longer than ${longestPattern} characters`;
  try {
    const compiled = RE2JS.compile(source);
    const groups = compiled.groupCount();
    if (groups !== 1) return `this one has ${groups === 0 ? 'none' : groups}`;
    const steps = compiled.programSize();
    return steps <= mostSteps ? null : `this one becomes ${steps} steps, and may have ${mostSteps}: repeat less`;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const { error: why, input } = error;
    const construct = constructs.find(([begins]) => begins.test(input ?? ''))?.[1];
    if (construct === undefined) return `this one does not compile: ${why}${input ? `: ${input}` : ''}`;
    return `this one does not compile: it has ${construct}, which cannot be searched in linear time, and which RE2 does not have`;
  }
}

/** What other engines have, by how RE2's complaint of it begins. */
const constructs: readonly (readonly [RegExp, string])[] = [
  [/^\(\?=/, 'a lookahead (?=...)'],
  [/^\(\?!/, 'a negative lookahead (?!...)'],
  [/^\(\?<=/, 'a lookbehind (?<=...)'],
  [/^\(\?<!/, 'a negative lookbehind (?<!...)'],
  [/^\(\?>/, 'an atomic group (?>...)'],
  [/^\(\?\(/, 'a conditional (?(...)'],
  [/^\\(?:[1-9]|k)/, 'a backreference'],
  [/^[*+?}]\+$/, 'a possessive quantifier'],
];
