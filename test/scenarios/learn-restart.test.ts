/** Learned sessions outlive the balancer: an orderly restart loses none, a crash none that were saved, a damaged file is told. */
import { type FileHandle, mkdtempDisposable, open, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { ask, configFor, parseSetCookie, together, until } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';

/** LIMPET_RESTART says another number, such as 100000 (about a minute). */
const many = Number(process.env.LIMPET_RESTART ?? 500);

/** Begins a session at /login; says at any other path which one it was asked with. */
function app(name: string): Promise<HttpOrigin> {
  let last = 0;
  return httpOrigin(name, (request, response) => {
    if (request.url === '/login') response.setHeader('Set-Cookie', `SID=${name}-${last++}-${process.pid}; Path=/`);
    response.end(JSON.stringify({ server: name, cookie: request.headers.cookie ?? '' }));
  });
}

interface Known {
  readonly cookie: string;
  readonly server: string;
}

/** A client's first request: the cookie that came, and from where. */
async function begin(pool: Pool, path: string): Promise<Known> {
  const reply = await pool.request({ path, method: 'GET' });
  const { server } = (await reply.body.json()) as { server: string };
  const [line = ''] = [reply.headers['set-cookie'] ?? []].flat();
  const { name, value } = parseSetCookie(line);
  return { cookie: `${name}=${value}`, server };
}

async function serverOf(pool: Pool, cookie: string, path = '/'): Promise<string> {
  const reply = await pool.request({ path, method: 'GET', headers: { cookie } });
  return ((await reply.body.json()) as { server: string }).server;
}

function sum(sessions: Readonly<Record<string, number>>): number {
  return Object.values(sessions).reduce((all, count) => all + count, 0);
}

/** Three servers and a state folder; `start` starts balancers over them, one after the other. */
async function stage(runtime: Runtime, extra: Readonly<Record<string, unknown>> = {}) {
  const stack = new AsyncDisposableStack();
  const state = stack.use(await mkdtempDisposable(join(tmpdir(), 'limpet-state-')));
  const origins = stack.use(await together(['a', 'b', 'c'].map(app)));
  const config = configFor(origins, { affinity: [{ learn: 'SID' }], balance: 'round-robin' });
  const { pools, routes } = config as { pools: { app: object }; routes: object[] };
  const both = {
    ...config,
    // The same servers by a cookie of the balancer.
    pools: { ...pools, own: { ...pools.app, affinity: 'cookie' } },
    routes: [{ match: { path: '/own' }, pool: 'own' }, ...routes],
    workers: 2,
    ...extra,
  };
  const start = async (): Promise<{ limpet: Limpet; pool: Pool } & AsyncDisposable> => {
    const limpet = await startLimpet(runtime, { config: both, env: { LIMPET_STATE: state.path } });
    const pool = new Pool(limpet.url, { connections: 32 });
    const end = async () => {
      await pool.destroy();
      await limpet[Symbol.asyncDispose]();
    };
    return { limpet, pool, [Symbol.asyncDispose]: end };
  };
  const file = join(state.path, 'sessions.table');
  return { start, file, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function learned(pool: Pool, count: number): Promise<Known[]> {
  return Promise.all(Array.from({ length: count }, () => begin(pool, '/login')));
}

/** Waits for a save that began after now: the second one from here. */
async function saved(file: string): Promise<void> {
  const age = () =>
    stat(file).then(
      ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
      () => '',
    );
  for (let round = 0; round < 2; round++) {
    const before = await age();
    await until('the table is saved', async () => (await age()) !== before);
  }
}

async function astray(pool: Pool, sessions: readonly Known[], path = '/'): Promise<Known[]> {
  const servers = await Promise.all(sessions.map(({ cookie }) => serverOf(pool, cookie, path)));
  return sessions.filter(({ server }, i) => servers[i] !== server);
}

describe.each(runtimes)('learned sessions on %s', (runtime) => {
  test(`an orderly restart: ${many} sessions go home`, { timeout: 30_000 + many * 3 }, async () => {
    await using limpets = await stage(runtime);
    let sessions: Known[];
    {
      await using first = await limpets.start();
      sessions = await learned(first.pool, many);
      expect(new Set(sessions.map(({ cookie }) => cookie)).size).toBe(many);
      expect(await astray(first.pool, sessions)).toEqual([]);
      expect(await first.limpet.stop()).toEqual({ code: 0, signal: null });
    }
    await using second = await limpets.start();
    expect(second.limpet.stderr()).toContain(`loaded ${many} sessions`);
    expect(sum(await second.limpet.sessions())).toBe(many);
    expect(await astray(second.pool, sessions)).toEqual([]);
    expect((await second.limpet.counters()).sessions_adopted).toBe(0);
    // No name of a session is on the disk.
    await using handle: FileHandle = await open(limpets.file);
    const bytes = await handle.readFile();
    expect(sessions.filter(({ cookie }) => bytes.includes(cookie.slice('SID='.length)))).toEqual([]);
  });

  test('kill -9: none that was saved is lost, and of those with a cookie of the balancer none at all', async () => {
    await using limpets = await stage(runtime, { table: { save: '1s' } });
    let sessions: Known[];
    let own: Known[];
    {
      await using first = await limpets.start();
      sessions = await learned(first.pool, 500);
      await saved(limpets.file);
      own = await Promise.all(Array.from({ length: 200 }, () => begin(first.pool, '/own')));
      expect(await first.limpet.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    }
    await using second = await limpets.start();
    expect(await astray(second.pool, sessions)).toEqual([]);
    expect(await astray(second.pool, own, '/own')).toEqual([]);
    expect((await second.limpet.counters()).sessions_adopted).toBe(0);
  });

  test('a damaged file is named, the balancer starts empty, and an id it has lost is bound once', async () => {
    await using limpets = await stage(runtime);
    let sessions: Known[];
    {
      await using first = await limpets.start();
      sessions = await learned(first.pool, 200);
      await first.limpet.stop();
    }
    const { size } = await stat(limpets.file);
    {
      // One bit, somewhere among the sessions.
      await using handle: FileHandle = await open(limpets.file, 'r+');
      const place = Math.floor(size / 2);
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, place);
      await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 4]), 0, 1, place);
    }
    await using second = await limpets.start();
    expect(second.limpet.stderr()).toMatch(/sessions\.table.*damaged/);
    expect(second.limpet.stderr()).not.toContain('loaded');
    expect(sum(await second.limpet.sessions())).toBe(0);
    for (const { cookie } of sessions.slice(0, 20)) {
      const home = await serverOf(second.pool, cookie);
      for (let i = 0; i < 5; i++) expect(await serverOf(second.pool, cookie)).toBe(home);
      // Also by connections that are taken by other workers.
      const elsewhere = await Promise.all([1, 2, 3, 4].map(() => ask(second.limpet.url, { headers: { cookie } })));
      expect(elsewhere.map(({ body }) => JSON.parse(body) as Known)).toMatchObject(Array(4).fill({ server: home }));
    }
    expect((await second.limpet.counters()).sessions_adopted).toBe(20);
    expect(sum(await second.limpet.sessions())).toBe(20);
  });
});
