import { describe, expect, test } from 'vitest';
import { UsageError } from '../../errors.ts';
import { importNginx } from './importer.ts';

/** One pool, `app`, with this inside, asked at every path. */
function upstream(inner: string, location = '') {
  const text = `upstream app { server 10.0.0.1:80 route=a; server 10.0.0.2:80 route=b; ${inner} }
    server { listen 80; location / { ${location} proxy_pass http://app; } }`;
  const { config, notes } = importNginx(text, 'x.conf');
  return {
    pool: (config as { pools: { app: Record<string, unknown> } }).pools.app,
    config,
    whys: notes.map(({ why }) => why),
  };
}

function whole(text: string) {
  return importNginx(text, 'x.conf').config as {
    listeners: Record<string, unknown>[];
    pools: Record<string, { servers: Record<string, unknown>[] } & Record<string, unknown>>;
    routes: { match?: Record<string, unknown>; pool: string }[];
  };
}

describe('stickiness', () => {
  test.each([
    ['ip_hash;', [{ 'source-ip': { ipv4Prefix: 24, ipv6Prefix: 128 } }]],
    ['hash $remote_addr consistent;', [{ 'source-ip': { ipv4Prefix: 32, ipv6Prefix: 128 } }]],
    ['hash $cookie_sid;', [{ learn: 'sid' }]],
    ['hash $cookie_phpsessid;', [{ learn: 'PHPSESSID' }]],
    ['hash $http_x_user_id;', [{ header: 'X-User-Id' }]],
    ['hash $arg_room consistent;', [{ query: 'room' }]],
    ['hash $uri;', [{ path: '^(.*)$' }]],
    ['hash $scheme$proxy_host$request_uri;', [{ path: '^(.*)$' }]],
    [
      'sticky cookie srv expires=90m domain=.x.org path=/a httponly secure samesite=none;',
      [
        {
          cookie: {
            name: 'srv',
            lifetime: 'permanent',
            absolute: '1h30m',
            domain: 'x.org',
            path: '/a',
            secure: 'always',
            sameSite: 'None',
          },
        },
      ],
    ],
    ['sticky;', [{ cookie: { name: 'route' } }]],
    [
      'sticky learn create=$upstream_cookie_S create=$upstream_http_x_s lookup=$cookie_S lookup=$arg_s zone=z:1m;',
      [{ learn: { cookie: 'S', header: 'X-S', query: 's', idle: '10m' } }],
    ],
    [
      'sticky route $cookie_r $arg_r;',
      [{ route: { cookie: 'r', map: { a: 'a', b: 'b' } } }, { route: { query: 'r', map: { a: 'a', b: 'b' } } }],
    ],
    ['', 'none'],
  ])('%s', (inner, affinity) => expect(upstream(inner).pool.affinity).toEqual(affinity));

  test.each([
    ['hash $cookie_a$cookie_b;', 'is no single cookie'],
    ['sticky route $route_of_uri;', 'neither a cookie'],
    ['sticky learn zone=z:1m;', 'names no cookie'],
    ['sticky magic;', '"sticky magic" is not known'],
    ['hash $cookie_a; ip_hash;', 'says already how sessions are recognised'],
  ])('%s is told', (inner, why) => expect(upstream(inner).whys.join()).toContain(why));

  test('two pools have not the same cookie', () => {
    const { pools } = whole(`upstream a { server a:1; sticky cookie srv; } upstream b { server b:1; sticky cookie srv; }
      server { location / { proxy_pass http://a; } location /b { proxy_pass http://b; } }`);
    expect([pools.a?.affinity, pools.b?.affinity]).toEqual([
      [{ cookie: { name: 'srv' } }],
      [{ cookie: { name: 'srv-b' } }],
    ]);
  });
});

test.each([
  ['', 'round-robin'],
  ['least_conn;', undefined],
  ['random;', 'random'],
  ['random two;', 'two-choices'],
  ['least_time header;', undefined],
])('balance of %j', (inner, balance) => expect(upstream(inner).pool.balance).toBe(balance));

