/** A sampled exchange with one attempt, for tests of what becomes of it. */
import type { ExchangeTrace } from '../../src/tracing/record.ts';

const at = Date.UTC(2026, 2, 1, 12, 0, 0, 123);

export function exchangeTrace(given: Partial<ExchangeTrace> = {}): ExchangeTrace {
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: '00f067aa0ba902b7',
    parentId: '',
    state: '',
    flags: 1,
    link: null,
    startMs: at,
    endMs: at + 12.5,
    method: 'GET',
    path: '/cart',
    secure: true,
    host: 'shop.example',
    version: 'HTTP/1.1',
    client: '192.0.2.7',
    peer: '192.0.2.7',
    status: 200,
    fault: '',
    requestId: '',
    pool: 'shop',
    verdict: 'VN',
    epoch: 2,
    placement: 'held',
    attempts: [
      {
        spanId: 'b7ad6b7169203331',
        startMs: at + 1,
        endMs: at + 12,
        server: 's1',
        host: '10.0.0.1',
        port: 3000,
        secure: false,
        status: 200,
        fault: '',
      },
    ],
    ...given,
  };
}
