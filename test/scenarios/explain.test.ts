/** What `limpet explain` says of a captured request is what the balancer did with it: server, head, cookie, refusal. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Explanation } from '../../src/explain/explanation.ts';
import { limpetCommand } from '../support/command.ts';
import { startLimpet } from '../support/limpet.ts';
import { type HttpHandler, httpOrigin } from '../support/origin.ts';
import { type AskOptions, configFor, echoOf, listen, type Reply, run, together, Visitor } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-explain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = ['s1', 's2', 's3'];
const keys = ['6b'.repeat(32)];

async function explain(runtime: Runtime, config: object, request: Buffer, ...args: string[]): Promise<Explanation> {
  return explainWith(runtime, join(folder, 'state'), config, request, ...args);
}

async function explainWith(
  runtime: Runtime,
  state: string,
  config: object,
  request: Buffer,
  ...args: string[]
): Promise<Explanation> {
  const file = join(folder, 'limpet.yaml');
  writeFileSync(file, stringify(config));
  const command = limpetCommand(runtime, state, ['explain', '-c', file, '--request', '-', '--json', ...args]);
  const input = request.toString('latin1');
  const done = await run(command.file, command.args, { input, env: command.env, cwd: folder });
  expect([done.code, done.stderr]).toEqual([0, '']);
  return JSON.parse(done.stdout) as Explanation;
}

/** The bytes of the last connection on their way to `port`. */
async function recorder(port: number) {
  let chunks: Buffer[] = [];
  const server = createServer((client) => {
    chunks = [];
    const onward = connect(port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.on('error', () => onward.destroy());
    onward.on('error', () => client.destroy());
    client.pipe(onward).pipe(client);
  });
  return { origin: await listen('recorder', server), captured: () => Buffer.concat(chunks) };
}

/** A balancer, a visitor whose requests are captured, and the comparison. */
async function setUp(runtime: Runtime, pool: object, more: object = {}) {
  onlyOver('h1', 'explain is shown the bytes of HTTP/1.1 without TLS');
  const origins = await together(names.map((name) => httpOrigin(name)));
  // Hashing: what a policy chooses for a known session can be foretold.
  const config = { ...configFor(origins, { balance: 'rendezvous', ...pool }), keys, ...more };
  const limpet = await startLimpet(runtime, { config });
  const { origin: tap, captured } = await recorder(limpet.port);
  const visitor = new Visitor(`http://${tap.address}`);
  const compare = async (path: string, options: AskOptions = {}, ...args: string[]) => {
    const reply = await visitor.ask(path, options);
    const said = await explain(runtime, config, captured(), ...args);
    expect(said.toClient.status).toBe(reply.status);
    expect(said.toClient.setCookies).toEqual(reply.setCookies.map((line) => line.replace(/=[^;]*/, '=<token>')));
    expect(said.toClient.fault?.code).toBe(reply.headers['limpet-reason']);
    if (reply.status === 200) expectServed(said, reply);
    return { reply, said };
  };
  const close = async () => {
    await tap.close();
    await limpet[Symbol.asyncDispose]();
    await origins[Symbol.asyncDispose]();
  };
  return { config, limpet, origins, visitor, compare, [Symbol.asyncDispose]: close };
}

function expectServed({ decision, toServer }: Explanation, reply: Reply): void {
  const { server, headers } = echoOf(reply);
  if (decision.certain) expect(decision.server).toBe(server);
  const lines = toServer?.split('\r\n').slice(1, -2) ?? [];
  expect(lines).toEqual(headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : [])));
}

