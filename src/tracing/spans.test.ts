/** What a collector is told of an exchange, by the semantic conventions for HTTP. */
import { describe, expect, test } from 'vitest';
import { exchangeTrace } from '../../test/support/traces.ts';
import type { AttemptTrace, ExchangeTrace } from './record.ts';
import { spansFrom } from './spans.ts';

function server(given: Partial<ExchangeTrace> = {}) {
  return spansFrom(exchangeTrace(given))[0];
}

function client(given: Partial<AttemptTrace> = {}, exchange: Partial<ExchangeTrace> = {}) {
  const { attempts } = exchangeTrace();
  return spansFrom(exchangeTrace({ ...exchange, attempts: attempts.map((one) => ({ ...one, ...given })) }))[1];
}

const traceId = '0af7651916cd43dd8448eb211c80319c';

describe('the span of the exchange', () => {
  test('says who asked for what, and what became of it', () => {
    expect(server({ requestId: 'r-1' })).toEqual({
      name: 'GET',
      kind: 1,
      spanContext: { traceId, spanId: '00f067aa0ba902b7', traceFlags: 1, state: '' },
      startTime: [1772366400, 123_000_000],
      endTime: [1772366400, 135_500_000],
      duration: [0, 12_500_000],
      status: { code: 0 },
      attributes: {
        'http.request.method': 'GET',
        'url.scheme': 'https',
        'url.path': '/cart',
        'server.address': 'shop.example',
        'client.address': '192.0.2.7',
        'network.peer.address': '192.0.2.7',
        'network.protocol.version': '1.1',
        'http.response.status_code': 200,
        'limpet.request.id': 'r-1',
        'limpet.pool': 'shop',
        'limpet.server': 's1',
        'limpet.affinity': 'VN',
        'limpet.session.epoch': 2,
        'limpet.session.placement': 'held',
      },
      links: [],
    });
  });

  test('continues a trace, or is linked to one that is not continued', () => {
    expect(server({ parentId: 'b7ad6b7169203331', state: 'a=1', flags: 3 })).toMatchObject({
      spanContext: { traceFlags: 3, state: 'a=1' },
      parentSpanContext: { traceId, spanId: 'b7ad6b7169203331', traceFlags: 3, isRemote: true },
    });
    const link = { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), flags: 0 };
    expect(server({ link })?.parentSpanContext).toBeUndefined();
    expect(server({ link })?.links).toEqual([
      { context: { traceId: link.traceId, spanId: link.spanId, traceFlags: 0, isRemote: true } },
    ]);
  });

  test.each([
    ['shop.example:8443', 'shop.example', 8443],
    ['[2001:db8::1]:80', '2001:db8::1', 80],
    ['[2001:db8::1]', '2001:db8::1', undefined],
    ['', undefined, undefined],
    ['a:b:c', undefined, undefined],
  ])('names the host %j', (host, address, port) => {
    expect(server({ host })?.attributes['server.address']).toBe(address);
    expect(server({ host })?.attributes['server.port']).toBe(port);
  });

  test('a method that anybody can make up is not a name', () => {
    expect(server({ method: 'PROPFIND' })).toMatchObject({
      name: 'HTTP',
      attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' },
    });
    expect(server({ method: 'X'.repeat(500) })?.attributes['http.request.method_original']).toHaveLength(32);
  });

  test.each([
    [{ status: 404 }, 0, undefined],
    [{ status: 404, fault: 'no-route', attempts: [] }, 0, undefined],
    [{ status: 500 }, 2, '500'],
    [{ status: 503, fault: 'no-server', attempts: [] }, 2, 'no-server'],
    [{ status: 0, fault: 'client-gone' }, 2, 'client-gone'],
    [{ status: 200, fault: 'body-cut' }, 2, 'body-cut'],
    [{ status: 408, fault: 'request-timeout', attempts: [] }, 0, undefined],
  ] as const)('%j: is it an error?', (given, code, type) => {
    expect(server(given)?.status.code).toBe(code);
    expect(server(given)?.attributes['error.type']).toBe(type);
  });

  test('of HTTP/2 has its version without the minor one', () => {
    expect(server({ version: 'HTTP/2.0' })?.attributes['network.protocol.version']).toBe('2');
    expect(server({ version: 'HTTP/1.0' })?.attributes['network.protocol.version']).toBe('1.0');
  });
});

describe('the span of an attempt', () => {
  test('is a child of the one of the exchange, and says where it went', () => {
    expect(client()).toEqual({
      name: 'GET',
      kind: 2,
      spanContext: { traceId, spanId: 'b7ad6b7169203331', traceFlags: 1, state: '' },
      parentSpanContext: { traceId, spanId: '00f067aa0ba902b7', traceFlags: 1, isRemote: false },
      startTime: [1772366400, 124_000_000],
      endTime: [1772366400, 135_000_000],
      duration: [0, 11_000_000],
      status: { code: 0 },
      attributes: {
        'http.request.method': 'GET',
        'url.full': 'http://10.0.0.1:3000/cart',
        'server.address': '10.0.0.1',
        'server.port': 3000,
        'network.peer.address': '10.0.0.1',
        'http.response.status_code': 200,
        'limpet.pool': 'shop',
        'limpet.server': 's1',
      },
      links: [],
    });
  });

  test('to a name, to IPv6, to a socket', () => {
    expect(client({ host: 'app1' })?.attributes).not.toHaveProperty('network.peer.address');
    expect(client({ host: '::1', secure: true })?.attributes).toMatchObject({
      'url.full': 'https://[::1]:3000/cart',
      'network.peer.address': '::1',
    });
    const unix = client({ host: '/run/app.sock', port: 0 })?.attributes;
    expect(unix).toMatchObject({ 'url.full': 'http://localhost/cart', 'server.address': '/run/app.sock' });
    expect(unix).not.toHaveProperty('server.port');
  });

  test('that failed says why; of several each has its number', () => {
    const [first] = exchangeTrace().attempts;
    if (first === undefined) throw new Error('no attempt');
    const failed = { ...first, status: 0, fault: 'connect-refused' };
    const spans = spansFrom(exchangeTrace({ attempts: [failed, { ...first, server: 's2' }] }));
    expect(spans.map(({ status }) => status.code)).toEqual([0, 2, 0]);
    expect(spans[0]?.attributes['limpet.server']).toBe('s2');
    expect(spans[1]?.attributes).toMatchObject({ 'error.type': 'connect-refused', 'limpet.server': 's1' });
    expect(spans[1]?.attributes).not.toHaveProperty('http.request.resend_count');
    expect(spans[2]?.attributes).toMatchObject({ 'http.request.resend_count': 1 });
    expect(client({ status: 404 })?.attributes['error.type']).toBe('404');
  });
});
