import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import type { Config } from './config.ts';
import { ConfigError } from './problem.ts';
import { readConfig } from './read.ts';
import { readYaml } from './yaml.ts';

const env = { PORT: '3001', WEIGHT: '7', SECRET: 'hunter2', LONG: 'k'.repeat(32) };

function read(yaml: string) {
  const { value, locate, problems } = readYaml(yaml);
  const source = { name: 'limpet.yaml', locate };
  if (problems.length > 0) throw new ConfigError(source, problems);
  return readConfig(value, { source, env, variables: true });
}

/** The problems, one line each, without the indent. */
function problemsOf(yaml: string): string[] {
  try {
    read(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').map((line) => line.trim());
    throw error;
  }
  return [];
}

/** A config that is whole but for the line; `top` stands at the top, `pool` in its pool. */
const withTop = (top: string) => `listeners: [{ address: ":1" }]\npools: { a: { servers: [3001] } }\n${top}\n`;
const withPool = (pool: string) => `listeners: [{ address: ":1" }]\npools:\n  a:\n    servers: [3001]\n    ${pool}\n`;
const withServer = (server: string) =>
  `listeners: [{ address: ":1" }]\npools:\n  a:\n    servers:\n      - ${server}\n`;
const withCookie = (cookie: string) => withPool(`affinity: [{ cookie: { ${cookie} } }]`);

const serverForm = 'an address such as 127.0.0.1:3001, app1:8080, 3001 (a port of this machine) or unix:/run/app.sock';
const affinityForm =
  'cookie, source-ip, socket.io, client-certificate, or a map with one affinity, such as { cookie: { name: shop } }';

describe('mistakes, each with its place', () => {
  test.each<[string, string, string]>([
    ['an empty file', '', '1:1  found nothing, expected a map with listeners and pools'],
    ['a list', '[]', '1:1  found an empty list, expected a map with listeners and pools'],
    [
      'a word for a number',
      withServer('{ address: "3001", weight: heavy }'),
      '5:36  pools.a.servers[0].weight: found "heavy", expected a whole number from 0 to 65535',
    ],
    [
      'a fraction',
      withServer('{ address: "3001", weight: 1.5 }'),
      '5:36  pools.a.servers[0].weight: found 1.5, expected a whole number from 0 to 65535',
    ],
    [
      'too much',
      withServer('{ address: "3001", weight: 65536 }'),
      '5:36  pools.a.servers[0].weight: found 65536, expected a whole number from 0 to 65535',
    ],
    [
      'an empty value',
      withServer('{ address: "3001", weight: }'),
      '5:36  pools.a.servers[0].weight: found nothing, expected a whole number from 0 to 65535',
    ],
    [
      'no address',
      withServer('{ weight: 1 }'),
      `5:9  pools.a.servers[0].address: found nothing, expected ${serverForm}`,
    ],
    [
      'a bad short server',
      withServer('nowhere'),
      `5:9  pools.a.servers[0]: found "nowhere", expected ${serverForm}, or a map with address`,
    ],
    [
      'a misspelt field',
      withServer('{ address: "3001", wieght: 1 }'),
      '5:28  pools.a.servers[0].wieght: unknown field, did you mean "weight"?',
    ],
    [
      'an unknown field',
      withServer('{ address: "3001", colour: red }'),
      '5:28  pools.a.servers[0].colour: unknown field, expected one of name, address, weight, maxRequests, resolve',
    ],
    [
      'no servers',
      'listeners: [{ address: ":1" }]\npools: { a: { servers: [] } }',
      '2:24  pools.a.servers: found an empty list, expected at least one server',
    ],
    [
      'a pool name',
      'listeners: [{ address: ":1" }]\npools: { "a b": { servers: [3001] } }',
      '2:10  pools["a b"]: found the name "a b", expected a pool name of letters, digits, . _ and -',
    ],
    [
      'a misspelt word',
      withPool('balance: least-request'),
      '5:14  pools.a.balance: found "least-request", expected one of round-robin, least-requests, two-choices, random, rendezvous, maglev; did you mean "least-requests"?',
    ],
    [
      'maxLoad below the mean',
      withPool('maxLoad: 0.5'),
      '5:14  pools.a.maxLoad: found 0.5, expected 0 (no bound) or a number above 1, to 100',
    ],
    [
      'a time without unit',
      withPool('timeouts: { connect: 2 }'),
      '5:26  pools.a.timeouts.connect: found 2, expected a time such as 500ms, 30s or 1m30s, at most 596h; is its unit missing, as in 2s?',
    ],
    [
      'a time of zero',
      withPool('timeouts: { connect: 0s }'),
      '5:26  pools.a.timeouts.connect: found "0s", expected a time such as 500ms, 30s or 1m30s, at most 596h',
    ],
    [
      'a time that no timer keeps',
      withPool('timeouts: { tunnel: 597h }'),
      '5:25  pools.a.timeouts.tunnel: found "597h", expected a time such as 30s or 1m30s, at most 596h, or off',
    ],
    [
      'a size',
      withPool('retry: { bufferBody: 1T }'),
      '5:26  pools.a.retry.bufferBody: found "1T", expected a size from 0 to 64M, such as 16k, 1M or a number of bytes',
    ],
    [
      'an affinity',
      withPool('affinity: [cooky]'),
      `5:16  pools.a.affinity[0]: found "cooky", expected ${affinityForm}; did you mean "cookie"?`,
    ],
    [
      'two in one entry',
      withPool('affinity: [{ cookie: {}, source-ip: {} }]'),
      `5:16  pools.a.affinity[0]: found a map, expected ${affinityForm}`,
    ],
    [
      'a cookie name',
      withCookie('name: "a b"'),
      '5:34  pools.a.affinity[0].cookie.name: found "a b", expected a cookie name: letters, digits and the like, no space or ; or =, and not $Version, $Path, $Domain or $Port',
    ],
    [
      'a cookie name of RFC 2965',
      withCookie('name: $$Path'),
      '5:34  pools.a.affinity[0].cookie.name: found "$Path", expected a cookie name: letters, digits and the like, no space or ; or =, and not $Version, $Path, $Domain or $Port',
    ],
    [
      'a DNS server by name',
      `${withPool('')}\nresolver: { servers: [10.0.0.53, "dns.example:53"] }`,
      '7:34  resolver.servers[1]: found "dns.example:53", expected the address of a DNS server such as 10.0.0.53, 10.0.0.53:5353 or [2001:db8::53]:53',
    ],
    [
      'a word for several addresses',
      withPool('resolve: every'),
      '5:14  pools.a.resolve: found "every", expected one of any, all',
    ],
    [
      'a cookie path that adds an attribute',
      withCookie('path: "/; Secure"'),
      '5:34  pools.a.affinity[0].cookie.path: found "/; Secure", expected a path that begins with / and has no space or ;',
    ],
    [
      'case',
      withCookie('sameSite: lax'),
      '5:38  pools.a.affinity[0].cookie.sameSite: found "lax", expected one of Strict, Lax, None; did you mean "Lax"?',
    ],
    [
      'a status',
      withPool('whenOwnerFails: { reject: 200 }'),
      '5:31  pools.a.whenOwnerFails.reject: found 200, expected a whole number from 400 to 599',
    ],
    [
      'a word for the owner',
      withPool('whenOwnerFails: retry'),
      '5:21  pools.a.whenOwnerFails: found "retry", expected one of rebind, temporary, reject, or a status such as { reject: 404 }',
    ],
    [
      'HTTP checks without path',
      withPool('health: { active: http }'),
      '5:13  pools.a.health.path: found nothing, expected the path to ask for, because active is http',
    ],
    [
      'a detail of checks without path',
      withPool('health: { status: 200 }'),
      '5:13  pools.a.health.path: found nothing, expected the path to ask for, because status is given',
    ],
    [
      'statuses',
      withPool('health: { path: /, status: 2xx }'),
      '5:32  pools.a.health.status: found "2xx", expected statuses from 100 to 999, such as 200, 200-399 or 200-299,404',
    ],
    [
      'passive',
      withPool('health: { passive: true }'),
      '5:24  pools.a.health.passive: found true, expected false, or a map of fields',
    ],
    [
      'a listener without colon',
      'listeners: [{ address: "8080" }]\npools: { a: { servers: [3001] } }',
      '1:24  listeners[0].address: found "8080", expected an address such as 127.0.0.1:8080, [::1]:8080, :8080 (all interfaces) or unix:/run/limpet.sock',
    ],
    [
      'a block',
      'listeners: [{ address: ":1", trustedProxies: [10.0.0.0/33] }]\npools: { a: { servers: [3001] } }',
      '1:47  listeners[0].trustedProxies[0]: found "10.0.0.0/33", expected an address like 10.0.0.1, a block like 10.0.0.0/8, or unix',
    ],
    [
      'a route',
      withTop('routes: [{ match: { path: x }, pool: a }]'),
      '3:27  routes[0].match.path: found "x", expected a path that begins with / and has no space, ? or #',
    ],
    [
      'a host',
      withTop('routes: [{ match: { host: "a:80" }, pool: a }]'),
      '3:27  routes[0].match.host: found "a:80", expected a host without port, such as example.org or *.example.org',
    ],
    ['workers', withTop('workers: 255'), '3:10  workers: found 255, expected a whole number from 1 to 254, or auto'],
    [
      'a table',
      withTop('table: { capacity: 999 }'),
      '3:20  table.capacity: found 999, expected a whole number from 1000 to 100000000',
    ],
    [
      'true for a word',
      withTop('log: { access: true }'),
      '3:16  log.access: found true, expected one of off, text, json, common, combined, or a map of fields',
    ],
    ['a flag', withTop('identify: yes'), '3:11  identify: found "yes", expected true or false'],
    [
      'a short key, untold',
      withTop('keys: [hunter2]'),
      '3:8  keys[0]: found a text of 7 bytes, expected a key of at least 32 bytes in hex, base64 or plain text (openssl rand -base64 32)',
    ],
    [
      'a key without list, untold',
      withTop('keys: hunter2'),
      '3:7  keys: found a text of 7 bytes, expected a list of keys',
    ],
    ['a missing variable', withTop(`keys:\n  - \${NONE}`), '4:5  keys[0]: the environment variable NONE is not set'],
    [
      'a secret in the wrong place, untold',
      withPool(`balance: \${SECRET}`),
      `5:14  pools.a.balance: found what "\${SECRET}" gives, expected one of round-robin, least-requests, two-choices, random, rendezvous, maglev`,
    ],
    [
      'a field that is given twice',
      withTop('workers: 1\nworkers: 1'),
      '4:1  workers: stands twice, first in line 3, column 1: expected once',
    ],
    [
      'an alias without anchor',
      withTop('keys: *none'),
      '3:7  keys: found *, which begins the name of an alias, and no & with this name before it: quote a text that begins with *',
    ],
  ])('%s', (_, yaml, problem) => {
    expect(problemsOf(yaml)).toEqual([`E: limpet.yaml:${problem}`]);
  });

  test('all at once, in the order of the file', () => {
    const yaml = 'listeners: [{ address: x }]\npools:\n  a: { servers: [x, y] }\nworkers: 0\nroute: []\n';
    expect(problemsOf(yaml).map((line) => line.split(' ')[1])).toEqual([
      'limpet.yaml:1:24',
      'limpet.yaml:3:18',
      'limpet.yaml:3:21',
      'limpet.yaml:4:10',
      'limpet.yaml:5:1',
    ]);
  });

  test('an unquoted variable between brackets is explained', () => {
    expect(problemsOf(withTop(`keys: [\${LONG}]`)).at(0)).toContain(`such as "\${LONG}"`);
  });

  test('a bomb of aliases is refused', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'])
      lines.push(`${to}: &${to} [${`*${from},`.repeat(9)}*${from}]`);
    expect(problemsOf(lines.join('\n'))).toEqual([expect.stringContaining('its aliases stand for too much')]);
  });
});

