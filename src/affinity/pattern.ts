/**
 * The regular expression of `path`. It runs on input of strangers, so it has the syntax of RE2 and runs in time linear in the length of
 * the path. JavaScript's own engine backtracks: with `^/(\w+\s?)+$` it needs years for 40 bytes. It is ten times as fast, though, so it
 * is used for patterns that leave it at most one choice to go back to.
 */
import { RE2JS, RE2JSSyntaxException } from 're2js';

/** The most characters of a pattern, and the most steps of the program that RE2 makes of it. */
const longestPattern = 1024;
const mostSteps = 2048;
/** The most steps times bytes of a path, at up to 20 ns each. A longer path is not searched. */
const mostWork = 1 << 19;

/**
 * Patterns that mean the same to both engines and repeat one atom at most: `^`, letters and classes, one group, perhaps `$`.
 * Backtracking then costs at most one look at the rest of the path for each byte.
 */
const plainAtom = String.raw`(?:[\w/~!%&=:;,@-]|\\[^A-Za-z0-9]|\\[dDwWsS]|\.|\[\^?[^\][\\^][^\][\\]*\])`;
const plainPattern = new RegExp(
  String.raw`^\^${plainAtom}*\((?:\?<[A-Za-z]\w*>|(?!\?))(?:${plainAtom}(?![+*?{]))*${plainAtom}(?:[+*?]|\{\d+(?:,\d*)?\})?${plainAtom}*\)${plainAtom}*\$?$`,
);

/** Finds the text of the pattern's one group in a path. */
export class PathPattern {
  /** Longest path that is searched, in bytes. */
  readonly longest: number;
  private readonly plain: RegExp | null;
  private readonly linear: RE2JS;

  /** `source`: a pattern for which `flawOf` answers null. */
  constructor(source: string) {
    this.linear = RE2JS.compile(source);
    this.plain = plainPattern.test(source) ? new RegExp(source) : null;
    this.longest = this.plain === null ? Math.floor(mostWork / this.linear.programSize()) : Number.POSITIVE_INFINITY;
  }

  /** null: the pattern does not match, or its group is not part of the match. */
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

/** Constructs of other engines, by the beginning of RE2's message about them. */
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
