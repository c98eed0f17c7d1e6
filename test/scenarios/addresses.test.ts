/** Servers on a unix-domain socket, listeners on IPv6 and on several addresses at once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, listen, Visitor, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-unix-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe.each(runtimes)('addresses on %s', (runtime) => {
  test('a server on a unix-domain socket', async () => {
    const path = join(folder(), 'app.sock');
    const server = createServer((request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      request.on('end', () => response.end(`unix ${length}`));
    });
    await using origin = await listen('a', server, { path });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const visitor = new Visitor(limpet.url);
    for (let i = 0; i < 3; i++) {
      expect((await visitor.ask('/', { method: 'POST', body: Buffer.alloc(300_000) })).body).toBe('unix 300000');
    }
    expect(visitor.cookies.size).toBe(1);
  });

  test('a listener on a unix-domain socket', async () => {
    const path = join(folder(), 'limpet.sock');
    await using origin = await httpOrigin('a');
    const listeners = [{ address: '127.0.0.1:0' }, { address: `unix:${path}` }];
    await using limpet = await startLimpet(runtime, { config: { ...configFor([origin]), listeners } });
    const reply = await ask('http://127.0.0.1/', { socketPath: path });
    expect(echoOf(reply).server).toBe('a');
    expect((await ask(limpet.url)).status).toBe(200);
  });

  test('IPv6 at both ends', async () => {
    await using origin = await listen(
      'a',
      createServer((request, response) => response.end(JSON.stringify({ headers: request.rawHeaders }))),
      { host: '::1', port: 0 },
    );
    const config = configFor([{ name: 'a', address: `[::1]:${origin.port}` }], {}, { address: '[::1]:0' });
    await using limpet = await startLimpet(runtime, { config });
    const { headers } = echoOf(await ask(`http://[::1]:${limpet.port}/`));
    expect(valuesIn(headers, 'x-forwarded-for')).toEqual(['::1']);
    expect(valuesIn(headers, 'forwarded').join()).toContain('for="[::1]"');
  });

  test('IPv4 in its IPv6 spelling is IPv4: a client of a listener for both, and a server', async () => {
    await using origin = await httpOrigin('a');
    const server = { name: 'a', address: `[::ffff:${host}]:${origin.port}` };
    const config = configFor([server], {}, { address: '[::]:0' });
    await using limpet = await startLimpet(runtime, { config });
    const reply = await ask(`http://127.0.0.1:${limpet.port}/`);
    const { headers } = echoOf(reply);
    expect(valuesIn(headers, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesIn(headers, 'forwarded').join()).toContain('for=127.0.0.1;');
  });

  test('two listeners share pools and sessions', async () => {
    await using a = await httpOrigin('a');
    await using b = await httpOrigin('b');
    const listeners = [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0' }];
    await using limpet = await startLimpet(runtime, { config: { ...configFor([a, b]), listeners } });
    expect(limpet.addresses).toHaveLength(2);
    const [one, two] = limpet.addresses.map((address) => new Visitor(`http://${address}`));
    const home = echoOf(await one!.ask()).server;
    two!.cookies.set('limpet', one!.cookies.get('limpet')!);
    for (let i = 0; i < 4; i++) expect(echoOf(await two!.ask()).server).toBe(home);
  });

  test('each listener has routes of its own, and others that are for all', async () => {
    await using a = await httpOrigin('a');
    await using b = await httpOrigin('b');
    await using c = await httpOrigin('c');
    const listeners = ['127.0.0.1:0', '127.0.0.2:0', '127.0.0.3:0'].map((address) => ({ address }));
    const pools = Object.fromEntries(
      [a, b, c].map((origin) => [origin.name, { servers: [origin.address], affinity: 'none' }]),
    );
    const on = (address: string, pool: string) => ({ match: { listeners: [address] }, pool });
    const all = { match: { path: '/all' }, pool: 'c' };
    const config = { listeners, pools, routes: [all, on('127.0.0.1:0', 'a'), on('127.0.0.2:0', 'b')] };
    await using limpet = await startLimpet(runtime, { config });
    const met = (path: string) =>
      Promise.all(
        limpet.addresses.map(async (address) => {
          const reply = await ask(`http://${address}${path}`);
          return reply.status === 200 ? echoOf(reply).server : reply.status;
        }),
      );
    expect(await met('/')).toEqual(['a', 'b', 404]);
    expect(await met('/all')).toEqual(['c', 'c', 'c']);
    // Another config gives the listeners that stay other routes.
    await limpet.reload({ ...config, routes: [on('127.0.0.1:0', 'b'), on('127.0.0.3:0', 'a'), { pool: 'c' }] });
    expect(await met('/')).toEqual(['b', 'c', 'a']);
  });
});
