/** The balancer inside a program, by the public API: what `startLimpet` returns does what it says. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { httpOrigin } from '../support/origin.ts';
import { ask, echoOf, together, Visitor } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';

const program = resolve(import.meta.dirname, '../support/embedded.ts');

/** Starts the program; each command resolves to what it answers. */
async function startProgram(runtime: Runtime, config: object, added: object) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-embedded-'));
  const env = { ...process.env, LIMPET_STATE: join(folder, 'state'), LIMPET_SECRET_FILE: join(folder, 'secret') };
  const args = [program, JSON.stringify(config), JSON.stringify(added)];
  const child = spawn(runtime, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((done) => child.on('exit', done));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? 'null');
  return {
    addresses: (await answer()) as readonly string[],
    ended,
    say: (command: string) => {
      child.stdin.write(`${command}\n`);
      if (command === 'stop') child.stdin.end();
      return answer();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe.each(runtimes)('a balancer inside a program, on %s', (runtime) => {
  test('serves, reloads, drains and stops', async () => {
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const [a, b, c] = origins.map(({ name, address }) => ({ name, address }));
    const config = {
      listeners: [{ address: '127.0.0.1:0' }],
      pools: { shop: { servers: [a, b], balance: 'round-robin' } },
      workers: 1,
    };
    await using limpet = await startProgram(runtime, config, c!);
    const [url = ''] = limpet.addresses;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);

    const serversOfNew = async (count: number) => {
      const used = new Set<string>();
      for (let i = 0; i < count; i++) used.add(echoOf(await ask(url)).server);
      return [...used].sort().join('');
    };
    expect(await serversOfNew(4)).toBe('ab');

    const visitor = new Visitor(url);
    const home = echoOf(await visitor.ask()).server;

    expect(await limpet.say('reload')).toBe(null);
    expect(await serversOfNew(6)).toBe('abc');
    expect(await limpet.say('reload-broken')).toEqual({ error: expect.stringContaining('there is no pool "none"') });
    expect(await serversOfNew(6)).toBe('abc');
    expect(await limpet.say('log')).toContain('workers changes with a restart only');

    const others = 'abc'.replace(home, '');
    expect(await limpet.say(`drain ${home}`)).toBe(true);
    expect(await serversOfNew(6)).toBe(others);
    // Without copies its sessions stay, so it does not become empty.
    expect(echoOf(await visitor.ask()).server).toBe(home);
    expect(await limpet.say(`drain shop/${home} 300`)).toBe(false);
    expect(await limpet.say('drain payment')).toEqual({
      error: 'there is no server "payment", expected one of shop/a, shop/b, shop/c',
    });
    // A drain outlives a reload.
    expect(await limpet.say('reload')).toBe(null);
    expect(await serversOfNew(6)).toBe(others);
    expect(await limpet.say(`ready ${home}`)).toBe(null);
    expect(await serversOfNew(6)).toBe('abc');

    expect(await limpet.say('stop')).toBe(true);
    // Nothing of it keeps the process alive.
    expect(await limpet.ended).toBe(0);
  });

  test('waits until a server that drains is empty', async () => {
    const held: (() => void)[] = [];
    await using slow = await httpOrigin('slow', (_request, response) => held.push(() => response.end('done')));
    await using other = await httpOrigin('other');
    const config = {
      listeners: [{ address: '127.0.0.1:0' }],
      pools: { shop: { servers: [{ name: 'slow', address: slow.address }], affinity: 'none' } },
      workers: 1,
    };
    await using limpet = await startProgram(runtime, config, { name: 'other', address: other.address });
    const asked = ask(limpet.addresses[0] ?? '');
    await expect.poll(() => held.length).toBe(1);
    await limpet.say('reload');
    expect(await limpet.say('drain slow')).toBe(true);
    expect(echoOf(await ask(limpet.addresses[0] ?? '')).server).toBe('other');
    const drained = limpet.say('drain slow 60000');
    held[0]?.();
    expect((await asked).body).toBe('done');
    expect(await drained).toBe(true);
    expect(await limpet.say('stop')).toBe(true);
    expect(await limpet.ended).toBe(0);
  });
});
