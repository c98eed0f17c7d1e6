/** `listen` and what belongs to it: addresses, trusted proxies, and the headers that are set here anyway. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { isAddressBlock, parseWhole } from '../values.ts';
import { listenAddress } from './values.ts';

export interface Listeners {
  /** What each address has of its own. */
  readonly addresses: Map<string, { readonly directive: Directive; readonly config: Record<string, unknown> }>;
  /** What all listeners have. */
  readonly common: Record<string, unknown>;
  readonly saidBy: Map<string, Directive>;
  readonly trusted: string[];
}

export function addListener(directive: Directive, { addresses }: Listeners, report: DirectiveReport): void {
  const [text = '', ...parameters] = directive.args;
  const address = listenAddress(text);
  if (address === null) {
    report.leaveOut(directive, `"${text}" is no address to listen on`);
    return;
  }
  const known = addresses.get(address);
  // Where nginx listens on all of IPv6 alone, a listener takes IPv4 as well.
  const config = known?.config ?? { address: address.replace(/^\[::\](?=:)/, '') };
  if (known === undefined) addresses.set(address, { directive, config });
  report.carry(directive);
  for (const parameter of parameters) {
    const backlog = parseWhole(/^backlog=(.*)$/.exec(parameter)?.[1], 1, 65_535);
    if (backlog !== null) config.backlog = backlog;
    else if (parameter === 'reuseport') config.reusePort = true;
    // Which server is the default one shows in the order of the routes.
    else if (!/^(default|default_server)$/.test(parameter)) report.change(directive, `"${parameter}" is left out`);
  }
}

/** As limpet.yaml has them. */
export function writeListeners(listeners: Listeners, report: DirectiveReport): unknown[] {
  const { addresses, common, trusted } = listeners;
  // `:80` takes IPv6 as well: the same port of [::] again could not be listened on.
  for (const [address, { directive }] of addresses) {
    const wide = address.replace(/^.*(?=:[0-9]+$)/, '');
    if (wide === address || !addresses.has(wide)) continue;
    addresses.delete(address);
    report.change(directive, address.startsWith('[::]') ? `${wide} takes IPv6 as well` : `${wide} takes it as well`);
  }
  const proxies = trusted.length === 0 ? {} : { trustedProxies: trusted };
  return Array.from(addresses.values(), ({ config }) => ({ ...config, ...proxies, ...common }));
}

export function trust(directive: Directive, { trusted }: Listeners, report: DirectiveReport): void {
  const [text = ''] = directive.args;
  const proxy = text === 'unix:' ? 'unix' : text;
  if (proxy !== 'unix' && !isAddressBlock(proxy)) {
    report.leaveOut(directive, `"${text}" is no address and no block of addresses`);
    return;
  }
  if (!trusted.includes(proxy)) trusted.push(proxy);
  report.carry(directive);
}

/** True: what it asks for holds here anyway, and nothing has to be written. */
export function carryHeader(directive: Directive, report: DirectiveReport): boolean {
  const { name, args } = directive;
  const [first = '', second = ''] = args;
  const header = first.toLowerCase();
  const anyway =
    (name === 'proxy_http_version' && first !== '1.0') ||
    (name === 'real_ip_header' && header === 'x-forwarded-for') ||
    (name === 'real_ip_recursive' && first === 'on') ||
    (name === 'proxy_redirect' && first === 'off') ||
    (name === 'proxy_buffering' && first === 'off') ||
    (name === 'proxy_request_buffering' && first === 'off') ||
    (name === 'proxy_set_header' &&
      ((header === 'host' && ['$host', '$http_host'].includes(second)) ||
        (header === 'connection' && (second === '' || /^(\$connection_upgrade|upgrade)$/i.test(second))) ||
        (header === 'upgrade' && second === '$http_upgrade') ||
        (header === 'x-forwarded-for' && second === '$proxy_add_x_forwarded_for') ||
        (header === 'x-forwarded-proto' && second === '$scheme') ||
        (header === 'x-forwarded-host' && ['$host', '$http_host'].includes(second))));
  if (anyway) report.carry(directive);
  return anyway;
}
