/** The pools of an nginx.conf: its upstreams, and the addresses in `proxy_pass` that are no upstream. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Loops } from '../loops.ts';
import { freeName } from '../names.ts';
import { serverAddress } from '../values.ts';
import { type Pool, readUpstream } from './upstream.ts';

export class Pools {
  private readonly report: DirectiveReport;
  private readonly loops: Loops;
  private readonly pools: Pool[] = [];
  private readonly names = new Set<string>();
  /** By the name that `proxy_pass` uses. */
  private readonly byTarget = new Map<string, Pool>();
  /** Upstreams without servers: the reason, by name. */
  private readonly empty = new Map<string, string>();
  private readonly matches = new Map<string, Directive>();

  constructor(report: DirectiveReport, loops: Loops) {
    this.report = report;
    this.loops = loops;
  }

  /** Must be called before the servers are read, because a `server` may come before its upstream. */
  readUpstreams(directives: readonly Directive[]): void {
    const maps = new Map<string, Directive>();
    for (const one of directives) {
      if (one.name === 'map' && one.args.length === 2) maps.set(one.args[1] ?? '', one);
      if (one.name === 'match' && one.block !== null) this.matches.set(one.args[0] ?? '', one);
    }
    for (const upstream of directives) {
      const [name = ''] = upstream.args;
      if (upstream.name !== 'upstream' || upstream.block === null) continue;
      const other = this.byTarget.get(name);
      if (other !== undefined) {
        this.report.leaveOut(upstream, `the upstream of line ${other.directive.line} has the same name`);
        continue;
      }
      const pool = readUpstream(upstream, freeName(name, this.names), maps, { report: this.report, loops: this.loops });
      if (pool !== null) this.add(name, pool);
      else this.empty.set(name, emptyReason(name, upstream.block));
    }
  }

  /** The pool for the target of a `proxy_pass`: an upstream, or a pool of one server. Returns the reason as a string if there is none. */
  find(target: string, pass: Directive, usualPort = 80): Pool | string {
    const why = this.empty.get(target);
    if (why !== undefined) return why;
    const known = this.byTarget.get(target);
    if (known !== undefined) return known;
    const address = serverAddress(target, usualPort);
    if (address === null) return `"${target}" is no upstream of this file and no address of a server`;
    const loop = this.loops.why(address);
    if (loop !== null) return loop;
    return this.byTarget.get(address) ?? this.addAddress(address, pass);
  }

  /** The reason of the first upstream without servers, if there is one. */
  get emptyUpstream(): string | undefined {
    return [...this.empty.values()][0];
  }

  get serverAddresses(): string[] {
    return this.pools.flatMap(({ config }) => config.servers.map(({ address }) => String(address)));
  }

  /** Must be called when all locations are read. */
  settle(): void {
    for (const pool of this.pools) {
      if (!pool.used) this.report.change(pool.directive, 'no location passes to it: no route leads to this pool');
      this.settleHealthMatch(pool);
    }
  }

  /** Two pools that set the same cookie would overwrite each other's value. */
  makeCookieNamesUnique(): void {
    const seen = new Set<string>();
    for (const { name, config, sticky, directive } of this.pools) {
      const [entry] = Array.isArray(config.affinity) ? (config.affinity as Record<string, unknown>[]) : [];
      const cookie = entry?.cookie as Record<string, unknown> | undefined;
      if (cookie === undefined) continue;
      const identity = () => [cookie.name, cookie.path ?? '/', cookie.domain ?? ''].join(';').toLowerCase();
      const wanted = String(cookie.name);
      for (let n = 1; seen.has(identity()); n++) cookie.name = `${wanted}-${name}${n === 1 ? '' : `-${n}`}`;
      seen.add(identity());
      if (cookie.name !== wanted) {
        const why = `the cookie is ${String(cookie.name)}, because ${wanted} is that of another pool`;
        this.report.change(sticky ?? directive, why);
      }
    }
  }

  /** The form in limpet.yaml. */
  write(): Record<string, unknown> {
    return Object.fromEntries(this.pools.map(({ name, config }) => [name, config]));
  }

  private add(target: string, pool: Pool): void {
    this.names.add(pool.name);
    this.pools.push(pool);
    this.byTarget.set(target, pool);
  }

  private addAddress(address: string, pass: Directive): Pool {
    const name = freeName(address.replace(/^unix:/, ''), this.names);
    const config = { servers: [{ name: 's1', address }], affinity: 'none' };
    const pool: Pool = { name, directive: pass, config, sources: new Map(), used: true };
    this.add(address, pool);
    return pool;
  }

  /** `health_check match=NAME`: the conditions for a response. */
  private settleHealthMatch({ config, sources }: Pool): void {
    const health = config.health as Record<string, unknown> | undefined;
    if (typeof health?.match !== 'string') return;
    const block = this.matches.get(health.match);
    const { match: name, ...rest } = health;
    const { fields, unsupported } = readHealthMatch(block);
    config.health = { ...rest, ...fields };
    const check = sources.get('health_check');
    if (block !== undefined) for (const one of [block, ...(block.block ?? [])]) this.report.carry(one);
    for (const directive of unsupported)
      this.report.warn(
        directive,
        'not-working',
        'a check can expect statuses and a text in the body: a server that fails this takes requests here',
      );
    if (block === undefined && check !== undefined)
      this.report.warn(
        check,
        'not-working',
        `there is no match "${String(name)}" in this file: a server that fails it takes requests here`,
      );
  }
}

function emptyReason(name: string, block: readonly Directive[]): string {
  const state = block.some((one) => one.name === 'state') ? ' (state)' : '';
  const hasServer = block.some((one) => one.name === 'server');
  return `upstream ${name} has no server ${hasServer ? 'that can be carried over' : `in this file${state}`}`;
}

/** `match NAME { status 200; body ~ "text"; }` */
function readHealthMatch(block: Directive | undefined): {
  readonly fields: Record<string, unknown>;
  readonly unsupported: readonly Directive[];
} {
  const fields: Record<string, unknown> = {};
  const unsupported: Directive[] = [];
  for (const directive of block?.block ?? []) {
    const { name, args } = directive;
    const isPlainText = args[0] === '~' && args.length === 2 && /^[\w\s:",{}'/-]+$/.test(args[1] ?? '');
    if (name === 'status' && args.length > 0 && args.every(isStatus)) fields.status = args.join(',');
    else if (name === 'body' && isPlainText) fields.body = args[1];
    else unsupported.push(directive);
  }
  return { fields, unsupported };
}

/** `200`, or a range such as `200-299`. */
function isStatus(text: string): boolean {
  const [, from = '', to = from] = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(text) ?? [];
  return from !== '' && from <= to;
}
