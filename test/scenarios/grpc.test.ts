/** gRPC through the balancer, by clients and servers of @grpc/grpc-js: every kind of call, stickiness, and the errors of the balancer itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, describe, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { GrpcClient, type GrpcOrigin, grpcOrigin, messageBytes } from '../support/grpc.ts';
import { h2Origin } from '../support/h2-origin.ts';
import { h2Listener } from '../support/h2-session.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { configFor, parseSetCookie, together, until } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const authority = new TestAuthority();
const pair = authority.issue(['app.test']);
const folder = mkdtempSync(join(tmpdir(), 'limpet-grpc-'));
const file = (name: string) => join(folder, name);
writeFileSync(file('ca.pem'), authority.cert);
writeFileSync(file('app.pem'), pair.key + pair.cert, { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true }));

type Config = Readonly<Record<string, unknown>>;

/** Over TLS on both sides, or on none. */
const transports = {
  h2c: {
    listener: h2Listener,
    pool: { protocol: 'h2' },
    serve: (name: string) => grpcOrigin(name),
    client: ({ port }: Limpet) => new GrpcClient(port),
  },
  TLS: {
    listener: { address: '127.0.0.1:0', tls: { certificates: [{ cert: file('app.pem'), key: file('app.pem') }] } },
    pool: { protocol: 'h2', tls: { sni: 'app.test', ca: file('ca.pem') } },
    serve: (name: string) => grpcOrigin(name, pair),
    client: ({ port }: Limpet) => new GrpcClient(port, { ca: authority.cert, name: 'app.test' }),
  },
} as const;

interface Stage extends AsyncDisposable {
  readonly limpet: Limpet;
  readonly client: GrpcClient;
  readonly servers: readonly GrpcOrigin[];
}

