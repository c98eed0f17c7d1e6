import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { listenAdmin, played, playedAdmin } from '../../test/support/admin-api.ts';
import { ask } from '../../test/support/peers.ts';
import { UsageError } from '../errors.ts';
import { EventBus } from '../events/bus.ts';
import { createApp } from './app.ts';

const { deps, changes } = playedAdmin();
const app = createApp(deps);

async function told(path: string, init: RequestInit = {}) {
  const reply = await app.request(path, init);
  const text = await reply.text();
  return { status: reply.status, body: /^[[{]/.test(text) ? JSON.parse(text) : text, headers: reply.headers };
}

function patch(body: string, type = 'application/json'): RequestInit {
  return { method: 'PATCH', body, headers: { 'content-type': type } };
}

test('its own description is a valid OpenAPI 3.1 document, and names every path', async () => {
  const { body } = await told('/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(await new Validator().validate(body)).toMatchObject({ valid: true });
  const described = Object.keys(body.paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ':$1'));
  const routed = app.routes.filter(({ method }) => method !== 'ALL').map(({ path }) => path);
  expect([...new Set(routed)].filter((path) => !described.includes(path))).toEqual(['/openapi.json']);
});

test('metrics, in the type that they have', async () => {
  const { status, body, headers } = await told('/metrics');
  expect([status, headers.get('content-type'), body]).toEqual([200, 'text/plain', 'limpet_requests_total 480\n']);
});

test('servers: all, those of a pool, the safest first, one', async () => {
  expect((await told('/v1/servers')).body).toEqual([played]);
  expect((await told('/v1/servers?pool=shop')).body).toHaveLength(1);
  expect(await told('/v1/servers?pool=nowhere')).toMatchObject({
    status: 404,
    body: { error: { code: 'no-such-pool' } },
  });
  expect(await told('/v1/servers?rank=fastest')).toMatchObject({ status: 422, body: { error: { code: 'invalid' } } });
  const [idle, small] = [
    { ...played, name: 'idle', loss: { sessions: 0, exchanges: 0 } },
    { ...played, name: 'small', loss: { sessions: 0, exchanges: 0 }, sessions: { live: 1, copied: 1, uncopied: 0 } },
  ];
  const ranked = await createApp(playedAdmin([played, idle, small]).deps).request('/v1/servers?rank=safest');
  const servers = (await ranked.json()) as { name: string }[];
  expect(servers.map(({ name }) => name)).toEqual(['small', 'idle', 's1']);
  expect((await told('/v1/servers/shop/s1')).body).toEqual(played);
  expect(await told('/v1/servers/shop/s2')).toMatchObject({ status: 404, body: { error: { code: 'no-such-server' } } });
});

test('a change of a server, and what is refused of one: nothing is done then', async () => {
  const path = '/v1/servers/shop/s1';
  expect(await told(path, patch('{"state":"drain"}'))).toMatchObject({ status: 200, body: { name: 's1' } });
  expect(changes.splice(0)).toEqual(['shop/s1 {"state":"drain"}']);
  for (const [init, status, code] of [
    [patch('{"state":"asleep"}'), 422, 'invalid'],
    [patch('{"state":1}'), 422, 'invalid'],
    [patch('{}'), 422, 'invalid'],
    [patch('[]'), 422, 'invalid'],
    [patch('{"state":"drain","colour":"red"}'), 422, 'invalid'],
    [patch('{"state":'), 400, 'bad-body'],
    [patch('{"state":"drain"}', 'text/plain'), 415, 'wrong-content-type'],
    [{ method: 'PATCH' }, 422, 'invalid'],
    [{ method: 'POST', body: '{}' }, 405, 'wrong-method'],
    [{ method: 'PROPFIND' }, 405, 'wrong-method'],
  ] as const) {
    const reply = await told(path, init);
    expect([init, reply.status, reply.body.error.code]).toEqual([init, status, code]);
    expect(reply.body.error.message).toMatch(/^.{10,300}$/);
  }
  expect((await told(path, { method: 'POST' })).headers.get('allow')).toBe('DELETE, GET, PATCH');
  expect(await told('/v1/servers/shop/s9', patch('{"state":"drain"}'))).toMatchObject({ status: 404 });
  expect(changes).toEqual([]);
});

test('servers are added, removed and waited for; what cannot be is said', async () => {
  const post = (body: object, pool = 'shop') =>
    told(`/v1/servers/${pool}`, { ...patch(JSON.stringify(body)), method: 'POST' });
  const server = { name: 's1', address: '10.0.0.1:80' };
  expect(await post(server)).toMatchObject({ status: 409, body: { error: { code: 'server-exists' } } });
  expect(await post(server, 'nowhere')).toMatchObject({ status: 404, body: { error: { code: 'no-such-pool' } } });
  const full = { status: 422, body: { error: { code: 'invalid', message: 'there is no room for it' } } };
  expect(await post({ ...server, name: 's2' })).toMatchObject(full);
  expect(await post({ ...server, weight: 0.5 })).toMatchObject({ status: 422 });
  const remove = (name: string) => told(`/v1/servers/shop/${name}`, { method: 'DELETE' });
  expect(await remove('s1')).toMatchObject({ status: 409, body: { error: { code: 'last-server' } } });
  expect(await remove('s9')).toMatchObject({ status: 404 });
  expect(await told('/v1/servers/shop/s1/drained?wait=10m')).toMatchObject({ status: 200, body: { drained: false } });
  for (const wait of ['soon', '-1s', '1.5h', '9999999s'])
    expect(await told(`/v1/servers/shop/s1/drained?wait=${wait}`)).toMatchObject({ status: 422 });
});

test('sessions: pages, one by what its client carries, a move and an end', async () => {
  const post = (path: string, body: object) =>
    told(`/v1/sessions/${path}`, { ...patch(JSON.stringify(body)), method: 'POST' });
  const first = (await told('/v1/sessions?limit=2')).body;
  expect(first.sessions).toHaveLength(2);
  expect((await told(`/v1/sessions?limit=2&cursor=${first.cursor}`)).body).toMatchObject({ cursor: null });
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'cursor=-1', 'cursor=1e9', 'pool='])
    expect([query, (await told(`/v1/sessions?${query}`)).status]).toEqual([query, 422]);
  const { found } = (await post('find', { token: 'known' })).body;
  expect(found).toMatchObject([{ server: 's1', why: 'table' }]);
  expect((await post('find', { token: 'strange' })).body).toEqual({ found: [] });
  expect(await post('find', { token: 'x', pool: 'nowhere' })).toMatchObject({ status: 404 });
  for (const body of [
    {},
    { pool: 'shop' },
    { id: 'x' },
    { headers: { 'a b': 'c' } },
    { headers: { a: 'b\r\nc: d' } },
    { path: 'x' },
  ])
    expect([body, (await post('find', body)).status]).toEqual([body, 422]);
  const one = { pool: 'shop', session: found[0].id };
  expect(await post('move', { ...one, to: 's1' })).toMatchObject({ status: 409, body: { error: { code: 'no-copy' } } });
  expect(await post('move', { ...one, to: 's9', force: true })).toMatchObject({ status: 404 });
  expect(await post('end', { ...one, session: '0'.repeat(16) })).toMatchObject({ status: 404 });
  expect(changes).toEqual([]);
  expect((await post('move', { ...one, to: 's1', force: true })).body).toEqual({ state: 'moved' });
  expect((await post('end', one)).body).toEqual({ state: 'ended' });
  expect(changes.splice(0)).toEqual([`${one.session} to s1`, `${one.session} ended`]);
});

