import { expect, test } from 'vitest';
import type { Config } from './config.ts';
import { ConfigError } from './problem.ts';
import { readConfig } from './read.ts';

const source = { name: 'config', locate: () => null };
const base = { listeners: [{ address: '127.0.0.1:8080' }], pools: { a: { servers: ['3001'] } } };

function found(config: Partial<Config>): string[] {
  const tell = (problems: ConfigError['problems']) =>
    new ConfigError(source, problems).message.split('\n').map((line) => line.trim().replace('config  ', ''));
  try {
    const { warnings } = readConfig({ ...base, ...config }, { source, env: {}, variables: false });
    return warnings.length === 0 ? [] : tell(warnings);
  } catch (error) {
    if (error instanceof ConfigError) return tell(error.problems);
    throw error;
  }
}

type Pool = Config['pools'][string];
const withPool = (pool: Partial<Pool>, sessions?: Config['sessions']) =>
  found({ pools: { a: { servers: ['3001'], ...pool } }, sessions });
const optionsOf = (config: Partial<Config>) =>
  readConfig({ ...base, ...config }, { source, env: {}, variables: false }).options;

test('sessions: what holds when nothing more is said, and pools that have them by it', () => {
  expect(optionsOf({})).toMatchObject({
    sessions: null,
    admin: { listen: 'state', token: '', hosts: [], tls: null },
    pools: [{ sessions: false }],
  });
  const { sessions, pools } = optionsOf({ sessions: {} });
  expect(sessions).toEqual({
    store: 'memory',
    replication: 'sync',
    whenStoreFails: 'fail',
    timeout: 2000,
    lag: 1024,
    endings: 100_000,
    secret: '',
    listen: 'state',
    stateBytes: 1_048_576,
    tombstone: 86_400_000,
    encrypt: null,
  });
  expect(pools[0]!.sessions).toBe(true);
  // Who names a secret has servers that may not reach a socket of this user.
  const loopback = { kind: 'tcp', host: '127.0.0.1', port: 0 };
  expect(optionsOf({ sessions: { secret: 'x'.repeat(32) } }).sessions?.listen).toEqual(loopback);
  expect(optionsOf({ sessions: {}, pools: { a: { servers: ['1'], sessions: false } } }).pools[0]!.sessions).toBe(false);
});

test.each([
  ['mongodb://x', 'mongodb://***'],
  ['lmdb:'],
  ['redis'],
  [''],
  ['memory:'],
  ['memory:0mb'],
  ['redis+sentinel://a:26379', 'redis+sentinel://***'],
  ['redis+cluster://', 'redis+cluster://***'],
  ['redis://user:p@ss/word@host', 'redis://***'],
])('a store that is none: %j', (store, shown = store) => {
  const problems = found({ sessions: { store } });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`E: sessions.store: found ${JSON.stringify(shown)}, expected memory or memory:256mb, `);
});

test.each([
  'memory:64mb',
  'lmdb:./data',
  'redis://127.0.0.1:6379/2',
  'rediss://user:secret@cache:6380',
  'redis+sentinel://a:26379,b:26379/shop',
  'redis+cluster://a:6379,b:6379',
])('a store: %s', (store) => {
  expect(found({ sessions: { store } })).toEqual([]);
});

test('secrets are long, and never told', () => {
  const [problem] = found({ sessions: { secret: 'too short' } });
  expect(problem).toContain('E: sessions.secret: found a text of 9 bytes, expected a text of at least 32 characters');
  expect(found({ admin: { token: 'x' } })[0]).toContain('E: admin.token: found a text of 1 bytes');
  expect(found({ sessions: { encrypt: 'hunter2' } })[0]).not.toContain('hunter2');
});

