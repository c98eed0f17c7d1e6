import { describe, expect, test } from 'vitest';
import type { Config } from './config.ts';
import { ConfigError } from './problem.ts';
import { readConfig } from './read.ts';

const source = { name: 'config', locate: () => null };
const listeners = [{ address: '127.0.0.1:8080' }];

/** What `readConfig` finds, errors as `E: field: text`, warnings as `W: ...`. */
function found(config: Partial<Config>): string[] {
  const whole = { listeners, pools: { a: { servers: ['3001'] } }, ...config };
  const tell = (problems: ConfigError['problems']) =>
    new ConfigError(source, problems).message.split('\n').map((line) => line.trim().replace('config  ', ''));
  try {
    const { warnings } = readConfig(whole, { source, env: {}, variables: false });
    return warnings.length === 0 ? [] : tell(warnings);
  } catch (error) {
    if (error instanceof ConfigError) return tell(error.problems);
    throw error;
  }
}

type Pool = Config['pools'][string];
const withPool = (pool: Partial<Pool>) => found({ pools: { a: { servers: ['3001'], ...pool } } });
type Entry = Exclude<NonNullable<Pool['affinity']>, string>[number];
type Cookie = NonNullable<Exclude<Entry, string>['cookie']>;
const withCookie = (cookie: Cookie) => withPool({ affinity: [{ cookie }] });
const cookie = 'pools.a.affinity[0].cookie';

