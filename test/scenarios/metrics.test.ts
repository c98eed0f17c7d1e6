/** /metrics while requests are served, fail and are retried: what it counts is what happened, in both formats that Prometheus reads. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { openMetricsFirst, promtool, samplesOf, scrape } from '../support/scrape.ts';

describe.each(runtimes)('on %s', (runtime) => {
  test('a scrape tells of every pool and server', { timeout: 60_000 }, async (context) => {
    const program = needProgram(context, 'promtool');
    await using a = await httpOrigin('a');
    await using b = await httpOrigin('b', (request, response) => {
      response.writeHead(request.url === '/missing' ? 404 : 200).end('b');
    });
    const servers = [a, b].map(({ name, address }) => ({ name, address }));
    const passive = { connectErrors: 1, ejection: '1m' };
    const config = { pools: { shop: { servers, affinity: ['cookie'], health: { passive } } }, workers: 2 };
    await using limpet = await startLimpet(runtime, { config });

    const cookies: string[] = [];
    for (let i = 0; i < 6; i++) {
      const { headers } = await ask(limpet.url);
      cookies.push(String(headers['set-cookie']).split(';')[0]!);
    }
    for (const cookie of cookies) await ask(`${limpet.url}/missing`, { headers: { cookie } });
    const before = samplesOf((await scrape(limpet)).body);
    const of = (name: string, labels = '') => before.get(`limpet_${name}{${labels}pool="shop"}`);
    const at = (name: string, server: string, labels = '') =>
      before.get(`limpet_${name}{${labels}pool="shop",server="${server}"}`);

    expect(before.get('limpet_requests_total')).toBe(12);
    expect(of('pool_requests_total')).toBe(12);
    expect(before.get('limpet_affinity_total{pool="shop",request="N",response="I"}')).toBe(6);
    expect(before.get('limpet_affinity_total{pool="shop",request="V",response="N"}')).toBe(6);
    expect(of('pool_servers_usable')).toBe(2);
    const sessions = ['a', 'b'].map((server) => at('server_sessions', server, 'copied="false",')!);
    expect(sessions[0]! + sessions[1]!).toBe(6);
    expect(of('pool_session_skew_ratio')).toBeCloseTo(Math.max(...sessions) / 3);
    // Each session came twice, the second time for what b has not.
    for (const [i, server] of ['a', 'b'].entries()) {
      expect(at('server_requests_total', server)).toBe(2 * sessions[i]!);
      expect(before.get(`limpet_server_request_duration_seconds_count{pool="shop",server="${server}"}`)).toBe(
        2 * sessions[i]!,
      );
      expect(at('server_up', server)).toBe(1);
    }
    expect(before.get('limpet_server_responses_total{class="4xx",pool="shop",server="b"}')).toBe(sessions[1]);
    expect(before.get('limpet_pool_first_byte_duration_seconds_bucket{le="+Inf",pool="shop"}')).toBe(12);
    expect(before.get('limpet_pool_connect_duration_seconds_count{pool="shop"}')).toBeGreaterThan(0);

    await b.close();
    for (const cookie of cookies) expect((await ask(limpet.url, { headers: { cookie } })).status).toBe(200);
    const down = 'limpet_server_up{pool="shop",server="b"}';
    await until('the supervisor knows', async () => samplesOf((await scrape(limpet)).body).get(down) === 0);
    const { type, body } = await scrape(limpet);
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(promtool(program, ['check', 'metrics'], body)).toBe('');
    const after = samplesOf(body);
    const failures = [...after].filter(([name]) => name.startsWith('limpet_server_failures_total'));
    expect(failures.every(([name]) => name.includes('server="b"'))).toBe(true);
    const failed = failures.reduce((sum, [, count]) => sum + count, 0);
    expect(failed).toBeGreaterThan(0);
    expect(after.get('limpet_server_retries_total{pool="shop",server="b"}')).toBe(failed);
    expect(after.get('limpet_pool_retries_total{pool="shop"}')).toBe(failed);
    expect(after.get('limpet_pool_servers_usable{pool="shop"}')).toBe(1);
    expect(after.get('limpet_rebinds_total')).toBe(sessions[1]);

    const open = await scrape(limpet, openMetricsFirst);
    expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(open.body.endsWith('\n# EOF\n')).toBe(true);
    expect(open.body).toContain('# TYPE limpet_requests counter\nlimpet_requests_total 18\n');
  });
});
