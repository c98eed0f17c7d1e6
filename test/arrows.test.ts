/**
 * The architecture of src: no forbidden arrow, no import cycle between folders or files, no file that is too long, few
 * non-null assertions; and the checks themselves catch planted ones.
 */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { arrows, findForbidden } from './support/arrows.ts';
import { findFileCycles, findFolderCycles } from './support/cycles.ts';
import { findNonNull } from './support/non-null.ts';
import { readSource } from './support/source-file.ts';

const root = resolve(import.meta.dirname, '..');

/** The most lines of a file, by folder or file: the first that holds counts. */
const mostLines: readonly (readonly [place: string, lines: number])[] = [
  ['src/proxy/exchange.ts', 220],
  ['src/proxy/', 350],
  ['src/ownership/', 350],
];

/** The most non-null assertions in all of `src`, beside those on a read by index. The number only becomes smaller. */
const mostNonNull = 70;

/** What an exchange has, or has not: never asserted, because the compiler has to ask in which state it is. */
const neverAsserted = ['pool', 'server', 'client', 'upstream', 'downstream'];

const paths = globSync('src/**/*.ts', { cwd: root })
  .filter((path) => !path.endsWith('.test.ts'))
  .sort();

function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8');
}

describe('the sources', () => {
  const files = paths.map((path) => readSource(path, read(path)));

  test('are read', () => {
    expect(paths).toContain('src/errors.ts');
    const policy = files.find((file) => file.path === 'src/balance/policy.ts');
    expect(policy?.imports.map((one) => one.target)).toEqual(['src/fleet/fleet.ts', 'src/fleet/server.ts']);
  });

  test('hold no forbidden arrow', () => {
    expect(findForbidden(files)).toEqual([]);
  });

  test('hold no import cycle between folders', () => {
    expect(findFolderCycles(files)).toEqual([]);
  });

  test('hold no import cycle between files', () => {
    expect(findFileCycles(files)).toEqual([]);
  });
});

describe('the sources keep their limits', () => {
  const asserted = paths.flatMap((path) => findNonNull(path, read(path)));

  test('of lines in a file', () => {
    const tooLong = paths.filter((path) => {
      const [, most = Number.POSITIVE_INFINITY] = mostLines.find(([place]) => path.startsWith(place)) ?? [];
      return read(path).trimEnd().split('\n').length > most;
    });
    expect(tooLong).toEqual([]);
  });

  test('of non-null assertions', () => {
    expect(asserted.length).toBeLessThanOrEqual(mostNonNull);
  });

  test('and assert no pool, server or client', () => {
    const places = asserted.filter(({ name }) => neverAsserted.includes(name));
    expect(places).toEqual([]);
  });

  test('and these assertions are found', () => {
    const source = [
      'this.pool!.servers[0]!.name;',
      'const one = list[i]!;',
      'found.get(key)!.call(server!);',
      'let x!: string; if (!(a != b)) c = !d;',
      'row[0]!.client! = 1;',
    ].join('\n');
    expect(findNonNull('src/a.ts', source)).toEqual([
      { path: 'src/a.ts', line: 1, name: 'pool' },
      { path: 'src/a.ts', line: 3, name: '' },
      { path: 'src/a.ts', line: 3, name: 'server' },
      { path: 'src/a.ts', line: 5, name: 'client' },
    ]);
  });
});

