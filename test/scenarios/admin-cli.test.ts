/** Every command that asks or changes a running balancer, as a person types it. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { limpetCommand } from '../support/command.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, until } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';
import { onlyOver } from '../support/transport.ts';

function commandOf(runtime: Runtime, limpet: Limpet) {
  return (...args: string[]) => {
    const { file, args: all, env } = limpetCommand(runtime, join(limpet.folder, 'state'), args);
    const { status, stdout, stderr } = spawnSync(file, all, { cwd: limpet.folder, env, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
}

describe.each(runtimes)('the commands on %s', (runtime) => {
  test('one session is listed, found, moved with what it holds, and ended', { timeout: 60_000 }, async () => {
    await using servers = await startShops('a', 'b');
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: {}, workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const command = commandOf(runtime, limpet);
    const shopper = new Shopper(limpet.url);
    const first = await shopper.count();
    const [from, to] = first.server === 'a' ? ['a', 'b'] : ['b', 'a'];
    const half = first.id.slice(0, 16);
    const listed = command('sessions', 'list', '--server', from);
    expect(listed.text).toMatch(new RegExp(`^${half}  shop/${from}  1 .* copied`, 'm'));
    expect(command('sessions', 'list', '--server', to).text).not.toContain(half);

    const token = shopper.cookies.get('limpet') ?? '';
    const found = command('sessions', 'find', '--token', token);
    expect(found.text).toContain(`shop ${first.id}, recognised by cookie`);
    expect(found.text).toMatch(new RegExp(`server  ${from}, as the table says`));
    expect(found.text).toMatch(/copy {4}version 1, \d+ bytes, until /);
    expect(command('sessions', 'find', '--cookie', 'limpet=forged').text).toBe('no session is recognised\n');

    expect(command('sessions', 'move', half, '--to', 'nowhere')).toMatchObject({ status: 3 });
    expect(command('sessions', 'move', half, '--to', to)).toEqual({
      status: 0,
      text: `shop ${half}: goes to ${to} with its next request\n`,
    });
    expect(command('sessions', 'move', half, '--to', to).text).toContain(`its server is ${to} already`);
    expect(await shopper.count()).toMatchObject({ id: first.id, server: to, epoch: 2, restored: true, count: 2 });

    expect(command('sessions', 'end', first.id)).toEqual({ status: 0, text: `shop ${first.id}: ended\n` });
    expect(command('sessions', 'end', first.id)).toEqual({
      status: 3,
      text: `limpet: there is no session ${first.id}\n`,
    });
    const next = await shopper.count();
    expect(next.id).not.toBe(first.id);
    expect(next.count).toBe(1);
  });
});

describe.each(runtimes)('the config and the story of a balancer on %s', (runtime) => {
  test('a reload says what it changes, or why it is refused; events and an explanation come from the same listener', {
    timeout: 60_000,
  }, async () => {
    onlyOver('h1', 'it writes the file of the config itself');
    await using servers = await startShops('a', 'b');
    const [a, b] = poolOf(servers);
    const configFor = (of: readonly object[]) =>
      stringify({ listeners: [{ address: '127.0.0.1:0' }], pools: { shop: { servers: of } } });
    await using limpet = await startLimpet(runtime, { config: { pools: { shop: { servers: [a] } } } });
    const command = commandOf(runtime, limpet);
    const file = join(limpet.folder, 'limpet.yaml');
    writeFileSync(file, configFor([a!, b!]));
    const added = `+ pools.shop.servers.b: ${b!.address}\n`;
    expect(command('reload', '--dry-run')).toEqual({ status: 0, text: added });
    expect(command('sessions').text).not.toContain('shop/b');
    expect(command('reload')).toEqual({ status: 0, text: `${added}reloaded\n` });
    expect(command('sessions').text).toContain('shop/b');
    expect(command('reload').text).toBe('nothing changes\n');

    const socketPath = join(limpet.folder, 'state/admin.sock');
    const post = (path: string, type: string, body: string) =>
      ask(`http://admin${path}`, { method: 'POST', headers: { 'content-type': type }, body, socketPath });
    const check = await post('/v1/config/check', 'application/yaml', configFor([b!]));
    expect(JSON.parse(check.body)).toEqual({
      valid: true,
      problems: [],
      diff: [`- pools.shop.servers.a: ${a!.address}`],
    });
    const wrong = await post('/v1/config/check', 'application/yaml', 'pools: 1\n');
    expect(JSON.parse(wrong.body)).toMatchObject({ valid: false, diff: [] });

    const {
      file: program,
      args,
      env,
    } = limpetCommand(runtime, join(limpet.folder, 'state'), ['events', '--since', '1']);
    const events = spawn(program, args, { cwd: limpet.folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let story = '';
    events.stdout.setEncoding('utf8').on('data', (text: string) => (story += text));
    await until('what has been', () => /config\.reloaded .*b added/.test(story));
    expect(command('drain', 'a').status).toBe(0);
    await until('what happens', () => /server\.drained pool=shop server=a/.test(story));
    await until('nothing is left there', () => /server\.empty pool=shop server=a/.test(story));
    events.kill();

    const shopper = new Shopper(limpet.url);
    expect((await shopper.count()).server).toBe('b');
    const list = async (path: string) => JSON.parse((await ask(`http://admin${path}`, { socketPath })).body);
    await until('the requests of the pool are counted', async () => (await list('/v1/pools'))[0].requestsPerSecond > 0);
    expect((await list('/v1/workers'))[0].loopDelayMs).toBeGreaterThanOrEqual(0);
    const cookie = `limpet=${shopper.cookies.get('limpet')}`;
    const request = `GET / HTTP/1.1\nHost: shop\nCookie: ${cookie}\n\n`;
    const explained = await post('/v1/explain', 'application/json', JSON.stringify({ request }));
    expect(JSON.parse(explained.body)).toMatchObject({
      owner: { server: 'b', state: 'up' },
      decision: { server: 'b' },
    });
    writeFileSync(join(limpet.folder, 'r.txt'), request);
    const live = command('explain', '--request', 'r.txt', '--live');
    expect(live).toMatchObject({ status: 0, text: expect.stringMatching(/Owner +b.*up[\s\S]*Decision +owner: b/) });
    // The file has no server that drains.
    expect(live.text).toContain('a draining');
    expect(command('explain', '--request', 'r.txt').text).toContain('a up');
    const url = `unix:${socketPath}`;
    expect(command('explain', '--request', 'r.txt', '--admin', url).text).toContain('a draining');
    const json = JSON.parse(command('explain', '--request', 'r.txt', '--live', '--json').text);
    expect(json).toMatchObject({ decision: { kind: 'owner', server: 'b' } });
    expect(json).not.toHaveProperty('text');
    const none = command('explain', '--request', 'r.txt', '--admin', `${url}.none`);
    expect(none).toEqual({ status: 3, text: expect.stringContaining('no balancer answers') });
    expect(command('ready', 'a').text).toBe('shop/a: ready\n');

    writeFileSync(file, 'pools: 1\n');
    const refused = await post('/v1/config/reload', 'application/json', '');
    expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([422, 'config-refused']);
    expect(limpet.stderr()).toContain('reload refused, everything stays as it was');
    expect((await shopper.count()).server).toBe('b');
  });
});

describe.each(runtimes)('a token on the socket of %s', (runtime) => {
  test('is asked for there too, and commands have it from the config or the environment', {
    timeout: 60_000,
  }, async () => {
    await using servers = await startShops('a');
    const admin = {
      token: 'an operator that is long enough to be one',
      readToken: 'a reader that is long enough to be one',
    };
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, admin },
    });
    const socketPath = join(limpet.folder, 'state/admin.sock');
    const statusOf = async (token: string, method = 'GET', path = '/v1/servers/shop/a') => {
      const headers = { ...(token && { authorization: `Bearer ${token}` }), 'content-type': 'application/json' };
      const body = method === 'GET' ? undefined : '{"state":"drain"}';
      return (await ask(`http://admin${path}`, { method, headers, socketPath, ...(body && { body }) })).status;
    };
    expect(await Promise.all(['', 'another', admin.token, admin.readToken].map((token) => statusOf(token)))).toEqual([
      401, 401, 200, 200,
    ]);
    expect(await statusOf('', 'GET', '/readyz')).toBe(200);
    expect([await statusOf(admin.readToken, 'PATCH'), await statusOf(admin.token, 'PATCH')]).toEqual([403, 200]);
    const asked = (env: Record<string, string>, ...args: string[]) => {
      const command = limpetCommand(runtime, join(limpet.folder, 'state'), args);
      const options = { cwd: limpet.folder, env: { ...command.env, ...env }, encoding: 'utf8' } as const;
      const { status, stdout, stderr } = spawnSync(command.file, command.args, options);
      return { status, text: stdout + stderr };
    };
    expect(asked({}, 'ready', 'a')).toEqual({ status: 0, text: 'shop/a: ready\n' });
    const at = ['--admin', `unix:${socketPath}`];
    const refused = { status: 3, text: `limpet: ${socketPath} asks for another token: set LIMPET_ADMIN_TOKEN\n` };
    expect(asked({}, 'servers', ...at)).toEqual({ ...refused, text: refused.text.replace('/', 'unix:/') });
    expect(asked({ LIMPET_ADMIN_TOKEN: admin.token }, 'servers', ...at).status).toBe(0);
  });
});
