/** The directives of a site of Caddy as steps, in the order in which Caddy applies them: proxies, refusals and own answers. */

import type { Pool } from '../config-builder.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Concern } from '../imported.ts';
import type { Loops } from '../loops.ts';
import {
  type Alternatives,
  anyRequest,
  describeMatches,
  differenceOf,
  intersect,
  intersectAll,
} from '../request-match.ts';
import { guards, orderOf, reasonFor, rewrites } from './directives.ts';
import { readNamed, readPath } from './matchers.ts';
import { readProxy } from './proxy.ts';

/** The first step whose matches meet a request handles it. */
export type Step =
  | { readonly kind: 'proxy'; readonly directive: Directive; readonly when: Alternatives; readonly pool: Pool }
  /** Caddy refused the request or answered it itself. Here it goes on to a later step, if one matches. */
  | { readonly kind: 'refused' | 'answered'; readonly directive: Directive; readonly when: Alternatives };

interface Scope {
  readonly when: Alternatives;
  readonly named: ReadonlyMap<string, Directive>;
  /** Directives apply in the order of the file, as in `route`. */
  readonly ordered: boolean;
}

interface Warning {
  readonly directive: Directive;
  readonly concern: Concern;
  readonly why: string;
}

export class SiteReader {
  /** Reported only if the site has a route. */
  readonly warnings: Warning[] = [];
  private readonly report: DirectiveReport;
  private readonly loops: Loops;
  private readonly site: { readonly name: string; readonly secure: boolean };

  constructor(site: { readonly name: string; readonly secure: boolean }, report: DirectiveReport, loops: Loops) {
    this.loops = loops;
    this.site = site;
    this.report = report;
  }

  steps(block: readonly Directive[], host: Alternatives): Step[] {
    return this.read(block, { when: host, named: new Map(), ordered: false });
  }

  private read(block: readonly Directive[], outer: Scope): Step[] {
    const named = new Map(outer.named);
    for (const one of block) if (one.name.startsWith('@')) named.set(one.name, one);
    const scope = { ...outer, named };
    const lines = block.filter(({ name }) => !name.startsWith('@')).map((one) => ({ one, ...this.take(one, scope) }));
    const sorted = scope.ordered
      ? lines
      : lines.toSorted((a, b) => orderOf(a.one.name) - orderOf(b.one.name) || b.specific - a.specific);
    return sorted.flatMap(({ one, when, rest, matcher }) => this.step(one, when, rest, matcher, scope));
  }

  /** Splits the arguments of a directive into its matcher and the rest. */
  private take(one: Directive, { when, named }: Scope) {
    const [first = '', ...rest] = one.args;
    const definition = named.get(first);
    const path = first.startsWith('/') || first === '*';
    // In `redir /x`, `rewrite /x` and `root /srv` the only argument is a value, not a matcher.
    const bare = rest.length === 0 && !/^(?:handle|handle_path|route|abort|basic_?auth|file_server)$/.test(one.name);
    if (/^(?:tls|log|bind|import)$/.test(one.name) || (definition === undefined && (!path || bare))) {
      const lost = first.startsWith('@') ? `the matcher ${first} is not in this site` : null;
      const found = lost === null ? when : lost;
      return { when: found, rest: lost === null ? one.args : rest, matcher: lost === null ? '' : first, specific: -1 };
    }
    const own = definition === undefined ? readPath(first) : readNamed(definition);
    const [only, ...more] = typeof own === 'string' ? [] : own;
    const single = only !== undefined && more.length === 0 && only.host === '' && only.methods.length === 0;
    const specific = first === '*' ? -1 : single ? only.path.length : 0;
    return { when: intersectAll(when, own), rest, matcher: first, specific };
  }

