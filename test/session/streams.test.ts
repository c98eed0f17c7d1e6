/** Files and streams with a changed session, by Express and Fastify, behind a store that is asked first: whole, and no server dies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fastify from 'fastify';
import { afterAll, describe, expect, test } from 'vitest';
import { limpet } from '../../src/session/fastify.ts';
import { type SessionOptions, sessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { runtimes } from '../support/runtimes.ts';
import { TestBalancer } from './support/balancer.ts';
import { launch } from './support/launch.ts';
import { MapStore } from './support/map-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-streams-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'file.txt');
const content = 'one line of a file\n'.repeat(50_000);
writeFileSync(file, content);

const strategies: Readonly<Record<string, { options: SessionOptions; size: number }>> = {
  'sticky, by the store': { options: { strategy: 'sticky' }, size: 20_000 },
  shared: { options: { strategy: 'shared', store: `lmdb:${join(folder, 'store')}` }, size: 10 },
  stateless: { options: { strategy: 'stateless', secret: 'a secret of this test only' }, size: 10 },
};

describe.each(runtimes)('%s', (runtime) => {
  test.each(Object.entries(strategies))('%s', async (_name, { options, size }) => {
    await using app = await launch({ runtime, app: 'streaming', options, more: { file, size } });
    await using balancer = await TestBalancer.start({ servers: [app.port] });
    const base = options.strategy === 'sticky' ? balancer.url : `http://${host}:${app.port}`;
    const get = (path: string) => fetch(base + path, { redirect: 'manual' });
    const whole = ['/file', '/download', '/pipe', '/pipeline', '/fastify/file', '/fastify/web', '/fastify/response'];
    for (const path of whole) {
      const response = await get(path);
      const text = await response.text();
      expect([path, response.status, text === content]).toEqual([path, 200, true]);
    }
    const redirected = await get('/redirect');
    expect([redirected.status, redirected.headers.get('location')]).toEqual([302, '/elsewhere']);
    expect(await (await get('/next')).text()).toBe('sent');
    // Express breaks the connection then, as it does without a session; what it never does is to send a second response.
    const broken = await get('/next-error').then(
      (response) => response.text().catch(() => ''),
      () => '',
    );
    expect(['', 'sent']).toContain(broken);
    // The balancer says 502 where it has nothing of a response.
    const thrown = get('/throw').then(async (response) => [response.status, await response.text()]);
    expect(await thrown.catch(() => [502, ''])).toEqual([502, '']);
    expect(await (await get('/fastify/json')).json()).toEqual({ sent: true });
  });
});

describe('responses that are none of Node’s own', () => {
  const options = (): SessionOptions => ({ strategy: 'shared', store: new MapStore() });

  test('the inject of Fastify', async () => {
    const app = fastify();
    app.register(limpet, options());
    app.addHook('preHandler', async (request) => request.limpet.set('value', 'x'));
    app.get('/json', async () => ({ sent: true }));
    app.get('/stream', (_request, reply) => reply.send(Readable.from([content, content])));
    const { headers, body } = await app.inject('/json');
    expect([headers['set-cookie'], body]).toEqual([expect.stringMatching(/^sid=/), '{"sent":true}']);
    const streamed = await app.inject('/stream');
    expect([streamed.headers['set-cookie'], streamed.body === content + content]).toEqual([
      expect.stringMatching(/^sid=/),
      true,
    ]);
    await app.close();
  });

  test('HTTP/2', async () => {
    const app = sessions(options());
    const server = createServer(
      app.handle((_request, response, session) => {
        session.set('value', 'x');
        Readable.from([content, content]).pipe(response);
      }) as Parameters<typeof createServer>[0] & object,
    );
    await new Promise<void>((done) => server.listen(0, host, done));
    const client = connect(`http://${host}:${(server.address() as AddressInfo).port}`);
    const stream = client.request({ ':path': '/' });
    const [head] = await new Promise<[Record<string, unknown>]>((done) => stream.on('response', (got) => done([got])));
    const pieces = await stream.toArray();
    expect([head[':status'], String(head['set-cookie'])]).toEqual([200, expect.stringMatching(/^sid=/)]);
    expect(Buffer.concat(pieces).toString() === content + content).toBe(true);
    client.close();
    await new Promise<void>((done) => server.close(() => done()));
  });
});
