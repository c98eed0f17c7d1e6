/** The listeners of the config: their addresses, the proxies that they trust, and the settings that they share. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { freeLoopbackAddress } from '../listener-address.ts';
import { isAddressBlock, parseWhole } from '../values.ts';
import { addressOf, isTls, type ListenAddress, listenAddressesOf, speaksTls, widened } from './listen-addresses.ts';
import { settleListeners } from './settings.ts';
import { listenAddress } from './values.ts';

const endTlsInFront = 'TLS is not ended here, so put a proxy that ends it in front';

export class Listeners {
  private readonly report: DirectiveReport;
  /** By address: what a listener has of its own. */
  private readonly addresses = new Map<
    string,
    { readonly directive: Directive; readonly config: Record<string, unknown> }
  >();
  /** What all listeners have. */
  private readonly shared: Record<string, unknown> = {};
  /** Which directive a shared setting is from, by name. */
  private readonly sources = new Map<string, Directive>();
  private readonly trusted: string[] = [];
  /** Of every address on which this file listens, with TLS or without. */
  private keys: ReadonlySet<string> = new Set();
  /** Keys on which a server that is carried over listens, with the directive that says so. */
  private readonly serving = new Map<string, Directive>();

  constructor(report: DirectiveReport) {
    this.report = report;
  }

  /** All of the file, before the first is carried over. */
  findAddresses(servers: readonly Directive[]): void {
    this.keys = new Set(servers.flatMap((server) => listenAddressesOf(server).map(({ key }) => key)));
  }

  /** The key of the listener that takes requests for this address. */
  keyFor(key: string): string {
    return widened(key, this.keys);
  }

  /** This file itself listens there: a server at that address would be asked for ever. */
  listensAt(address: string): boolean {
    const [, host = '', port = ''] = /^(.*):([0-9]+)$/.exec(address) ?? [];
    const isLocal = /^(?:127\.[0-9.]+|localhost|\[::1\])$/.test(host);
    return [...this.keys].some((key) => {
      const [, listenHost = '', listenPort] = /^(?:tls)?(.*):([0-9]+)$/.exec(key) ?? [];
      return listenPort === port && (listenHost === host || (isLocal && listenHost === ''));
    });
  }

  /** Of a server that is carried over. `directive`: one of its `listen`; null: it has none. */
  listen(directive: Directive | null, addresses: readonly ListenAddress[], server: Directive): void {
    const { report } = this;
    for (const { key } of addresses.filter((one) => one.directive === directive)) {
      const wide = this.keyFor(key);
      if (!this.serving.has(wide)) this.serving.set(wide, directive ?? server);
      if (directive === null && !this.addresses.has(wide))
        this.addresses.set(wide, { directive: server, config: { address: wide } });
      if (wide !== key && !addresses.some((other) => other.key === wide) && directive !== null)
        report.warn(
          directive,
          'open',
          `${wide} takes it as well, so that it is reached from other addresses than ${key}`,
        );
    }
    if (directive === null) return;
    if (speaksTls(directive, server)) report.leaveOut(directive, 'TLS is not ended here');
    else this.add(directive);
    if (directive.args.includes('proxy_protocol'))
      report.warn(
        directive,
        'not-working',
        'PROXY lines are not read: let the proxy in front send X-Forwarded-For, and name it in trustedProxies',
      );
  }

  private add(directive: Directive): void {
    const [text = '', ...parameters] = directive.args;
    const address = listenAddress(text);
    if (address === null) {
      this.report.leaveOut(directive, `"${text}" is no address to listen on`);
      return;
    }
    const known = this.addresses.get(address);
    // Where nginx listens on all of IPv6 alone, a listener takes IPv4 as well.
    const config = known?.config ?? { address: address.replace(/^\[::\](?=:)/, '') };
    if (known === undefined) this.addresses.set(address, { directive, config });
    this.report.carry(directive);
    for (const parameter of parameters) {
      const backlog = parseWhole(/^backlog=(.*)$/.exec(parameter)?.[1], 1, 65_535);
      if (backlog !== null) config.backlog = backlog;
      else if (parameter === 'reuseport') config.reusePort = true;
      // Which server is the default one shows in the order of the routes.
      else if (!/^(default|default_server)$/.test(parameter)) {
        this.report.change(directive, `"${parameter}" is left out`);
      }
    }
  }

  /** `set_real_ip_from` */
  trust(directive: Directive): void {
    const [text = ''] = directive.args;
    const proxy = text === 'unix:' ? 'unix' : text;
    if (proxy !== 'unix' && !isAddressBlock(proxy)) {
      this.report.leaveOut(directive, `"${text}" is no address and no block of addresses`);
      return;
    }
    if (!this.trusted.includes(proxy)) this.trusted.push(proxy);
    this.report.carry(directive);
  }

  /** A setting that holds for all listeners. */
  set(directive: Directive): void {
    settleListeners(directive, this.shared, this.sources, this.report);
  }

  /**
   * The address of the listener for each key. Where TLS is spoken it is one of this machine, for the proxy in front, unless the
   * same routes are served without TLS too. `routesAt`: the routes of a key, as text.
   */
  settle(routesAt: (key: string) => string, serverAddresses: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    for (const [key, directive] of this.serving) {
      if (!isTls(key)) {
        found.set(key, key);
        continue;
      }
      const plain = [...this.serving.keys()].find((other) => !isTls(other) && routesAt(other) === routesAt(key));
      if (plain !== undefined) {
        this.warnAboutTls(directive, key, plain);
        continue;
      }
      const address = freeLoopbackAddress([...serverAddresses, ...this.serving.keys(), ...found.values()]);
      found.set(key, address);
      this.addresses.set(address, { directive, config: { address } });
      this.report.carry(directive);
      this.warnAboutTls(directive, key, address);
    }
    return found;
  }

  private warnAboutTls(directive: Directive, key: string, address: string): void {
    const why = `nothing listens on ${addressOf(key)} now: ${endTlsInFront}, which passes requests on to ${address}`;
    this.report.warn(directive, 'not-working', why);
  }

  /** As limpet.yaml has them. */
  write(): unknown[] {
    // `:80` takes IPv6 as well: the same port of [::] again could not be listened on.
    for (const [address, { directive }] of this.addresses) {
      const wide = address.replace(/^.*(?=:[0-9]+$)/, '');
      if (wide === address || !this.addresses.has(wide)) continue;
      this.addresses.delete(address);
      const what = address.startsWith('[::]') ? `${wide} takes IPv6 as well` : `${wide} takes it as well`;
      this.report.change(directive, what);
    }
    const proxies = this.trusted.length === 0 ? {} : { trustedProxies: this.trusted };
    return Array.from(this.addresses.values(), ({ config }) => ({ ...config, ...proxies, ...this.shared }));
  }
}