  private step(one: Directive, when: Alternatives, rest: readonly string[], matcher: string, scope: Scope): Step[] {
    const { report } = this;
    const where = describeMatches(when, matcher || this.site.name);
    if (one.name === 'import') return [];
    if (one.name === 'handle' || one.name === 'route' || one.name === 'handle_path') {
      const inside = this.read(one.block ?? [], { ...scope, when, ordered: one.name === 'route' || scope.ordered });
      if (one.name === 'handle_path') this.rewritten(one, `${where}: the prefix was taken off the path`);
      if (inside.some(({ kind }) => kind === 'proxy')) {
        this.carryMatcher(one, when, matcher, scope);
        report.carry(one);
        this.reportDifferences(one, when, matcher);
      } else report.leaveOut(one, 'nothing in it leads to a server that is carried over');
      // In Caddy a request that enters a handle never leaves it, even if nothing in it matches.
      const ends = one.name !== 'route' && inside.length > 0 && !inside.some((step) => isSame(step.when, when));
      return ends ? [...inside, { kind: 'refused', directive: one, when }] : inside;
    }
    if (one.name === 'reverse_proxy') return this.proxy(one, when, rest, matcher, scope);
    report.leaveOut(one, reasonFor(one.name));
    if (guards.has(one.name)) {
      const why = `${where}: ${one.name} ${guards.get(one.name) ?? ''}`;
      this.warnings.push({ directive: one, concern: 'open', why });
    } else if (one.name === 'tls' && one.block?.some(({ name }) => name === 'client_auth')) {
      this.warnings.push({ directive: one, concern: 'open', why: `${where}: clients were asked for certificates` });
    } else if (rewrites.has(one.name)) this.rewritten(one, `${where}: ${one.name} changed the path`);
    else if (one.name === 'abort' || one.name === 'error') return [{ kind: 'refused', directive: one, when }];
    else if (one.name === 'respond') {
      const status = rest.findLast((text) => /^\d{3}$/.test(text)) ?? statusIn(one) ?? '200';
      return [{ kind: /^[45]/.test(status) ? 'refused' : 'answered', directive: one, when }];
    } else if (/^(?:file_server|php_fastcgi|redir|metrics|acme_server|templates|webdav)$/.test(one.name)) {
      return [{ kind: 'answered', directive: one, when }];
    }
    return [];
  }

  private rewritten(directive: Directive, what: string): void {
    this.warnings.push({ directive, concern: 'not-working', why: `${what}: servers get the path of the client` });
  }

  private proxy(
    one: Directive,
    when: Alternatives,
    upstreams: readonly string[],
    matcher: string,
    scope: Scope,
  ): Step[] {
    const refuse = (why: string): Step[] => {
      this.report.leaveOut(one, why);
      this.report.warn(one, 'not-working', `${describeMatches(when, matcher || this.site.name)}: ${why}`);
      return [];
    };
    if (typeof when === 'string') return refuse(`its requests do not go there: ${when}`);
    if (when.length === 0) return refuse('its requests do not go there: no request meets all of its matchers');
    const [{ host, path }] = when as [(typeof when)[number]];
    const suffix = path === '/' ? '' : path.replace(/\/$/, '').replaceAll('/', '-');
    const name = `${host === '' ? this.site.name : host.replace(/^\*\./, '')}${suffix}`;
    const { secure } = this.site;
    const pool = readProxy({ directive: one, upstreams, secure, name }, this.report, this.loops);
    if (typeof pool === 'string') return refuse(`its requests go nowhere: ${pool}`);
    this.report.carry(one);
    this.carryMatcher(one, when, matcher, scope);
    this.reportDifferences(one, when, matcher);
    return [{ kind: 'proxy', directive: one, when, pool }];
  }

  private reportDifferences(one: Directive, when: Alternatives, matcher: string): void {
    if (matcher === '' || typeof when === 'string') return;
    for (const match of when) {
      const change = differenceOf(match);
      if (change !== null) this.report.change(one, change);
    }
  }

  private carryMatcher(one: Directive, when: Alternatives, matcher: string, { named }: Scope): void {
    const definition = named.get(matcher);
    if (definition === undefined || typeof when === 'string' || one.name === '') return;
    this.report.carry(definition);
    for (const inner of definition.block ?? []) this.report.carry(inner);
  }
}

function isSame(a: Alternatives, b: Alternatives): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function statusIn({ block }: Directive): string | null {
  return block?.find(({ name }) => name === 'status')?.args[0] ?? null;
}

/** A request of this step can reach one of the later steps. */
export function canReach(step: Step, later: readonly Step[]): boolean {
  return later.some((other) => {
    if (other.kind !== 'proxy') return false;
    if (typeof step.when === 'string' || typeof other.when === 'string') return true;
    const { when } = other;
    return step.when.some((one) => when.some((two) => intersect(one, two) !== null));
  });
}

/** Matches every request for one of these hosts. */
export function hostsOf(hosts: readonly string[]): Alternatives {
  return hosts.map((host) => ({ ...anyRequest, host }));
}
