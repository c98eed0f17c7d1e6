import { describe, expect, test } from 'vitest';
import type { Config } from './config.ts';
import { diffOptions } from './diff.ts';
import { effectiveConfig } from './effective.ts';
import { readConfig } from './read.ts';

const usual = { listeners: [{ address: ':80' }], pools: { shop: { servers: [3001] } } };

function optionsOf(config: Partial<Config>) {
  const around = { source: { name: 'test', locate: () => null }, env: {}, variables: false };
  return readConfig({ ...usual, ...config } as Parameters<typeof readConfig>[0], around).options;
}

const endpoint = 'http://127.0.0.1:4318';
const full = { serviceName: 'limpet', interval: 1000, timeout: 5000, queue: 8192, headers: {} };

test('neither is on unless it is written, and each has its defaults', () => {
  expect(optionsOf({})).toMatchObject({ requestId: null, tracing: null });
  expect(optionsOf({ requestId: {}, tracing: {} })).toMatchObject({
    requestId: { header: 'X-Request-Id', accept: 'trusted', respond: false },
    tracing: { accept: 'trusted', sample: 1, export: null },
  });
});

test.each([
  ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
  ['https://otel.example/', 'https://otel.example/v1/traces'],
  ['https://otel.example/v1/otlp?team=7', 'https://otel.example/v1/otlp?team=7'],
])('spans for %s go to %s', (written, expected) => {
  expect(optionsOf({ tracing: { export: { endpoint: written } } }).tracing?.export).toEqual({
    ...full,
    endpoint: expected,
  });
});

describe('it is refused', () => {
  test.each([
    [{ requestId: { header: '' } }, 'requestId.header'],
    [{ requestId: { header: 'Host' } }, 'requestId.header'],
    [{ requestId: { header: 'Traceparent' } }, 'requestId.header'],
    [{ requestId: { header: 'X Request' } }, 'requestId.header'],
    [
      { requestId: { accept: 'sometimes' } },
      'requestId.accept: found "sometimes", expected one of always, trusted, never',
    ],
    [{ tracing: { sample: 2 } }, 'tracing.sample: found 2, expected a number from 0 to 1'],
    [{ tracing: { export: {} } }, 'tracing.export.endpoint'],
    [{ tracing: { export: { endpoint: '127.0.0.1:4318' } } }, 'tracing.export.endpoint'],
    [{ tracing: { export: { endpoint: 'grpc://127.0.0.1:4317' } } }, 'tracing.export.endpoint'],
    [{ tracing: { export: { endpoint: 'http://me:pass@host' } } }, 'tracing.export.endpoint'],
    [{ tracing: { export: { endpoint, headers: { 'a b': 'x' } } } }, 'tracing.export.headers'],
    [
      { tracing: { export: { endpoint, headers: { authorization: 'a\r\nb' } } } },
      'tracing.export.headers.authorization',
    ],
    [{ tracing: { export: { endpoint, queue: 1 } } }, 'tracing.export.queue'],
  ])('%j', (config, message) => {
    expect(() => optionsOf(config as Partial<Config>)).toThrow(message);
  });

  test('a header that says something of the certificates of clients', () => {
    const listeners = [
      {
        address: ':443',
        tls: {
          certificates: [{ cert: 'a.pem', key: 'a.key' }],
          clientCertificates: { ca: 'ca.pem', headers: { subject: 'X-Id' } },
        },
      },
    ];
    expect(() => optionsOf({ listeners, requestId: { header: 'x-id' } })).toThrow(
      'requestId.header: found x-id, which clientCertificates.headers of a listener has already',
    );
  });
});

test('headers for the collector are secrets: compared, and never shown', () => {
  const withKey = (key: string) => optionsOf({ tracing: { export: { endpoint, headers: { authorization: key } } } });
  const [before, after] = [withKey('Bearer 1111'), withKey('Bearer 2222')];
  const lines = diffOptions(before, after);
  expect(lines).toEqual(['~ tracing.export.headers.authorization: another secret']);
  expect(effectiveConfig(before)).toMatchObject({ tracing: { export: { headers: { authorization: '(hidden)' } } } });
  expect(() => withKey('Bearer é')).toThrow(/^(?!.*Bearer).*found a text of \d+ bytes/s);
});