async function stage(
  runtime: Runtime,
  { listener, pool, serve, client }: (typeof transports)[keyof typeof transports],
  changed: Config = {},
  top: Config = {},
): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const servers = stack.use(await together(['a', 'b'].map(serve)));
  const config = { ...configFor(servers, { ...pool, ...changed }, listener), ...top };
  const limpet = stack.use(await startLimpet(runtime, { config }));
  const made = { limpet, servers, client: stack.use(client(limpet)) };
  const moved = stack.move();
  return { ...made, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

describe.each(runtimes)('gRPC on %s', (runtime) => {
  onlyOver('h1', 'it brings its own client');

  describe.each(['h2c', 'TLS'] as const)('over %s', (name) => {
    const transport = transports[name];

    test('calls of each kind, with metadata, trailers and statuses', async () => {
      await using staged = await stage(runtime, transport, { affinity: 'none' });
      const { client } = staged;
      const unary = await client.unary('echo', 'hello', { metadata: { 'x-note': 'kept' } });
      expect(String(unary.messages[0])).toMatch(/^[ab] hello kept$/);
      expect(unary.status).toMatchObject({ code: status.OK });
      expect(unary.metadata.get('x-server')).toEqual([String(unary.messages[0])[0]]);
      expect(unary.status.metadata.get('x-trailer')).toEqual(['at the end']);
      expect(unary.status.metadata.get('x-sum-bin')).toEqual([Buffer.from([0, 255, 10])]);

      const count = await client.count(Array.from({ length: 200 }, () => Buffer.alloc(messageBytes)));
      expect([String(count.messages[0]), count.status.code]).toEqual([String(200 * messageBytes), status.OK]);

      const fill = await client.fill(200);
      const expected = Array.from({ length: 200 }, (_, i) => [messageBytes, i]);
      expect(fill.messages.map((message) => [message.length, message[0]])).toEqual(expected);
      expect(fill.status.code).toBe(status.OK);

      const shout = await client.shout(['one', 'two', 'three', 'four']);
      expect([shout.messages.map(String), shout.status.code]).toEqual([['ONE', 'TWO', 'THREE', 'FOUR'], status.OK]);

      const fail = await client.unary('fail', 'x');
      expect(fail.status).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not now: 100% größer' });
      expect(fail.status.metadata.get('x-why')).toEqual(['order']);
      expect(fail.messages).toEqual([]);
    });

    test('many calls at the same time each get their own messages', async () => {
      await using staged = await stage(runtime, transport, { affinity: 'none' });
      const { client } = staged;
      const calls = Array.from({ length: 200 }, async (_, i) => {
        const { messages } = await client.unary('echo', `${i}`, { metadata: { 'x-note': `n${i}` } });
        return String(messages[0]).slice(2);
      });
      expect(await Promise.all(calls)).toEqual(Array.from({ length: 200 }, (_, i) => `${i} n${i}`));
    });

    test('a client that gives up, or whose deadline is over, is seen by the server', async () => {
      await using staged = await stage(runtime, transport, { affinity: 'none' });
      const { client, servers } = staged;
      const sum = (of: 'waiting' | 'cancelled') => servers.reduce((all, server) => all + server[of](), 0);
      const abort = new AbortController();
      const given = client.unary('wait', 'x', { signal: abort.signal });
      await until('the server has the call', () => sum('waiting') === 1);
      abort.abort();
      expect((await given).status.code).toBe(status.CANCELLED);
      await until('the server knows', () => sum('cancelled') === 1);
      const late = await client.unary('wait', 'x', { deadline: Date.now() + 200 });
      expect(late.status.code).toBe(status.DEADLINE_EXCEEDED);
      await until('the server knows of this one, too', () => sum('cancelled') === sum('waiting'));
    });

    test('sessions stay with their server by a header, and by the cookie of clients that keep it', async () => {
      const affinity = [{ header: 'x-user' }, 'cookie'];
      await using staged = await stage(runtime, transport, { affinity, balance: 'round-robin' });
      const { client } = staged;
      const serverOf = async (metadata: Record<string, string>) => {
        const reply = await client.unary('echo', 'x', { metadata });
        const [line] = reply.metadata.get('set-cookie');
        return { server: String(reply.metadata.get('x-server')[0]), line: line?.toString() };
      };
      for (let user = 0; user < 4; user++) {
        const all = await Promise.all(Array.from({ length: 6 }, () => serverOf({ 'x-user': `u${user}` })));
        expect(new Set(all.map(({ server }) => server)).size).toBe(1);
      }
      const homes = new Set<string>();
      for (let i = 0; i < 4; i++) {
        const { server, line } = await serverOf({});
        homes.add(server);
        const { name: cookie, value } = parseSetCookie(line ?? '');
        const all = await Promise.all(Array.from({ length: 6 }, () => serverOf({ cookie: `${cookie}=${value}` })));
        expect(new Set(all.map((one) => one.server))).toEqual(new Set([server]));
      }
      expect(homes).toEqual(new Set(['a', 'b']));
    });
  });

  describe('errors of the balancer are statuses of gRPC', () => {
    test('UNAVAILABLE when no server can be reached; the access log has the status of HTTP', async () => {
      const top = { log: { access: 'json' } };
      await using staged = await stage(runtime, transports.h2c, { affinity: 'none' }, top);
      const { client, limpet, servers } = staged;
      await Promise.all(servers.map((server) => server.close()));
      const reply = await client.unary('echo', 'x');
      expect(reply.status).toMatchObject({
        code: status.UNAVAILABLE,
        details: expect.stringMatching(/^The server cannot be reached\. \(connect-refused\)$|\(no-server\)$/),
      });
      expect(reply.messages).toEqual([]);
      expect(String(reply.status.metadata.get('limpet-reason')[0])).toMatch(/^(connect-refused|no-server)$/);
      await until('the log has it', () => /"status":503/.test(limpet.stdout()));
      expect(await limpet.counters()).toMatchObject({ responses_5xx: 1, responses_2xx: 0 });
    });

    test('DEADLINE_EXCEEDED when the server does not answer in time, and it sees that nobody waits any more', async () => {
      const pool = { affinity: 'none', timeouts: { response: '300ms' }, health: { passive: false } };
      await using staged = await stage(runtime, transports.h2c, pool);
      const { client, servers } = staged;
      const reply = await client.unary('wait', 'x');
      expect(reply.status).toMatchObject({
        code: status.DEADLINE_EXCEEDED,
        details: 'The server did not answer in time. (response-timeout)',
      });
      await until('the server knows', () => servers.some((server) => server.cancelled() === 1));
    });

    test('UNIMPLEMENTED without a route; the connection goes on', async () => {
      const routes = [{ match: { path: '/test.Calls/Count' }, pool: 'app' }];
      await using staged = await stage(runtime, transports.h2c, { affinity: 'none' }, { routes });
      const { client } = staged;
      const reply = await client.unary('echo', 'x');
      expect(reply.status).toMatchObject({
        code: status.UNIMPLEMENTED,
        details: expect.stringContaining('(no-route)'),
      });
      const count = await client.count([Buffer.from('abc')]);
      expect([String(count.messages[0]), count.status.code]).toEqual(['3', status.OK]);
    });

    test('a response that breaks off is an error, and no short stream that looks whole', async () => {
      await using origin = await h2Origin('a', (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        stream.write(Buffer.from([0, 0, 0, 0, 1, 65]));
        setImmediate(() => stream.close(2));
      });
      const config = configFor([origin], { protocol: 'h2', affinity: 'none' }, h2Listener);
      await using limpet = await startLimpet(runtime, { config });
      await using client = new GrpcClient(limpet.port);
      const reply = await client.fill(2);
      expect([status.INTERNAL, status.UNAVAILABLE, status.UNKNOWN]).toContain(reply.status.code);
    });
  });

  describe('a stream that is quiet for too long is reset, and the log says who was to send', () => {
    const { listener, pool, serve } = transports.h2c;

    test('the client has not finished: timeouts.requestBody', async () => {
      await using origin = await serve('a');
      const quick = { ...listener, timeouts: { requestBody: '1s' } };
      const times = { responseBody: '1s' };
      const config = configFor([origin], { ...pool, affinity: 'none', timeouts: times }, quick);
      await using limpet = await startLimpet(runtime, { config: { ...config, log: { access: 'json' } } });
      await using client = new GrpcClient(limpet.port);
      const reply = await client.shout(['one', 'two'], {}, false);
      expect(reply.messages.map(String)).toEqual(['ONE', 'TWO']);
      expect(reply.status.code).toBe(status.INTERNAL);
      await until('the log has it', () => /"fault":"request-timeout"/.test(limpet.stdout()));
      // The connection goes on.
      expect((await client.shout(['three'])).status.code).toBe(status.OK);
    });

    test('the client has finished: timeouts.responseBody', async () => {
      await using origin = await h2Origin('a', (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        stream.write(Buffer.from([0, 0, 0, 0, 1, 65]));
      });
      const timeouts = { responseBody: '300ms' };
      const config = configFor([origin], { ...pool, affinity: 'none', timeouts }, listener);
      await using limpet = await startLimpet(runtime, { config: { ...config, log: { access: 'json' } } });
      await using client = new GrpcClient(limpet.port);
      const reply = await client.fill(2);
      expect(reply.messages.map(String)).toEqual(['A']);
      expect(reply.status.code).toBe(status.INTERNAL);
      await until('the log has it', () => /"fault":"body-timeout"/.test(limpet.stdout()));
    });
  });
});