test('servers: names, weights, caps, failures', () => {
  const { pools } = whole(`upstream a {
    server app1.x.org weight=2 max_conns=9; server app1.y.org; server 10.0.0.1:81; server [::1]:82; server unix:/a.sock;
    server 10.0.0.2 down; server 10.0.0.3 backup; server 10.0.0.1:81; server $who; server b route=red max_fails=4 fail_timeout=90s;
  } server { location / { proxy_pass http://a; } }`);
  expect(pools.a?.servers).toEqual([
    { name: 'app1', address: 'app1.x.org:80', weight: 2, maxRequests: 9 },
    { name: 'app1.y.org-80', address: 'app1.y.org:80' },
    { name: 's3', address: '10.0.0.1:81' },
    { name: 's4', address: '[::1]:82' },
    { name: 's5', address: 'unix:/a.sock' },
    { name: 'red', address: 'b:80' },
  ]);
  expect(pools.a?.health).toEqual({ passive: { connectErrors: 4, ejection: '1m30s', maxEjection: '1m30s' } });
});

test('settings are inherited, and the inner one wins', () => {
  const text = `proxy_connect_timeout 3s; proxy_read_timeout 10s; upstream a { server a; keepalive 7; keepalive_timeout 20s; }
    server { proxy_read_timeout 20s; location / { proxy_pass http://a; proxy_set_header Host $host; proxy_next_upstream_tries 4; proxy_buffer_size 8k; } }`;
  expect(whole(text).pools.a).toMatchObject({
    maxIdle: 7,
    timeouts: { connect: '3s', response: '20s', responseBody: '20s', tunnel: '20s', keepAlive: '20s' },
    retry: { attempts: 4 },
    limits: { headBytes: '8k' },
  });
  // The one of http is left out, because nobody is reached by it.
  expect(importNginx(text, 'x').notes.map(({ line, why }) => [line, why])).toEqual([
    [
      1,
      'no location in reach of it passes to a server; every address of a is a server, as in nginx (resolve: all), and is looked up again',
    ],
  ]);
});

test('listeners', () => {
  const { listeners } = whole(`upstream a { server a; } client_max_body_size 1m; set_real_ip_from 10.0.0.0/8;
    server { listen 80 backlog=99 reuseport; listen 127.0.0.1:80; listen [::]:80; listen *:81; listen [::1]:82; listen unix:/l.sock;
      listen 443 ssl; location / { proxy_pass http://a; } location /up { client_max_body_size 1g; proxy_pass http://a; } }`);
  const common = { trustedProxies: ['10.0.0.0/8'], limits: { bodyBytes: '1G' } };
  expect(listeners).toEqual([
    { address: ':80', backlog: 99, reusePort: true, ...common },
    { address: ':81', ...common },
    { address: '[::1]:82', ...common },
    { address: 'unix:/l.sock', ...common },
  ]);
});

test('routes go from the special to the general, as nginx asks its locations', () => {
  const { routes } = whole(`upstream a { server a; } upstream b { server b; }
    server { listen 80; server_name x.org; location / { proxy_pass http://a; } location /long/ { proxy_pass http://b; }
      location /l { proxy_pass http://b; } location = /e { proxy_pass http://b; } location ~* \\.(gif|png)$ { proxy_pass http://b; } }
    server { server_name *.x.org y.org; location / { proxy_pass http://b; } }
    server { server_name z.org; return 404; }`);
  expect(routes.map(({ match = {}, pool }) => [match.host ?? '', match.path ?? match.extensions ?? '/', pool])).toEqual(
    [
      ['y.org', '/', 'b'],
      ['*.x.org', '/', 'b'],
      ['', ['gif', 'png'], 'b'],
      ['', '/e', 'b'],
      ['', '/long/', 'b'],
      ['', '/l', 'b'],
      ['', '/', 'a'],
    ],
  );
});

