/** What frontends become: listeners, routes by ACLs, and which frontend goes before another. */
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../config/read.ts';
import { importHaproxy } from './importer.ts';

const backends = ['a', 'b', 'c'].flatMap((name, at) => [`backend ${name}`, `server s 10.0.0.${at + 1}:80`]);

function read(...lines: readonly string[]) {
  const text = ['defaults', 'mode http', ...lines].join('\n');
  const { config, notes } = importHaproxy(text, 'haproxy.cfg');
  readConfig(config, { source: { name: 'config', locate: () => null }, env: {}, variables: true });
  const concerns = notes.flatMap(({ concern, text: line, why }) => (concern ? [`${concern} ${line}: ${why}`] : []));
  return { config, concerns, told: notes.map(({ kind, text: line, why }) => `${kind} ${line}: ${why}`) };
}

const front = (...lines: readonly string[]) => read('frontend f', 'bind :80', ...lines, ...backends);
const routes = (...lines: readonly string[]) => front(...lines, 'default_backend b').config.routes;
const rest = { pool: 'b' };

describe('conditions', () => {
  test.each([
    ['{ hdr(host) -i A.org b.org:8080 }', [{ match: { host: 'a.org' } }, { match: { host: 'b.org' } }]],
    ['{ req.hdr(host),lower,field(1,:) a.org }', [{ match: { host: 'a.org' } }]],
    ['{ hdr_end(host) .a.org }', [{ match: { host: '*.a.org' } }]],
    ['{ hdr(host) -m end -i .a.org }', [{ match: { host: '*.a.org' } }]],
    ['{ hdr_dom(host) a.org }', [{ match: { host: 'a.org' } }, { match: { host: '*.a.org' } }]],
    ['{ path_beg /x/ /y }', [{ match: { path: '/x' } }, { match: { path: '/y' } }]],
    ['{ path /x }', [{ match: { path: '/x' } }]],
    ['{ path_end .css .JS }', [{ match: { extensions: ['css', 'js'] } }]],
    ['{ path_reg \\.(css|js)$ }', [{ match: { extensions: ['css', 'js'] } }]],
    ['{ method POST PUT }', [{ match: { methods: ['POST', 'PUT'] } }]],
    ['METH_GET', [{ match: { methods: ['GET', 'HEAD'] } }]],
    ['TRUE', [{}]],
    ['{ hdr(host) a.org } { path_beg /x } METH_POST', [{ match: { host: 'a.org', path: '/x', methods: ['POST'] } }]],
    ['{ hdr(host) a.org } or { path_beg /x }', [{ match: { host: 'a.org' } }, { match: { path: '/x' } }]],
    ['{ hdr_end(host) .a.org } { hdr(host) x.a.org y.org }', [{ match: { host: 'x.a.org' } }]],
    ['{ path_beg /x } { path_beg /x/y /z }', [{ match: { path: '/x/y' } }]],
  ])('%s', (condition, expected) => {
    const made = expected.map((route) => ({ ...route, pool: 'a' }));
    expect(routes(`use_backend a if ${condition}`)).toEqual('match' in (expected[0] ?? {}) ? [...made, rest] : made);
  });

  test.each([
    ['if !{ path_beg /x }', 'not what it is not'],
    ['if ! TRUE', 'not what it is not'],
    ['unless { path_beg /x }', 'unless'],
    ['if', 'no condition'],
    ['if TRUE ||', 'no condition'],
    ['if nobody', 'there is no acl "nobody"'],
    ['if { src 10.0.0.0/8 }', 'not by src'],
    ['if { path / }', 'not of the root alone'],
    ['if { path_reg ^/x }', 'not by pattern'],
    ['if { path_end -i /x }', 'only an extension'],
    ['if { hdr_beg(host) www. }', 'matched whole'],
    ['if { hdr(host) -f /etc/hosts.lst }', 'the flag -f'],
    ['if { hdr(host) a.org } { hdr(host) b.org }', 'no request is all of that'],
    ['if { method GET } { method POST }', 'no request is all of that'],
  ])('left out: %s', (condition, why) => {
    const { config, told } = front(`use_backend a ${condition}`, 'default_backend b');
    expect(config.routes).toEqual([rest]);
    expect(told.find((note) => note.startsWith(`left-out use_backend a ${condition}: `))).toContain(why);
  });

  // Of several alternatives those that can be said are carried over, and each of the others is told where it stands.
  test.each([
    ['if mixed', 'acl mixed src 10.0.0.1', 'not by src'],
    ['if { path_beg /x } || { src 10.0.0.1 }', 'use_backend a', 'not by src'],
    ['if { src 10.0.0.1 } or { path_beg /x }', 'use_backend a', 'not by src'],
    ['if { path_beg /x } or ! METH_GET', 'use_backend a', 'not what it is not'],
    ['if { path / /x }', 'use_backend a', 'not of the root alone'],
  ])('in part: %s', (condition, where, why) => {
    const { config, concerns } = front(
      'acl mixed path_beg /x',
      'acl mixed src 10.0.0.1',
      `use_backend a ${condition}`,
      'default_backend b',
    );
    expect(config.routes).toEqual([{ match: { path: '/x' }, pool: 'a' }, rest]);
    expect(concerns).toEqual([expect.stringContaining(why)]);
    expect(concerns[0]?.startsWith(`not-working ${where}`)).toBe(true);
  });

  test('more routes than a person would write are left out', () => {
    const many = (n: number) => Array.from({ length: n }, (_, at) => `/p${at}`).join(' ');
    const hosts = Array.from({ length: 9 }, (_, at) => `h${at}.org`).join(' ');
    expect(routes(`use_backend a if { path_beg ${many(8)} } { hdr(host) ${hosts} }`)).toEqual([rest]);
    expect(routes(`use_backend a if { path_beg ${many(7)} } { hdr(host) ${hosts} }`)).toHaveLength(64);
  });

  test('lines of one acl stand for any of them, and what differs is told of each', () => {
    const { config, told } = front(
      'acl x path_beg /x',
      'acl x hdr(host) a.org',
      'use_backend a if x',
      'default_backend b',
    );
    expect(config.routes).toEqual([
      { match: { path: '/x' }, pool: 'a' },
      { match: { host: 'a.org' }, pool: 'a' },
      rest,
    ]);
    expect(told.filter((note) => note.includes(' acl x'))).toEqual([
      expect.stringMatching(/^changed acl x path_beg \/x: .*not \/xx$/),
    ]);
  });
});

