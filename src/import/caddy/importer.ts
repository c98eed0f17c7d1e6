/** `limpet import Caddyfile`: sites are hosts on listeners, `reverse_proxy` is a pool, matchers and handles are routes. */

import { isIP } from 'node:net';
import { UsageError } from '../../errors.ts';
import { commonReasons } from '../common-reasons.ts';
import { ConfigBuilder, type Fields } from '../config-builder.ts';
import type { Directive } from '../directive.ts';
import { DirectiveReport } from '../directive-report.ts';
import type { Importer } from '../imported.ts';
import { Loops } from '../loops.ts';
import { entryOf } from '../names.ts';
import { isAddressBlock, parseGoDuration, parseWhole, writeTime } from '../values.ts';
import { globalReason } from './directives.ts';
import { readSite, type SiteAddress } from './site-address.ts';
import { hostsOf, SiteReader } from './site-reader.ts';
import { addSites, type Site } from './sites.ts';
import { Snippets } from './snippets.ts';
import { type Caddyfile, parseCaddyfile } from './syntax.ts';

export const importCaddy: Importer = (text, file, loops = new Loops()) => {
  const parsed = parseCaddyfile(text, file);
  const report = new DirectiveReport();
  const snippets = new Snippets(parsed.directives, report);
  const seen: Directive[] = [];
  const globals: Fields = {};
  let httpPort = 80;
  for (const one of parsed.directives) {
    if (one.name !== '') continue;
    const block = { ...one, block: snippets.expand(one.block ?? []) };
    seen.push(block);
    httpPort = readGlobals(block, globals, report) ?? httpPort;
  }
  const sites: Site[] = [];
  const plain = new Set<string>();
  const addresses = new Map<Directive, SiteAddress[]>();
  for (const one of parsed.directives) {
    if (one.name === '' || /^&?\(/.test(one.name)) continue;
    if (one.name === 'import') {
      seen.push(one);
      report.leaveOut(one, 'the file is not followed: import it by itself, or put its text here');
      report.warn(one, 'not-working', 'what the file says is not carried over');
      continue;
    }
    const site = { ...one, block: snippets.expand(one.block ?? []) };
    seen.push(site);
    const found = readAddresses(site, httpPort, report);
    addresses.set(site, found);
    for (const { port, secure } of found) if (!secure && port !== null) plain.add(`:${port}`);
  }
  if (addresses.size === 0) throw new UsageError(`${file}:1: found no site, expected an address and what it does`);
  // The listener for sites with TLS: the one for plain HTTP if there is one, else an assumed port.
  const plainListener = plain.has(`:${httpPort}`)
    ? `:${httpPort}`
    : loops.freeListener(plain.has(':8080') ? ':80' : ':8080', [...plain]);
  for (const [directive, found] of addresses)
    sites.push(...readSites(directive, found, plainListener, { report, loops }));
  const builder = new ConfigBuilder();
  addSites(sites, builder, globals, report);
  const routes = parsed.directives.filter(({ name }) => /^&\(/.test(name));
  for (const one of routes) report.leaveOut(one, 'named routes are not known to this importer');
  const intersectAll = [...seen, ...routes, ...snippets.definitions()];
  finish(intersectAll, parsed, report);
  const notes = dedupe(report.notes(intersectAll, text));
  if (builder.size === 0) {
    const [why] = notes.filter(({ concern }) => concern !== undefined);
    const reason = why === undefined ? 'found no reverse_proxy to a server' : `because of line ${why.line}: ${why.why}`;
    throw new UsageError(`${file}:${why?.line ?? 1}: no site of this file can be carried over, ${reason}`);
  }
  return { config: builder.config(), notes, chosenListeners: plain.has(plainListener) ? [] : [plainListener] };
};

function readAddresses(site: Directive, httpPort: number, report: DirectiveReport): SiteAddress[] {
  return [site.name, ...site.args].flatMap((text): SiteAddress[] => {
    const found = readSite(text, httpPort);
    if (typeof found !== 'string') return [found];
    report.leaveOut(site, found);
    report.warn(site, 'not-working', `its requests go nowhere: ${found}`);
    return [];
  });
}

/** One entry for each listener of the site. */
function readSites(
  directive: Directive,
  addresses: readonly SiteAddress[],
  plainListener: string,
  { report, loops }: { readonly report: DirectiveReport; readonly loops: Loops },
): Site[] {
  const bind = directive.block?.find(({ name }) => name === 'bind');
  const host = bind?.args.find((one) => isIP(one) === 4) ?? '';
  const byListener = new Map<string, { hosts: string[]; secure: boolean }>();
  for (const { host: name, port, secure } of addresses) {
    const listener = secure && (port === null || port === 443) ? plainListener : `${host}:${port ?? 80}`;
    const group = byListener.get(listener) ?? { hosts: [], secure: false };
    byListener.set(listener, group);
    group.hosts.push(name);
    group.secure ||= secure;
  }
  return [...byListener].map(([listener, { hosts, secure }]) => {
    const name = hosts[0] === '' ? `site${listener.replace(/^.*:/, '-')}` : (hosts[0] ?? 'site');
    const reader = new SiteReader({ name, secure }, report, loops);
    const steps = reader.steps(directive.block ?? [], hostsOf(hosts));
    if (steps.some(({ kind }) => kind === 'proxy')) {
      if (secure) report.change(directive, `${commonReasons.endTlsInFront}: ${listener} serves this site in the clear`);
      else report.carry(directive);
      if (bind !== undefined && host !== '') report.carry(bind);
    } else {
      report.leaveOut(directive, 'it leads to no server that is carried over');
    }
    return { directive, listener, hosts, steps, reader };
  });
}

/** Returns the port of plain HTTP, or null when the options do not set it. */
function readGlobals(block: Directive, fields: Fields, report: DirectiveReport): number | null {
  let port: number | null = null;
  report.carry(block);
  for (const one of block.block ?? []) {
    report.leaveOut(one, globalReason(one.name));
    if (one.name === 'http_port') {
      port = parseWhole(one.args[0], 1, 65_535);
      if (port !== null) report.carry(one);
    }
    for (const inner of one.name === 'servers' ? (one.block ?? []) : []) {
      if (inner.name === 'trusted_proxies' && inner.args[0] === 'static') {
        fields.trustedProxies = inner.args
          .slice(1)
          .flatMap((text) => (text === 'private_ranges' ? privateRanges : isAddressBlock(text) ? [text] : []));
        report.carry(one);
        report.carry(inner);
      }
      for (const time of inner.name === 'timeouts' ? (inner.block ?? []) : []) {
        const field = entryOf({ idle: 'keepAlive', read_header: 'requestHead' }, time.name);
        const length = parseGoDuration(time.args[0] ?? null);
        if (field === undefined || length === null || length === 0) continue;
        fields.timeouts = { ...(fields.timeouts as Fields | undefined), [field]: writeTime(length) };
        for (const used of [one, inner, time]) report.carry(used);
      }
    }
  }
  return port;
}

const privateRanges = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '127.0.0.0/8', 'fd00::/8', '::1'];

/** Leaves out what nothing has carried over, and reports where the default of a variable was used. */
function finish(directives: readonly Directive[], { defaults }: Caddyfile, report: DirectiveReport): void {
  for (const one of directives) {
    if (one.name.startsWith('@')) report.leaveOut(one, 'no route that is carried over uses it');
    if (report.isCarried(one) && one.lines.some((line) => defaults.has(line))) {
      report.change(one, 'the variable in it has its default');
    }
    finish(one.block ?? [], { directives, defaults }, report);
    report.leaveOut(one, `"${one.name}" is not known to this importer`);
  }
}

/** Several sites may import one snippet: the same note about one of its lines is reported once. */
function dedupe<T>(notes: readonly T[]): T[] {
  return [...new Map(notes.map((note) => [JSON.stringify(note), note])).values()];
}
