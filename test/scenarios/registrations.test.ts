/**
 * To add an affinity, a policy or a store takes its own file and its entry in one list. Here each gets a toy: in a copy of the sources
 * one import and one name are added to each of the three lists, and nothing else. The program of that copy then knows the toy in its
 * config, in its messages, on its command line, in explanations, and in all of its threads.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Explanation } from '../../src/explain/explanation.ts';
import { limpetCommand } from '../support/command.ts';
import { startLimpet } from '../support/limpet.ts';
import { type HttpHandler, httpOrigin } from '../support/origin.ts';
import { ask, run, together } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const root = resolve(import.meta.dirname, '../..');
const copy = mkdtempSync(join(tmpdir(), 'limpet-registrations-'));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

for (const part of ['src', 'bin', 'package.json', 'test/support/toys']) {
  cpSync(join(root, part), join(copy, part), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
for (const [list, toy] of [
  ['src/affinity/index.ts', 'affinity'],
  ['src/balance/index.ts', 'policy'],
  ['src/store/index.ts', 'store'],
] as const) {
  const file = join(copy, list);
  const before = readFileSync(file, 'utf8');
  const after = before.replace(/,?\s*\] as const;/, ', toy] as const;');
  expect(after).not.toBe(before);
  writeFileSync(file, `import { toy } from '../../test/support/toys/${toy}.ts';\n${after}`);
}

async function limpet(runtime: Runtime, args: readonly string[], input = '', state = join(copy, 'state')) {
  const { file, args: all, env } = limpetCommand(runtime, state, args, copy);
  return run(file, all, { input, env, cwd: copy });
}

/** Names itself, and puts one copy of each session that it is told of. */
const serve: HttpHandler = (request, response, name) => {
  const [, epoch] = /epoch=(\d+)/.exec(String(request.headers['limpet-session'] ?? '')) ?? [];
  const data = Buffer.from(`kept-by-${name}`).toString('base64url');
  const put = { 'limpet-session-put': `epoch=${epoch}; version=1; ttl=60; by=p; data=${data}` };
  response.writeHead(200, epoch === undefined ? {} : put).end(name);
};

const names = ['s1', 's2', 's3'];

function configOf(more: object, sessions?: object): string {
  const servers = names.map((name, i) => ({ name, address: `127.0.0.1:${3001 + i}` }));
  const config = { listeners: [{ address: '127.0.0.1:8080' }], pools: { app: { servers, ...more } }, sessions };
  const file = join(copy, 'limpet.yaml');
  writeFileSync(file, stringify({ keys: ['6b'.repeat(32)], ...config }));
  return file;
}

describe.each(runtimes)('on %s', (runtime) => {
  test('a config may name them', async () => {
    const right = { affinity: [{ subdomain: 'example.org' }, 'cookie'], balance: 'last' };
    const done = await limpet(runtime, ['check', configOf(right, { store: 'toy:/tmp/x' })]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
  });

  test('what is wrong with them is told as of all others', async () => {
    const two = [{ subdomain: { below: 'example.org', idle: '500ms' } }, { subdomain: 'a b' }];
    const wrong = await limpet(runtime, ['check', configOf({ affinity: two, balance: 'lats' }, { store: 'toy:x' })]);
    expect(wrong.code).toBe(3);
    const told = wrong.stdout + wrong.stderr;
    expect(told).toContain(
      'affinity[0].subdomain.idle: found "500ms", expected a time such as 30s or 1m30s, at least 1s',
    );
    expect(told).toContain(
      'affinity[1].subdomain: found "a b", expected a domain such as example.org, or a map with below',
    );
    expect(told).toContain('balance: found "lats", expected one of round-robin,');
    expect(told).toContain('maglev, last; did you mean "last"?');
    expect(told).toMatch(/store: found "toy:\S*", expected memory or memory:256mb, .* or toy:\/path/);
    const again = { servers: ['3001'], affinity: [{ subdomain: 'example.org' }, { subdomain: 'example.org' }] };
    const doubtful = await limpet(runtime, ['check', configOf(again)]);
    expect(doubtful.stdout + doubtful.stderr).toContain('affinity[0].subdomain: says nothing: the pool has one server');
    expect(doubtful.stdout + doubtful.stderr).toContain(
      'affinity[1]: affinity[0] goes by the host below example.org already',
    );
  });

  test('the help and the messages of the command line have them', async () => {
    const { stdout } = await limpet(runtime, ['--help']);
    const help = stdout.replace(/\s+/g, ' ');
    expect(help).toContain('rewrite:COOKIE or subdomain:DOMAIN');
    expect(help).toContain('maglev, last (default');
    expect(help).toContain('redis://HOST:PORT or toy:PATH');
    const wrong = await limpet(runtime, ['3001', '--affinity', 'subdomain:a b']);
    expect(wrong.stderr).toContain('--affinity: found "subdomain:a b", expected a domain such as example.org');
  });

  test('an explanation speaks of them', async () => {
    const file = configOf({ affinity: [{ subdomain: 'example.org' }], balance: 'last' });
    const explain = async (host: string): Promise<Explanation> => {
      const args = ['explain', '-c', file, '--request', '-', '--json'];
      const { stdout } = await limpet(runtime, args, `GET / HTTP/1.1\nHost: ${host}\n\n`);
      return JSON.parse(stdout) as Explanation;
    };
    const session = await explain('shop.example.org');
    expect(session.affinities).toMatchObject([
      { name: 'subdomain', result: 'recognised', reason: 'the request brings a name in the host below example.org' },
    ]);
    expect(session.decision.kind).toBe('adopt');
    const nobody = await explain('example.org');
    expect(nobody.affinities).toMatchObject([{ result: 'none', reason: 'no name in the host below example.org' }]);
    expect(nobody.decision).toMatchObject({ kind: 'unbound', server: 's3', certain: true });
    expect(nobody.decision.reason).toContain('balance: last chooses s3');
  });

  test('requests meet them in every worker', async () => {
    onlyOver('h1', 'it is about flags');
    await using servers = await together(names.map((name) => httpOrigin(name, serve)));
    const kept = join(mkdtempSync(join(copy, 'kept-')), 'puts');
    const flags = ['--affinity', 'subdomain:example.org', '--balance', 'last', '--sessions', `toy:${kept}`];
    const args = ['--listen', '127.0.0.1:0', '--workers', '2', ...flags, ...servers.map(({ address }) => address)];
    await using balancer = await startLimpet(runtime, { args, copy });
    const from = async (host: string) => {
      const { status, body } = await ask(balancer.url, { headers: { host } });
      expect([status, body]).toEqual([200, expect.stringMatching(/^s[123]$/)]);
      return body;
    };
    // Without a session the policy chooses.
    for (let n = 0; n < 6; n++) expect(await from('example.org')).toBe('s3');
    const owners = new Map<string, string>();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 40; n++) {
        const host = `shop-${n}.example.org`;
        const owner = await from(host);
        expect(owners.get(host) ?? owner).toBe(owner);
        owners.set(host, owner);
      }
    }
    expect(new Set(owners.values()).size).toBe(3);
    const puts = readFileSync(kept, 'utf8').trimEnd().split('\n');
    expect(new Set(puts)).toEqual(new Set(names.map((name) => `default kept-by-${name}`)));
    const { stdout } = await limpet(runtime, ['sessions', '--json'], '', join(balancer.folder, 'state'));
    expect(JSON.parse(stdout)).toMatchObject({ store: { kind: 'toy' } });
  });
});