test('beyond loopback only with a secret', () => {
  const open = { listen: '0.0.0.0:4000' };
  const secret = 'x'.repeat(32);
  expect(found({ sessions: open })).toEqual([
    'E: sessions.listen: 0.0.0.0:4000 is not on loopback: expected sessions.secret, or 127.0.0.1, [::1] or unix:',
  ]);
  expect(found({ admin: open })).toEqual([
    'E: admin.listen: 0.0.0.0:4000 can be reached by every program of this machine: expected admin.token (openssl rand -hex 32), or unix:',
  ]);
  const admin = { listen: '0.0.0.0:4001', token: secret };
  const tls = { cert: 'a.crt', key: 'a.key' };
  expect(found({ sessions: { ...open, secret }, admin: { ...admin, tls } })).toEqual([]);
  expect(found({ admin })).toEqual([
    'W: admin.listen: 0.0.0.0:4001 is not on loopback: without admin.tls, who is on the way reads the token and may use it',
  ]);
  expect(found({ admin: { token: secret, tls } })).toEqual([
    'E: admin.tls: found a certificate, expected admin.listen with a TCP address such as :9000',
  ]);
  for (const listen of ['127.0.0.1:0', '[::1]:4000', 'localhost:1', 'unix:/run/a.sock']) {
    expect(found({ sessions: { listen } })).toEqual([]);
    expect(found({ admin: { listen, token: secret } })).toEqual([]);
    expect(found({ admin: { listen } })).toHaveLength(listen.startsWith('unix:') ? 0 : 1);
  }
  expect(found({ admin: { readToken: secret } })).toEqual([
    'W: admin.readToken: never asked for: without admin.token, who can open the socket may do everything',
  ]);
  expect(found({ admin: { listen: 'off' } })).toEqual([]);
});

test('what needs sessions, without', () => {
  expect(withPool({ sessions: true })).toEqual([
    'E: pools.a.sessions: found true, expected a top-level sessions: { store: memory }',
  ]);
  expect(withPool({ affinity: [{ cookie: { bind: 'on-session' } }] })).toEqual([
    'E: pools.a.affinity[0].cookie.bind: found on-session, expected always: no server of this pool begins sessions',
  ]);
  expect(withPool({ rebalance: { skew: 1.5 } })).toEqual([
    'E: pools.a.rebalance.skew: expected off: without sessions nothing can move',
  ]);
  expect(withPool({ rebalance: { skew: 1 } }, {})[0]).toContain('expected off, or a number above 1, to 100');
});

test('affinities that sessions cannot go by', () => {
  expect(withPool({ affinity: [{ rewrite: 'app' }] }, {})[0]).toContain(
    'E: pools.a.affinity[0]: gives a session its name after its first answer',
  );
  expect(withPool({ affinity: 'source-ip' }, {})).toEqual([
    'W: pools.a.sessions: no affinity of this pool names sessions: nothing is copied',
  ]);
  expect(withPool({ affinity: [{ learn: 'app' }, 'cookie'] }, {})[0]).toContain(
    'W: pools.a.affinity[1]: what a server keeps',
  );
  expect(withPool({ affinity: ['cookie', { learn: 'app' }] }, {})).toEqual([]);
  expect(found({ sessions: { replication: 'none', store: 'lmdb:./data' } })).toEqual([
    'W: sessions.store: never written to: replication is none',
  ]);
});

test('servers of other machines need a secret that a person has named', () => {
  const pools = { a: { servers: ['3001', 'app1:8080', '10.0.0.1:80', 'unix:/run/app.sock'] } };
  const text = 'expected sessions.secret, given to the server too, or it believes nothing it is told';
  expect(found({ pools, sessions: {} })).toEqual([
    `W: pools.a.servers[1].address: app1:8080 is not on loopback: ${text}`,
    `W: pools.a.servers[2].address: 10.0.0.1:80 is not on loopback: ${text}`,
  ]);
  expect(found({ pools, sessions: { secret: 'x'.repeat(32) } })).toEqual([]);
  expect(found({ pools })).toEqual([]);
});

test('names under which the admin listener may be asked', () => {
  const token = 'x'.repeat(32);
  expect(optionsOf({ admin: { token, hosts: ['Admin.Example.org', '10.0.0.1', '::1'] } }).admin.hosts).toEqual([
    'admin.example.org',
    '10.0.0.1',
    '::1',
  ]);
  expect(found({ admin: { token, hosts: ['a:80'] } })[0]).toContain('expected a host name without port');
});
