/**
 * examples/monitoring against real metrics: promtool accepts and proves the rules, a real Prometheus answers every query of the
 * dashboard, and what it scrapes while a server is killed tells what happened.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startLimpet } from '../support/limpet.ts';
import { ask, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { Prometheus } from '../support/prometheus.ts';
import { runtimes } from '../support/runtimes.ts';
import { namesOf, promtool } from '../support/scrape.ts';
import { CertificateFiles } from '../support/secure-client.ts';
import { type Count, poolOf, Shopper, startShop, startShops } from '../support/shop.ts';
import { onlyOver } from '../support/transport.ts';

const root = resolve(import.meta.dirname, '../..');
const example = join(root, 'examples/monitoring');
const token = 'monitoring-'.repeat(4);

const alerts = (parse(read('alerts.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);

function read(name: string): string {
  return readFileSync(join(example, name), 'utf8');
}

/** The queries of the dashboard, as Grafana sends them. */
function queries(): string[] {
  const { panels } = JSON.parse(read('dashboard.json')) as { panels: { targets?: { expr: string }[] }[] };
  return panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll(/\$(instance|pool)\b/g, '.*').replaceAll('$__rate_interval', '1m'));
}

function metricsIn(expr: string): string[] {
  return expr.match(/\b(limpet|process)_\w+/g) ?? [];
}

test('every alert is proved by series, and explained', () => {
  const names = alerts.map(({ alert }) => alert);
  const proved = new Set(read('alerts.test.yml').match(/(?<=alertname: )\w+/g));
  const page = readFileSync(join(root, 'docs/guide/monitoring.md'), 'utf8');
  expect([...proved].sort()).toEqual(names.toSorted());
  expect(Array.from(page.matchAll(/^\| `(Limpet\w+)`/gm), ([, name]) => name)).toEqual(names);
  expect(Array.from(page.matchAll(/^\| `([\w.]+\.(?:yml|json))`/gm), ([, name]) => name).sort()).toEqual(
    readdirSync(example).sort(),
  );
});

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'it looks at metrics');

  test('Prometheus answers every query, and tells the story of a server that is killed', {
    timeout: 120_000,
  }, async (context) => {
    const program = needProgram(context, 'promtool');
    const prometheusProgram = needProgram(context, 'prometheus');
    using files = new CertificateFiles();
    await using servers = await startShops('a', 'b', 'c');
    await using limpet = await startLimpet(runtime, {
      config: {
        listeners: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', tls: files.tlsFor('shop.example') }],
        pools: { shop: { servers: poolOf(servers), health: { path: '/read', interval: '200ms' } } },
        sessions: {},
        admin: { listen: '127.0.0.1:0', token },
        workers: 1,
      },
    });
    const [, admin = ''] = /admin on http:\/\/(\S+)/.exec(limpet.stderr()) ?? [];
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-monitoring-'));
    cpSync(example, folder.path, { recursive: true });
    writeFileSync(join(folder.path, 'limpet.token'), token);
    const often = '1s\n  evaluation_interval: 1s';
    writeFileSync(
      join(folder.path, 'prometheus.yml'),
      read('prometheus.yml').replace('127.0.0.1:9900', admin).replace('15s', often),
    );
    expect(promtool(program, ['check', 'config', 'prometheus.yml'], '', folder.path)).toBe('');
    expect(promtool(program, ['test', 'rules', 'alerts.test.yml'], '', folder.path)).toBe('');

    const operator = { authorization: `Bearer ${token}` };
    const used = [...queries(), ...alerts.map(({ expr }) => expr)].flatMap(metricsIn);
    expect(used.length).toBeGreaterThan(50);

    // Each request counts, and each must succeed, also while a server is killed.
    const shoppers = Array.from({ length: 9 }, () => new Shopper(limpet.url));
    const visited: Count[] = [];
    let requests = 0;
    const visit = async () => {
      for (const [i, shopper] of shoppers.entries()) visited[i] = await shopper.count();
      requests += shoppers.length;
    };
    await visit();
    await using prometheus = await Prometheus.start(prometheusProgram, folder.path);
    const tells = (expr: string, value: number) =>
      until(`Prometheus tells that ${expr} is ${value}`, async () => {
        await visit();
        return (await prometheus.value(expr)) === value;
      });

    await tells('up', 1);
    await tells('sum(limpet_server_up)', 3);
    await tells('sum(limpet_server_sessions{copied="true"})', shoppers.length);
    const onA = visited.filter(({ server }) => server === 'a').length;
    await tells('sum(limpet_server_sessions{server="a"})', onA);
    expect(onA).toBeGreaterThan(0);

    await servers[0]!.kill();
    await tells('limpet_server_up{server="a"}', 0);
    await tells('limpet_pool_servers_usable{pool="shop"}', 2);
    await tells('sum(limpet_server_sessions{server="a"})', 0);
    await tells('sum(limpet_server_sessions{server=~"b|c"})', shoppers.length);
    await tells('limpet_rebinds_total', onA);
    await tells('sum(limpet_server_failures_total{server="a"}) > bool 0', 1);
    await tells('limpet_responses_total{class="5xx"}', 0);
    await tells('limpet_copies_fenced_total', 0);
    await tells('ALERTS{alertname="LimpetServerDown",alertstate="pending",server="a"}', 1);
    expect(visited.map(({ count, server }) => [count * shoppers.length, server === 'a'])).toEqual(
      shoppers.map(() => [requests, false]),
    );

    const drain = {
      method: 'PATCH',
      headers: { ...operator, 'content-type': 'application/json' },
      body: '{"state":"drain"}',
    };
    expect((await ask(`http://${admin}/v1/servers/shop/c`, drain)).status).toBe(200);
    const { body } = await ask(`http://${admin}/metrics`, { headers: operator });
    const known = namesOf(body);
    expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
    for (const expr of queries()) {
      await until(`Prometheus has an answer to ${expr}`, async () => {
        await visit();
        const { status, error, data } = await prometheus.query(expr);
        expect([expr, status, error]).toEqual([expr, 'success', undefined]);
        return (data?.result.length ?? 0) > 0;
      });
    }

    await using _ = await startShop('a', servers[0]!.port);
    await tells('limpet_server_up{server="a"}', 1);
    // What a graph shows of it: it was down once, and is back.
    await tells('changes(limpet_server_up{server="a"}[5m])', 2);
    await tells('absent(ALERTS{alertname="LimpetServerDown",server="a"})', 1);
  });
});
