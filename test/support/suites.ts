/**
 * Which black-box suites `npm test` runs, and on which runtime: the stories that the product stands on run on both, most others on one
 * of the two, and those whose kind another suite stands for only on demand. So a whole run ends in time on a small, loaded machine.
 * With LIMPET_LONG=1 (`npm run test:long`) all run, on both.
 */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Runtime } from './runtimes.ts';

const root = join(import.meta.dirname, '../..');

/** What users rely on most, and what the two runtimes do most differently. */
const onBoth = named('early-answers', 'start', 'stores');

/** The runtime where more can go wrong, or on which many commands start sooner, where the name would give the other one. */
const chosen: Readonly<Record<Runtime, ReadonlySet<string>>> = {
  bun: named('admin-verbs', 'h2-requests', 'kill-owner', 'outage', 'page-commands', 'reload', 'tls-pool'),
  node: named('grpc'),
};

/** Suites that run on demand, by the one that stands for their kind in every run. */
const onDemand = new Map<string, string>(
  Object.entries({
    'access-log': ['access-log-unread'],
    backpressure: ['slow-clients', 'stalled-readers'],
    'chromium-h2': ['chromium'],
    'clock-steps': ['cookie-expiry'],
    'cookie-attributes': ['cookie-keys', 'cookie-refused', 'cookie-secure', 'cookie-twin'],
    'cookie-set': ['client-certificates', 'concurrent-first', 'header-key', 'query-key', 'rewrite'],
    curl: ['fetch', 'undici', 'wrk'],
    cli: ['explain'],
    crossing: ['bridge'],
    dashboard: ['views'],
    families: ['import'],
    'fleet-keys': ['fleet-clock', 'fleet-keys-retire', 'fleet-unnoticed', 'keys-rotate'],
    'fleet-signout': ['fleet-signout-store-away'],
    'fleet-spray': [
      'fleet-address',
      'fleet-cluster',
      'fleet-cookie',
      'fleet-expiry',
      'fleet-learn',
      'fleet-move',
      'fleet-names',
      'fleet-new-node',
      'fleet-rewrite',
      'fleet-socketio',
      'fleet-store-lost',
    ],
    'h2-clients': ['tls-clients', 'session-h2'],
    'h2-requests': ['h2-limits', 'h2-refusals'],
    'h2-sticky': ['h2-trailers', 'h2-websocket'],
    'express-session': ['foreign-stores'],
    'health-passive': ['health-active', 'panic', 'misframed-server'],
    'learn-express': ['learn-java', 'learn-php', 'learn-restart', 'mcp'],
    limits: ['descriptors', 'store-flood', 'table-flood'],
    load: ['smoke'],
    outage: ['names', 'reload-dead-server', 'session-store-fails', 'session-signout-store-away', 'shortage'],
    reload: ['reload-memory', 'reload-under-way', 'watch'],
    'refused-changes': ['lost-context', 'session-fenced'],
    requests: ['addresses', 'costs', 'http-1.0', 'interleaving', 'trust'],
    'session-put': [
      'registrations',
      'session-copy-lost',
      'session-interface',
      'session-lmdb',
      'session-rebalance',
      'session-reload-removes',
    ],
    restart: ['workers'],
    'session-drain': ['server-pipelining'],
    shutdown: ['signals'],
    'socket.io': ['socket.io-polling'],
    'source-ip': ['source-ip-table'],
    'sticky-1000': ['mixed-10000'],
    start: ['embedded'],
    stores: ['injected-faults', 'session-redis'],
    strategies: ['app-cookie', 'behaviours', 'user-sessions-real'],
    'tls-reload': ['admin-tls', 'tls-refused-config', 'tls-renewals', 'tls-expiry-warning', 'https-sessions'],
  }).flatMap(([kept, left]) => left.map((name) => [`${name}.test.ts`, kept] as const)),
);

export type SuiteGroup = Runtime | 'both' | 'onDemand';

/** Every black-box suite, by where it runs. */
export function suitesBy(isLong: boolean): Readonly<Record<SuiteGroup, string[]>> {
  const groups: Record<SuiteGroup, string[]> = { both: [], bun: [], node: [], onDemand: [] };
  for (const file of globSync('{test,examples,bench}/**/*.test.ts', { cwd: root }).sort()) {
    groups[isLong ? 'both' : groupOf(basename(file))].push(file);
  }
  return groups;
}

function groupOf(name: string): SuiteGroup {
  if (onDemand.has(name)) return 'onDemand';
  if (onBoth.has(name)) return 'both';
  if (chosen.bun.has(name)) return 'bun';
  if (chosen.node.has(name)) return 'node';
  // By its name: a new suite moves no other.
  let sum = 0;
  for (const char of name) sum += char.charCodeAt(0);
  return sum % 2 === 0 ? 'bun' : 'node';
}

function named(...names: string[]): ReadonlySet<string> {
  return new Set(names.map((name) => `${name}.test.ts`));
}