test('the default server keeps its name where the pattern of another one would take it', () => {
  const { routes } = whole(`upstream a { server a; } upstream b { server b; }
    server { server_name www.x.org; location / { proxy_pass http://a; } }
    server { server_name *.x.org; location / { proxy_pass http://b; } }`);
  expect(routes).toEqual([
    { match: { host: 'www.x.org' }, pool: 'a' },
    { match: { host: '*.x.org' }, pool: 'b' },
    { pool: 'a' },
  ]);
});

test('proxy_pass to an address is a pool of one', () => {
  const { pools, routes } = whole('server { listen 80; location / { proxy_pass http://127.0.0.1:3000; } }');
  expect(pools).toEqual({
    '127.0.0.1-3000': { servers: [{ name: 's1', address: '127.0.0.1:3000' }], affinity: 'none' },
  });
  expect(routes).toEqual([{ pool: '127.0.0.1-3000' }]);
});

test('servers with TLS, and of gRPC', () => {
  const text = `
    upstream api { server api-1.internal:8443; server api-2.internal:8443; }
    proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/ssl/internal.pem;
    server { listen 80;
      location /api/ { proxy_ssl_name api.internal; proxy_ssl_server_name on; proxy_pass https://api; }
      location /old/ { proxy_ssl_verify off; proxy_pass https://10.0.0.9; }
      location /host/ { proxy_ssl_certificate /c.pem; proxy_ssl_certificate_key /c.key; proxy_pass https://one.internal; }
      location /grpc/ { grpc_pass 10.0.0.10:50051; }
      location /grpcs/ { grpc_pass grpcs://10.0.0.11; }
      location /plain/ { proxy_pass http://api; }
    }`;
  const { pools, routes } = whole(text);
  const ca = '/etc/ssl/internal.pem';
  const of = (name: string) =>
    Object.fromEntries(Object.entries(pools[name] ?? {}).filter(([key]) => /^(?:tls|protocol)$/.test(key)));
  expect(of('api')).toEqual({ tls: { sni: 'api.internal', ca } });
  expect(of('10.0.0.9-443')).toEqual({ tls: { verify: false } });
  expect(of('one.internal-443')).toEqual({ tls: { sni: 'one.internal', ca, cert: '/c.pem', key: '/c.key' } });
  expect(of('10.0.0.10-50051')).toEqual({ protocol: 'h2' });
  expect(of('10.0.0.11-443')).toEqual({ protocol: 'h2', tls: { verify: false } });
  expect(routes).toHaveLength(5);
  const told = importNginx(text, 'x.conf').notes.filter(({ concern }) => concern !== undefined);
  expect(told.map(({ why }) => why)).toEqual([
    expect.stringContaining(
      'its proxy_pass is not carried over: another location speaks to these servers in another way',
    ),
  ]);
});

test.each([
  ['proxy_pass ftp://10.0.0.9;', 'is no http:// address'],
  ['proxy_pass grpc://10.0.0.9;', 'is no http:// address'],
  ['grpc_pass http://10.0.0.9;', 'is no grpc:// address'],
  ['proxy_pass http://$who;', 'known only when a request comes'],
  ['proxy_pass http:///x;', 'is no http:// address'],
  ['root /x;', 'no files are served here'],
  ['zorp on;', '"zorp" is not known to this importer'],
])('%s is told', (inner, why) => {
  const text = `upstream a { server a; }\nserver { location /a { proxy_pass http://a; } location / {\n${inner}\n} }`;
  const { notes } = importNginx(text, 'x');
  expect(notes.map((note) => note.why).join()).toContain(why);
});

test('a dollar sign of the file is no variable of ours', () => {
  const variable = '$' + '{HOME}';
  expect(
    JSON.stringify(
      whole(`upstream a { server unix:/${variable}/a; } server { location / { proxy_pass http://a; } }`).pools,
    ),
  ).toContain(`unix:/$${variable}/a`);
});

test.each(['', 'hello world;', 'http { }'])('%j is no config with servers', (text) => {
  expect(() => importNginx(text, 'x.conf')).toThrow(UsageError);
  expect(() => importNginx(text, 'x.conf')).toThrow(/^x\.conf:1: found no upstream/);
});