test('the config: checked, read again, or told why not', async () => {
  const yaml = (body: string) => ({ method: 'POST', body, headers: { 'content-type': 'application/yaml' } });
  expect((await told('/v1/config/check', yaml('{}'))).body).toEqual({ valid: true, problems: [], diff: [] });
  expect((await told('/v1/config/check', yaml('x'))).body).toMatchObject({ valid: false, problems: ['E: no'] });
  const dry = await told('/v1/config/reload?dry-run', { method: 'POST' });
  expect(dry.body).toEqual({ applied: false, diff: ['~ a: 1 -> 2'], restart: [] });
  expect(changes).toEqual([]);
  expect((await told('/v1/config/reload', { method: 'POST' })).body).toMatchObject({ applied: true });
  expect(changes.splice(0)).toEqual(['reloaded']);
  const fileless = await createApp({ ...deps, configFile: null }).request('/v1/config/reload', { method: 'POST' });
  expect([fileless.status, await fileless.json()]).toMatchObject([409, { error: { code: 'no-config-file' } }]);
  const reload = () => Promise.reject(new UsageError('the config is not valid'));
  const refusing = createApp({ ...deps, configFile: { check: reload, reload } });
  const refused = await refusing.request('/v1/config/reload', { method: 'POST' });
  expect([refused.status, await refused.json()]).toMatchObject([422, { error: { code: 'config-refused' } }]);
});