test('ignore-persist stands before each route to its pool, narrowed to it', () => {
  const { config } = read(
    'frontend f',
    'bind :80',
    'use_backend a if { path_beg /x }',
    'default_backend a',
    'backend a',
    'ignore-persist if { path_end .css }',
    'server s 10.0.0.1:80',
  );
  expect(config.routes).toEqual([
    { match: { path: '/x', extensions: ['css'] }, pool: 'a', affinity: 'none' },
    { match: { path: '/x' }, pool: 'a' },
    { match: { extensions: ['css'] }, pool: 'a', affinity: 'none' },
    { pool: 'a' },
  ]);
});

describe('listeners', () => {
  const listeners = (...lines: readonly string[]) =>
    read('frontend f', ...lines, 'default_backend a', ...backends).config.listeners;
  test.each([
    [['bind *:80'], [{ address: ':80' }]],
    [['bind 10.0.0.9:80,[::1]:81,*:82'], [{ address: '10.0.0.9:80' }, { address: '[::1]:81' }, { address: ':82' }]],
    [
      ['bind /run/f.sock', 'bind unix@/run/g.sock'],
      [{ address: 'unix:/run/f.sock' }, { address: 'unix:/run/g.sock' }],
    ],
    [
      ['bind :80', 'bind :80', 'bind :8000-8009', 'bind fd@3', 'bind :0', 'bind :99999', 'bind :443 ssl crt x'],
      [{ address: ':80' }],
    ],
    [['bind :80 backlog 99'], [{ address: ':80', backlog: 99 }]],
    [['bind :443 ssl crt x'], [{ address: '127.0.0.1:8080' }]],
    [
      ['bind :80', 'timeout client 90', 'timeout http-request 5s', 'timeout http-keep-alive 1m', 'maxconn 9'],
      [
        {
          address: ':80',
          limits: { connections: 9 },
          timeouts: { requestHead: '5s', requestBody: '90ms', keepAlive: '1m', write: '90ms' },
        },
      ],
    ],
    [
      ['bind :80', 'timeout client 0', 'timeout http-request 30d'],
      [{ address: ':80', timeouts: { requestHead: '596h' } }],
    ],
  ])('%j', (lines, expected) => expect(listeners(...lines)).toEqual(expected));

  test('frontends with the same rules share them, others have routes for their own listeners', () => {
    const f = ['frontend f', 'bind :80', 'default_backend a'];
    const g = ['frontend g', 'bind :81', 'default_backend a'];
    const same = read(...f, ...g, ...backends);
    expect(same.config.listeners).toEqual([{ address: ':80' }, { address: ':81' }]);
    expect(same.config.routes).toEqual([{ pool: 'a' }]);
    const inside = ['frontend inside', 'bind 127.0.0.1:82', 'bind :83', 'default_backend b'];
    const other = read(...f, ...inside, ...backends);
    expect(other.config.listeners).toEqual([{ address: ':80' }, { address: '127.0.0.1:82' }, { address: ':83' }]);
    expect(other.config.routes).toEqual([
      { match: { listeners: [':80'] }, pool: 'a' },
      { match: { listeners: ['127.0.0.1:82', ':83'] }, pool: 'b' },
    ]);
    expect(other.concerns).toEqual([]);
  });

  test('a service that is lost is told', () => {
    const { config, concerns } = read(
      ...['frontend f', 'bind :80', 'default_backend a'],
      ...['frontend plain', 'bind :81', 'http-request redirect scheme https'],
      ...['listen stats', 'bind :9000', 'stats enable'],
      ...['listen db', 'mode tcp', 'bind :5432', 'server s 10.0.0.9:5432'],
      ...['frontend secure', 'bind :443 ssl crt x', 'default_backend b'],
      ...backends,
    );
    expect(config.listeners).toEqual([{ address: ':80' }, { address: '127.0.0.1:8080' }]);
    expect(concerns).toEqual([
      expect.stringMatching(/^not-working frontend plain: .*nothing listens on :81/),
      expect.stringMatching(/^not-working listen db: mode tcp.*nothing listens on :5432/),
      expect.stringMatching(
        /^not-working bind :443 ssl crt x: nothing listens on :443 now, because the folder of x is not known/,
      ),
    ]);
  });

  const pem = (name: string) => ({ cert: `/etc/ssl/${name}`, key: `/etc/ssl/${name}` });

  test('TLS with certificates in files is a listener with TLS, and a redirect that of the others', () => {
    const { config, concerns } = read(
      ...['global', 'crt-base /etc/ssl', 'ca-base /etc/ca'],
      'frontend f',
      ...['bind :80', 'bind :443 ssl crt a.pem crt /etc/ssl/b.pem alpn http/1.1 ssl-min-ver TLSv1.3'],
      'bind :8443 ssl crt a.pem ca-file clients.pem verify optional crl-file revoked.pem',
      'http-request redirect scheme https code 301 unless { ssl_fc }',
      'http-response set-header Strict-Transport-Security "max-age=31536000; includeSubDomains"',
      ...['use_backend b if { path_beg /x }', 'default_backend a'],
      ...['frontend g', 'bind :90', 'default_backend b'],
      ...['frontend plain', 'bind :81', 'http-request redirect scheme https'],
      ...backends,
    );
    const hsts = { maxAge: '1y', includeSubdomains: true };
    expect(config.listeners).toEqual([
      { address: ':80', redirect: 'https' },
      {
        address: ':443',
        protocols: ['h1'],
        tls: { certificates: [pem('a.pem'), pem('b.pem')], minVersion: '1.3' },
        hsts,
      },
      {
        address: ':8443',
        tls: { certificates: [pem('a.pem')], clientCertificates: { ca: '/etc/ca/clients.pem', require: false } },
        hsts,
      },
      { address: ':90' },
      { address: ':81', redirect: 'https' },
    ]);
    expect(config.routes).toEqual([
      { match: { path: '/x', listeners: [':443', ':8443'] }, pool: 'b' },
      { match: { listeners: [':443', ':8443'] }, pool: 'a' },
      { match: { listeners: [':90'] }, pool: 'b' },
    ]);
    expect(concerns).toEqual([expect.stringMatching(/^open bind :8443 .*: certificates that were revoked/)]);
  });

  test.each([
    'bind :443 ssl crt /etc/ssl/',
    'bind :443 ssl crt-list /etc/ssl/list',
    'bind :443 ssl crt @store/a.pem',
    'bind :443 ssl',
    'bind quic4@:443 ssl crt /etc/ssl/a.pem',
  ])('%s has no file that is known, and nothing is redirected to it', (line) => {
    const { config, concerns } = read(
      ...['frontend f', 'bind :80', line, 'http-request redirect scheme https if !{ ssl_fc }', 'default_backend a'],
      ...backends,
    );
    expect(config.listeners).toEqual([{ address: ':80' }]);
    expect(concerns).toHaveLength(2);
    expect(concerns[0]).toMatch(/^not-working bind .*nothing listens on .*:443 now, because /);
    expect(concerns[1]).toMatch(/^not-working http-request redirect/);
  });

  test('a redirect of some requests only is none of the listener', () => {
    const { config, concerns } = read(
      ...['frontend f', 'bind :80', 'bind :443 ssl crt /etc/ssl/a.pem', 'default_backend a'],
      'http-request redirect scheme https if !{ ssl_fc } { path_beg /x }',
      ...backends,
    );
    expect(config.listeners).toEqual([{ address: ':80' }, { address: ':443', tls: { certificates: [pem('a.pem')] } }]);
    expect(concerns).toEqual([expect.stringMatching(/^not-working http-request redirect/)]);
  });

  test('listen is both, and its address may stand behind its name', () => {
    const { config } = read(
      'listen app 0.0.0.0:80',
      'use_backend a if { path_beg /x }',
      'server s 10.0.1.1:80',
      ...backends,
    );
    expect(config.listeners).toEqual([{ address: '0.0.0.0:80' }]);
    expect(config.routes).toEqual([{ match: { path: '/x' }, pool: 'a' }, { pool: 'app' }]);
  });
});

