/** The listeners of the config: their addresses, the proxies that they trust, and the settings that they share. */

import { commonReasons } from '../common-reasons.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { firstSpelling, freeLoopbackAddress } from '../listener-address.ts';
import { isAddressBlock, isLoopback, parseWhole } from '../values.ts';
import { addressOf, isTls, type ListenAddress, listenAddressesOf, usesTls, widened } from './listen-addresses.ts';
import { settleListeners } from './settings.ts';
import { listenAddress } from './values.ts';

export class Listeners {
  private readonly report: DirectiveReport;
  /** By address: the fields of one listener. */
  private readonly addresses = new Map<
    string,
    { readonly directive: Directive; readonly config: Record<string, unknown> }
  >();
  /** The fields of all listeners. */
  private readonly shared: Record<string, unknown> = {};
  /** The directive that set a shared field, by its name. */
  private readonly sources = new Map<string, Directive>();
  private readonly trusted: string[] = [];
  /** The keys of all addresses on which this file listens. */
  private keys: ReadonlySet<string> = new Set();
  /** The keys on which servers that are carried over listen, each with its directive. */
  private readonly serving = new Map<string, Directive>();

  constructor(report: DirectiveReport) {
    this.report = report;
  }

  /** Must be called before the first server is read. */
  findAddresses(servers: readonly Directive[]): void {
    this.keys = new Set(servers.flatMap((server) => listenAddressesOf(server).map(({ key }) => key)));
  }

  /** The key of the listener that takes the requests for this address. */
  keyFor(key: string): string {
    return widened(key, this.keys);
  }

  /** This file itself listens at the address: a server there would make a loop. */
  listensAt(address: string): boolean {
    const [, host = '', port = ''] = /^(.*):([0-9]+)$/.exec(address) ?? [];
    const isLocal = isLoopback(host);
    return [...this.keys].some((key) => {
      const [, listenHost = '', listenPort] = /^(?:tls)?(.*):([0-9]+)$/.exec(key) ?? [];
      return listenPort === port && (listenHost === host || (isLocal && listenHost === ''));
    });
  }

  /** `server` is carried over. `directive`: one of its `listen` directives, or null if it has none. */
  listen(directive: Directive | null, addresses: readonly ListenAddress[], server: Directive): void {
    const { report } = this;
    for (const { key } of addresses.filter((one) => one.directive === directive)) {
      const wide = this.keyFor(key);
      if (!this.serving.has(wide)) this.serving.set(wide, directive ?? server);
      if (directive === null && !this.addresses.has(wide))
        this.addresses.set(wide, { directive: server, config: { address: wide } });
      const isWider = wide !== key && addressOf(wide).startsWith(':');
      if (isWider && !addresses.some((other) => other.key === wide) && directive !== null)
        report.warn(
          directive,
          'open',
          `${wide} takes it as well, so that it is reached from other addresses than ${key}`,
        );
    }
    if (directive === null) return;
    if (usesTls(directive, server)) report.leaveOut(directive, 'TLS is not ended here');
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
    const written = listenAddress(text);
    if (written === null) {
      this.report.leaveOut(directive, `"${text}" is no address to listen on`);
      return;
    }
    // `write` reports that a listener on all addresses takes IPv6 too.
    const address = written.startsWith('[::]:') ? written : firstSpelling(written, this.keys);
    const known = this.addresses.get(address);
    // Where nginx listens on all of IPv6 alone, a listener takes IPv4 as well.
    const config = known?.config ?? { address: address.replace(/^\[::\](?=:)/, '') };
    if (known === undefined) this.addresses.set(address, { directive, config });
    this.report.carry(directive);
    for (const parameter of parameters) {
      const backlog = parseWhole(/^backlog=(.*)$/.exec(parameter)?.[1], 1, 65_535);
      if (backlog !== null) config.backlog = backlog;
      else if (parameter === 'reuseport') config.reusePort = true;
      // The default server is expressed by the order of the routes.
      else if (!/^(default|default_server)$/.test(parameter)) {
        this.report.change(directive, `"${parameter}" is left out`);
      }
    }
  }

  /** Reads `set_real_ip_from`. */
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

  /** Reads a setting that holds for all listeners. */
  set(directive: Directive): void {
    settleListeners(directive, this.shared, this.sources, this.report);
  }

  /**
   * The address of the listener for each key. A key with TLS gets an address of this machine, to which the proxy in front
   * forwards, unless the same routes are served without TLS too. `routesAt` returns the routes of a key as text.
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
    const why = `nothing listens on ${addressOf(key)} now: ${commonReasons.endTlsInFront}, which passes requests on to ${address}`;
    this.report.warn(directive, 'not-working', why);
  }

  /** The form in limpet.yaml. */
  write(): unknown[] {
    // `:80` includes IPv6, so that a second listener on `[::]:80` would fail.
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
