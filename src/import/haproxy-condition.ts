/** Conditions of HAProxy, `if a b || { path_beg /c }`, as the matches of which a request must fit one. */
import { predefinedAcl, type Reading, readAcl, union } from './haproxy-acl.ts';
import type { Directives } from './haproxy-directives.ts';
import type { Line } from './haproxy-lines.ts';
import { allBoth, anything, type Match } from './haproxy-match.ts';

export interface Condition {
  readonly matches: readonly Match[];
  readonly changes: readonly string[];
  /** The `acl` lines on which it rests, with what is different about each. */
  readonly acls: ReadonlyMap<Line, readonly string[]>;
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
      if ('why' in reading) directives.ledger.leaveOut(line, reading.why);
    }
  }

  /** What stands after the words of the rule itself; nothing: every request. */
  read(words: readonly string[]): ConditionReading {
    const [word, ...rest] = words;
    if (word === undefined) return { matches: [anything], changes: [], acls: new Map() };
    if (word === 'unless') return { why: 'a match says what a request is, not what it is not (unless)' };
    if (word !== 'if' || rest.length === 0) return { why: `"${words.join(' ')}" is no condition` };
    const matches: Match[] = [];
    const changes = new Set<string>();
    const acls = new Map<Line, readonly string[]>();
    for (const terms of alternatives(rest)) {
      if (terms.length === 0) return { why: `"${words.join(' ')}" is no condition` };
      let fitting: readonly Match[] = [anything];
      for (const term of terms) {
        const reading = this.readTerm(term, acls);
        if ('why' in reading) return reading;
        for (const change of typeof term === 'string' ? [] : reading.changes) changes.add(change);
        fitting = allBoth(fitting, reading.matches);
        if (fitting.length > mostMatches) break;
      }
      matches.push(...fitting);
    }
    if (matches.length > mostMatches) return { why: `it would take more than ${mostMatches} routes` };
    if (matches.length === 0) return { why: 'no request is all of that at once' };
    return { matches, changes: [...changes], acls };
  }

  private readTerm(term: string | readonly string[], acls: Map<Line, readonly string[]>): Reading {
    if (typeof term !== 'string') return readAcl(term);
    if (term.startsWith('!')) return { why: `a match says what a request is, not what it is not (${term})` };
    const lines = this.named.get(term);
    if (lines === undefined) return predefinedAcl(term) ?? { why: `there is no acl "${term}"` };
    const readings = lines.map((line) => readAcl(line.words.slice(2)));
    for (const [at, line] of lines.entries()) {
      const reading = readings[at];
      if (reading !== undefined && 'changes' in reading) acls.set(line, reading.changes);
    }
    const all = union(readings);
    return 'why' in all ? { why: `the acl ${term} cannot be carried over: ${all.why}` } : all;
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