test('a block where none can be is refused, and not lost', () => {
  const text = 'upstream a {\n server b {\n proxy_pass http://c;\n} }';
  expect(() => importNginx(text, 'x')).toThrow('x:2: found "{" after "server", expected ";"');
});

const site = (text: string) => {
  const { config, notes } = importNginx(text, 'x.conf');
  const concerns = notes.flatMap(({ concern, line, why }) => (concern ? [`${concern} ${line}: ${why}`] : []));
  return { ...(config as ReturnType<typeof whole>), concerns };
};

describe('each address has servers of its own', () => {
  const app = 'upstream a { server 10.0.0.1; } upstream b { server 10.0.0.2; }';
  const pass = (pool: string) => `location / { proxy_pass http://${pool}; }`;

  test('and its own default, the first or the one that says so; nginx takes port 80 where nothing is said', () => {
    const { listeners, routes } = site(`${app} server { ${pass('a')} }
      server { listen 8081; server_name b.org; ${pass('b')} } server { listen 8081 default_server; server_name a.org; ${pass('a')} }`);
    expect(listeners).toEqual([{ address: ':80' }, { address: ':8081' }]);
    expect(routes).toEqual([
      { match: { listeners: [':80'] }, pool: 'a' },
      { match: { host: 'b.org', listeners: [':8081'] }, pool: 'b' },
      { match: { listeners: [':8081'] }, pool: 'a' },
    ]);
  });

  test('a default that refuses leaves nothing for other hosts', () => {
    const { routes, concerns } = site(`${app} server { listen 80 default_server; server_name _; return 444; }
      server { listen 80; server_name a.org; ${pass('a')} }`);
    expect(routes).toEqual([{ match: { host: 'a.org' }, pool: 'a' }]);
    expect(concerns).toEqual([]);
  });

  test('TLS is another address, and another listener stands in for it that no server has', () => {
    const { listeners, routes, concerns } = site(`upstream a { server 127.0.0.1:8080; }
      server { listen 80; return 301 https://$host$request_uri; } server { listen 443 ssl; listen [::]:443 ssl; ${pass('a')} }`);
    expect(listeners).toEqual([{ address: '127.0.0.1:8081' }]);
    expect(routes).toEqual([{ pool: 'a' }]);
    expect(concerns).toEqual([
      expect.stringMatching(/^not-working 2: none of its locations/),
      expect.stringMatching(/^not-working 2: nothing listens on :443 now, .* 127\.0\.0\.1:8081$/),
    ]);
  });

  test('of one that is spoken in the clear too nothing stands in', () => {
    const { listeners, concerns } = site(`${app} server { listen 80; listen 443 ssl; ${pass('a')} }`);
    expect(listeners).toEqual([{ address: ':80' }]);
    expect(concerns).toEqual([expect.stringMatching(/^not-working 1: nothing listens on :443 now, .*to :80$/)]);
  });

  const certificate = (name: string) =>
    `ssl_certificate /etc/ssl/${name}.pem; ssl_certificate_key /etc/ssl/${name}.key;`;
  const pair = (name: string) => ({ cert: `/etc/ssl/${name}.pem`, key: `/etc/ssl/${name}.key` });

  test('TLS with certificates in files is a listener with TLS, for all servers of the address', () => {
    const { listeners, routes, concerns } = site(`${app}
      server { listen 443 ssl http2; listen [::]:443 ssl; server_name a.org; ${certificate('a')} ssl_protocols TLSv1.3;
        add_header Strict-Transport-Security "max-age=63072000; includeSubDomains; preload" always; ${pass('a')} }
      server { listen 443 ssl; server_name b.org; ${certificate('b')} ${certificate('rsa')} ${pass('b')} }
      server { listen 80; return 301 https://$host$request_uri; }`);
    expect(listeners).toEqual([
      {
        address: ':443',
        tls: { certificates: [pair('a'), pair('b'), pair('rsa')], minVersion: '1.3' },
        hsts: { maxAge: '2y', includeSubdomains: true, preload: true },
      },
      { address: ':80', redirect: 'https' },
    ]);
    expect(routes).toEqual([{ match: { host: 'b.org' }, pool: 'b' }, { pool: 'a' }]);
    expect(concerns).toEqual([]);
  });

  test('certificates of http hold for its servers, and clients are asked for theirs', () => {
    const { listeners, concerns } =
      site(`${app} ${certificate('all')} ssl_client_certificate /etc/ssl/ca.pem; ssl_crl /etc/ssl/crl.pem;
      server { listen 8443 ssl; ssl_verify_client optional; ${pass('a')} }`);
    expect(listeners).toEqual([
      {
        address: ':8443',
        tls: { certificates: [pair('all')], clientCertificates: { ca: '/etc/ssl/ca.pem', require: false } },
      },
    ]);
    expect(concerns).toEqual([expect.stringMatching(/^open 1: certificates that were revoked are not refused here$/)]);
  });

  test.each([
    // Nobody is at https.
    `server { listen 80; return 301 https://$host$request_uri; } server { listen 81; ${pass('a')} }`,
    // Another server of the address serves in the clear.
    `server { listen 80; server_name a.org; return 301 https://$host$request_uri; } server { listen 80; server_name b.org; ${pass('a')} }
      server { listen 443 ssl; ${certificate('a')} ${pass('a')} }`,
    // To another host.
    `server { listen 80; return 301 https://other.org$request_uri; } server { listen 443 ssl; ${certificate('a')} ${pass('a')} }`,
  ])('no redirect is made of %s', (servers) => {
    const { listeners, concerns } = site(`${app} ${servers}`);
    expect(JSON.stringify(listeners)).not.toContain('redirect');
    expect(concerns).toEqual([expect.stringMatching(/^not-working \d: none of its locations/)]);
  });

  test('a server that redirects, and listens on nothing that can be read, is named', () => {
    const { notes } = importNginx(
      `upstream app { server 10.0.0.1:80; }
      server { listen 80; location / { proxy_pass http://app; } }
      server { listen nonsense:x; return 301 https://$host$request_uri; }`,
      'x.conf',
    );
    expect(notes.filter(({ line }) => line === 3)).not.toEqual([]);
  });

  test('a certificate that is a variable is none, and a client without one gets through', () => {
    const { listeners, concerns } = site(`${app}
      server { listen 443 ssl; ssl_certificate $ssl_server_name.pem; ssl_certificate_key x; ssl_verify_client on; ${pass('a')} }`);
    expect(listeners).toEqual([{ address: '127.0.0.1:8080' }]);
    expect(concerns.map((one) => one.split(' ')[0])).toEqual(['not-working', 'open']);
  });

  test('an address of one interface that all of them take is open', () => {
    const { listeners, concerns } = site(`${app} server { listen 80; ${pass('a')} }
      server { listen 127.0.0.1:80; server_name b.org; ${pass('b')} }`);
    expect(listeners).toEqual([{ address: ':80' }]);
    expect(concerns).toEqual([expect.stringMatching(/^open 2: :80 takes it as well/)]);
  });
});