test('events: those that were missed, then each as it happens; a client that goes is forgotten', async () => {
  const clock = { wall: () => 1000 };
  const bus = new EventBus(clock, () => {});
  const withBus = createApp({ ...deps, events: bus });
  bus.publish('config.refused', { reason: 'one' });
  bus.publish('config.refused', { reason: 'two' });
  const reply = await withBus.request('/v1/events', { headers: { 'last-event-id': '1000' } });
  const reader = reply.body!.getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await next()).toBe('retry: 1000\n\n');
  const event = (id: number, reason: string) =>
    `id: ${id}\nevent: config.refused\ndata: ${JSON.stringify({ id, time: 1000, name: 'config.refused', fields: { reason } })}\n\n`;
  expect(await next()).toBe(event(1001, 'two'));
  bus.publish('config.refused', { reason: 'three' });
  expect(await next()).toBe(event(1002, 'three'));
  await reader.cancel();
  bus.publish('config.refused', { reason: 'four' });
});

test('a path that is none, and a fault of Limpet', async () => {
  expect(await told('/v1/nothing')).toMatchObject({ status: 404, body: { error: { code: 'no-such-path' } } });
  const broken = createApp({ ...deps, pools: () => Promise.reject(new Error('no pools today')) });
  const reply = await broken.request('/v1/pools');
  expect([reply.status, await reply.json()]).toEqual([
    500,
    { error: { code: 'unexpected', message: 'no pools today' } },
  ]);
});

test('probes are text: ok, or a line for each reason', async () => {
  expect(await told('/livez')).toMatchObject({ status: 200, body: 'ok\n' });
  expect(await told('/readyz')).toMatchObject({ status: 503, body: 'pool shop has no usable server\n' });
});

test('over a socket: host, token, length and form of the body are checked before anything is done', async () => {
  const tokens = { operator: 'o'.repeat(32), read: 'r'.repeat(32) };
  await using admin = await listenAdmin(deps, tokens);
  const authorization = `Bearer ${tokens.operator}`;
  const send = async (method: string, path: string, headers: Record<string, string>, body?: string) => {
    const reply = await ask(`${admin.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    return [reply.status, JSON.parse(reply.body).error?.code];
  };
  const path = '/v1/servers/shop/s1';
  const json = { 'content-type': 'application/json' };
  const drain = '{"state":"drain"}';
  expect(await send('PATCH', path, json, drain)).toEqual([401, 'wrong-token']);
  expect(await send('PATCH', path, { ...json, authorization: `Bearer ${tokens.read}` }, drain)).toEqual([
    403,
    'read-only',
  ]);
  expect(await send('PATCH', path, { ...json, authorization, host: 'evil.example' }, drain)).toEqual([
    421,
    'unknown-host',
  ]);
  const origin = 'http://evil.example';
  expect(await send('PATCH', path, { ...json, authorization, origin }, drain)).toEqual([403, 'foreign-origin']);
  const long = `{"state":"drain","x":"${'x'.repeat(1024 * 1024)}"}`;
  expect(await send('PATCH', path, { ...json, authorization }, long)).toEqual([413, 'too-large']);
  expect(await send('TRACE', path, { authorization })).toEqual([400, 'bad-request']);
  expect(changes).toEqual([]);
  expect(await send('PATCH', path, { ...json, authorization }, drain)).toEqual([200, undefined]);
  expect(changes.splice(0)).toEqual(['shop/s1 {"state":"drain"}']);
  const head = await ask(`${admin.url}/v1/servers`, { method: 'HEAD', headers: { authorization } });
  expect([head.status, head.body]).toEqual([200, '']);
});
