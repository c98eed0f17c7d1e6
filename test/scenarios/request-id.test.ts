/** The id of a request: made, taken over or replaced, the same for every server that is tried, in the log and for the client. */
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { H2Session } from '../support/h2-session.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, listen, until, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const made = /^[0-9a-f]{32}$/;
const stateless = { affinity: 'none', balance: 'round-robin', health: { passive: false } };

describe.each(runtimes)('request ids on %s', (runtime) => {
  test('are made, taken over from a trusted proxy, or replaced, and logged', async () => {
    await using origin = await httpOrigin('a');
    const listeners = [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', trustedProxies: ['127.0.0.1'] }];
    const config = {
      ...configFor([origin], stateless),
      listeners,
      workers: 1,
      requestId: { respond: true },
      log: { access: { format: '{requestId} {status}' } },
    };
    await using limpet = await startLimpet(runtime, { config });
    const [stranger, proxy] = limpet.addresses.map((address) => `http://${address}/`);
    const seen = async (url: string | undefined, id: string | string[]) => {
      const reply = await ask(url ?? '', { headers: { 'X-Request-Id': id } });
      const [told] = valuesIn(reply.rawHeaders, 'x-request-id');
      expect(valuesIn(echoOf(reply).headers, 'x-request-id')).toEqual([told]);
      return told ?? '';
    };
    const ids = [
      await seen(stranger, 'theirs'),
      await seen(proxy, 'theirs'),
      await seen(proxy, 'a "b'),
      await seen(proxy, ['one', 'two']),
      await seen(proxy, 'x'.repeat(129)),
    ];
    expect(ids).toEqual(
      [made, 'theirs', made, made, made].map((id) => (id === made ? expect.stringMatching(made) : id)),
    );
    const lines = () => limpet.stdout().trim().split('\n');
    await until('all are logged', () => lines().length === ids.length);
    expect(lines()).toEqual(ids.map((id) => `${id} 200`));
    expect((await limpet.counters()).request_ids_refused).toBe(3);
  });

  test('are the same for each server that is tried, and on the error page', async () => {
    const down = await listen('down', createServer());
    await down.close();
    const heard: string[] = [];
    await using broken = await listen(
      'broken',
      createServer((socket) => {
        socket.once('data', (data) => {
          heard.push(data.toString());
          socket.destroy();
        });
      }),
    );
    await using up = await httpOrigin('up');
    const config = {
      ...configFor([broken, up], stateless),
      workers: 1,
      requestId: { header: 'X-Correlation-Id', respond: true },
      log: { access: 'off', level: 'debug' },
    };
    await using limpet = await startLimpet(runtime, { config });
    const idOf = (text: string) => /x-correlation-id: (\S+)/i.exec(text)?.[1];
    const answered: (string | undefined)[] = [];
    for (let i = 0; i < 2; i++) {
      answered.push(valuesIn(echoOf(await ask(limpet.url)).headers, 'x-correlation-id')[0]);
    }
    expect(heard.length).toBeGreaterThan(0);
    const id = idOf(heard[0] ?? '') ?? '';
    expect(id).toMatch(made);
    expect(answered).toContain(id);
    await until('it is logged', () => limpet.stderr().includes(`of request ${id} failed at server app/broken`));

    await limpet.reload({ ...config, ...configFor([down], stateless) });
    const refused = await ask(limpet.url);
    expect(refused.status).toBe(503);
    expect(refused.body).toContain(`Request ${refused.headers['x-correlation-id']}\n`);

    // Without it, a header of that name is one like any other.
    await limpet.reload({ ...config, ...configFor([up], stateless), requestId: undefined });
    const plain = await ask(limpet.url, { headers: { 'x-correlation-id': 'a b' } });
    expect(valuesIn(echoOf(plain).headers, 'x-correlation-id')).toEqual(['a b']);
    expect(valuesIn(plain.rawHeaders, 'x-correlation-id')).toEqual([]);
  });

  test('over HTTP/2, to clients and to servers', async () => {
    onlyOver('h1', 'it speaks HTTP/2 by itself');
    await using origin = await httpOrigin('a');
    const listener = { protocols: ['h2', 'h1'], trustedProxies: ['127.0.0.1'] };
    const inner = { address: '127.0.0.1:0', protocols: ['h2'], trustedProxies: ['127.0.0.1'] };
    const requestId = { respond: true };
    await using behind = await startLimpet(runtime, {
      config: { ...configFor([origin], stateless, inner), requestId, tracing: {} },
    });
    const before = configFor(
      [{ name: 'inner', address: `127.0.0.1:${behind.port}` }],
      { ...stateless, protocol: 'h2' },
      listener,
    );
    await using limpet = await startLimpet(runtime, { config: { ...before, requestId, tracing: {} } });
    await using client = await H2Session.open(limpet.port);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    for (const [given, expected] of [
      [{ 'x-request-id': 'theirs' }, 'theirs'],
      [{}, expect.stringMatching(made)],
    ] as const) {
      const reply = await client.ask('/', {
        ...given,
        traceparent: `00-${traceId}-b7ad6b7169203331-00`,
        tracestate: 'a=1',
      });
      const { headers } = JSON.parse(reply.body) as { headers: string[] };
      expect(valuesIn(headers, 'x-request-id')).toEqual([expected]);
      expect(reply.headers['x-request-id']).toBe(valuesIn(headers, 'x-request-id')[0]);
      expect(valuesIn(headers, 'traceparent')).toEqual([expect.stringMatching(`^00-${traceId}-[0-9a-f]{16}-00$`)]);
      expect(valuesIn(headers, 'tracestate')).toEqual(['a=1']);
    }
  });
});
