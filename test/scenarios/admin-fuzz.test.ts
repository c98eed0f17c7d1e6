/**
 * The admin API of a running balancer, asked by requests that are made from its own description: none is answered with 500, what is
 * refused changes nothing, and the balancer serves afterwards. Every operation is also asked with a wrong token, method, body, host and
 * origin. LIMPET_LONG=1: twenty times as many requests.
 */
import { request as makeRequest } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServerView } from '../../src/admin/schemas.ts';
import { type ApiDocument, type ApiRequest, operationsOf, requestsOf } from '../support/api-fuzz.ts';
import { freePort } from '../support/free-port.ts';
import { startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';
import { onlyOver } from '../support/transport.ts';

const tokens = { token: 'operator-'.repeat(4), readToken: 'reading-'.repeat(4) };
const perOperation = long ? 500 : 25;
/** An answer that is waited for (`drained?wait=10m`) or that goes on (events) is left after this long. */
const mostMs = 250;

interface Answer {
  /** 0: none came, for it was waited for. */
  readonly status: number;
  readonly text: string;
}

class Api {
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  send({ method, target, headers, body }: ApiRequest, token = tokens.token): Promise<Answer> {
    const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
    // node:http sends the body of a DELETE without saying how long it is.
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      let status = 0;
      let text = '';
      const request = makeRequest(
        {
          host: '127.0.0.1',
          port: this.port,
          agent: false,
          method,
          path: target,
          headers: { ...authorization, ...length, ...headers },
        },
        (response) => {
          status = response.statusCode ?? 0;
          response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
          response.on('close', () => resolve({ status, text }));
        },
      );
      const waits = /\?.*wait=/.test(target) || target.startsWith('/v1/events');
      if (waits) setTimeout(() => request.destroy(), mostMs);
      request.on('error', (error) => (waits ? resolve({ status, text }) : reject(error)));
      request.end(body);
    });
  }

  async get<T>(target: string): Promise<T> {
    const { status, text } = await this.send({ method: 'GET', target, headers: {}, body: undefined });
    if (status !== 200) throw new Error(`${target}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** What an operator can change. */
  async state(): Promise<unknown> {
    const servers = await this.get<readonly ServerView[]>('/v1/servers');
    const { hash } = await this.get<{ hash: string }>('/v1/config');
    const { sessions } = await this.get<{ sessions: readonly { id: string; server: string | null }[] }>('/v1/sessions');
    return {
      hash,
      servers: servers.map(({ pool, name, address, drained, state, weight, maxRequests }) => {
        return { pool, name, address, drained, state, weight, maxRequests };
      }),
      sessions: sessions.map(({ id, server }) => `${id} ${server}`).sort(),
    };
  }
}

describe.each(runtimes)('the admin API on %s', (runtime) => {
  onlyOver('h1', 'it looks at the admin listener');

  test('answers whatever is asked, does nothing of what it refuses, and goes on', { timeout: 600_000 }, async () => {
    await using servers = await startShops('s1', 's2');
    const port = await freePort();
    await using limpet = await startLimpet(runtime, {
      config: {
        admin: { listen: `127.0.0.1:${port}`, ...tokens },
        pools: { shop: { servers: poolOf(servers) } },
        sessions: {},
        workers: 1,
      },
    });
    const api = new Api(port);
    const shopper = new Shopper(limpet.url);
    const { id, server } = await shopper.count();
    const document = await api.get<ApiDocument>('/openapi.json');
    const operations = operationsOf(document);
    expect(operations.length).toBeGreaterThan(15);

    // What has to be refused, of each operation with all that it needs.
    const path = (text: string) => text.replace('{pool}', 'shop').replace('{server}', server);
    let state = await api.state();
    for (const { path: pattern, method, operation } of operations) {
      const target = path(pattern);
      const isPublic = target === '/livez' || target === '/readyz';
      const mayRead = method === 'GET' || target === '/v1/sessions/find' || target === '/v1/explain';
      const type = Object.keys(operation.requestBody?.content ?? {})[0];
      const body = method === 'GET' ? undefined : '{"state":"drain"}';
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      const refused = async (change: Partial<ApiRequest>, token?: string) => {
        const { status, text } = await api.send({ method, target, headers, body, ...change }, token);
        const { error } = JSON.parse(text) as { error: { code: string; message: string } };
        expect(error.message).toMatch(/^.{10,}$/);
        return `${status} ${error.code}`;
      };
      if (!isPublic) {
        expect(await refused({}, '')).toBe('401 wrong-token');
        expect(await refused({}, 'another-'.repeat(4))).toBe('401 wrong-token');
      }
      if (!mayRead) expect(await refused({}, tokens.readToken)).toBe('403 read-only');
      expect(await refused({ headers: { ...headers, host: 'evil.example' } })).toBe('421 unknown-host');
      expect(await refused({ headers: { ...headers, origin: 'http://evil.example' } })).toBe('403 foreign-origin');
      expect(await refused({ method: 'PUT' })).toBe('405 wrong-method');
      if (type === 'application/json') {
        expect(await refused({ body: '{"state":' })).toBe('400 bad-body');
        expect(await refused({ body: '{"colour":"red"}' })).toBe('422 invalid');
        expect(await refused({ headers: { 'content-type': 'text/plain' } })).toBe('415 wrong-content-type');
      }
    }
    const nowhere = { method: 'POST', target: '/v1/servers/shop', headers: { 'content-type': 'application/json' } };
    for (const body of ['{"name":"s9","address":"shop"}', '{"name":"s 9","address":"127.0.0.1:1"}']) {
      const { status, text } = await api.send({ ...nowhere, body });
      expect([status, text]).toEqual([422, expect.stringContaining('"code":"invalid"')]);
    }
    expect(await api.state()).toEqual(state);

    const known = ['shop', 's1', 's2', id.slice(0, 16), id, '10m'];
    let accepted = 0;
    for (const operation of operations) {
      await fc.assert(
        fc.asyncProperty(requestsOf(document, operation, known), async (request) => {
          const { status, text } = await api.send(request);
          expect(status === 500 ? text : '').toBe('');
          if (status >= 400) {
            if (status !== 503) expect(Object.keys(JSON.parse(text) as object)).toEqual(['error']);
            expect(await api.state()).toEqual(state);
          } else if (request.method !== 'GET') {
            accepted++;
            state = await api.state();
          }
        }),
        { numRuns: perOperation },
      );
    }
    expect(accepted).toBeGreaterThan(10);

    // Whatever it was told, it serves when its servers are ready.
    for (const { pool, name } of await api.get<readonly ServerView[]>('/v1/servers')) {
      const headers = { 'content-type': 'application/json' };
      const target = `/v1/servers/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
      await api.send({ method: 'PATCH', target, headers, body: '{"state":"ready"}' });
    }
    expect((await shopper.ask()).status).toBe(200);
    expect(limpet.stderr()).not.toMatch(/ error /);
  });
});
