/** A request as the access log is told of it, for tests of what is written. */
import type { ExchangeRecord } from '../../src/metrics/access-log.ts';

export const accessRecord: ExchangeRecord = {
  time: Date.UTC(2026, 2, 1, 12, 0, 0, 123),
  client: '192.0.2.7',
  listener: '127.0.0.1:8080',
  method: 'GET',
  target: '/cart?id=1',
  host: 'shop.example',
  version: 'HTTP/1.1',
  status: 200,
  bytesIn: 412,
  bytesOut: 2048,
  pool: 'shop',
  server: 's1',
  session: '3f2a9c01',
  epoch: 2,
  retries: 1,
  referer: '',
  userAgent: '',
  queueMs: 0,
  connectMs: 0.44,
  responseMs: 3.06,
  totalMs: 12,
  fault: '',
  requestFlag: 'V',
  responseFlag: 'N',
};
