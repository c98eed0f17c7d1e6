import { expect, test } from 'vitest';
import { SessionCache } from './session-cache.ts';
import type { ClientTls } from './tls.ts';

const rules: ClientTls = { sni: 'a', ca: null, pair: null, verify: true, protocols: [], minVersion: 'TLSv1.2' };
const server = (port: number) => ({ kind: 'tcp', host: '127.0.0.1', port }) as const;

test('a session is for one server and the very same rules', () => {
  const cache = new SessionCache();
  cache.set(rules, server(1), Buffer.from('x'));
  expect(cache.get(rules, server(1))?.toString()).toBe('x');
  expect(cache.get(rules, server(2))).toBeUndefined();
  expect(cache.get({ ...rules }, server(1))).toBeUndefined();
  cache.delete(rules, server(1));
  expect(cache.get(rules, server(1))).toBeUndefined();
});

test('a thousand are kept, and the one that was set longest ago goes first', () => {
  const cache = new SessionCache();
  for (let port = 1; port <= 1000; port++) cache.set(rules, server(port), Buffer.from('x'));
  cache.set(rules, server(1), Buffer.from('new'));
  cache.set(rules, server(1001), Buffer.from('x'));
  expect(cache.get(rules, server(1))?.toString()).toBe('new');
  expect(cache.get(rules, server(2))).toBeUndefined();
  expect(cache.get(rules, server(3))).toBeDefined();
});