describe('what is written becomes', () => {
  const pool = (yaml: string) => read(withPool(yaml)).options.pools[0]!;

  test('the defaults where nothing is', () => {
    const { options, warnings } = read('listeners: [{ address: ":8080" }]\npools: { a: { servers: ["3001"] } }\n');
    expect(warnings).toEqual([]);
    expect(options).toMatchObject({
      workers: Math.min(availableParallelism(), 254),
      table: { capacity: 1_000_000, save: 60_000 },
      keys: [],
      log: { access: null, level: 'info' },
      shutdown: { timeout: 30_000 },
      clock: { skew: 600_000 },
      stateDir: '.limpet',
      identify: false,
      routes: [
        { match: { host: '', path: '/', methods: [], extensions: [], listeners: [] }, pool: 'a', affinity: true },
      ],
    });
    expect(options.listeners[0]).toMatchObject({
      address: { kind: 'tcp', host: '', port: 8080 },
      limits: { connections: 100_000, headBytes: 16_384, headers: 100, uriBytes: 8192, bodyBytes: 0 },
      timeouts: {
        handshake: 10_000,
        requestHead: 10_000,
        requestBody: 30_000,
        keepAlive: 60_000,
        write: 30_000,
        linger: 60_000,
      },
      protocols: ['h1'],
      tls: null,
      redirect: null,
      hsts: null,
      upgrades: ['websocket'],
      backlog: 511,
    });
    expect(options.pools[0]).toEqual({
      name: 'a',
      servers: [
        {
          name: '127.0.0.1:3001',
          address: { kind: 'tcp', host: '127.0.0.1', port: 3001 },
          weight: 1,
          maxRequests: 0,
          resolve: 'any',
        },
      ],
      protocol: 'h1',
      tls: null,
      balance: 'least-requests',
      maxLoad: 0,
      affinity: [
        {
          type: 'cookie',
          bind: 'auto',
          name: 'limpet',
          path: '/',
          domain: '',
          sameSite: 'Lax',
          secure: 'auto',
          httpOnly: true,
          partitioned: false,
          prefix: 'none',
          twin: '',
          lifetime: 'session',
          idle: 8 * 3_600_000,
          absolute: 0,
          onCacheable: 'private',
          app: {
            maxAge: 720 * 3_600_000,
            sameSite: 'Lax',
            secure: 'auto',
            httpOnly: true,
            domain: '',
            path: '/',
          },
          whenOwnerFails: null,
        },
      ],
      sessions: false,
      rebalance: { skew: 0, rate: 10 },
      drain: { grace: 30_000, deadline: 0 },
      notifyMoves: false,
      countsForReadiness: true,
      whenOwnerFails: { action: 'rebind' },
      whenOwnerFull: 'queue',
      health: {
        active: null,
        passive: { connectErrors: 3, serverErrors: 0, ejection: 1000, maxEjection: 60_000 },
        agent: null,
        panicThreshold: 0.5,
        slowStart: 0,
      },
      queue: { max: 1024, timeout: 5000 },
      retry: { attempts: 3, bufferBody: 65_536, deadline: 0 },
      timeouts: { connect: 2000, response: 60_000, responseBody: 60_000, keepAlive: 4000, tunnel: 3_600_000 },
      maxIdle: 256,
      pipelining: 1,
      limits: { headBytes: 65_536, headers: 256, interim: 1000, connecting: 1024, h2Connections: 64, h2Streams: 100 },
    });
  });

  const listener = (fields: string) =>
    read(`listeners: [{ address: ":1", ${fields} }]\npools: { a: { servers: [3001] } }\n`).options.listeners[0]!;

  test('tls of a listener', () => {
    expect(listener('tls: auto')).toMatchObject({
      protocols: ['h2', 'h1'],
      tls: { certificates: 'auto', minVersion: 'TLSv1.2', ciphers: '', clientCertificates: null },
    });
    const certificates = '[{ cert: a.crt, key: a.key }, { cert: b.crt, key: b.key, ocsp: b.ocsp }]';
    const clients = '{ ca: c.pem, require: false, headers: { subject: X-Subject } }';
    expect(
      listener(
        `protocols: [h1], tls: { certificates: ${certificates}, minVersion: 1.3, clientCertificates: ${clients} }`,
      ),
    ).toMatchObject({
      protocols: ['h1'],
      tls: {
        certificates: [
          { cert: 'a.crt', key: 'a.key', ocsp: null },
          { cert: 'b.crt', key: 'b.key', ocsp: 'b.ocsp' },
        ],
        minVersion: 'TLSv1.3',
        ciphers: '',
        clientCertificates: {
          ca: 'c.pem',
          require: false,
          headers: { subject: 'X-Subject', fingerprint: '', altNames: '' },
        },
      },
    });
  });

  const day = 24 * 3_600_000;

  test.each<[string, object]>([
    ['1y', { maxAge: 365 * day, includeSubdomains: false, preload: false }],
    ['26w', { maxAge: 182 * day }],
    ['1h30m', { maxAge: 5_400_000 }],
    [
      '{ maxAge: 730d, includeSubdomains: true, preload: true }',
      { maxAge: 730 * day, includeSubdomains: true, preload: true },
    ],
    ['{ maxAge: 0s }', { maxAge: 0, includeSubdomains: false }],
  ])('hsts: %s', (yaml, expected) => expect(listener(`tls: auto, hsts: ${yaml}`).hsts).toMatchObject(expected));

  test.each([
    ['https', 0],
    ['https:443', 443],
    ['https:65535', 65535],
  ])('redirect: %s', (yaml, port) => expect(listener(`redirect: ${yaml}`).redirect).toEqual({ port }));

  test.each(['http', 'https:0', 'https:65536', 'https:', 'https://a'])('not redirect: %s', (yaml) =>
    expect(() => listener(`redirect: "${yaml}"`)).toThrow('expected https, or https:PORT'),
  );

  test.each<[string, object | null]>([
    ['false', null],
    ['true', { sni: '', ca: null, cert: null, key: null, verify: true, minVersion: 'TLSv1.2' }],
    ['{}', { sni: '', ca: null, cert: null, key: null, verify: true, minVersion: 'TLSv1.2' }],
    [
      '{ sni: API.internal, ca: c.pem, cert: a.crt, key: a.key, minVersion: "1.3" }',
      { sni: 'api.internal', ca: 'c.pem', cert: 'a.crt', key: 'a.key', verify: true, minVersion: 'TLSv1.3' },
    ],
  ])('tls of a pool: %s', (yaml, expected) => expect(pool(`tls: ${yaml}`).tls).toEqual(expected));

  test.each<[string, object]>([
    ['{ grpc: shop.v1.Cart }', { grpc: { service: 'shop.v1.Cart' }, http: null, interval: 2000 }],
    ['{ active: grpc, interval: 5s }', { grpc: { service: '' }, http: null, interval: 5000 }],
    ['{ active: tcp }', { grpc: null, http: null }],
  ])('health: %s', (yaml, expected) =>
    expect(pool(`protocol: h2\n    health: ${yaml}`).health.active).toMatchObject(expected),
  );

  test.each<[string, unknown]>([
    ['affinity: none', []],
    [
      'affinity: source-ip',
      [{ type: 'source-ip', ipv4Prefix: 32, ipv6Prefix: 64, mode: 'hash', idle: 1_800_000, whenOwnerFails: null }],
    ],
    ['affinity: [{ source-ip: { ipv4Prefix: 24 } }]', [{ type: 'source-ip', ipv4Prefix: 24, ipv6Prefix: 64 }]],
    ['affinity: [cookie, source-ip]', [{ type: 'cookie', name: 'limpet' }, { type: 'source-ip' }]],
    ['affinity: [{ cookie: { absolute: 1h } }]', [{ idle: 3_600_000, absolute: 3_600_000 }]],
    ['affinity: [{ cookie: { idle: off, domain: .Example.org } }]', [{ idle: 0, domain: 'example.org' }]],
  ])('%s', (yaml, affinity) => expect(pool(yaml).affinity).toMatchObject(affinity as object));

  test.each([
    ['rebind', { action: 'rebind' }],
    ['temporary', { action: 'temporary' }],
    ['reject', { action: 'reject', status: 503 }],
    ['{ reject: 404 }', { action: 'reject', status: 404 }],
  ])('whenOwnerFails: %s', (yaml, expected) =>
    expect(pool(`whenOwnerFails: ${yaml}`).whenOwnerFails).toEqual(expected),
  );

  test.each<[string, object]>([
    [
      '{ path: /healthz, interval: 5s }',
      {
        active: {
          grpc: null,
          http: { path: '/healthz', host: '', status: [[200, 399]], body: '' },
          interval: 5000,
          timeout: 1000,
          rise: 2,
          fall: 3,
          jitter: 0.1,
        },
      },
    ],
    [
      '{ path: /, status: "200-299,404" }',
      {
        active: {
          grpc: null,
          http: {
            status: [
              [200, 299],
              [404, 404],
            ],
          },
        },
      },
    ],
    ['{ active: tcp }', { active: { http: null, interval: 2000 } }],
    ['{ fall: 1 }', { active: { http: null, fall: 1 } }],
    ['{ path: /, active: false }', { active: null }],
    ['{ passive: false }', { active: null, passive: null }],
    [
      '{ passive: { connectErrors: 1, ejection: 200ms } }',
      { active: null, passive: { connectErrors: 1, serverErrors: 0, ejection: 200 } },
    ],
  ])('health: %s', (yaml, expected) => expect(pool(`health: ${yaml}`).health).toMatchObject(expected));

  test('a route without affinity, its path on whole segments', () => {
    const { routes } = read(
      withTop('routes: [{ match: { path: /assets/ }, pool: a, affinity: none }, { pool: a }]'),
    ).options;
    expect(routes).toEqual([
      { match: { host: '', path: '/assets', methods: [], extensions: [], listeners: [] }, pool: 'a', affinity: false },
      { match: { host: '', path: '/', methods: [], extensions: [], listeners: [] }, pool: 'a', affinity: true },
    ]);
  });

  test('numbers and addresses from variables', () => {
    const { servers } = read(withServer(`{ address: "\${PORT}", weight: "\${WEIGHT}", maxRequests: "\${MAX:-9}" }`))
      .options.pools[0]!;
    expect(servers).toMatchObject([{ address: { port: 3001 }, weight: 7, maxRequests: 9 }]);
  });

  test('something that nobody can change', () => {
    const { options } = read(withTop(`keys:\n  - \${LONG}`));
    expect(Object.isFrozen(options.pools[0]?.servers[0]?.address)).toBe(true);
    expect(options.keys).toEqual([Buffer.from('k'.repeat(32))]);
  });
});

test('a module keeps its dollar signs, and LIMPET_STATE goes before stateDir', () => {
  const config: Config = {
    listeners: [{ address: ':80' }],
    pools: { a: { servers: [3001], health: { path: `/\${x}` } } },
    stateDir: 'here',
  };
  const source = { name: 'config', locate: () => null };
  const { options } = readConfig(config, { source, env: { LIMPET_STATE: '/there' }, variables: false });
  expect(options.pools[0]?.health.active?.http?.path).toBe(`/\${x}`);
  expect(options.stateDir).toBe('/there');
});

test('h2c is no upgrade that is passed on', () => {
  const config = { listeners: [{ address: ':80', upgrades: ['H2C'] }], pools: { a: { servers: ['a:1'] } } };
  expect(() => readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false })).toThrow(
    /upgrades\[0\].*but not h2c/,
  );
});
