/** Sessions whose owner the table knows: by a name alone, or better than their token. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Recognition } from '../affinity/affinity.ts';
import { derive, TokenRing } from '../affinity/token.ts';
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/read.ts';
import { idSecret, serverId } from '../fleet/id.ts';
import type { SingleWorker } from '../shared/single-worker.ts';
import { kindName, serverName } from '../shared/slots.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { Entry } from '../table/table.ts';
import { explain, type Question } from './explain.ts';
import { inWords } from './words.ts';

const key = Buffer.alloc(32, 'k');
const secret = Buffer.alloc(32, 't');
const now = Date.UTC(2026, 0, 31, 12);
const seconds = now / 1000;
const servers = ['s1', 's2', 's3'].map((name, i) => ({ name, address: `127.0.0.1:${3001 + i}` }));

const config: Config = {
  listeners: [{ address: '127.0.0.1:8080' }],
  keys: [key.toString('hex')],
  pools: {
    java: { servers, affinity: [{ learn: { cookie: 'JSESSIONID', parameter: 'jsessionid' } }] },
    mcp: { servers, affinity: [{ header: 'Mcp-Session-Id', whenOwnerFails: { reject: 404 } }] },
    rooms: { servers, affinity: [{ query: 'room', whenOwnerFails: 'temporary' }, { path: '^/rooms/([^/]+)' }] },
    live: { servers, affinity: ['socket.io'], whenOwnerFails: { reject: 400 } },
    near: { servers, affinity: [{ 'source-ip': { mode: 'table' } }] },
    bounded: { servers, maxLoad: 1.5, affinity: [{ query: 'x' }] },
    capped: {
      servers: servers.map((server) => ({ ...server, maxRequests: 5 })),
      whenOwnerFull: 'rebind',
      affinity: [{ query: 'x' }],
    },
    shop: { servers, balance: 'rendezvous', affinity: ['cookie'] },
    own: { servers, balance: 'rendezvous', affinity: [{ rewrite: { cookie: 'PHPSESSID' } }] },
  },
  routes: [
    { match: { path: '/mcp' }, pool: 'mcp' },
    { match: { path: '/rooms' }, pool: 'rooms' },
    { match: { path: '/socket.io' }, pool: 'live' },
    { match: { path: '/near' }, pool: 'near' },
    { match: { path: '/bounded' }, pool: 'bounded' },
    { match: { path: '/capped' }, pool: 'capped' },
    { match: { path: '/shop' }, pool: 'shop' },
    { match: { path: '/own' }, pool: 'own' },
    { pool: 'java' },
  ],
};
const { options } = readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false });

interface Kept {
  readonly pool: string;
  /** Which of the pool's affinities knows it. */
  readonly entry?: number;
  /** Its name, or the first two words of its id. */
  readonly name: string | Buffer | readonly [number, number];
  readonly server: string;
  readonly epoch?: number;
  readonly ended?: true;
}

function keep({ shared: { table }, servers: numbers, numbers: { slots, lifetimes } }: SingleWorker, kept: Kept): void {
  const { pool, entry = 0, name, server, epoch = 1, ended } = kept;
  const kind = kindName(pool, options.pools.find((one) => one.name === pool)!.affinity[entry]!);
  const id = { hi: 0, lo: 0 };
  if (typeof name === 'string' || Buffer.isBuffer(name)) {
    const bytes = Buffer.from(name);
    Fingerprints.of(secret, kind).hash(bytes, 0, bytes.length, id);
  } else [id.hi, id.lo] = name;
  const number = slots.get(serverName(pool, server)) ?? numbers.numberOf(serverName(pool, server), seconds);
  table.bind(id, number, seconds - 100, new Entry(), lifetimes.get(kind)!, epoch);
  if (ended) table.end(id, seconds - 10);
}

function ask(request: string, kept: readonly Kept[] | null, more: Partial<Question> = {}) {
  return explain(options, {
    request: Buffer.from(request, 'latin1'),
    listener: options.listeners[0]!,
    peer: '203.0.113.7',
    down: [],
    draining: [],
    now,
    keys: 'config',
    tableSecret: secret,
    loadTable: (into) => {
      for (const one of kept ?? []) keep(into, one);
      const sessions = kept?.length ?? 0;
      const source = kept === null ? 'none' : 'saved';
      return Promise.resolve({ source, savedAt: null, sessions, note: `${sessions} sessions` });
    },
    random: () => 0.5,
    ...more,
  });
}