describe.each(runtimes)('explain on %s', (runtime) => {
  test('no cookie, a valid one, a forged one', async () => {
    await using scene = await setUp(runtime, {});
    const first = await scene.compare('/cart?page=2', { headers: { 'user-agent': 'a' } });
    expect(first.said).toMatchObject({ decision: { kind: 'new', certain: false }, session: null });
    expect(first.said.toClient.setCookies).toHaveLength(1);

    scene.visitor.cookies.set('theme', 'dark');
    const second = await scene.compare('/');
    expect(second.said).toMatchObject({ decision: { kind: 'owner', certain: true }, session: { epoch: 1 } });
    expect(second.said.toClient.setCookies).toEqual([]);

    const token = scene.visitor.cookies.get('limpet') ?? '';
    scene.visitor.cookies.set('limpet', `${token.startsWith('E') ? 'F' : 'E'}${token.slice(1)}`);
    const third = await scene.compare('/');
    expect(third.said.affinities).toMatchObject([{ name: 'cookie', result: 'invalid' }]);
    expect(third.said.decision.kind).toBe('new');
    expect(third.said.toClient.setCookies).toHaveLength(1);
  });

  test.each([
    ['rebind', 200, 1],
    ['temporary', 200, 0],
    ['reject', 503, 0],
  ] as const)('the owner is down, and whenOwnerFails is %s', async (whenOwnerFails, status, cookies) => {
    await using scene = await setUp(runtime, { whenOwnerFails, health: { panicThreshold: 0 } });
    const home = echoOf(await scene.visitor.ask()).server;
    await scene.origins.find(({ name }) => name === home)?.close();
    const { said } = await scene.compare('/', {}, '--down', home);
    expect(said).toMatchObject({
      owner: { server: home, state: 'down' },
      decision: { kind: whenOwnerFails, certain: true },
      toClient: { status },
    });
    expect(said.toClient.setCookies).toHaveLength(cookies);
  });

  test('source-ip, and a route without affinity', async () => {
    const routes = [
      { match: { path: '/assets' }, pool: 'app', affinity: 'none' },
      { match: { path: '/' }, pool: 'app' },
    ];
    await using scene = await setUp(runtime, { affinity: ['source-ip'] }, { routes });
    const page = await scene.compare('/');
    expect(page.said).toMatchObject({ route: { index: 1 }, session: { tag: null }, decision: { kind: 'owner' } });
    const asset = await scene.compare('/assets/a.css', {}, '--client', '127.0.0.1');
    expect(asset.said).toMatchObject({
      route: { index: 0 },
      session: null,
      decision: { kind: 'unbound', certain: true },
    });
  });

  test('a request that is refused, and a state key that is not made', async () => {
    await using scene = await setUp(runtime, {});
    const bad = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n');
    const answer = await new Promise<string>((done, fail) => {
      let text = '';
      const socket = connect(scene.limpet.port, '127.0.0.1', () => socket.write(bad));
      socket.on('data', (chunk) => (text += chunk)).on('error', fail);
      socket.on('end', () => done(text));
    });
    const { keys: _, ...keyless } = scene.config;
    const said = await explain(runtime, keyless, bad);
    expect(said.toClient).toMatchObject({ status: 400, fault: { at: { line: 3, column: 2, offset: 26 } } });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 400 .*\r\nLimpet-Reason: ${said.toClient.fault?.code}\r\n`, 's'));
    expect(said.keys).toBe('none');
    expect(existsSync(join(folder, 'state'))).toBe(false);
  });

  test('learned sessions: the table that was saved names their owners, and is only read', async () => {
    await using origins = await together(names.map((name) => httpOrigin(name, session)));
    const config = configFor(origins, { balance: 'round-robin', affinity: [{ learn: 'app' }] });
    const state = mkdtempSync(join(folder, 'learned-'));
    await using limpet = await startLimpet(runtime, { config, env: { LIMPET_STATE: state } });
    const visitors = names.map(() => new Visitor(limpet.url));
    const homes: string[] = [];
    for (const visitor of visitors) homes.push((await visitor.ask()).body);
    expect([...homes].sort()).toEqual(names);
    expect(await limpet.stop()).toMatchObject({ code: 0 });

    const before = filesOf(state);
    expect(Object.keys(before)).toContain('sessions.table');
    for (const [i, visitor] of visitors.entries()) {
      const said = await explainWith(runtime, state, config, withCookie(visitor.cookies.get('app') ?? ''));
      expect(said.table).toMatchObject({ source: 'saved', sessions: 3 });
      expect(said.table.note).toMatch(/^3 sessions as of the last save, \d+s ago$/);
      expect(said.owner).toEqual({ server: homes[i], state: 'up', source: 'table', epoch: 1 });
      expect(said.decision).toMatchObject({ kind: 'owner', server: homes[i], certain: true });
    }
    const stranger = withCookie('never seen');
    const adopted = await explainWith(runtime, state, config, stranger);
    expect(adopted).toMatchObject({ owner: null, decision: { kind: 'adopt', certain: true } });
    const later = await explainWith(runtime, state, config, stranger, '--now', '2000-01-01T00:00:00Z');
    expect(later.table.note).toBe('3 sessions as of the last save, later than the time above');
    expect(filesOf(state)).toEqual(before);

    const file = join(state, 'sessions.table');
    const damaged = readFileSync(file);
    damaged[damaged.length - 40]! ^= 1;
    writeFileSync(file, damaged);
    const unusable = await explainWith(runtime, state, config, stranger);
    expect(unusable).toMatchObject({ table: { source: 'unusable', savedAt: null }, decision: { certain: false } });
    expect(unusable.table.note).toContain(`${file} is damaged`);
    // The key is still known: so is the place by hash.
    expect(unusable.decision).toMatchObject({ kind: 'adopt', server: adopted.decision.server });
    const notKept = await explainWith(runtime, state, { ...config, table: { save: 0 } }, stranger);
    expect(notKept.table).toMatchObject({ source: 'none', note: expect.stringContaining('table.save is 0') });

    rmSync(file);
    const missing = await explainWith(runtime, state, config, stranger);
    expect(missing.table).toMatchObject({ source: 'none', note: expect.stringContaining(`none saved as ${file}`) });
    writeFileSync(join(state, 'table.key'), 'garbage');
    const keyless = await explainWith(runtime, state, config, stranger);
    expect(keyless.table).toMatchObject({ source: 'unusable', note: expect.stringContaining('holds no key') });
    rmSync(join(state, 'table.key'));
    const nothing = await explainWith(runtime, state, config, stranger);
    expect(nothing.table).toMatchObject({ source: 'none', note: expect.stringContaining('no key of one') });
    expect(nothing.decision.certain).toBe(false);
  });
});

let sessions = 0;

/** An app that names a new session, and says who it is. */
const session: HttpHandler = (_request, response, name) => {
  response.setHeader('Set-Cookie', `app=${++sessions}.${name}; Path=/`).end(name);
};

function withCookie(value: string): Buffer {
  return Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nCookie: app=${value}\r\n\r\n`);
}

/** What is in the folder, and when it was written. */
function filesOf(path: string): Record<string, [content: string, time: number]> {
  const fileOf = (name: string): [string, number] => {
    const file = join(path, name);
    return [readFileSync(file, 'hex'), statSync(file).mtimeMs];
  };
  return Object.fromEntries(readdirSync(path).map((name) => [name, fileOf(name)]));
}
