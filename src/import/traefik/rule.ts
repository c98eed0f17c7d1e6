/** Rules of Traefik, such as Host(`a.org`) && (PathPrefix(`/x`) || Path(`/y`)), as matches of routes. */

import { holdsHost } from '../../config/host-pattern.ts';
import { commonReasons } from '../common-reasons.ts';
import { extensionsOf, hostPattern, routePath } from '../values.ts';
import { type Call, type Condition, parseRule } from './rule-syntax.ts';

export interface Match {
  readonly host: string;
  readonly path: string;
  readonly methods: readonly string[];
  readonly extensions: readonly string[];
}

export interface RuleMatches {
  readonly matches: readonly Match[];
  /** How the matches differ from the rule. */
  readonly changes: readonly string[];
  /** The reason for each alternative that no route can express. */
  readonly lost: readonly string[];
}

/** No person writes a rule with more alternatives. */
const maxTerms = 256;

/** The match so far. null: no condition has set the field yet. */
interface PartialMatch {
  host: string | null;
  path: { readonly text: string; readonly exact: boolean } | null;
  methods: readonly string[] | null;
  extensions: readonly string[] | null;
}

/** Returns the reason as a string if the rule cannot be carried over. */
export function readRule(text: string): RuleMatches | string {
  const rule = parseRule(text);
  if (typeof rule === 'string') return rule;
  const terms = termsOf(rule, false);
  if (terms === null) return `it has more than ${maxTerms} alternatives`;
  const matches = new Map<string, Match>();
  const changes = new Set<string>();
  const lost: string[] = [];
  for (const term of terms) {
    const found = matchOf(term);
    if (typeof found === 'string') lost.push(found);
    else if (found !== null) {
      matches.set(JSON.stringify(found.match), found.match);
      for (const change of found.changes) changes.add(change);
    }
  }
  if (matches.size === 0 && lost.length === 0) return 'no request can meet it';
  return { matches: [...matches.values()], changes: [...changes], lost };
}

interface Literal {
  readonly call: Call;
  readonly negated: boolean;
}

/** The rule in disjunctive normal form; null if there are too many alternatives. */
function termsOf(rule: Condition, negated: boolean): Literal[][] | null {
  if (rule.kind === 'not') return termsOf(rule.inner, !negated);
  if (rule.kind === 'call') return literalsOf(rule, negated);
  // By De Morgan's laws negation turns `and` into `or`, and `or` into `and`.
  const any = (rule.kind === 'or') !== negated;
  let terms: Literal[][] = any ? [] : [[]];
  for (const part of rule.parts) {
    const more = termsOf(part, negated);
    if (more === null) return null;
    terms = any ? [...terms, ...more] : terms.flatMap((one) => more.map((two) => [...one, ...two]));
    if (terms.length > maxTerms) return null;
  }
  return terms;
}

const multiValueCalls = /^(?:Host|HostHeader|HostRegexp|Path|PathPrefix|PathRegexp|ClientIP)$/;

/** In version 2 some calls may have several values, which are alternatives. */
function literalsOf(call: Call, negated: boolean): Literal[][] {
  if (!multiValueCalls.test(call.name) || call.args.length < 2) return [[{ call, negated }]];
  const each = call.args.map((arg) => ({ call: { ...call, args: [arg], text: `${call.name}(\`${arg}\`)` }, negated }));
  return negated ? [each] : each.map((one) => [one]);
}

/** Returns null if no request meets the term, and the reason as a string if no route can express it. */
function matchOf(term: readonly Literal[]): { match: Match; changes: string[] } | string | null {
  const partial: PartialMatch = { host: null, path: null, methods: null, extensions: null };
  const changes: string[] = [];
  for (const { call, negated } of term) {
    if (negated) return `no route can say !${call.text}`;
    const change = narrow(partial, call);
    if (change === null) return null;
    if (change.startsWith('!')) return change.slice(1);
    if (change !== '') changes.push(change);
  }
  const { path } = partial;
  if (path?.exact && path.text === '/') return commonReasons.rootAlone;
  if (path?.exact) changes.push(`paths below ${path.text} match too`);
  else if (path !== null && !path.text.endsWith('/')) {
    changes.push(commonReasons.wholeSegments);
  }
  const match = {
    host: partial.host ?? '',
    path: path?.text ?? '/',
    methods: partial.methods ?? [],
    extensions: partial.extensions ?? [],
  };
  return { match, changes };
}

