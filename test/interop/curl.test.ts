/** curl, the client everyone has: what it sends and what it expects goes through unchanged. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { run } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-curl-'));
const file = join(folder, '2mb.bin');
const bytes = randomBytes(2 * 1024 * 1024);
const digest = sha256(bytes);
writeFileSync(file, bytes);

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Answers with what it got; `/file` sends the 2 MB. */
function startOrigin(name: string): Promise<HttpOrigin> {
  return httpOrigin(name, (request, response) => {
    if (request.url === '/file') {
      response.setHeader('content-length', bytes.length);
      response.end(bytes);
      return;
    }
    const hash = createHash('sha256');
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
    });
    request.on('end', () => {
      const { method, headers } = request;
      const encoding = headers['transfer-encoding'] ?? '';
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ server: name, method, length, digest: hash.digest('hex'), encoding }));
    });
  });
}

describe.each(runtimes)('curl through limpet on %s', (runtime) => {
  const started = new AsyncDisposableStack();
  let limpet: Limpet;

  beforeAll(async () => {
    const origins = await Promise.all(['a', 'b', 'c'].map(startOrigin));
    for (const origin of origins) started.use(origin);
    limpet = started.use(await startLimpet(runtime, { args: origins.map((origin) => origin.address) }));
  });
  afterAll(() => started.disposeAsync());

  async function curl(context: TestContext, args: readonly string[], input?: string) {
    const done = await run(needProgram(context, 'curl'), ['-sS', '--max-time', '10', ...args], { input });
    expect(done.stderr.split('\n').filter((line) => line.startsWith('curl:'))).toEqual([]);
    expect(done.code).toBe(0);
    return done;
  }

  test('three requests use one connection', async (context) => {
    const url = `${limpet.url}/`;
    const done = await curl(context, [
      '-w',
      '%{num_connects}\n',
      '-o',
      '/dev/null',
      url,
      '-o',
      '/dev/null',
      url,
      '-o',
      '/dev/null',
      url,
    ]);
    expect(done.stdout).toBe('1\n0\n0\n');
  });

  test('POST of 2 MB', async (context) => {
    const done = await curl(context, ['-H', 'Expect:', '--data-binary', `@${file}`, `${limpet.url}/`]);
    expect(JSON.parse(done.stdout)).toMatchObject({ method: 'POST', length: bytes.length, digest });
  });

  test('HTTP/1.0', async (context) => {
    const done = await curl(context, [
      '--http1.0',
      '-w',
      '\n%{num_connects} %{http_code}',
      `${limpet.url}/`,
      `${limpet.url}/`,
    ]);
    expect(done.stdout.match(/\n1 200/g)).toHaveLength(2);
  });

  test('HTTP/1.0 with a 2 MB response', async (context) => {
    const out = join(folder, `${runtime}-10`);
    const done = await curl(context, ['--http1.0', '-w', '%{size_download}', '-o', out, `${limpet.url}/file`]);
    expect(done.stdout).toBe(String(bytes.length));
  });

  test('Expect: 100-continue with a 2 MB body', async (context) => {
    const done = await curl(context, [
      '-v',
      '-H',
      'Expect: 100-continue',
      '--data-binary',
      `@${file}`,
      `${limpet.url}/`,
    ]);
    expect(done.stderr).toMatch(/^< HTTP\/1.1 100 Continue/m);
    expect(JSON.parse(done.stdout)).toMatchObject({ length: bytes.length, digest });
  });

  test('chunked upload from a pipe', async (context) => {
    const input = 'limpet '.repeat(50_000);
    const done = await curl(context, ['-X', 'POST', '-T', '-', `${limpet.url}/`], input);
    expect(JSON.parse(done.stdout)).toMatchObject({ encoding: 'chunked', digest: sha256(Buffer.from(input)) });
  });

  test('HEAD tells the length and sends no body', async (context) => {
    const done = await curl(context, ['-I', `${limpet.url}/file`]);
    expect(done.stdout).toMatch(new RegExp(`^content-length: ${bytes.length}\r$`, 'im'));
    expect(done.stdout.endsWith('\r\n\r\n')).toBe(true);
  });

  test('a cookie jar keeps one server over ten runs', async (context) => {
    const jar = join(folder, `${runtime}.jar`);
    const servers = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const done = await curl(context, ['-b', jar, '-c', jar, `${limpet.url}/`]);
      servers.add((JSON.parse(done.stdout) as { server: string }).server);
    }
    expect(servers.size).toBe(1);
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));
