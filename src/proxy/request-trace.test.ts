/** The request id and the trace of a request: what servers and clients get of it, and what is recorded. */
import { randomFillSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { stageBalancer } from '../../test/support/stage-balancer.ts';
import { RandomIds } from '../tracing/ids.ts';
import type { ExchangeTrace } from '../tracing/record.ts';
import type { Acceptance, RequestTracing } from './request-tracing.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const sampled = `traceparent: 00-${traceId}-${parentId}-01`;

interface Setup {
  readonly accept?: Acceptance;
  readonly sample?: number;
  readonly respond?: boolean;
  readonly trusted?: boolean;
  /** Of the pool. */
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly servers?: number;
  readonly only?: 'requestId' | 'context';
}

function stage({
  accept = 'trusted',
  sample = 1,
  respond = false,
  trusted = false,
  pool,
  servers = 1,
  only,
}: Setup = {}) {
  const traces: ExchangeTrace[] = [];
  const tracing: RequestTracing = {
    requestId: only === 'context' ? null : { header: 'X-Request-Id', lower: 'x-request-id', accept, respond },
    context: only === 'requestId' ? null : { accept, sample },
    ids: new RandomIds(randomFillSync),
    sink: { add: (trace) => void traces.push(trace) },
  };
  const balancer = stageBalancer({ affinity: 'none', balance: 'round-robin', ...pool }, servers, {
    tracing,
    reserved: ['X-Request-Id', 'traceparent', 'tracestate'],
    ...(trusted && { trusted: ['127.0.0.1'] }),
  });
  const client = balancer.connect();
  const send = (...lines: readonly string[]) =>
    client.send(`GET /cart?token=secret HTTP/1.1\r\nHost: x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  return { balancer, client, send, traces };
}

/** Of the last request that a server has got. */
function headersOf(received: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const line of received.slice(received.lastIndexOf('GET ')).split('\r\n').slice(1)) {
    const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(line) ?? [];
    if (name !== '') (found[name.toLowerCase()] ??= []).push(value);
  }
  return found;
}

function ask(setup: Setup, ...lines: readonly string[]) {
  const { balancer, client, send, traces } = stage(setup);
  send(...lines);
  const server = balancer.net.last;
  server.open();
  server.send(ok);
  balancer.endTurn();
  return { balancer, client, traces, headers: headersOf(server.received) };
}

describe('the request id', () => {
  test('is made, and the same in the access log', () => {
    const { balancer, headers, client } = ask({});
    expect(headers['x-request-id']).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(balancer.accessLines()).toMatchObject([{ requestId: headers['x-request-id']?.[0] }]);
    expect(client.received.toLowerCase()).not.toContain('x-request-id');
  });

  test('of a client that is not trusted is replaced, however it is spelled', () => {
    const { headers } = ask({}, 'X-Request-Id: mine', 'x_request_id: mine');
    expect(headers['x-request-id']).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(headers).not.toHaveProperty('x_request_id');
  });

  test('of a trusted proxy, or of all when they are accepted, stays', () => {
    expect(ask({ trusted: true }, 'X-Request-Id: theirs').headers['x-request-id']).toEqual(['theirs']);
    expect(ask({ accept: 'always' }, 'X-Request-Id: theirs').headers['x-request-id']).toEqual(['theirs']);
    expect(ask({ accept: 'never', trusted: true }, 'X-Request-Id: theirs').headers['x-request-id']).not.toEqual([
      'theirs',
    ]);
  });

  test('that is malformed is replaced and counted', () => {
    const { balancer, headers } = ask({ accept: 'always' }, 'X-Request-Id: a b');
    expect(headers['x-request-id']).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(balancer.counters()).toMatchObject({ request_ids_refused: 1, traceparents_refused: 0 });
  });

  test('goes to the client in place of what the server says', () => {
    const { balancer, client, send } = stage({ respond: true });
    send();
    const server = balancer.net.last;
    server.open();
    const id = headersOf(server.received)['x-request-id']?.[0];
    server.send('HTTP/1.1 200 OK\r\nX-Request-ID: other\r\nContent-Length: 0\r\n\r\n');
    expect(client.received).not.toContain('other');
    expect(client.received).toContain(`\r\nX-Request-Id: ${id}\r\n`);
  });

  test('is on our own error page, too', () => {
    const { balancer, client, send } = stage({ respond: true, pool: { retry: { attempts: 1 } } });
    send('Accept: application/json');
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    const id = balancer.accessLines()[0]?.requestId;
    expect(client.received).toMatch(/^HTTP\/1.1 503 /);
    expect(client.received).toContain(`\r\nX-Request-Id: ${id}\r\n`);
    expect(client.received).toContain(`"requestId":"${id}"`);
    expect(balancer.debugLines.join('\n')).toContain(`attempt 1 of request ${id} failed at server app/a`);
  });

  test('of the next request on the connection is another one', () => {
    const { balancer, send } = stage();
    const ids = new Set<string | undefined>();
    for (let n = 0; n < 3; n++) {
      send();
      const server = balancer.net.last;
      if (n === 0) server.open();
      balancer.endTurn();
      server.send(ok);
      balancer.endTurn();
      ids.add(headersOf(server.received)['x-request-id']?.[0]);
    }
    expect(ids.size).toBe(3);
  });

  test('alone leaves trace context as it came but for what is reserved', () => {
    const { headers, balancer, traces } = ask({ only: 'requestId' });
    expect(headers).not.toHaveProperty('traceparent');
    expect(balancer.accessLines()[0]).not.toHaveProperty('traceId');
    expect(traces).toEqual([]);
  });
});

describe('the trace', () => {
  test('of a trusted proxy goes on: our span is the parent of what the server does', () => {
    const { balancer, headers, traces } = ask({ trusted: true }, sampled, 'tracestate: a=1', 'tracestate: b=2');
    expect(headers.tracestate).toEqual(['a=1,b=2']);
    expect(headers.traceparent).toEqual([expect.stringMatching(`^00-${traceId}-[0-9a-f]{16}-01$`)]);
    const [trace] = traces;
    expect(trace).toMatchObject({ traceId, parentId, state: 'a=1,b=2', flags: 1, link: null });
    expect(headers.traceparent?.[0]).toContain(trace?.attempts[0]?.spanId);
    expect(trace?.attempts[0]?.spanId).not.toBe(trace?.spanId);
    expect(balancer.accessLines()).toMatchObject([{ traceId }]);
  });

  test('of a stranger is not continued, but linked', () => {
    const { headers, traces } = ask({}, sampled, 'tracestate: a=1');
    expect(headers).not.toHaveProperty('tracestate');
    expect(headers.traceparent).toHaveLength(1);
    expect(headers.traceparent?.[0]).not.toContain(traceId);
    expect(traces).toMatchObject([{ parentId: '', state: '', link: { traceId, spanId: parentId, flags: 1 } }]);
  });

  test('that is not sampled is passed on so, and not recorded', () => {
    const { headers, traces } = ask({ trusted: true }, sampled.replace(/1$/, '0'));
    expect(headers.traceparent).toEqual([expect.stringMatching(`^00-${traceId}-(?!${parentId})[0-9a-f]{16}-00$`)]);
    expect(traces).toEqual([]);
    const begun = ask({ sample: 0 });
    expect(begun.headers.traceparent).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)]);
    expect(begun.traces).toEqual([]);
  });

  test('that a trusted proxy has sampled is recorded, whatever the share of our own', () => {
    expect(ask({ trusted: true, sample: 0 }, sampled).traces).toHaveLength(1);
  });

  test('whose traceparent is malformed begins anew, without its tracestate', () => {
    const { balancer, headers, traces } = ask({ trusted: true }, `${sampled}-x`, 'tracestate: a=1');
    expect(headers.traceparent?.[0]).not.toContain(traceId);
    expect(headers).not.toHaveProperty('tracestate');
    expect(traces).toMatchObject([{ parentId: '', link: null }]);
    expect(balancer.counters()).toMatchObject({ traceparents_refused: 1 });
  });

  test('has no query, and no other path than the one that was asked for', () => {
    const { traces } = ask({});
    expect(traces).toMatchObject([
      { method: 'GET', path: '/cart', host: 'x', client: '127.0.0.1', version: 'HTTP/1.1', status: 200, pool: 'app' },
    ]);
    expect(JSON.stringify(traces)).not.toContain('secret');
  });

  test('has no name of a session that stands in the path', () => {
    const { balancer, client, traces } = stage({ pool: { affinity: [{ path: '^/rooms/([^/]+)' }] } });
    client.send('GET /rooms/blue-42/list;jsessionid=1A2B/x%3Bsid=9?q HTTP/1.1\r\nHost: x\r\n\r\n');
    balancer.net.last.open();
    balancer.net.last.send(ok);
    expect(traces).toMatchObject([{ path: '/rooms/*/list/x' }]);
  });

  test('has each attempt, with why it failed; each server gets its own span as parent', () => {
    const { balancer, send, traces } = stage({ servers: 2, pool: { retry: { attempts: 2 } } });
    send();
    const first = balancer.net.last;
    first.open();
    balancer.advance(5);
    first.leave(null);
    const second = balancer.net.last;
    second.open();
    balancer.advance(7);
    second.send(ok);
    const [trace] = traces;
    const [one, two] = trace?.attempts ?? [];
    expect(trace?.attempts).toMatchObject([
      { server: 'b', port: 3, status: 0, fault: 'closed-early' },
      { server: 'a', port: 2, status: 200, fault: '' },
    ]);
    expect((one?.endMs ?? 0) - (one?.startMs ?? 0)).toBe(5);
    expect((two?.endMs ?? 0) - (two?.startMs ?? 0)).toBe(7);
    const [former, latter] = [headersOf(first.received), headersOf(second.received)];
    expect(former['x-request-id']).toEqual(latter['x-request-id']);
    expect(former.traceparent?.[0]).toContain(one?.spanId);
    expect(latter.traceparent?.[0]).toContain(two?.spanId);
  });

  test('of a client that leaves says so', () => {
    const { balancer, client, send, traces } = stage();
    send();
    balancer.net.last.open();
    client.leave(null);
    expect(traces).toMatchObject([{ status: 0, fault: 'client-gone', attempts: [{ fault: 'client-gone' }] }]);
    expect(balancer.counters()).toMatchObject({ aborted_by_client: 1 });
  });
});

test('when nothing of it is configured headers pass as they came', () => {
  const balancer = stageBalancer({ affinity: 'none' });
  balancer.connect().send(`GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n${sampled}\r\n\r\n`);
  const server = balancer.net.last;
  server.open();
  expect(headersOf(server.received)).toMatchObject({
    'x-request-id': ['a b'],
    traceparent: [`00-${traceId}-${parentId}-01`],
  });
});
