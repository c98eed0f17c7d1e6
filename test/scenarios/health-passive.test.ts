/** What traffic itself shows: a server that fails in a row is left out for a while, then tried again. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin, RESET, rawOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('passive ejection on %s', (runtime) => {
  test('after errors of its own (5xx) in a row', async () => {
    await using bad = await httpOrigin('bad', (_, response) => response.writeHead(500).end('bad'));
    await using good = await httpOrigin('good', (_, response) => response.end('good'));
    const passive = { serverErrors: 3, ejection: '30s' };
    const pool = { affinity: 'none', balance: 'round-robin', health: { passive } };
    await using limpet = await startLimpet(runtime, { config: configFor([bad, good], pool) });
    // The workers hear of it a message later: until then the server may still be asked.
    while (!limpet.stderr().includes('ejected')) await ask(limpet.url);
    await ask(limpet.url);
    const asked = bad.requests();
    expect(asked).toBeGreaterThanOrEqual(3);
    for (let i = 0; i < 12; i++) expect((await ask(limpet.url)).status).toBe(200);
    expect(bad.requests()).toBe(asked);
  });

  test('and back after its time', async () => {
    let ill = true;
    await using bad = await httpOrigin('bad', (_, response) => response.writeHead(ill ? 500 : 200).end('bad'));
    await using good = await httpOrigin('good', (_, response) => response.end('good'));
    const passive = { serverErrors: 3, ejection: '300ms' };
    const pool = { affinity: 'none', balance: 'round-robin', health: { passive } };
    await using limpet = await startLimpet(runtime, { config: configFor([bad, good], pool) });
    while (!limpet.stderr().includes('ejected')) await ask(limpet.url);
    ill = false;
    const well = bad.requests();
    await until('it has its share again', async () => {
      await ask(limpet.url);
      return bad.requests() >= well + 10;
    });
  });

  test('after connections that break in a row: no more requests are wasted on it', async () => {
    await using bad = await rawOrigin('bad', (connection) => connection.say(RESET));
    await using good = await httpOrigin('good', (_, response) => response.end('good'));
    const passive = { connectErrors: 2, ejection: '30s' };
    const pool = { affinity: 'none', balance: 'round-robin', health: { passive } };
    await using limpet = await startLimpet(runtime, { config: configFor([bad, good], pool) });
    const visit = async () => expect((await ask(limpet.url)).body).toBe('good');
    // The workers hear of it a message later: until then a request may still find out by itself.
    while (!limpet.stderr().includes('ejected')) await visit();
    await visit();
    const wasted = bad.connections.length;
    expect(wasted).toBeGreaterThanOrEqual(2);
    for (let i = 0; i < 12; i++) await visit();
    expect(bad.connections.length).toBe(wasted);
  });

  test('passive: false never ejects', async () => {
    await using bad = await httpOrigin('bad', (_, response) => response.writeHead(500).end('bad'));
    await using good = await httpOrigin('good', (_, response) => response.end('good'));
    const pool = { affinity: 'none', balance: 'round-robin', health: { passive: false } };
    await using limpet = await startLimpet(runtime, { config: configFor([bad, good], pool) });
    for (let i = 0; i < 12; i++) await ask(limpet.url);
    expect(bad.requests()).toBe(6);
  });
});