describe('listeners', () => {
  test('one address twice', () => {
    expect(found({ listeners: [...listeners, ...listeners] })).toEqual([
      'E: listeners[1].address: found 127.0.0.1:8080, where listeners[0] listens already: expected another address',
    ]);
    expect(found({ listeners: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0' }] })).toEqual([]);
  });

  test('a limit that another one makes pointless', () => {
    expect(found({ listeners: [{ address: ':1', limits: { headBytes: '4k' } }] })).toEqual([
      'W: listeners[0].limits.uriBytes: never reached: headBytes, which counts the target too, is not larger',
    ]);
  });
});

describe('tls', () => {
  test('a redirect to nobody, and HSTS that is never sent', () => {
    expect(found({ listeners: [{ address: ':1', redirect: 'https', hsts: '1y' }] })).toEqual([
      'W: listeners[0].redirect: no listener has tls: who answers at https is somebody else',
      'W: listeners[0].hsts: never sent: it is sent over TLS only, and this listener has no tls',
    ]);
    expect(
      found({
        listeners: [
          { address: ':1', redirect: 'https' },
          { address: ':2', tls: 'auto', hsts: '1y' },
        ],
      }),
    ).toEqual([]);
    // The proxy in front has TLS.
    expect(found({ listeners: [{ address: ':1', redirect: 'https', trustedProxies: ['10.0.0.1'] }] })).toEqual([]);
  });

  test('a route that names a listener with a redirect is asked there, whatever comes before it', () => {
    const listeners = [
      { address: ':1', redirect: 'https' },
      { address: ':2', tls: 'auto' },
    ] as const;
    const route = (listener: string) => ({ match: { path: '/b', listeners: [listener] }, pool: 'a' });
    expect(found({ listeners, routes: [{ match: {}, pool: 'a' }, route(':1')] })).toEqual([]);
    expect(found({ listeners, routes: [{ match: {}, pool: 'a' }, route(':2')] })).toEqual([
      'W: routes[1]: never asked: routes[0] matches all that it does',
    ]);
    expect(found({ listeners, routes: [{ match: { listeners: [':2'] }, pool: 'a' }] })).toEqual([]);
  });

  test('affinity by certificates that no listener asks for', () => {
    const affinity = ['client-certificate', 'cookie'] as const;
    expect(withPool({ affinity })).toEqual([
      'W: pools.a.affinity[0]: recognises nobody: no listener has tls.clientCertificates',
    ]);
  });

  test('servers that are not verified', () => {
    expect(withPool({ tls: { verify: false, ca: 'a.pem' } })).toEqual([
      'W: pools.a.tls.verify: certificates of the servers are not verified: anybody can be one, and ca is not used',
    ]);
  });
});

describe('servers', () => {
  test('one name twice', () => {
    const servers = ['1', '2'].map((address) => ({ name: 's', address }));
    expect(withPool({ servers })).toEqual([
      'E: pools.a.servers[1].name: servers[0] is named "s" already: sessions are kept by name',
    ]);
  });

  test('one address twice', () => {
    expect(withPool({ servers: ['1', { name: 's', address: '127.0.0.1:1' }] })).toEqual([
      'E: pools.a.servers[1].address: servers[0] has the address 127.0.0.1:1 already: one address is one server',
    ]);
  });

  test('nobody takes a new session', () => {
    expect(withPool({ servers: [{ address: '1', weight: 0 }] })).toEqual([
      'W: pools.a.servers: every weight is 0: no server takes a new session',
    ]);
  });
});

describe('cookies', () => {
  test.each<[string, Cookie, string[]]>([
    [
      'SameSite=None',
      { sameSite: 'None', secure: 'never' },
      [`E: ${cookie}.secure: SameSite=None needs Secure: expected auto or always`],
    ],
    ['SameSite=None, secure by itself', { sameSite: 'None' }, []],
    [
      'Partitioned',
      { partitioned: true, secure: 'never' },
      [`E: ${cookie}.secure: a partitioned cookie needs Secure: expected auto or always`],
    ],
    [
      '__Secure-',
      { name: '__Secure-a', secure: 'never' },
      [`E: ${cookie}.secure: the name __Secure-a needs Secure: expected always`],
    ],
    ['__Host-', { name: '__Host-a', secure: 'always' }, []],
    [
      '__Host- over plain HTTP',
      { name: '__Host-a' },
      [
        `W: ${cookie}.secure: the name __Host-a needs Secure: clients that do not come over TLS get no cookie; "prefix" gives them one`,
      ],
    ],
    ['a prefix', { prefix: 'host', app: { path: '/' } }, []],
    [
      'a prefix, with what its name forbids',
      { prefix: 'host', secure: 'never', path: '/a', domain: 'a.org' },
      [
        `E: ${cookie}.secure: the name __Host-limpet needs Secure: expected always`,
        `E: ${cookie}.path: found "/a", expected "/" with the name __Host-limpet`,
        `E: ${cookie}.domain: expected none with the name __Host-limpet`,
      ],
    ],
    ['a prefix, elsewhere', { prefix: 'secure', path: '/a', domain: 'a.org' }, []],
    [
      'a prefix twice',
      { name: '__Secure-a', prefix: 'secure', secure: 'always' },
      [`E: ${cookie}.name: found __Secure-a, expected it without a prefix, because prefix is secure`],
    ],
    [
      'a prefix, and an app that may omit Secure',
      { prefix: 'secure', app: { secure: 'never' } },
      [`E: ${cookie}.app.secure: found never, expected auto or always with the name __Secure-limpet`],
    ],
    [
      '__Host- elsewhere',
      { name: '__host-a', secure: 'always', path: '/a', domain: 'example.org' },
      [
        `E: ${cookie}.path: found "/a", expected "/" with the name __host-a`,
        `E: ${cookie}.domain: expected none with the name __host-a`,
      ],
    ],
    [
      'permanent',
      { lifetime: 'permanent' },
      [`E: ${cookie}.absolute: found nothing, expected a time, because lifetime is permanent`],
    ],
    ['permanent until', { lifetime: 'permanent', absolute: '1h' }, []],
    [
      'idle beyond the end',
      { idle: '2h', absolute: '1h' },
      [`E: ${cookie}.idle: longer than absolute: a session would never be idle that long`],
    ],
  ])('%s', (_, settings, expected) => expect(withCookie(settings)).toEqual(expected));

  const two = (a: Cookie, b: Cookie) => ({
    a: { servers: ['1'], affinity: [{ cookie: a }] },
    b: { servers: ['2'], affinity: [{ cookie: b }] },
  });
  const routes = [{ match: { path: '/b' }, pool: 'b' }, { pool: 'a' }];
  const clash =
    'E: pools.b.affinity[0].cookie.name: pool a sets the cookie "limpet" too, and each would overwrite the other\'s: ' +
    'give one another name, such as "limpet-b"';

  test('of two pools overwrite each other', () => {
    expect(found({ pools: two({}, {}), routes })).toEqual([clash]);
    expect(found({ pools: two({ domain: 'a.org' }, { domain: 'a.org' }), routes })).toEqual([clash]);
    expect(
      found({
        pools: two({}, {}),
        routes: [
          { match: { host: 'x.a.org' }, pool: 'b' },
          { match: { host: '*.a.org' }, pool: 'a' },
        ],
      }),
    ).toEqual([clash]);
  });

  test.each<[string, Config['pools'], Config['routes']]>([
    ['another name', two({}, { name: 'b' }), routes],
    ['another path', two({}, { path: '/b' }), routes],
    [
      'another host',
      two({}, {}),
      [
        { match: { host: 'a.org' }, pool: 'a' },
        { match: { host: 'b.org' }, pool: 'b' },
      ],
    ],
    ['a route without affinity', two({}, {}), [{ match: { path: '/b' }, pool: 'b', affinity: 'none' }, { pool: 'a' }]],
  ])('of two pools are kept apart by %s', (_, pools, kept) => expect(found({ pools, routes: kept })).toEqual([]));

  test('a prefix makes another cookie for clients that use TLS, and none of them may be shared', () => {
    expect(found({ pools: two({ prefix: 'host' }, { name: '__Host-limpet', secure: 'always' }), routes })).toEqual([
      expect.stringContaining('sets the cookie "__Host-limpet" too'),
    ]);
    expect(found({ pools: two({ prefix: 'host' }, { name: 'limpet' }), routes })).toEqual([
      expect.stringContaining('sets the cookie "limpet" too'),
    ]);
  });

  test('twins are cookies too', () => {
    expect(found({ pools: two({ twin: true }, { name: 'limpet-x' }), routes })).toEqual([
      expect.stringContaining('pool a sets the cookie "limpet-x" too'),
    ]);
    expect(withCookie({ twin: true, secure: 'never' })).toEqual([
      `E: ${cookie}.secure: a twin cookie needs Secure: expected auto or always`,
    ]);
  });

  test('of one pool have one name', () => {
    expect(withPool({ affinity: ['cookie', 'cookie'] })).toEqual([
      expect.stringContaining('affinity[0] sets the cookie "limpet" too'),
    ]);
  });
});

describe('what is never used', () => {
  test('rewrite of our own cookie, and behind an affinity that binds first', () => {
    expect(withPool({ affinity: [{ rewrite: 'SID' }] })).toEqual([]);
    expect(withPool({ affinity: [{ rewrite: 'limpet' }, 'cookie'] })).toEqual([
      'E: pools.a.affinity[0].rewrite: "limpet" is our own cookie too: name the one that the app sets',
    ]);
    expect(withPool({ affinity: ['cookie', { rewrite: 'SID' }] })).toEqual([
      'W: pools.a.affinity[1]: recognises nobody: affinity[0] comes first and binds every new session',
    ]);
  });

  test('a map to a server that is not there; a map binds nobody, so others come behind it', () => {
    const map = { '42': 's1', 'tester-*': 's3' };
    const servers = ['s1', 's2'].map((name, i) => ({ name, address: `300${i}` }));
    const affinity = [{ route: { header: 'X-User', map } }, { rewrite: 'SID' }];
    expect(withPool({ servers, affinity })).toEqual([
      'E: pools.a.affinity[0].route.map["tester-*"]: there is no server "s3", did you mean "s1"?',
    ]);
    expect(withPool({ servers: [...servers, { name: 's3', address: '3009' }], affinity })).toEqual([]);
  });

  test('force behind an affinity that knows the client already', () => {
    const [force, other] = [{ force: { header: 'F' } }, { force: { query: 'f' } }];
    const trusting = [{ address: ':1', trustedProxies: ['unix'] }];
    const pools = (affinity: Entry[]) => ({ a: { servers: ['9'], affinity } });
    expect(found({ listeners: trusting, pools: pools([force, other, 'cookie']) })).toEqual([]);
    expect(found({ listeners: trusting, pools: pools(['cookie', force]) })).toEqual([
      'W: pools.a.affinity[1]: not asked for clients that affinity[0] recognises: put it first',
    ]);
  });

  test('force that nobody is believed', () => {
    expect(withPool({ affinity: [{ force: { header: 'F' } }] })).toEqual([
      'W: pools.a.affinity[0].force: believed of nobody: it counts from trusted proxies, and no listener has trustedProxies',
    ]);
  });

  test('a route that a condition leaves something of', () => {
    const css = { match: { methods: ['GET'], extensions: ['css'] }, pool: 'a' };
    expect(found({ routes: [css, { pool: 'a' }] })).toEqual([]);
    expect(found({ routes: [css, { ...css, match: { ...css.match, path: '/x' } }, { pool: 'a' }] })).toEqual([
      'W: routes[1]: never asked: routes[0] matches all that it does',
    ]);
  });

  test('an affinity behind source-ip', () => {
    expect(withPool({ affinity: ['source-ip', 'cookie'] })).toEqual([
      'W: pools.a.affinity[1]: never asked: source-ip before it recognises every request',
    ]);
  });

  test.each<[string, Config['routes'], string[]]>([
    [
      'a route behind one that takes all',
      [{ pool: 'a' }, { match: { path: '/x' }, pool: 'a' }],
      ['W: routes[1]: never asked: routes[0] matches all that it does'],
    ],
    [
      'a subdomain behind its pattern',
      [
        { match: { host: '*.a.org' }, pool: 'a' },
        { match: { host: 'b.a.org', path: '/x' }, pool: 'a' },
      ],
      ['W: routes[1]: never asked: routes[0] matches all that it does'],
    ],
    [
      'paths that only look alike',
      [
        { match: { path: '/a' }, pool: 'a' },
        { match: { path: '/ab' }, pool: 'a' },
      ],
      [],
    ],
  ])('%s', (_, routes, expected) => expect(found({ routes })).toEqual(expected));

  test('checks that overlap, ejections that shrink', () => {
    expect(withPool({ health: { path: '/', interval: '1s', timeout: '2s' } })).toEqual([
      'W: pools.a.health.timeout: longer than the interval: checks of one server overlap',
    ]);
    expect(withPool({ health: { passive: { ejection: '2m' } } })).toEqual([
      'E: pools.a.health.passive.ejection: longer than maxEjection',
    ]);
  });

  test('resolve: all', () => {
    expect(withPool({ resolve: 'all' })).toEqual([
      'W: pools.a.resolve: all says nothing here: no server of the pool has a name as its address',
    ]);
    const servers = [{ name: 'blue', address: 'app:80', resolve: 'all' as const }, 'other:80'];
    const map = { x: 'blue', y: 'other:80' };
    expect(withPool({ servers })).toEqual([]);
    expect(withPool({ servers, affinity: [{ route: { header: 'X-User', map } }] })).toEqual([
      'E: pools.a.affinity[0].route.map.x: found "blue", expected one server: with resolve: all it is as many as its name has addresses',
    ]);
  });
});

test('a resolver whose shortest time is longer than its longest', () => {
  expect(found({ resolver: { minTtl: '1m', maxTtl: '30s' } })).toEqual(['E: resolver.minTtl: longer than maxTtl']);
});

describe('routes', () => {
  const pools = { shop: { servers: ['1'] }, api: { servers: ['2'], affinity: 'none' as const } };

  test('lead to pools that exist', () => {
    expect(found({ pools, routes: [{ pool: 'shp' }] })).toEqual([
      'E: routes[0].pool: there is no pool "shp", did you mean "shop"?',
      'W: pools.shop: no route leads to this pool',
      'W: pools.api: no route leads to this pool',
    ]);
  });

  test('name listeners that exist, as they are written there or otherwise', () => {
    const two = [{ address: ':8080' }, { address: '[::1]:8081' }];
    const on = (...names: string[]) => [
      { match: { listeners: names }, pool: 'shop' },
      { match: { listeners: ['[::1]:8081'] }, pool: 'api' },
    ];
    expect(found({ listeners: two, pools, routes: on(':8080') })).toEqual([]);
    expect(found({ listeners: two, pools, routes: on(':808') })).toEqual([
      'E: routes[0].match.listeners[0]: there is no listener ":808", did you mean ":8080"?',
      'W: listeners[0]: no route is for this listener: each request there gets 404',
    ]);
    expect(found({ listeners: two, pools, routes: on('8080') })).toEqual([
      'E: routes[0].match.listeners[0]: found "8080", expected an address such as 127.0.0.1:8080, [::1]:8080, :8080 (all interfaces) or unix:/run/limpet.sock',
    ]);
    expect(found({ listeners: two, pools, routes: [{ pool: 'api' }, ...on(':8080')] })).toEqual([
      'W: routes[1]: never asked: routes[0] matches all that it does',
      'W: routes[2]: never asked: routes[0] matches all that it does',
    ]);
  });

  test('may be left out with one pool only', () => {
    expect(found({ pools })).toEqual([
      'E: routes: found nothing, expected a list of routes, because there are 2 pools',
    ]);
    expect(found({ pools: {} })).toEqual(['E: pools: found no pool, expected at least one']);
  });
});