describe('what a person has to know first', () => {
  test.each([
    ['deny all;', 'open'],
    ['allow 10.0.0.0/8; deny all;', 'open'],
    ['auth_basic "x";', 'open'],
    ['auth_request /auth;', 'open'],
    ['auth_jwt "x";', 'open'],
    ['satisfy any; deny all;', 'open'],
    ['limit_except GET { deny all; }', 'open'],
    ['limit_req zone=z;', 'open'],
    ['if ($http_x = "") { return 403; }', 'open'],
    ['proxy_set_header X-Remote-User $remote_user;', 'open'],
    ['proxy_set_header X-Real-IP $remote_addr;', 'open'],
    ['if ($scheme = http) { return 301 https://x; }', 'not-working'],
    ['rewrite ^/x(.*)$ $1 break;', 'not-working'],
    ['proxy_set_header Host inside.example;', 'not-working'],
    ['include snippets/app.conf;', 'not-working'],
    ['auth_basic off;', undefined],
    ['proxy_set_header X-Forwarded-Proto $scheme;', undefined],
    ['include proxy_params;', undefined],
    ['gzip on;', undefined],
  ])('in a location: %s: %s', (inner, concern) => {
    const { concerns } = site(`server { listen 80; location /x/ { ${inner} proxy_pass http://10.0.0.1; } }`);
    expect(concerns.map((one) => one.split(' ')[0])).toEqual(concern === undefined ? [] : [concern]);
  });

  test.each([
    ['location /x/ { deny all; }', 'open'],
    ['location ~ /\\.ht { deny all; }', 'open'],
    ['location /x/ { return 403; }', 'open'],
    ['location /x/ { root /srv; }', 'not-working'],
    ['location /x/ { return 301 /y/; }', 'not-working'],
    ['location /x/ { fastcgi_pass 127.0.0.1:9000; }', 'not-working'],
    ['location /x/ { proxy_pass http://10.0.0.2/; }', 'not-working'],
    ['location ~ ^/u/(\\d+)/ { proxy_pass http://10.0.0.2; }', 'not-working'],
    ['location /x/ { proxy_pass http://127.0.0.1:80; }', 'not-working'],
    ['location /x/ { try_files $uri @app; } location @app { proxy_pass http://10.0.0.2; }', 'not-working'],
    ['location /x/ { internal; proxy_pass http://10.0.0.2; }', undefined],
    ['location /x/ { set $u http://10.0.0.2; proxy_pass $u; }', undefined],
  ])('of a location: %s: %s', (location, concern) => {
    const { concerns } = site(`server { listen 80; location / { proxy_pass http://10.0.0.1; } ${location} }`);
    expect(concerns.map((one) => one.split(' ')[0])).toEqual(concern === undefined ? [] : [concern]);
  });

  test.each([
    ['hash $cookie_a$cookie_b; server 10.0.0.1;', 'not-sticky'],
    ['sticky magic; server 10.0.0.1;', 'not-sticky'],
    ['ip_hash; server app:3000;', undefined],
    ['sticky route $cookie_r; server app:3000 route=a resolve;', 'not-sticky'],
    ['ip_hash; server app1:3000; server app2:3000;', undefined],
    ['server app:3000;', undefined],
    ['ip_hash; server 10.0.0.1;', undefined],
  ])('of an upstream: %s: %s', (inner, concern) => {
    const { concerns } = site(`upstream a { ${inner} } server { listen 80; location / { proxy_pass http://a; } }`);
    expect(concerns.map((one) => one.split(' ')[0])).toEqual(concern === undefined ? [] : [concern]);
  });

  test.each([
    ['status 200; body ~ "ok";', { path: '/', status: '200', body: 'ok' }, 0],
    ['status 200-399 404;', { path: '/', status: '200-399,404' }, 0],
    ['header X-Ok = 1;', { path: '/' }, 1],
    ['status ! 500;', { path: '/' }, 1],
    ['status;', { path: '/' }, 1],
    ['status 399-200;', { path: '/' }, 1],
  ])('a match: %s', (match, health, lost) => {
    const { pools, concerns } = site(`upstream a { zone a 64k; server 10.0.0.1; } match m { ${match} }
      server { listen 80; location / { health_check match=m; proxy_pass http://a; } }`);
    expect(pools.a?.health).toEqual(health);
    expect(concerns).toHaveLength(lost);
  });

  test.each([
    [
      'upstream a { zone a 64k; state /x; }\nserver { location / { proxy_pass http://a; } }',
      'x.conf:2: found no route that can be carried over: line 2: upstream a has no server in this file (state)',
    ],
    ['upstream a { server x down; }', 'x.conf:1: upstream a has no server that can be carried over'],
    ['upstream a { server x; }', 'where it listens is not known'],
    ['server {\nlocation / { proxy_pass http://{{ .Host }}; } }', 'x.conf:2: {{ .Host }} is a template'],
    [`server {\nlocation / { proxy_pass http://${'$'}{HOST}; } }`, 'is a template: render it first'],
  ])('nothing is invented: %s', (text, why) => expect(() => importNginx(text, 'x.conf')).toThrow(why));
});
