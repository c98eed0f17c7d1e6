import { describe, expect, test } from 'vitest';
import { parseWrk } from './wrk.ts';

const good = `Running 3s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.83ms  512.00us  14.27ms   91.03%
    Req/Sec    34.90k     2.11k   37.95k    73.33%
  Latency Distribution
     50%  812.00us
     75%    1.95ms
     90%    2.21ms
     99%    1.05s
  104178 requests in 3.00s, 20.17MB read
Requests/sec:  34699.42
Transfer/sec:      6.72MB
`;

describe('parseWrk', () => {
  test('reads totals, and latencies of any unit in milliseconds', () => {
    expect(parseWrk(good)).toEqual({
      requests: 104178,
      requestsPerSecond: 34699.42,
      p50: 0.812,
      p99: 1050,
      error: null,
    });
  });

  test('reports socket errors and bad statuses together', () => {
    const bad = good.replace(
      'Requests/sec',
      '  Socket errors: connect 0, read 3, write 0, timeout 1\n  Non-2xx or 3xx responses: 17\nRequests/sec',
    );
    expect(parseWrk(bad).error).toBe(
      'socket errors: connect 0, read 3, write 0, timeout 1, 17 responses other than 2xx',
    );
  });

  test('no response at all is an error, not a rate of zero', () => {
    expect(parseWrk(good.replace('104178 requests', '0 requests')).error).toBe('no response at all');
  });

  test('refuses what is not a report', () => {
    expect(() => parseWrk('unable to connect to 127.0.0.1:1 Connection refused')).toThrow('Connection refused');
    expect(() => parseWrk(good.replace(/^ *99%.*$/m, ''))).toThrow('no 99 % latency');
  });
});
