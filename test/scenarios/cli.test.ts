/** The command line: what it says when something is wrong, and with which code it ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { limpetCommand } from '../support/command.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, listen, run } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const good = `listeners: [{ address: "127.0.0.1:0" }]
pools:
  shop:
    servers: [{ name: s1, address: "127.0.0.1:3001" }]
`;
const bad = `listeners: [{ address: "127.0.0.1:0" }]
pools:
  shop:
    servers: [{ name: s1, address: "127.0.0.1:3001" }]
    balance: fastest
`;

describe.each(runtimes)('the command line on %s', (runtime) => {
  function limpet(...args: string[]) {
    const { file, args: all, env } = limpetCommand(runtime, join(folder, 'state'), args);
    return run(file, all, { env, cwd: folder });
  }

  test('a busy port: code 4, and whose fault it is', async () => {
    await using busy = await listen('busy', createServer());
    const done = await limpet('--listen', busy.address, '127.0.0.1:3001');
    expect(done.code).toBe(4);
    expect(done.stderr).toContain(busy.address);
    expect(done.stderr).toMatch(/in use/i);
    expect(done.stderr).not.toMatch(/\n\s+at /);
  });

  // RFC 5737 and RFC 6761: they are never this machine's, and never resolve.
  test.each([
    ['192.0.2.1:8080', 'this machine has no such address'],
    ['balancer.invalid:8080', 'the name does not resolve'],
  ])('%s cannot be listened on: code 4, told once', async (address, why) => {
    const done = await limpet('--listen', address, '--workers', '2', '127.0.0.1:3001');
    expect(done.code).toBe(4);
    expect(done.stderr.match(/cannot listen on .*/g)).toEqual([expect.stringContaining(`${address}: ${why}`)]);
    expect(done.stderr).not.toMatch(/\n\s+at /);
  });

  test('a mistake in the config: code 3, with file, line, field, what was found and what is expected', async () => {
    const file = write('bad.yaml', bad);
    for (const args of [
      ['--config', file],
      ['check', '-c', file],
    ]) {
      const done = await limpet(...args);
      expect(done.code).toBe(3);
      const text = done.stdout + done.stderr;
      expect(text).toContain('bad.yaml:5');
      expect(text).toContain('balance');
      expect(text).toContain('fastest');
      expect(text).toContain('round-robin');
      expect(text).not.toMatch(/\n\s+at /);
    }
  });

  test.each([
    ['broken YAML', 'pools: [\n', /broken\.yaml:\d/],
    ['an unknown field', `${good}    colour: red\n`, /broken\.yaml:5[\s\S]*colour/],
    ['a missing environment variable', good.replace('"127.0.0.1:3001"', `"\${LIMPET_NOT_THERE}"`), /LIMPET_NOT_THERE/],
    ['a route to nowhere', `${good}routes: [{ match: { path: / }, pool: shoop }]\n`, /shoop/],
  ])('%s: code 3', async (_, text, message) => {
    const done = await limpet('check', '-c', write('broken.yaml', text));
    expect(done.code).toBe(3);
    expect(done.stdout + done.stderr).toMatch(message);
  });

  test('a file that is not there: code 3, and its name', async () => {
    const done = await limpet('--config', join(folder, 'nowhere.yaml'));
    expect(done.code).toBe(3);
    expect(done.stderr).toContain('nowhere.yaml');
  });

  test('check of a good config: code 0', async () => {
    const done = await limpet('check', '-c', write('good.yaml', good));
    expect([done.code, done.stderr]).toEqual([0, '']);
  });

  test('--help shows examples, --version a version', async () => {
    const help = await limpet('--help');
    expect(help.code).toBe(0);
    expect(help.stdout).toMatch(/limpet 3001 3002 3003/);
    expect(help.stdout).toMatch(/exit codes/i);
    const version = await limpet('--version');
    expect([version.code, version.stdout.trim()]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)]);
  });

  test.each([
    ['an unknown option', ['--lisen', '8080', '3001'], /lisen/],
    ['no servers', [], /server/i],
    ['no address', ['not an address'], /not an address/],
    ['an unknown policy', ['--balance', 'fastest', '3001'], /fastest/],
  ])('%s: a message, not a stack, and code 2', async (_, args, message) => {
    const done = await limpet(...args);
    expect(done.code).toBe(2);
    expect(done.stderr).toMatch(message);
    expect(done.stderr).not.toMatch(/\n\s+at /);
  });

  test('servers by port alone, and options by name', async () => {
    onlyOver('h1', 'it is about flags');
    const shop = (name: string) =>
      listen(
        name,
        createHttpServer((_, response) => response.setHeader('X-Server', name).end()),
        { host: '127.0.0.1' },
      );
    await using a = await shop('a');
    await using b = await shop('b');
    const args = ['--affinity', 'none', '--balance', 'round-robin', String(a.port), String(b.port)];
    await using started = await startLimpet(runtime, { args });
    const used: (string | undefined)[] = [];
    for (let i = 0; i < 4; i++) used.push((await ask(started.url)).headers['x-server']?.toString());
    expect(used.toSorted()).toEqual(['a', 'a', 'b', 'b']);
  });
});
