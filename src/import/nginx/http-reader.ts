/** Reads the directives in `http`: upstreams become pools, servers with their locations become listeners and routes. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Loops } from '../loops.ts';
import { CommonDirectives } from './common-directives.ts';
import { defaultServers } from './listen-addresses.ts';
import { Listeners } from './listeners.ts';
import { Pools } from './pools.ts';
import { everyPass } from './proxy-pass.ts';
import { Routes } from './routes.ts';
import { innerScope, type ReaderParts, ServerReader } from './server-reader.ts';

export class HttpReader {
  private readonly parts: ReaderParts;

  constructor(report: DirectiveReport, loops: Loops) {
    const listeners = new Listeners(report);
    const common = new CommonDirectives(listeners, report);
    this.parts = { pools: new Pools(report, loops), listeners, routes: new Routes(), common, report };
  }

  read(directives: readonly Directive[]): void {
    const { pools, listeners, routes, common } = this.parts;
    pools.readUpstreams(directives);
    const servers = directives.filter(({ name, block }) => name === 'server' && block !== null);
    listeners.findAddresses(
      servers,
      directives.filter((one) => !servers.includes(one)),
    );
    const defaults = defaultServers(servers, ({ key }) => listeners.keyFor(key));
    const scope = innerScope(directives, { settings: new Map(), values: new Map(), setsHost: false });
    const reader = new ServerReader(this.parts, defaults);
    for (const server of servers) reader.read(server, scope);
    for (const directive of directives) {
      const isRead = servers.includes(directive) || (directive.name === 'upstream' && directive.block !== null);
      if (!isRead) common.read(directive, 'http', routes.size > 0);
    }
  }

  /** Why no config can be written, with the line; null if one can. */
  failure(directives: readonly Directive[]): { readonly line: number; readonly why: string } | null {
    const { pools, routes, report } = this.parts;
    if (routes.size > 0) return null;
    const passes = directives.flatMap(everyPass);
    const refused = passes.find((pass) => report.reasonOf(pass) !== '');
    if (refused !== undefined) {
      const { line } = refused;
      return { line, why: `found no route that can be carried over: line ${line}: ${report.reasonOf(refused)}` };
    }
    const line = directives[0]?.line ?? 1;
    const upstream = directives.find((one) => one.name === 'upstream');
    if (upstream === undefined && passes.length === 0)
      return { line, why: 'found no upstream with a server and no proxy_pass to one, expected an nginx config' };
    return {
      line: upstream?.line ?? line,
      why: pools.emptyUpstream ?? 'no server block passes requests to an upstream, so where it listens is not known',
    };
  }

  config(): Record<string, unknown> {
    const { pools, listeners, routes } = this.parts;
    pools.settle();
    const addresses = listeners.settle((key) => routes.textOf(key), pools.serverAddresses);
    const written = listeners.write();
    pools.makeCookieNamesUnique();
    return { listeners: written, pools: pools.write(), routes: routes.write(addresses) };
  }
}