test('a dollar sign of the file begins no variable of ours', () => {
  const { config } = read('frontend f', 'bind /run/$${x}.sock', 'default_backend a', ...backends);
  expect(config.listeners).toEqual([{ address: `unix:/run/${'$'.repeat(4)}{x}.sock` }]);
});

describe('sections', () => {
  test('a word that nobody knows is told, wherever it stands', () => {
    const { told } = read(
      'frobnicate',
      'listen l',
      'bind :80',
      'server s 10.0.0.9:80',
      'frobnicate 2',
      'no frobnicate',
    );
    expect(told.filter((note) => /frob.*: "(?:no )?frobnicate" is not known/.test(note))).toHaveLength(3);
  });

  test('defaults: the latest one, or the one that is named, and its own defaults', () => {
    const { config, told } = read(
      ...['timeout connect 1s', 'defaults base', 'mode http', 'timeout connect 3s', 'timeout server 4s'],
      ...['defaults far from base', 'timeout server 9s', 'defaults last', 'mode http', 'timeout connect 5s'],
      ...[
        'listen x from far',
        'bind :80',
        'server s 10.0.0.1:80',
        'backend y',
        'server s 10.0.0.2:80',
        'backend z from base',
        'timeout connect 8s',
        'server s 10.0.0.3:80',
      ],
    );
    const times = Object.values(config.pools as Record<string, { timeouts?: unknown }>).map(({ timeouts }) => timeouts);
    expect(times).toEqual([
      { connect: '3s', response: '9s', responseBody: '9s' },
      { connect: '5s' },
      { connect: '8s', response: '4s', responseBody: '4s' },
    ]);
    // Nobody has the first defaults; the others serve some section each.
    expect(told.filter((note) => note.includes('timeout'))).toEqual([
      expect.stringContaining('left-out timeout connect 1s'),
    ]);
  });

  test('tcp is left out with all its lines; no mode at all is told', () => {
    const { config, told } = read(
      'backend t',
      'mode tcp',
      'server s 10.0.0.1:80',
      'listen l',
      'bind :80',
      'server s 10.0.0.2:80',
    );
    expect(Object.keys(config.pools as object)).toEqual(['l']);
    expect(told.filter((note) => note.startsWith('left-out'))).toHaveLength(3);
    const bare = importHaproxy('listen b\nbind :80\nserver s 10.0.0.1:80', 'haproxy.cfg');
    expect(bare.notes.map(({ why }) => why)).toEqual([expect.stringContaining('taken as http')]);
    const other = 'listen b\nbind :80\noption mysql-check\nserver s 10.0.0.1:80';
    expect(() => importHaproxy(other, 'haproxy.cfg')).toThrow(
      'line 1: no mode is given, and line 3 is of another protocol',
    );
  });

  test('names that a pool cannot have, and names that meet', () => {
    const { config } = read(
      'listen a:1',
      'bind :80',
      'server s 10.0.0.1:80',
      'backend a-1',
      'server s 10.0.0.1:80',
      'backend __proto__',
      'server s 10.0.0.1:80',
    );
    expect(Object.keys(config.pools as object)).toEqual(['a-1', 'a-1-2', 'proto']);
  });

  test('two pools that a client can meet have cookies of two names', () => {
    const pool = (name: string) => [
      `backend ${name}`,
      'cookie S insert',
      'option redispatch',
      'server s 10.0.0.1:80 cookie s',
    ];
    const names = (...rules: readonly string[]) => {
      const { config } = read('frontend f', 'bind :80', ...rules, ...pool('x'), ...pool('y'));
      const pools = Object.values(config.pools as Record<string, { affinity: { cookie: { name: string } }[] }>);
      return pools.map(({ affinity }) => affinity[0]?.cookie.name);
    };
    expect(names('use_backend x if { path_beg /x }', 'default_backend y')).toEqual(['S', 'S-y']);
    expect(names('use_backend x if { hdr(host) x.org }', 'use_backend y if { hdr(host) y.org }')).toEqual(['S', 'S']);
    expect(names('use_backend x if { hdr(host) x.org }', 'use_backend y if { hdr_end(host) .org }')).toEqual([
      'S',
      'S-y',
    ]);
  });
});

