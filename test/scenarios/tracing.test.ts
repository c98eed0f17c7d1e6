/** Traces as a collector gets them (OTLP over HTTP), and what servers are told of them. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { type Collector, startCollector } from '../support/collector.ts';
import { limpetCommand } from '../support/command.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, type Origin } from '../support/origin.ts';
import {
  ask,
  configFor,
  echoOf,
  listen,
  run,
  startServer,
  together,
  until,
  Visitor,
  valuesIn,
} from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { isHttp2, scheme } from '../support/transport.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const stateless = { affinity: 'none', balance: 'round-robin', health: { passive: false } };

function traced({ endpoint }: Pick<Collector, 'endpoint'>, more: Readonly<Record<string, unknown>> = {}) {
  return { export: { endpoint, interval: '50ms', headers: { 'X-Team': 'shop' } }, ...more };
}

/** A server that is down: nobody listens at its address. */
async function nobody(name: string): Promise<Origin> {
  const origin = await listen(name, createServer());
  await origin.close();
  return origin;
}

describe.each(runtimes)('tracing on %s', (runtime) => {
  test('continues the trace of a trusted proxy, begins one for all others, and exports what is sampled', async () => {
    await using collector = await startCollector();
    await using origin = await httpOrigin('a');
    const listeners = [{ address: '127.0.0.1:0', trustedProxies: ['127.0.0.1'] }, { address: '127.0.0.1:0' }];
    const config = {
      ...configFor([origin], stateless),
      listeners,
      workers: 1,
      requestId: {},
      tracing: traced(collector),
      log: { access: 'json' },
    };
    await using limpet = await startLimpet(runtime, { config });
    const [trusting, other] = limpet.addresses.map((address) => `http://${address}/cart?token=secret`);
    const headers = (flags: string) => ({
      traceparent: `00-${traceId}-${parentId}-${flags}`,
      tracestate: 'vendor=1',
      cookie: 'sid=secret',
    });
    const seen = async (url: string | undefined, flags: string) => {
      const echo = echoOf(await ask(url ?? '', { headers: headers(flags) }));
      return { parent: valuesIn(echo.headers, 'traceparent'), state: valuesIn(echo.headers, 'tracestate') };
    };

    const continued = await seen(trusting, '01');
    expect(continued.state).toEqual(['vendor=1']);
    await until('its spans have come', () => collector.trace(traceId).length === 2);
    const [server, client] = collector.trace(traceId);
    expect(continued.parent).toEqual([`00-${traceId}-${client?.spanId}-01`]);
    expect(server).toMatchObject({
      kind: 'server',
      name: 'GET',
      parentSpanId: parentId,
      traceState: 'vendor=1',
      isError: false,
      links: [],
      attributes: {
        'http.request.method': 'GET',
        'url.path': '/cart',
        'url.scheme': scheme,
        'http.response.status_code': 200,
        'client.address': '127.0.0.1',
        'network.protocol.version': isHttp2 ? '2' : '1.1',
        'limpet.pool': 'app',
        'limpet.server': 'a',
      },
    });
    expect(client).toMatchObject({
      kind: 'client',
      parentSpanId: server?.spanId,
      attributes: {
        'url.full': `http://${origin.address}/cart`,
        'server.port': origin.port,
        'http.response.status_code': 200,
      },
    });
    expect(server?.durationMs).toBeGreaterThanOrEqual(client?.durationMs ?? Number.POSITIVE_INFINITY);

    // Not sampled by its caller: passed on, and not exported.
    const unsampled = await seen(trusting, '00');
    expect(unsampled.parent).toEqual([expect.stringMatching(`^00-${traceId}-(?!${parentId})[0-9a-f]{16}-00$`)]);

    // Of a stranger: a trace of our own, with a link to the one that it named.
    const begun = await seen(other, '01');
    expect(begun.state).toEqual([]);
    const [, ownId = ''] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(begun.parent[0] ?? '') ?? [];
    expect(ownId).not.toBe(traceId);
    await until('its spans have come', () => collector.trace(ownId).length === 2);
    expect(collector.trace(ownId)[0]?.links).toEqual([{ traceId, spanId: parentId }]);
    expect(collector.trace(ownId)[0]?.parentSpanId ?? '').toBe('');
    expect(collector.spans).toHaveLength(4);

    const lines = () => limpet.stdout().trim().split('\n');
    await until('all are logged', () => lines().length === 3);
    const logged = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged.map((line) => line.traceId)).toEqual([traceId, traceId, ownId]);
    expect(collector.spans.map(({ attributes }) => attributes['limpet.request.id'])).toContain(logged[0]?.requestId);
    expect([...collector.services]).toEqual(['limpet']);
    expect(collector.headers[0]).toMatchObject({ path: '/v1/traces', 'x-team': 'shop' });
    expect(JSON.stringify(collector.spans)).not.toContain('secret');
    expect((await limpet.counters()).spans_exported).toBe(4);
  });

  test('has a span for each attempt at a server', async () => {
    await using collector = await startCollector();
    await using up = await httpOrigin('up');
    const down = await nobody('down');
    const config = { ...configFor([down, up], stateless), workers: 1, tracing: traced(collector) };
    await using limpet = await startLimpet(runtime, { config });
    for (let i = 0; i < 2; i++) expect(echoOf(await ask(limpet.url)).server).toBe('up');
    // One of two in turn is the one that is down.
    const retry = () => collector.spans.find(({ attributes }) => attributes['http.request.resend_count'] === 1);
    await until('the spans of a repeated request have come', () => retry() !== undefined);
    const retried = retry();
    const [server, first, second] = collector.trace(retried?.traceId ?? '');
    expect(server).toMatchObject({ isError: false, attributes: { 'limpet.server': 'up' } });
    expect(first).toMatchObject({
      isError: true,
      parentSpanId: server?.spanId,
      attributes: { 'error.type': 'connect-refused', 'limpet.server': 'down', 'server.port': down.port },
    });
    expect(first?.attributes).not.toHaveProperty('http.response.status_code');
    expect(second).toMatchObject({
      isError: false,
      parentSpanId: server?.spanId,
      attributes: { 'limpet.server': 'up' },
    });
  });

  test('is refused by limpet check where its packages are not installed', async () => {
    const copy = copyWithout('@opentelemetry');
    const check = async (tracing: object) => {
      const config = { listeners: [{ address: ':80' }], pools: { app: { servers: ['app1:3000'] } }, tracing };
      writeFileSync(join(copy, 'limpet.yaml'), stringify(config));
      const { file, args, env } = limpetCommand(runtime, join(copy, 'state'), ['check'], copy);
      return run(file, args, { env, cwd: copy });
    };
    expect(await check({})).toMatchObject({ code: 0, stderr: '' });
    const { code, stderr } = await check({ export: { endpoint: 'http://127.0.0.1:4318' } });
    expect(code).toBe(3);
    expect(stderr).toMatch(/tracing\.export: the packages .* are missing: npm install @opentelemetry\/api .*\n$/);
  });

  test('tells of a session that was rescued', async () => {
    await using collector = await startCollector();
    await using servers = await together(['a', 'b'].map((name) => startServer(app, name)));
    const config = { ...configFor(servers), workers: 1, tracing: traced(collector) };
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    const home = (JSON.parse((await visitor.ask('/')).body) as { server: string }).server;
    await servers.find(({ name }) => name === home)?.kill();
    const other = (JSON.parse((await visitor.ask('/')).body) as { server: string }).server;
    const exchanges = () => collector.spans.filter(({ kind }) => kind === 'server');
    await until('both are told', () => exchanges().length === 2);
    const [first, second] = exchanges();
    expect(first?.attributes).toMatchObject({ 'limpet.server': home, 'limpet.session.placement': 'new' });
    expect(second).toMatchObject({
      isError: false,
      attributes: {
        'limpet.server': other,
        'limpet.session.placement': 'rebind',
        'limpet.session.epoch': 2,
        'limpet.affinity': expect.stringMatching(/^D/),
      },
    });
    expect(JSON.stringify(collector.spans)).not.toContain(visitor.cookies.get('limpet'));
  });

  test('a collector that is gone or hangs costs spans, and no request', async () => {
    await using origin = await httpOrigin('a');
    // It takes connections, and never answers.
    await using hanging = await listen('hanging', createServer());
    for (const collector of [await nobody('gone'), hanging]) {
      const own = { endpoint: `http://${collector.address}`, interval: '10ms', timeout: '200ms', queue: 16 };
      const config = { ...configFor([origin], stateless), workers: 1, tracing: { export: own } };
      await using limpet = await startLimpet(runtime, { config });
      const before = origin.requests();
      const statuses = new Set<number>();
      for (let i = 0; i < 50; i++) statuses.add((await ask(limpet.url)).status);
      expect([...statuses]).toEqual([200]);
      expect(origin.requests() - before).toBe(50);
      const dropped = async () => (await limpet.counters()).spans_dropped ?? 0;
      await until('it is counted', async () => (await dropped()) > 0);
      await until('it is told', () => limpet.stderr().includes('spans cannot be exported: '));
      expect(limpet.stderr().match(/spans cannot be exported/g)).toHaveLength(1);
      expect(await limpet.stop()).toEqual({ code: 0, signal: null });
    }
  });

  test('the share changes with a reload, and what has not been sent yet is when Limpet ends', async () => {
    await using collector = await startCollector();
    await using origin = await httpOrigin('a');
    const { endpoint } = collector;
    const config = (sample: number) => ({
      ...configFor([origin], stateless),
      tracing: { sample, export: { endpoint, interval: '1h' } },
    });
    await using limpet = await startLimpet(runtime, { config: config(0) });
    await ask(limpet.url);
    await limpet.reload(config(1));
    for (let i = 0; i < 5; i++) await ask(limpet.url);
    expect(collector.spans).toEqual([]);
    expect((await limpet.stop()).code).toBe(0);
    expect(collector.spans).toHaveLength(10);
  });
});

/** A copy of the program, which does not find packages of that scope. */
function copyWithout(scope: string): string {
  const root = resolve(import.meta.dirname, '../..');
  const copy = mkdtempSync(join(tmpdir(), 'limpet-tracing-'));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  for (const part of ['src', 'bin', 'package.json']) cpSync(join(root, part), join(copy, part), { recursive: true });
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== scope) symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  }
  return copy;
}