describe('the check catches', () => {
  /** One violation for each rule, in the table's order. */
  const planted: readonly [path: string, source: string][] = [
    ['src/errors.ts', "import { x } from './http/head.ts';"],
    ['src/ip.ts', "import { x } from './net/socket.ts';"],
    ['src/time/clock.ts', "import type { Net } from '../net/socket.ts';"],
    ['src/metrics/counters.ts', "import { Fleet } from '../fleet/fleet.ts';"],
    ['src/metrics/exchange-stats.ts', "import type { Server } from '../fleet/server.ts';"],
    ['src/events/bus.ts', "import type { Server } from '../fleet/server.ts';"],
    ['src/tracing/batch.ts', "import type { Pool } from '../proxy/pool.ts';"],
    ['src/secrets/private-file.ts', "import { limpet } from '../config/keys.ts';"],
    ['src/http/head.ts', "import type { Socket } from '../net/socket.ts';"],
    ['src/net/socket.ts', "export * from '../http/head.ts';"],
    ['src/discovery/names.ts', "import type { Server } from '../fleet/server.ts';"],
    ['src/balance/maglev.ts', "import type { RequestHead } from '../http/head.ts';"],
    ['src/affinity/cookie.ts', "export type { Server } from '../fleet/server.ts';"],
    ['src/table/table.ts', "let server: import('../fleet/server.ts').Server;"],
    ['src/store/memory.ts', "import type { Server } from '../fleet/server.ts';"],
    ['src/nodes/fleet-keys.ts', "import type { Pool } from '../proxy/pool.ts';"],
    ['src/fleet/fleet.ts', "import type { HealthOptions } from '../config/options.ts';"],
    ['src/workers/health-monitor.ts', "import { Fleet } from '../fleet/fleet.ts';"],
    ['src/health/active.ts', "import type { RequestHead } from '../http/head.ts';"],
    ['src/proxy/exchange.ts', "import { maglev } from '../balance/maglev.ts';"],
    ['src/ownership/replicator.ts', "import type { Pool } from '../proxy/pool.ts';"],
    ['src/failover/verdict.ts', "import '../time/clock.ts';"],
    ['src/session/session.ts', "import { head } from '../http/head.ts';"],
    ['src/health/active.ts', "import { schema } from '../config/schema.ts';"],
    ['src/config/load.ts', "import { Balancer } from '../balancer/balancer.ts';"],
    ['src/import/haproxy/pool.ts', "import { readUpstream } from '../nginx/upstream.ts';"],
    ['src/import/nginx/values.ts', "import { parseTime } from '../haproxy/values.ts';"],
    ['src/import/kubernetes/ingress.ts', "import { field } from '../traefik/fields.ts';"],
    ['src/import/caddy/proxy.ts', "import type { Pool } from '../nginx/upstream.ts';"],
    ['src/import/envoy/fields.ts', "import { objectsOf } from '../kubernetes/objects.ts';"],
    ['src/import/traefik/crd.ts', "import { at } from '../envoy/fields.ts';"],
    ['src/explain/explain.ts', "import { Rendezvous } from '../balance/rendezvous.ts';"],
    ['src/cli/main.ts', "const server = await import('../../test/support/server.ts');"],
    ['src/health/active.ts', "import { net } from '../net/node.ts';"],
    ['src/proxy/upstream.ts', 'if (ready) Bun.connect({});'],
    ['src/health/active.ts', "import { connect } from 'node:net';"],
    ['src/balance/random.ts', 'export const pick = () => Math.random();'],
    ['src/affinity/cookie.ts', "import { z } from 'zod';"],
    ['src/workers/admin-service.ts', "import { ApiProblem } from '../admin/problem.ts';"],
  ];

  test.each(arrows.map((rule, at) => [rule.why, rule, at] as const))('%s', (_why, rule, at) => {
    const [path, source] = planted[at] ?? ['', ''];
    expect(findForbidden([readSource(path, source)], [rule])).toEqual([expect.stringContaining(rule.why)]);
  });

  test('a cycle, and names the files that close it', () => {
    const files = [
      readSource('src/proxy/exchange.ts', "import { verdict } from '../failover/verdict.ts';"),
      readSource('src/failover/rebind.ts', "import type { Pool } from '../fleet/pool.ts';"),
      readSource('src/fleet/pool.ts', "import type { Exchange } from '../proxy/exchange.ts';"),
      readSource('src/balancer/balancer.ts', "import '../proxy/exchange.ts';"),
    ];
    expect(findFolderCycles(files)).toEqual([
      'src/proxy -> src/failover -> src/fleet -> src/proxy: ' +
        'src/proxy/exchange.ts -> src/failover/verdict.ts, src/failover/rebind.ts -> src/fleet/pool.ts, ' +
        'src/fleet/pool.ts -> src/proxy/exchange.ts',
    ]);
  });
});

describe('the check of files catches', () => {
  const read = (files: Readonly<Record<string, string>>) =>
    Object.entries(files).map(([path, source]) => readSource(path, source));

  test('a cycle of type imports, and names the files in order and where each import stands', () => {
    const files = read({
      'src/proxy/a.ts': "/** First. */\nimport type { B } from './b.ts';",
      'src/proxy/b.ts': "import { c } from './c.ts';\nimport './d.ts';",
      'src/proxy/c.ts': "\n\nexport type { A } from './a.ts';",
      'src/proxy/d.ts': "import './e.ts';",
      'src/proxy/e.ts': '',
    });
    expect(findFileCycles(files)).toEqual([
      {
        members: ['src/proxy/a.ts', 'src/proxy/b.ts', 'src/proxy/c.ts'],
        shown:
          'src/proxy/a.ts:2 -> src/proxy/b.ts, src/proxy/b.ts:1 -> src/proxy/c.ts, src/proxy/c.ts:3 -> src/proxy/a.ts',
      },
    ]);
  });

  test('two cycles apart, a file that imports itself, and the shortest way round one of many files', () => {
    const files = read({
      'src/a.ts': "import './b.ts';",
      'src/b.ts': "import './c.ts'; import './a.ts';",
      'src/c.ts': "import './a.ts';",
      'src/d.ts': "import './d.ts'; import './a.ts';",
      'src/e.ts': "let f: import('./f.ts').F;",
      'src/f.ts': "await import('./e.ts');",
    });
    expect(findFileCycles(files)).toEqual([
      { members: ['src/a.ts', 'src/b.ts', 'src/c.ts'], shown: 'src/a.ts:1 -> src/b.ts, src/b.ts:1 -> src/a.ts' },
      { members: ['src/d.ts'], shown: 'src/d.ts:1 -> src/d.ts' },
      { members: ['src/e.ts', 'src/f.ts'], shown: 'src/e.ts:1 -> src/f.ts, src/f.ts:1 -> src/e.ts' },
    ]);
  });
});

describe('the check lets pass', () => {
  const allowed: readonly [path: string, source: string][] = [
    ['src/affinity/cookie.ts', "import type { CookieOptions } from '../config/options.ts';"],
    ['src/proxy/exchange.ts', "import { Session } from '../affinity/affinity.ts';"],
    ['src/affinity/source-ip.ts', "import { isIP, isIPv4 } from 'node:net';"],
    ['src/http/head.ts', "// import '../net/socket.ts'\nexport const like = \"import '../net/socket.ts'\";"],
    ['src/proxy/downstream.ts', 'this.wheel.setTimeout(5);'],
    ['src/balancer/balancer.ts', "import { net } from '../net/node.ts';"],
    ['src/net/bun.ts', 'Bun.listen({});'],
  ];

  test.each(allowed)('%s: %s', (path, source) => {
    expect(findForbidden([readSource(path, source)])).toEqual([]);
  });

  test('only types of the options: their values stay with the config', () => {
    const source = "import { policyNames } from '../config/options.ts';";
    expect(findForbidden([readSource('src/balance/index.ts', source)])).toHaveLength(1);
  });
});
