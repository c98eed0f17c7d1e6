/** Conditions of HAProxy, `if a b || { path_beg /c }`, as the matches of which a request must fit one. */
import { predefinedAcl, type Reading, readAcl, union } from './acl.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { anyRequest, intersectAll, type Match } from './match.ts';

export interface Condition {
  readonly matches: readonly Match[];
  readonly changes: readonly string[];
  /** The `acl` lines on which it rests, with what is different about each. */
  readonly acls: ReadonlyMap<Line, readonly string[]>;
  /** Requests that fit too, but that no match can tell: why, by the `acl` line; those of the rule itself under null. */
  readonly missing: ReadonlyMap<Line | null, readonly string[]>;
}

export type ConditionReading = Condition | { readonly why: string };

/** More routes than a person would write, and the number grows as a product. */
const mostMatches = 64;

export class Acls {
  private readonly named = new Map<string, Line[]>();

  constructor(directives: Directives) {
    for (const line of directives.all('acl')) {
      const name = line.words[1] ?? '';
      this.named.set(name, [...(this.named.get(name) ?? []), line]);
      const reading = readAcl(line.words.slice(2));
      if ('why' in reading) directives.report.leaveOut(line, reading.why);
    }
  }

  /** What stands after the words of the rule itself; nothing: every request. */
  read(words: readonly string[]): ConditionReading {
    const [word, ...rest] = words;
    if (word === undefined) return { matches: [anyRequest], changes: [], acls: new Map(), missing: new Map() };
    if (word === 'unless') return { why: 'a match says what a request is, not what it is not (unless)' };
    if (word !== 'if' || rest.length === 0) return { why: `"${words.join(' ')}" is no condition` };
    const found = new Found();
    for (const terms of alternatives(rest)) {
      if (terms.length === 0) return { why: `"${words.join(' ')}" is no condition` };
      this.readAll(terms, found);
      if (found.matches.length > mostMatches) return { why: `it would take more than ${mostMatches} routes` };
    }
    const { matches, changes, acls, missing, whys } = found;
    if (matches.length === 0) return { why: whys[0] ?? 'no request is all of that at once' };
    for (const why of whys) found.miss(null, why);
    return { matches, changes: [...changes], acls, missing };
  }

  /** One alternative: every term of it must hold. Nothing of it is found when one of them cannot be said. */
  private readAll(terms: readonly (string | readonly string[])[], found: Found): void {
    let fitting: readonly Match[] = [anyRequest];
    const own = new Found();
    for (const term of terms) {
      const reading = this.readTerm(term, own);
      if ('why' in reading) return void found.whys.push(reading.why);
      if (typeof term !== 'string') {
        for (const change of reading.changes) own.changes.add(change);
        for (const why of reading.missing) own.miss(null, why);
      }
      fitting = intersectAll(fitting, reading.matches);
      if (fitting.length > mostMatches) break;
    }
    if (fitting.length === 0) return void found.whys.push('no request is all of that at once');
    found.matches.push(...fitting);
    for (const change of own.changes) found.changes.add(change);
    for (const [line, changes] of own.acls) found.acls.set(line, changes);
    for (const [line, whys] of own.missing) for (const why of whys) found.miss(line, why);
  }

  private readTerm(term: string | readonly string[], found: Found): Reading {
    if (typeof term !== 'string') return readAcl(term);
    if (term.startsWith('!')) return { why: `a match says what a request is, not what it is not (${term})` };
    const lines = this.named.get(term);
    if (lines === undefined) return predefinedAcl(term) ?? { why: `there is no acl "${term}"` };
    const readings = lines.map((line) => readAcl(line.words.slice(2)));
    for (const [at, line] of lines.entries()) {
      const reading = readings[at];
      if (reading === undefined) continue;
      if ('changes' in reading) found.acls.set(line, reading.changes);
      for (const why of 'why' in reading ? [reading.why] : reading.missing) found.miss(line, why);
    }
    const all = union(readings);
    return 'why' in all ? { why: `the acl ${term} cannot be carried over: ${all.why}` } : all;
  }
}

/** What has been read of a condition. */
class Found {
  readonly matches: Match[] = [];
  readonly changes = new Set<string>();
  readonly acls = new Map<Line, readonly string[]>();
  readonly missing = new Map<Line | null, string[]>();
  /** Of alternatives of which nothing can be said. */
  readonly whys: string[] = [];

  miss(line: Line | null, why: string): void {
    const whys = this.missing.get(line) ?? [];
    this.missing.set(line, whys.includes(why) ? whys : [...whys, why]);
  }
}

/** Terms between `||`: names (with `!` before them), and what stands between braces. */
function alternatives(words: readonly string[]): (string | readonly string[])[][] {
  const found: (string | readonly string[])[][] = [[]];
  let not = '';
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '||' || word.toLowerCase() === 'or') found.push([]);
    else if (word === '!') not = '!';
    else if (word === '{' || word === '!{') {
      const close = words.indexOf('}', at);
      const inner = words.slice(at + 1, close < 0 ? words.length : close);
      found.at(-1)?.push(not === '' && word === '{' ? inner : `!{ ${inner.join(' ')} }`);
      at += inner.length + 1;
      not = '';
    } else {
      found.at(-1)?.push(not + word);
      not = '';
    }
  }
  return found;
}
