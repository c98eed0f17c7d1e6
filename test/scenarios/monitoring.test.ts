/** examples/monitoring against real metrics: promtool accepts and proves the rules, and a real Prometheus answers every query. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { namesOf, promtool } from '../support/scrape.ts';
import { CertificateFiles } from '../support/secure-client.ts';
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

  test('the metrics of the queries exist, and Prometheus answers them', { timeout: 120_000 }, async (context) => {
    const program = needProgram(context, 'promtool');
    const prometheus = needProgram(context, 'prometheus');
    using files = new CertificateFiles();
    await using a = await httpOrigin('a');
    await using b = await httpOrigin('b');
    const servers = [a, b].map(({ name, address }) => ({ name, address }));
    const config = {
      listeners: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', tls: files.tlsFor('shop.example') }],
      pools: { shop: { servers, affinity: ['cookie'] } },
      admin: { listen: '127.0.0.1:0', token },
    };
    await using limpet = await startLimpet(runtime, { config });
    for (let i = 0; i < 4; i++) await ask(limpet.url);
    await b.close();
    for (let i = 0; i < 4; i++) await ask(limpet.url);

    const [, admin = ''] = /admin on http:\/\/(\S+)/.exec(limpet.stderr()) ?? [];
    const folder = mkdtempSync(join(tmpdir(), 'limpet-monitoring-'));
    cpSync(example, folder, { recursive: true });
    writeFileSync(join(folder, 'limpet.token'), token);
    writeFileSync(
      join(folder, 'prometheus.yml'),
      read('prometheus.yml').replace('127.0.0.1:9900', admin).replace('15s', '1s'),
    );
    expect(promtool(program, ['check', 'config', 'prometheus.yml'], '', folder)).toBe('');
    expect(promtool(program, ['test', 'rules', 'alerts.test.yml'], '', folder)).toBe('');

    const { body } = await ask(`http://${admin}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    const known = namesOf(body);
    const used = [...queries(), ...alerts.map(({ expr }) => expr)].flatMap(metricsIn);
    expect(used.length).toBeGreaterThan(50);
    expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);

    const port = await freePort();
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--log.level=error', listen];
    const child = spawn(prometheus, args, { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'exit');
    try {
      const query = async (expr: string) => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`;
        // Until it is ready it answers with 503, and no JSON.
        const { status, body: answer } = await ask(url).catch(() => ({ status: 0, body: '' }));
        return JSON.parse(status === 200 || status === 400 ? answer : '{}') as {
          status?: string;
          error?: string;
          data?: { result: { value: [number, string] }[] };
        };
      };
      await until('Prometheus has scraped', async () => (await query('up == 1')).data?.result.length === 1);
      const requests = 'limpet_pool_requests_total{pool="shop"}';
      expect((await query(requests)).data?.result[0]?.value[1]).toBe('8');
      for (const expr of queries()) expect(await query(expr), expr).toMatchObject({ status: 'success' });
    } finally {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('the commands of the guide work', { timeout: 60_000 }, async (context) => {
    needProgram(context, 'promtool');
    needProgram(context, 'curl');
    await using limpet = await startLimpet(runtime, { args: ['127.0.0.1:9'] });
    symlinkSync(join(limpet.folder, 'state'), join(limpet.folder, '.limpet'));
    const page = readFileSync(join(root, 'docs/guide/monitoring.md'), 'utf8');
    const blocks = Array.from(page.matchAll(/^```sh\n(.*?)^```$/gms), ([, text = '']) => text);
    expect(blocks).toHaveLength(2);
    const run = (text: string, cwd: string) => spawnSync('sh', ['-ec', text], { cwd, encoding: 'utf8' });
    const [scraped, checked] = [run(blocks[0]!, limpet.folder), run(blocks[1]!, join(root, 'docs/guide'))];
    expect(scraped).toMatchObject({ status: 0, stderr: '' });
    expect(scraped.stdout).toContain('\nlimpet_requests_total 0\n');
    expect(checked).toMatchObject({ status: 0 });
  });
});
