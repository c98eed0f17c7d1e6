/** Clients of other makes that speak HTTP/2, over TLS and by prior knowledge: all that one of them asks with its cookie meets one server. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { Agent, Client, type Dispatcher, H2CClient } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { testCertificate } from '../support/bridge/certificate.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configOver, type Over, urlOver } from '../support/own-listener.ts';
import { run, together, until } from '../support/peers.ts';
import { needProgram, type ProgramName } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const overs: readonly Over[] = ['h2c', 'tls'];
const large = randomBytes(2 * 1024 * 1024);
const hash = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

const cases = runtimes.flatMap((runtime) => overs.map((over) => ({ runtime, over })));

describe.each(cases)('over $over, on $runtime', ({ runtime, over }) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;
  let url: string;
  /** Exchanges that hang at a server, and those whose client has gone. */
  let hanging = 0;
  let gone = 0;

  beforeAll(async () => {
    const origins = await together(
      ['a', 'b', 'c'].map((name) =>
        httpOrigin(name, async (request, response) => {
          const path = request.url ?? '';
          if (path === '/large') response.end(large);
          else if (path === '/hang') {
            hanging++;
            response.on('close', () => gone++);
          } else {
            const body = createHash('sha256');
            try {
              for await (const piece of request) body.update(piece);
            } catch {
              return;
            }
            response.setHeader('x-server', name);
            if (request.method !== 'HEAD') response.setHeader('trailer', 'x-after');
            response.write(path === '/hash' ? body.digest('hex') : name);
            if (request.method !== 'HEAD') response.addTrailers({ 'x-after': path });
            response.end();
          }
        }),
      ),
    );
    started.use(origins);
    limpet = started.use(await startLimpet(runtime, { config: configOver(over, origins) }));
    url = urlOver(over, limpet);
  });
  afterAll(() => started.disposeAsync());

  async function program(context: TestContext, name: ProgramName, args: readonly string[], input?: string) {
    const done = await run(needProgram(context, name), args, { input, timeout: 40_000 });
    expect(done.stderr.includes('rror') ? done.stderr : '').toBe('');
    expect(done.code).toBe(0);
    return done.stdout;
  }

  function session(): ClientHttp2Session {
    const client = connect(url, over === 'tls' ? { ca: testCertificate().cert } : {});
    onTestFinished(() => client.destroy());
    return client;
  }

  /** Name, value and server of a new session, by Node's client. */
  async function newSession(client = session()): Promise<{ readonly cookie: string; readonly server: string }> {
    const stream = client.request({ ':path': '/first' });
    const [headers] = await once(stream, 'response');
    let server = '';
    for await (const piece of stream) server += piece;
    return { cookie: String(headers['set-cookie']?.[0]).split(';')[0] ?? '', server };
  }

  test('curl: a cookie jar, many requests of one run, large bodies', async (context) => {
    const curl = (args: readonly string[], input?: string) => {
      const how = over === 'tls' ? ['--http2', '--cacert', testCertificate().certFile] : ['--http2-prior-knowledge'];
      return program(context, 'curl', ['-sS', '--fail', '--max-time', '20', ...how, ...args], input);
    };
    const jar = join(limpet.folder, 'cookies');
    const servers = new Set<string>();
    for (let n = 0; n < 5; n++)
      servers.add(await curl(['-b', jar, '-c', jar, '-w', ' %{http_version} %{http_code}', `${url}/`]));
    expect(servers.size).toBe(1);
    expect([...servers][0]).toMatch(/^[abc] 2 200$/);
    // With prior knowledge Debian's curl 7.88 has one request for each connection: the next one fails (error 16) at any server.
    if (over === 'tls') {
      const many = await curl(['-b', jar, '-Z', ...Array.from({ length: 20 }, (_, n) => `${url}/${n}`)]);
      expect(many).toBe([...servers][0]?.slice(0, 1).repeat(20));
    }
    const text = large.toString('hex');
    expect(await curl(['-X', 'PUT', '-T', '-', `${url}/hash`], text)).toBe(hash(Buffer.from(text)));
    expect(await curl(['-o', '/dev/null', '-w', '%{size_download}', `${url}/large`])).toBe(String(large.length));
    expect(await curl(['-I', '-b', jar, `${url}/`])).toMatch(/^HTTP\/2 200 \r\n/);
  });

  test('nghttp: streams of one connection, and its verbose opinion of the frames', async (context) => {
    const { cookie, server } = await newSession();
    const fields = ['-H', `cookie: ${cookie}`, '-H', 'cookie: other=1'];
    const bodies = await program(context, 'nghttp', ['-t', '10', ...fields, '-m', '10', `${url}/`]);
    expect(bodies).toBe(server.repeat(10));
    const told = await program(context, 'nghttp', ['-v', '-t', '10', ...fields, `${url}/`]);
    expect(told).toContain(':status: 200');
    expect(told).toContain('x-after: /');
    expect(told).not.toMatch(/\[INVALID/);
  });

  test('h2load: eight connections of sixteen streams', async (context) => {
    const { cookie } = await newSession();
    const told = await program(context, 'h2load', [
      '-n',
      '2000',
      '-c',
      '8',
      '-m',
      '16',
      '-H',
      `cookie: ${cookie}`,
      `${url}/`,
    ]);
    expect(told).toContain('2000 succeeded, 0 failed, 0 errored, 0 timeout');
    expect(told).toContain('status codes: 2000 2xx');
  });

  test('python3-h2: streams with bodies', async (context) => {
    const { cookie, server } = await newSession();
    const ca = over === 'tls' ? testCertificate().certFile : '';
    const script = join(import.meta.dirname, 'h2-client.py');
    const told = JSON.parse(
      await program(context, 'h2', [script, 'localhost', String(limpet.port), ca, '50', `a=1; ${cookie}; b=2`]),
    );
    expect(told.statuses).toEqual(Array(50).fill('200'));
    expect(new Set(told.bodies)).toEqual(new Set([server]));
    expect(told.events).toContain('TrailersReceived');
    expect(told.events).not.toContain('ConnectionTerminated');
  });

  test('node:http2: a hundred streams of two users on one connection, each at home', async () => {
    const client = session();
    const users = [await newSession(client), await newSession(client)];
    expect(users[0]?.server).not.toBe(users[1]?.server);
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const user = users[n % 2]!;
        const stream = client.request({ ':path': `/${n}`, ':method': 'POST', cookie: user.cookie });
        const trailers = once(stream, 'trailers');
        stream.end('x'.repeat(n * 100));
        let body = '';
        for await (const piece of stream) body += piece;
        expect([body, (await trailers)[0]['x-after']]).toEqual([user.server, `/${n}`]);
      }),
    );
  });

  test('undici: large bodies both ways, and an abort that reaches the server', async () => {
    const { cookie, server } = await newSession();
    const client: Dispatcher =
      over === 'tls'
        ? new Client(url, { allowH2: true, connect: { ca: testCertificate().cert } })
        : new H2CClient(url, { pipelining: 100, maxConcurrentStreams: 100 });
    onTestFinished(() => client.destroy());
    const ask = (path: string, more: Partial<Dispatcher.RequestOptions> = {}) =>
      client.request({ path, method: 'GET', headers: { cookie }, ...more });
    const replies = await Promise.all(Array.from({ length: 30 }, async () => (await ask('/')).body.text()));
    expect(new Set(replies)).toEqual(new Set([server]));
    expect(await (await ask('/hash', { method: 'PUT', body: large })).body.text()).toBe(hash(large));
    expect(hash(Buffer.from(await (await ask('/large')).body.arrayBuffer()))).toBe(hash(large));
    const before = { hanging, gone };
    const abort = new AbortController();
    const asked = ask('/hang', { signal: abort.signal });
    await until('it is at the server', () => hanging > before.hanging);
    abort.abort();
    await expect(asked).rejects.toThrow();
    await until('the server sees that it has gone', () => gone > before.gone);
    // The connection has other streams.
    expect(await (await ask('/')).body.text()).toBe(server);
  });

  test.runIf(over === 'tls')('undici: fetch with an agent that takes HTTP/2', async () => {
    const { cookie, server } = await newSession();
    const agent = new Agent({ allowH2: true, connect: { ca: testCertificate().cert } });
    onTestFinished(() => agent.destroy());
    const { body, statusCode } = await agent.request({ origin: url, path: '/', method: 'GET', headers: { cookie } });
    expect([statusCode, await body.text()]).toEqual([200, server]);
  });
});
