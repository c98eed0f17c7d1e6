import { expect, test } from 'vitest';
import type { PoolOptions, PoolServer } from '../config/options.ts';
import { resolveServers } from './servers.ts';

const server = (host: string, resolve: 'any' | 'all', name = host): PoolServer => ({
  name,
  address: { kind: 'tcp', host, port: 80 },
  weight: 3,
  maxRequests: 7,
  resolve,
});
const pool = (...servers: PoolServer[]) => ({ name: 'shop', servers }) as unknown as PoolOptions;

test('each address of a name is a server of its own, named by both; what is no name stays', () => {
  const addresses = new Map([
    ['app', ['10.0.0.1', '2001:db8::1']],
    ['gone', []],
    ['any', ['10.0.0.5', '10.0.0.6']],
  ]);
  const unix: PoolServer = { ...server('x', 'all'), address: { kind: 'unix', path: '/run/app.sock' } };
  const stays = [server('any', 'any'), server('10.0.0.9', 'all'), server('gone', 'all'), server('new', 'all'), unix];
  const [{ servers } = pool()] = resolveServers([pool(server('app', 'all', 'blue'), ...stays)], addresses);
  expect(servers).toEqual([
    {
      ...server('10.0.0.1', 'all', 'blue@10.0.0.1'),
      address: { kind: 'tcp', host: '10.0.0.1', port: 80, name: 'app' },
    },
    {
      ...server('2001:db8::1', 'all', 'blue@2001:db8::1'),
      address: { kind: 'tcp', host: '2001:db8::1', port: 80, name: 'app' },
    },
    ...stays,
  ]);
});

test('a pool without such servers is the same pool', () => {
  const pools = [pool(server('any', 'any'))];
  expect(resolveServers(pools, new Map())[0]).toBe(pools[0]);
});
