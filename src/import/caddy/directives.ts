/** The directives of Caddy: their order, which of them restrict access, and why those without a counterpart are left out. */

import { commonReasons } from '../common-reasons.ts';
import { entryOf } from '../names.ts';

const order = (
  'tracing map vars fs root log_append log_skip log_name header copy_response_headers request_body redir method rewrite ' +
  'uri try_files basic_auth basicauth forward_auth request_header encode push intercept templates invoke handle handle_path ' +
  'route abort error copy_response respond metrics reverse_proxy php_fastcgi file_server acme_server'
).split(' ');

/** Directives of plugins come first, because they may restrict access to what comes after them. */
export function orderOf(name: string): number {
  // Both have one place in the order, and are sorted by path.
  return order.indexOf(name === 'handle_path' ? 'handle' : name);
}

export const guards: ReadonlyMap<string, string> = new Map([
  ['basic_auth', 'asked for a password'],
  ['basicauth', 'asked for a password'],
  ['forward_auth', 'asked another server who may come in'],
  ['authenticate', 'let in users who have logged in only'],
  ['authorize', 'let in users who have logged in only'],
  ['jwtauth', 'let in holders of a token only'],
  ['jwt', 'let in holders of a token only'],
  ['crowdsec', 'kept out addresses that it knows'],
  ['coraza_waf', 'kept out what its rules forbid'],
  ['waf', 'kept out what its rules forbid'],
  ['defender', 'kept out clients by their addresses'],
  ['geoblock', 'kept out clients by their addresses'],
  ['maxmind_geolocation', 'kept out clients by their addresses'],
]);

export const rewrites: ReadonlySet<string> = new Set(['rewrite', 'uri', 'try_files', 'method']);

const reasons: Readonly<Record<string, string>> = {
  tls: 'its TLS is not carried over: write tls.certificates for the listener, or put a proxy that ends TLS in front',
  header: 'headers are passed on as they come',
  request_header: 'headers are passed on as they come',
  encode: commonReasons.noCompression,
  log: commonReasons.logging,
  log_skip: commonReasons.logging,
  log_name: commonReasons.logging,
  log_append: commonReasons.logging,
  root: 'no files are served here',
  file_server: 'no files are served here',
  try_files: 'no files are served here',
  php_fastcgi: 'only HTTP is spoken to servers',
  respond: 'no path answers by itself',
  error: commonReasons.noAccessControl,
  abort: commonReasons.noAccessControl,
  redir: 'no request is redirected here: let the servers do it',
  rewrite: 'the path is passed on as it came',
  uri: 'the path is passed on as it came',
  method: 'requests are passed on as they came',
  request_body: 'the largest body is set by limits.bodyBytes of the listener',
  bind: 'the address of the listener is said in listeners',
  handle_errors: 'error pages are those of the servers, or our own',
  templates: 'responses are passed on as the servers wrote them',
  intercept: 'responses are passed on as the servers wrote them',
  rate_limit: 'rates are not limited here',
  metrics: commonReasons.metrics,
  acme_server: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  tracing: commonReasons.tracing,
  vars: 'there are no variables here',
  map: 'there are no variables here',
};

export function reasonFor(name: string): string {
  if (guards.has(name)) return commonReasons.noAccessControl;
  return entryOf(reasons, name) ?? `"${name}" is not known to this importer`;
}

const globals: Readonly<Record<string, string>> = {
  email: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  acme_ca: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  acme_dns: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  auto_https: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  local_certs: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  on_demand_tls: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  ocsp_stapling: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  cert_issuer: 'certificates are not obtained here: write the files of yours in tls.certificates of the listener',
  admin: 'it is about the process of Caddy itself',
  storage: 'it is about the process of Caddy itself',
  grace_period: 'open exchanges are finished within shutdown.timeout',
  debug: commonReasons.logging,
  log: commonReasons.logging,
  order: 'directives of plugins are told one by one',
  metrics: commonReasons.metrics,
};

export function globalReason(name: string): string {
  return entryOf(globals, name) ?? commonReasons.noCounterpart;
}
