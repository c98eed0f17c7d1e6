/** Conditions of HAProxy, `if a b || { path_beg /c }`, as a list of matches. A request must meet one of them. */
import { type AclReading, predefinedAcl, readAcl, union } from './acl.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import { anyRequest, intersectAll, type Match } from './match.ts';

export interface Condition {
  readonly matches: readonly Match[];
  readonly changes: readonly string[];
  /** The `acl` lines that it uses, each with its differences. */
  readonly acls: ReadonlyMap<Line, readonly string[]>;
  /** Why some requests are not matched, by `acl` line. null: the reasons are about the rule itself. */
  readonly missing: ReadonlyMap<Line | null, readonly string[]>;
}

export type ConditionReading = Condition | { readonly why: string };

/** A person writes fewer routes, and the number grows with each condition as a product. */
const maxMatches = 64;

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

  /** `words`: the condition at the end of a rule. None: every request. */
  read(words: readonly string[]): ConditionReading {
    const [word, ...rest] = words;
    if (word === undefined) return { matches: [anyRequest], changes: [], acls: new Map(), missing: new Map() };
    if (word === 'unless') return { why: 'a match says what a request is, not what it is not (unless)' };
    if (word !== 'if' || rest.length === 0) return { why: `"${words.join(' ')}" is no condition` };
    const found = new ConditionParts();
    for (const terms of alternatives(rest)) {
      if (terms.length === 0) return { why: `"${words.join(' ')}" is no condition` };
      this.readAll(terms, found);
      if (found.matches.length > maxMatches) return { why: `it would take more than ${maxMatches} routes` };
    }
    const { matches, changes, acls, missing, whys } = found;
    if (matches.length === 0) return { why: whys[0] ?? 'no request is all of that at once' };
    for (const why of whys) found.addMissing(null, why);
    return { matches, changes: [...changes], acls, missing };
  }

  /** Reads one alternative, all terms of which must hold. It adds no match if one of them cannot be expressed. */
  private readAll(terms: readonly (string | readonly string[])[], found: ConditionParts): void {
    let intersection: readonly Match[] = [anyRequest];
    const own = new ConditionParts();
    for (const term of terms) {
      const reading = this.readTerm(term, own);
      if ('why' in reading) return void found.whys.push(reading.why);
      if (typeof term !== 'string') {
        for (const change of reading.changes) own.changes.add(change);
        for (const why of reading.missing) own.addMissing(null, why);
      }
      intersection = intersectAll(intersection, reading.matches);
      if (intersection.length > maxMatches) break;
    }
    if (intersection.length === 0) return void found.whys.push('no request is all of that at once');
    found.matches.push(...intersection);
    for (const change of own.changes) found.changes.add(change);
    for (const [line, changes] of own.acls) found.acls.set(line, changes);
    for (const [line, whys] of own.missing) for (const why of whys) found.addMissing(line, why);
  }

  private readTerm(term: string | readonly string[], found: ConditionParts): AclReading {
    if (typeof term !== 'string') return readAcl(term);
    if (term.startsWith('!')) return { why: `a match says what a request is, not what it is not (${term})` };
    const lines = this.named.get(term);
    if (lines === undefined) return predefinedAcl(term) ?? { why: `there is no acl "${term}"` };
    const readings = lines.map((line) => readAcl(line.words.slice(2)));
    for (const [at, line] of lines.entries()) {
      const reading = readings[at];
      if (reading === undefined) continue;
      if ('changes' in reading) found.acls.set(line, reading.changes);
      for (const why of 'why' in reading ? [reading.why] : reading.missing) found.addMissing(line, why);
    }
    const all = union(readings);
    return 'why' in all ? { why: `the acl ${term} cannot be carried over: ${all.why}` } : all;
  }
}

/** The result so far. */
class ConditionParts {
  readonly matches: Match[] = [];
  readonly changes = new Set<string>();
  readonly acls = new Map<Line, readonly string[]>();
  readonly missing = new Map<Line | null, string[]>();
  /** The reasons for alternatives that cannot be expressed. */
  readonly whys: string[] = [];

  addMissing(line: Line | null, why: string): void {
    const whys = this.missing.get(line) ?? [];
    this.missing.set(line, whys.includes(why) ? whys : [...whys, why]);
  }
}

/** The terms between `||`: names, perhaps with `!`, and anonymous ACLs in braces. */
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