/** Returns the difference ('' for none), or `!` and the reason why no route can express it, or null for a contradiction. */
function narrow(partial: PartialMatch, { name, args, text }: Call): string | null {
  const [first = ''] = args;
  const unsupported = `!no route can look at ${text}`;
  switch (name) {
    case 'Host':
    case 'HostHeader':
      return hostPattern(first) === null || first.includes('*')
        ? `!${text} is no name of a host`
        : narrowHost(partial, first, '');
    case 'HostRegexp':
      return narrowPattern(partial, first, unsupported);
    case 'Path':
    case 'PathPrefix':
      if (/[{}]/.test(first)) return `!no route can say the pattern of ${text}`;
      return routePath(first) === null ? `!${text} is no path` : narrowPath(partial, first, name === 'Path');
    case 'PathRegexp':
      return narrowPathPattern(partial, first, unsupported);
    case 'Method': {
      const methods = args.map((arg) => arg.toUpperCase()).filter((arg) => /^[A-Z-]{1,32}$/.test(arg));
      const both = partial.methods === null ? methods : methods.filter((method) => partial.methods?.includes(method));
      partial.methods = both;
      return both.length === 0 ? null : '';
    }
    default:
      return unsupported;
  }
}

function narrowHost(partial: PartialMatch, host: string, change: string): string | null {
  const wanted = host.toLowerCase().replace(/\.$/, '');
  const known = partial.host;
  if (known === null || holdsHost(known, wanted)) partial.host = wanted;
  else if (!holdsHost(wanted, known)) return null;
  return change;
}

/** Subdomains are `^.+\.example\.org$` in version 3 and `{sub:.+}.example.org` in version 2. */
function narrowPattern(partial: PartialMatch, pattern: string, unsupported: string): string | null {
  if (/^(?:\^?\.[+*]\$?|\{\w*:\.[+*]\})$/.test(pattern)) return narrowHost(partial, '', '');
  const [, any = '', third] = /^\^?\(?((?:\.|\[[^\]]*\]|\\w)[+*])\)?\\\.([\w.\\-]+)\$?$/.exec(pattern) ?? [];
  const [, second] = /^\{\w+(?::[^{}]*)?\}\.([\w.-]+)$/.exec(pattern) ?? [];
  const host = (third?.replace(/\\(?=[.-])/g, '') ?? second ?? '').toLowerCase();
  if (host === '' || hostPattern(host) === null) return unsupported;
  const exact = any.startsWith('.') && /^\^.*\$$/.test(pattern);
  return narrowHost(partial, `*.${host}`, exact ? '' : `the pattern became *.${host}, any name below it`);
}

function narrowPath(partial: PartialMatch, text: string, exact: boolean): string | null {
  const { path } = partial;
  const below = (wide: string, narrow: string) => narrow.startsWith(wide);
  if (path === null || (!path.exact && below(path.text, text))) partial.path = { text, exact };
  else if (path.exact && exact ? path.text !== text : exact || !below(text, path.text)) return null;
  return '';
}

/** `\.(css|js)$` is a list of extensions, `^/api/` is a prefix. */
function narrowPathPattern(partial: PartialMatch, pattern: string, unsupported: string): string | null {
  const extensions = extensionsOf(pattern);
  if (extensions.length > 0) {
    partial.extensions = extensions;
    return '';
  }
  const [, prefix] = /^\^(\/[\w/-]*\/)(?:\.\*|\(\.\*\))?\$?$/.exec(pattern) ?? [];
  return prefix === undefined || /\/\$$/.test(pattern) ? unsupported : narrowPath(partial, prefix, false);
}