describe('what a person has to know first', () => {
  const variable = '$'.concat('{HOST}');

  test.each([
    ['http-request deny if !{ src 10.0.0.0/8 }', 'open'],
    ['http-request auth unless { http_auth(users) }', 'open'],
    ['http-request tarpit if { path_beg /wp-login }', 'open'],
    ['http-request return status 403 if { path_beg /admin }', 'open'],
    ['http-request set-header X-Remote-User %[var(txn.user)]', 'open'],
    ['http-request del-header X-Auth-Token', 'open'],
    ['http-response deny if { status 500 }', 'open'],
    ['tcp-request connection reject if !{ src 10.0.0.0/8 }', 'open'],
    ['tcp-request content silent-drop if { sc0_conn_rate gt 10 }', 'open'],
    ['block if { path_beg /admin }', 'open'],
    ['reqideny ^/admin', 'open'],
    ['use_backend refused if { path_beg /admin }', 'open'],
    ['bind :81 interface eth1', 'open'],
    ['http-request redirect scheme https', 'not-working'],
    ['redirect prefix https://x.org', 'not-working'],
    ['http-request set-path /app%[path]', 'not-working'],
    ['http-request set-header Host inside.example', 'not-working'],
    ['http-request return status 200 string ok if { path /ping }', 'not-working'],
    ['monitor-uri /ping', 'not-working'],
    ['use_backend gone if { path_beg /x }', 'not-working'],
    ['use_backend a if { hdr_beg(host) www. }', 'not-working'],
    ['use_backend %[req.hdr(host)]', 'not-working'],
    ['bind :81 accept-proxy', 'not-working'],
    ['bind :8000-8009', 'not-working'],
    ['bind :443 ssl crt x', 'not-working'],
    ['http-request set-header X-Forwarded-Proto https', undefined],
    ['http-request del-header Proxy', undefined],
    ['tcp-request inspect-delay 5s', undefined],
    ['option httplog', undefined],
  ])('%s: %s', (line, concern) => {
    const { concerns } = read(
      'frontend f',
      'bind :80',
      line,
      'default_backend a',
      ...backends,
      'backend refused',
      'http-request deny',
    );
    expect(concerns.map((one) => one.slice(0, one.indexOf(':')))).toEqual(
      concern === undefined
        ? []
        : [
            expect.stringContaining(
              `${concern} ${line.slice(0, line.indexOf(':') < 0 ? undefined : line.indexOf(':'))}`,
            ),
          ],
    );
  });

  test.each([
    ['server x 10.1.0.1:443 ssl verify none', 'not-working'],
    ['server x 10.1.0.1:80 send-proxy', 'not-working'],
    ['server x 10.1.0.1:80 proto h2', 'not-working'],
    [`server x ${variable}:80`, 'not-working'],
    [`server x "${variable}:80"`, 'not-working'],
    ['server x 127.0.0.1:80', 'not-working'],
    ['server-template x 3 app.internal:80', undefined],
    ['http-request deny if { path_beg /admin }', 'open'],
    ['stick on src if { path_beg /x }', 'not-sticky'],
    ['balance rdp-cookie(x)', 'not-sticky'],
    ['cookie S dynamic', 'not-sticky'],
    ['server x 10.1.0.1:80 disabled', undefined],
    ['server x 10.1.0.1', undefined],
  ])('of a backend: %s: %s', (line, concern) => {
    const { concerns } = read(
      'frontend f',
      'bind :80',
      'default_backend b',
      'backend b',
      'server s 10.0.0.1:80 cookie s',
      line,
    );
    expect(concerns.map((one) => one.split(' ')[0])).toEqual(concern === undefined ? [] : [concern]);
  });

  test('a server without a port has the one that clients come to', () => {
    const { config } = read(
      'frontend f',
      'bind :8080',
      'default_backend b',
      'backend b',
      'server x 10.0.0.1',
      'server y 10.0.0.2:+1',
    );
    expect(config.pools).toMatchObject({
      b: { servers: [{ address: '10.0.0.1:8080' }, { address: '10.0.0.2:8081' }] },
    });
  });

  test.each([
    [['frontend f', 'bind :80', ...backends], 'frontend f leads to no backend'],
    [['frontend f', 'bind :80', 'use_backend a if { hdr_beg(host) www. }', ...backends], 'hosts are matched whole'],
    [backends, 'where it listens is not known'],
    [
      ['frontend f', 'bind :80', '{{ range .Servers }}', ...backends],
      'haproxy.cfg:5: {{ range .Servers }} is a template',
    ],
    [['frontend f', 'bind :80', 'default_backend {{ name }}', ...backends], 'haproxy.cfg:5: {{ name }} is a template'],
  ])('nothing is invented: %j', (lines, why) => {
    expect(() => read(...lines)).toThrow(why);
  });
});
