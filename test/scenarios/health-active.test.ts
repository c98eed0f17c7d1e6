/** Active checks take a server out when it says it is ill, and back when it is well. Its sessions come with it. */
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, listen, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const quick = { interval: '100ms', timeout: '100ms', rise: 2, fall: 2 };

describe.each(runtimes)('active checks on %s', (runtime) => {
  test.each([
    ['by status', { path: '/healthz' }, { status: 503, body: 'ok' }],
    ['by the text of the body', { path: '/healthz', body: 'ok' }, { status: 200, body: 'starting' }],
    ['by a list of good statuses', { path: '/healthz', status: '204' }, { status: 200, body: 'ok' }],
  ])('%s', async (name, check, ill) => {
    const well = { status: name.includes('list') ? 204 : 200, body: name.includes('list') ? '' : 'ok' };
    const health = new Map([
      ['a', well],
      ['b', well],
    ]);
    let checks = 0;
    await using origins = await together(
      ['a', 'b'].map((server) =>
        httpOrigin(server, (request, response) => {
          const { status, body } = request.url === '/healthz' ? health.get(server)! : { status: 200, body: server };
          if (request.url === '/healthz') checks++;
          response.writeHead(status).end(body);
        }),
      ),
    );
    const pool = { affinity: 'none', balance: 'round-robin', health: { ...quick, ...check, passive: false } };
    await using limpet = await startLimpet(runtime, { config: configFor(origins, pool) });
    const serves = async (expected: string) => {
      const used = new Set<string>();
      for (let i = 0; i < 6; i++) used.add((await ask(limpet.url)).body);
      return [...used].sort().join('') === expected;
    };
    await until('both are checked', () => checks >= 4);
    expect(await serves('ab')).toBe(true);
    health.set('a', ill);
    await until('a is out', () => serves('b'));
    health.set('a', well);
    await until('a is back', () => serves('ab'));
  });

  test('without a path a connection is enough', async () => {
    const answer = (name: string) => createServer((_, response) => response.end(name));
    await using a = await listen('a', answer('a'));
    await using b = await listen('b', answer('b'));
    const pool = { affinity: 'none', balance: 'round-robin', health: { ...quick, passive: false } };
    await using limpet = await startLimpet(runtime, { config: configFor([a, b], pool) });
    await until('both serve', async () => (await ask(limpet.url)).body === 'b');
    await a.close();
    for (let i = 0; i < 6; i++) expect((await ask(limpet.url)).body).toBe('b');
    await using back = await listen('a', answer('a'), { port: a.port, host });
    await until('a serves again', async () => (await ask(limpet.url)).body === 'a');
    expect(back.port).toBe(a.port);
  });
});
