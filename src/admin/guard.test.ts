import { expect, test } from 'vitest';
import { refusalOf } from './guard.ts';

const tokens = { operator: 'o'.repeat(32), read: 'r'.repeat(32) };
const operator = { authorization: `Bearer ${tokens.operator}` };
const read = { authorization: `Bearer ${tokens.read}` };

function refused(method: string, url: string, headers: Record<string, string> = {}, known = tokens) {
  const refusal = refusalOf({ method, url, headers: { host: 'localhost:9000', ...headers } }, known);
  return refusal && `${refusal.status} ${refusal.code}`;
}

test('the operator may do everything, the read token what changes nothing, nobody else anything', () => {
  for (const [method, url] of [
    ['GET', '/v1/status'],
    ['PATCH', '/v1/servers/a/b'],
    ['POST', '/v1/sessions/find?x'],
  ] as const) {
    expect(refused(method, url, operator)).toBeNull();
    expect(refused(method, url)).toBe('401 wrong-token');
    expect(refused(method, url, { authorization: `${operator.authorization}x` })).toBe('401 wrong-token');
    expect(refused(method, url, { authorization: tokens.operator })).toBe('401 wrong-token');
  }
  expect(refused('GET', '/v1/status', read)).toBeNull();
  expect(refused('HEAD', '/v1/status', read)).toBeNull();
  for (const path of ['/v1/sessions/find', '/v1/explain']) expect(refused('POST', `${path}?x=1`, read)).toBeNull();
  for (const [method, url] of [
    ['PATCH', '/v1/servers/a/b'],
    ['POST', '/v1/sessions/move'],
    ['POST', '/v1/config/reload'],
    ['POST', '/v1/config/check'],
    ['DELETE', '/v1/sessions/find'],
    ['POST', '/v1/sessions/find/'],
  ] as const)
    expect(refused(method, url, read)).toBe('403 read-only');
});

test('without an operator token everybody who can connect may; an empty read token admits nobody', () => {
  expect(refused('PATCH', '/v1/servers/a/b', {}, { operator: '', read: '' })).toBeNull();
  const alone = { ...tokens, read: '' };
  for (const authorization of ['', 'Bearer ', 'Bearer'])
    expect(refused('GET', '/v1/status', { authorization }, alone)).toBe('401 wrong-token');
});

test('probes and the files of the page need no token', () => {
  for (const url of ['/livez', '/readyz?verbose', '/', '/assets/app.js']) expect(refused('GET', url)).toBeNull();
  for (const url of ['/livez/x', '/v1', '/openapi.json', '//']) expect(refused('GET', url)).toBe('401 wrong-token');
  expect(refused('POST', '/livez')).toBe('401 wrong-token');
});

test('only a page of the listener itself may send anything', () => {
  for (const origin of ['https://evil.example', 'null', 'http://localhost', 'http://localhost:9001', ''])
    expect(refused('GET', '/livez', { ...operator, origin })).toBe('403 foreign-origin');
  for (const origin of ['http://localhost:9000', 'https://LOCALHOST:9000'])
    expect(refused('PATCH', '/v1/servers/a/b', { ...operator, origin })).toBeNull();
});