const get = (path: string, ...lines: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: shop.example', ...lines, '', ''].join('\r\n');
const java: Kept = { pool: 'java', name: '4F1A', server: 's2', epoch: 2 };
const byCookie = get('/', 'Cookie: a=b; JSESSIONID=4F1A');
const mcp: Kept = { pool: 'mcp', name: 'm1', server: 's2' };
const byHeader = get('/mcp', 'Mcp-Session-Id: m1');
const down = { down: ['s2'] };

describe('the table names the owner', () => {
  test.each([
    ['learn, cookie', java, byCookie, 'a name in the cookie JSESSIONID'],
    ['learn, path', java, get('/cart;jsessionid=4F1A?a=b'), 'a name in the path parameter ;jsessionid='],
    ['header', mcp, byHeader, 'a name in the header Mcp-Session-Id'],
    ['query', { pool: 'rooms', name: '42', server: 's2' }, get('/rooms?room=42'), 'the query parameter room'],
    ['path', { pool: 'rooms', entry: 1, name: '42', server: 's2' }, get('/rooms/42'), 'the path, by ^/rooms/'],
    [
      'socket.io',
      { pool: 'live', name: 'sd', server: 's2' },
      get('/socket.io/?sid=sd'),
      'parameter sid below /socket.io',
    ],
    [
      'source-ip',
      { pool: 'near', name: Buffer.of(203, 0, 113, 7), server: 's2' },
      get('/near'),
      'address of the client',
    ],
  ] as const)('%s', async (_, kept: Kept, request, reason) => {
    const said = await ask(request, [kept]);
    expect(said.affinities[kept.entry ?? 0]).toMatchObject({
      result: 'recognised',
      reason: expect.stringContaining(reason),
    });
    expect(said.owner).toEqual({ server: 's2', state: 'up', source: 'table', epoch: kept.epoch ?? 1 });
    expect(said.session).toMatchObject({
      epoch: 0,
      born: '2026-01-31T11:58:20.000Z',
      dated: null,
      seen: '2026-01-31T11:58:20.000Z',
    });
    expect(said.decision).toMatchObject({ kind: 'owner', server: 's2', certain: true });
    expect(said.toClient.setCookies).toEqual([]);
  });

  test('in words', async () => {
    const text = inWords(await ask(byCookie, [java]));
    expect(text).toContain('\nTable     1 sessions\n');
    expect(text).toContain('\nOwner     s2, up, epoch 2, says the table\n');
    expect(inWords(await ask(byCookie, []))).toContain('\nOwner     nobody yet\n');
    expect(inWords(await ask(byCookie, null))).toContain('\nOwner     not known without the table\n');
  });
});

describe('and is down', () => {
  test.each([
    ['rebind of the pool', java, byCookie, 'rebind', 'whenOwnerFails is rebind', 'epoch 3', 200],
    ['its own reject', mcp, byHeader, 'reject', 's2 is down and whenOwnerFails of header is reject', '', 404],
    [
      'its own temporary',
      { pool: 'rooms', name: '4', server: 's2' },
      get('/rooms?room=4'),
      'temporary',
      'of query is',
      '',
      200,
    ],
    [
      'reject of the pool',
      { pool: 'live', name: 'd', server: 's2' },
      get('/socket.io/?sid=d'),
      'reject',
      'whenOwnerFails is reject',
      '',
      400,
    ],
  ] as const)('%s', async (_, kept, request, kind, reason, also, status) => {
    const said = await ask(request, [kept], down);
    expect(said.owner).toMatchObject({ server: 's2', state: 'down', source: 'table' });
    expect(said.decision).toMatchObject({ kind, reason: expect.stringContaining(reason) });
    expect(said.decision.reason).toContain(also);
    expect(said.decision.server).not.toBe('s2');
    expect(said.toClient.status).toBe(status);
  });

  test('or gone', async () => {
    const said = await ask(byCookie, [{ ...java, server: 's9' }]);
    expect(said.owner).toEqual({ server: null, state: 'gone', source: 'table', epoch: 2 });
    expect(said.decision).toMatchObject({ kind: 'rebind', reason: expect.stringContaining('no longer in the pool') });
  });

  test('in panic, where a name without an owner meets a server that refuses', async () => {
    const first = (await ask(byCookie, [])).decision.server!;
    const two = [first, first === 's1' ? 's2' : 's1'];
    const said = await ask(byCookie, [], { down: two });
    expect(said).toMatchObject({ panic: true, owner: null, decision: { kind: 'rebind' } });
    expect(said.attempts[0]).toEqual({ server: first, result: 'refused' });
    expect(said.decision.reason).toContain('the server that hashing gave the name to refused the connection');
  });
});

describe('nobody owns the name', () => {
  test('hashing gives it a server, certainly if the table is known', async () => {
    const known = await ask(byCookie, [{ ...java, name: 'other' }]);
    expect(known.owner).toBeNull();
    expect(known.decision).toMatchObject({ kind: 'adopt', certain: true });
    expect(known.decision.reason).toContain('as of the last save of the table');
    const unknown = await ask(byCookie, null);
    expect(unknown.decision).toMatchObject({ kind: 'adopt', certain: false, server: known.decision.server });
    expect(unknown.decision.reason).toContain('unless the table of the balancer knows the name');
  });

  test.each([
    ['load', get('/bounded?x=1'), {}],
    ['a cap', get('/capped?x=1'), {}],
    ['unknown keys', byCookie, { keys: 'none' as const }],
    ['no table, and one server left', byCookie, { down: ['s1'], draining: ['s2'], known: false }],
  ])('not certain: %s', async (_, request, { known = true, ...more }: Partial<Question> & { known?: boolean }) => {
    expect((await ask(request, known ? [] : null, more)).decision).toMatchObject({ kind: 'adopt', certain: false });
  });

  test('a full owner may be left, where whenOwnerFull says so', async () => {
    const { decision } = await ask(get('/capped?x=1'), [{ pool: 'capped', name: '1', server: 's3' }]);
    expect(decision).toMatchObject({ kind: 'owner', server: 's3', certain: false });
  });

  test('a request without a name', async () => {
    const { affinities, decision } = await ask(get('/'), []);
    expect(affinities[0]).toMatchObject({
      result: 'none',
      reason: 'no name in the cookie JSESSIONID or path parameter ;jsessionid=',
    });
    expect(decision).toMatchObject({ kind: 'unbound', reason: expect.stringContaining('names in its answer') });
    expect((await ask(get('/rooms'), [])).decision.reason).not.toContain('names in its answer');
  });
});

describe('the app ends a session', () => {
  test('it has: the name counts for nothing', async () => {
    const said = await ask(byHeader, [{ ...mcp, ended: true }], down);
    expect(said).toMatchObject({ session: null, owner: null, decision: { kind: 'unbound' } });
    expect(said.affinities[0]).toMatchObject({
      result: 'ended',
      reason: expect.stringContaining('header Mcp-Session-Id'),
    });
    expect(said.decision.reason).toContain('the session that the request names has ended');
    expect(inWords(said)).toContain('Affinity  header: ended: the app has ended');
  });

  test('it would: with this DELETE', async () => {
    const said = await ask(byHeader.replace('GET', 'DELETE'), [mcp]);
    expect(said.decision).toMatchObject({ kind: 'owner', server: 's2' });
    expect(said.toClient.reason).toBe('header tells the client nothing; to this DELETE a 200 ends the session');
    expect((await ask(byHeader, [mcp])).toClient.reason).toBe('header tells the client nothing');
  });
});

describe('the table and a token', () => {
  const ownerIn = (pool: string) => serverId('s2', idSecret(pool, key));
  const owner = ownerIn('shop');
  const sid = [7, 9] as const;
  const token = Object.assign(new Recognition(), {
    owner,
    sid0: sid[0],
    sid1: sid[1],
    epoch: 3,
    born: seconds,
    seen: seconds,
  });
  const request = get('/shop', `Cookie: limpet=${new TokenRing([key], 'shop', { idle: 0, absolute: 0 }).sign(token)}`);
  const kept: Kept = { pool: 'shop', name: sid, server: 's3' };

  test.each([
    ['older', 2, 's2', 'token', 3, 0],
    ['as old', 3, 's3', 'table', 3, 1],
    ['newer', 5, 's3', 'table', 5, 1],
  ] as const)('a record that is %s', async (_, epoch, server, source, told, cookies) => {
    const said = await ask(request, [{ ...kept, epoch }]);
    expect(said.owner).toEqual({ server, state: 'up', source, epoch: told });
    expect(said.session).toMatchObject({ epoch: 3 });
    expect(said.decision).toMatchObject({ kind: 'owner', server, certain: true });
    expect(said.decision.reason.includes('says the table, which knows more than the token')).toBe(source === 'table');
    expect(said.toClient.setCookies).toHaveLength(cookies);
    if (cookies === 1) expect(said.toClient.reason).toBe('the client is told of its new owner');
  });

  test('the owner that the table knows is down', async () => {
    const said = await ask(request, [{ ...kept, epoch: 5 }], { down: ['s3'] });
    expect(said.decision).toMatchObject({ kind: 'rebind', certain: true });
    expect(said.decision.reason).toMatch(/^the owner s3 is down and .* the owner, epoch 6$/);
    expect(said.toClient.setCookies).toHaveLength(1);
  });

  test('rewrite: its prefix is not told of a move, so without the table nothing is certain', async () => {
    const derived = derive(key, 'limpet rewrite');
    const mac = (text: string) => createHmac('sha256', derived).update(text).digest();
    const tag = Buffer.alloc(6);
    const owner = ownerIn('own');
    tag.writeUIntBE(owner, 0, 6);
    const prefix = Buffer.concat([tag, mac(`owner own ${owner} v`).subarray(0, 6)]).toString('base64url');
    const asked = get('/own', `Cookie: PHPSESSID=${prefix}~v`);
    const moved: Kept = { pool: 'own', name: 'v', server: 's3', epoch: 2 };
    expect((await ask(asked, null)).decision).toMatchObject({ kind: 'owner', server: 's2', certain: false });
    expect((await ask(asked, [])).decision).toMatchObject({ kind: 'owner', server: 's2', certain: true });
    expect((await ask(asked, [moved])).decision).toMatchObject({ kind: 'owner', server: 's3', certain: true });
    expect((await ask(asked, null, down)).decision).toMatchObject({ kind: 'rebind', certain: false });
  });
});
