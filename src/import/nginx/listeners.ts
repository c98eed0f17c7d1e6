/** The listeners of the config: their addresses, the proxies that they trust, and the settings that they share. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { hstsOf } from '../hsts.ts';
import { firstSpelling, freeLoopbackAddress } from '../listener-address.ts';
import { isAddressBlock, isLoopback, parseWhole } from '../values.ts';
import { addressOf, isTls, type ListenAddress, listenAddressesOf, usesTls, widened } from './listen-addresses.ts';
import { settleListeners } from './settings.ts';
import { type ListenerTls, tlsOf } from './tls.ts';
import { listenAddress } from './values.ts';

interface Redirecting {
  readonly server: Directive;
  /** One of its `listen` directives; null: it has none. */
  readonly directive: Directive | null;
  readonly whys: readonly Directive[];
  /** Called when it cannot be carried over. */
  readonly onLost: () => void;
}

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

  /** Listeners with TLS, by key. */
  private readonly secure = new Map<string, { readonly tls: ListenerTls; hsts: unknown }>();
  /** Servers that only redirect to https, with the directives that say so, by key. */
  private readonly redirecting = new Map<string, Redirecting[]>();
  /** The directives around the servers. */
  private outer: readonly Directive[] = [];

  /** Must be called before the first server is read. `outer`: the directives beside them. */
  findAddresses(servers: readonly Directive[], outer: readonly Directive[]): void {
    this.outer = outer;
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
    if (!usesTls(directive, server)) this.add(directive, false);
    else if (!this.addSecure(directive, server)) report.leaveOut(directive, 'no file of its certificate is known');
    if (directive.args.includes('proxy_protocol'))
      report.warn(
        directive,
        'not-working',
        'PROXY lines are not read: let the proxy in front send X-Forwarded-For, and name it in trustedProxies',
      );
  }

  /** False: the server has no certificate in files, or the address is listened on in the clear. */
  private addSecure(directive: Directive, server: Directive): boolean {
    const { outer, report } = this;
    const tls = directive.args.includes('quic') ? null : tlsOf(server, outer, report);
    const key = this.keyFor(listenAddressesOf(server).find((one) => one.directive === directive)?.key ?? '');
    if (tls === null || this.keys.has(addressOf(key))) return false;
    const known = this.secure.get(key) ?? { tls, hsts: undefined };
    this.secure.set(key, known);
    for (const pair of tls.certificates) {
      if (!known.tls.certificates.some(({ cert }) => cert === pair.cert)) known.tls.certificates.push(pair);
    }
    if (JSON.stringify(known.tls.clientCertificates) !== JSON.stringify(tls.clientCertificates))
      report.warn(
        directive,
        'open',
        'all servers of an address ask clients for the same certificates here, as its first one',
      );
    for (const header of [...outer, ...(server.block ?? [])].filter(({ name }) => name === 'add_header')) {
      const hsts = hstsOf(header.args[0] ?? '', header.args[1] ?? '');
      if (hsts === null) continue;
      known.hsts ??= hsts;
      report.change(header, 'it is sent for every host of the listener');
    }
    this.add(directive, true);
    return true;
  }

  /** `server` only redirects to https. `whys`: the directives that say so. False: it cannot be carried over. */
  redirect(
    server: Directive,
    addresses: readonly ListenAddress[],
    whys: readonly Directive[],
    onLost: () => void,
  ): boolean {
    // Without an address that can be read, no listener would decide about it later.
    if (addresses.length === 0 || addresses.some(({ key }) => isTls(key))) return false;
    for (const { key, directive } of addresses) {
      const wide = this.keyFor(key);
      this.redirecting.set(wide, [...(this.redirecting.get(wide) ?? []), { server, directive, whys, onLost }]);
    }
    return true;
  }

  /** Listeners that redirect: nobody is served there in the clear, and some listener has TLS. Call it after all servers are read. */
  private settleRedirects(): void {
    for (const [key, all] of this.redirecting) {
      for (const { server, directive, whys, onLost } of all) {
        if (this.serving.has(key) || this.secure.size === 0) {
          onLost();
          continue;
        }
        if (directive === null) this.addresses.set(key, { directive: server, config: { address: key } });
        else this.add(directive, false);
        const listener = [...this.addresses.values()].find(({ config }) => config.address === addressOf(key));
        if (listener !== undefined) listener.config.redirect = 'https';
        const names = (server.block ?? []).filter(({ name }) => name === 'server_name');
        for (const one of [server, ...whys, ...names]) this.report.carry(one);
        this.report.change(
          server,
          'requests for every host are redirected: with 301, and with 308 for methods other than GET and HEAD',
        );
      }
    }
  }

  private add(directive: Directive, secure: boolean): void {
    const [text = '', ...parameters] = directive.args;
    const written = listenAddress(text);
    if (written === null) {
      this.report.leaveOut(directive, `"${text}" is no address to listen on`);
      return;
    }
    // `write` reports that a listener on all addresses takes IPv6 too.
    const address = written.startsWith('[::]:') ? written : firstSpelling(written, this.keys);
    const slot = secure ? `tls${address}` : address;
    const known = this.addresses.get(slot);
    // Where nginx listens on all of IPv6 alone, a listener takes IPv4 as well.
    const config = known?.config ?? { address: address.replace(/^\[::\](?=:)/, '') };
    if (known === undefined) this.addresses.set(slot, { directive, config });
    this.report.carry(directive);
    for (const parameter of parameters) {
      const backlog = parseWhole(/^backlog=(.*)$/.exec(parameter)?.[1], 1, 65_535);
      if (backlog !== null) config.backlog = backlog;
      else if (parameter === 'reuseport') config.reusePort = true;
      // The default server is expressed by the order of the routes.
      else if (!(secure && /^(?:ssl|http2)$/.test(parameter)) && !/^(default|default_server)$/.test(parameter)) {
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
    this.settleRedirects();
    const found = new Map<string, string>();
    for (const [key, directive] of this.serving) {
      if (!isTls(key)) {
        found.set(key, key);
        continue;
      }
      if (this.secure.has(key)) {
        found.set(key, addressOf(key));
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
    const why = `nothing listens on ${addressOf(key)} now, because no file of its certificate is known: write tls.certificates for it, or put a proxy that ends TLS in front, which passes requests on to ${address}`;
    this.report.warn(directive, 'not-working', why);
  }

  /** The form in limpet.yaml. */
  write(): unknown[] {
    // `:80` includes IPv6, so that a second listener on `[::]:80` would fail.
    for (const [address, { directive }] of this.addresses) {
      const wide = address.replace(/^(?:tls)?.*(?=:[0-9]+$)/, isTls(address) ? 'tls' : '');
      if (wide === address || !this.addresses.has(wide)) continue;
      this.addresses.delete(address);
      const shown = addressOf(wide);
      const what = addressOf(address).startsWith('[::]') ? `${shown} takes IPv6 as well` : `${shown} takes it as well`;
      this.report.change(directive, what);
    }
    const proxies = this.trusted.length === 0 ? {} : { trustedProxies: this.trusted };
    return Array.from(this.addresses, ([address, { config }]) => {
      const secure = this.secure.get(address);
      const tls =
        secure === undefined ? {} : { tls: secure.tls, ...(secure.hsts !== undefined && { hsts: secure.hsts }) };
      return { ...config, ...tls, ...proxies, ...this.shared };
    });
  }
}
