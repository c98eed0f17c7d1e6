/** What the lines of a backend become: affinities, policies, failover, servers and checks. */
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../config/read.ts';
import { importHaproxy } from './importer.ts';

const servers = ['server s1 10.0.0.1:80 check cookie a', 'server s2 10.0.0.2:80 check cookie b'];

/** The pool that these lines make, and the notes as `left-out TEXT: WHY`. */
function backend(...lines: readonly string[]) {
  const own = lines.some((line) => line.startsWith('server ')) ? lines : [...lines, ...servers];
  const text = ['frontend f', 'mode http', 'bind :80', 'default_backend b', 'backend b', 'mode http', ...own].join(
    '\n',
  );
  const { config, notes } = importHaproxy(text, 'haproxy.cfg');
  readConfig(config, { source: { name: 'config', locate: () => null }, env: {}, variables: true });
  const pools = config.pools as Record<string, Record<string, unknown>>;
  return { pool: pools.b ?? {}, config, told: notes.map(({ kind, text: line, why }) => `${kind} ${line}: ${why}`) };
}

const affinity = (...lines: readonly string[]) => backend('option redispatch', ...lines).pool.affinity;
const health = (...lines: readonly string[]) => backend(...lines).pool.health;

describe('cookie', () => {
  test.each([
    ['cookie SRV insert indirect nocache', [{ cookie: { name: 'SRV', idle: 'off' } }]],
    ['cookie SRV insert maxidle 30m maxlife 8h', [{ cookie: { name: 'SRV', idle: '30m', absolute: '8h' } }]],
    // These times are in seconds, unlike all others.
    ['cookie SRV insert maxidle 1800', [{ cookie: { name: 'SRV', idle: '30m' } }]],
    // Longer than we can keep is as long as we can.
    ['cookie SRV insert maxidle 99999d', [{ cookie: { name: 'SRV', idle: '99999h' } }]],
    ['cookie SRV insert maxidle 2h maxlife 1h', [{ cookie: { name: 'SRV', idle: '1h', absolute: '1h' } }]],
    [
      'cookie SRV insert secure httponly domain .x.org',
      [{ cookie: { name: 'SRV', secure: 'always', domain: 'x.org', idle: 'off' } }],
    ],
    [
      'cookie SRV insert attr "SameSite=None"',
      [{ cookie: { name: 'SRV', sameSite: 'None', secure: 'always', idle: 'off' } }],
    ],
    ['cookie __Host-s insert domain x.org secure', [{ cookie: { name: '__Host-s', secure: 'always', idle: 'off' } }]],
    ['cookie SRV rewrite', [{ cookie: { name: 'SRV', idle: 'off' } }]],
    ['cookie JSESSIONID prefix', [{ rewrite: 'JSESSIONID' }]],
    // The app itself names the server.
    ['cookie SRV', [{ route: { cookie: 'SRV', map: { a: 's1', b: 's2' } } }]],
    ['cookie SRV indirect dynamic', 'none'],
  ])('%s', (line, expected) => expect(affinity(line)).toEqual(expected));

  test('the words that are not the same are told', () => {
    const { told } = backend(
      'option redispatch',
      'cookie SRV insert postonly preserve dynamic httponly domain a.org domain b.org',
    );
    expect(told.map((note) => note.slice(note.indexOf(': ') + 2))).toEqual([
      expect.stringContaining('signed token'),
      expect.stringContaining('(postonly)'),
      expect.stringContaining('(preserve)'),
      expect.stringContaining('(dynamic)'),
      'a cookie has one domain: b.org is another',
    ]);
  });

  test('no server has a value: nobody is kept by it', () => {
    const { pool, told } = backend('cookie SRV insert', 'server s1 10.0.0.1:80');
    expect(pool.affinity).toBe('none');
    expect(told).toEqual([
      'left-out cookie SRV insert: no server of it has a cookie value, so HAProxy keeps nobody by it',
    ]);
  });
});

describe('stick', () => {
  const table = 'stick-table type string len 64 size 200k expire 20m';
  test.each([
    [['stick on src'], [{ 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: '20m' } }]],
    [['stick on src,ipmask(24,64)'], [{ 'source-ip': { mode: 'table', ipv4Prefix: 24, idle: '20m' } }]],
    [
      ['stick on src,ipmask(255.255.0.0)'],
      [{ 'source-ip': { mode: 'table', ipv4Prefix: 16, ipv6Prefix: 128, idle: '20m' } }],
    ],
    [['stick on req.cook(JSESSIONID)'], [{ learn: { cookie: 'JSESSIONID', idle: '20m' } }]],
    [['stick on hdr(X-User)'], [{ header: { name: 'X-User', idle: '20m' } }]],
    [['stick on url_param(sid)'], [{ query: { name: 'sid', idle: '20m' } }]],
    [['stick match hdr(X-User)', 'stick store-request hdr(X-User)'], [{ header: { name: 'X-User', idle: '20m' } }]],
    [['stick store-response res.cook(A)', 'stick match req.cook(A)'], [{ learn: { cookie: 'A', idle: '20m' } }]],
    [
      ['stick store-response res.hdr(Mcp-Session-Id)', 'stick on req.hdr(mcp-session-id)'],
      [{ learn: { header: 'Mcp-Session-Id', idle: '20m' } }],
    ],
    [
      [
        'stick store-response res.cook(A)',
        'stick match url_param(a,;)',
        'stick match urlp(q)',
        'stick match req.cook(A)',
      ],
      [{ learn: { cookie: 'A', parameter: 'a', query: 'q', idle: '20m' } }],
    ],
    // What knows every client is asked last.
    [
      ['stick on src', 'stick on req.cook(A)'],
      [{ learn: { cookie: 'A', idle: '20m' } }, { 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: '20m' } }],
    ],
    // The cookie is asked first in HAProxy as well, and an address would keep every client from getting it.
    [['stick on src', 'cookie SRV insert'], [{ cookie: { name: 'SRV', idle: 'off' } }]],
    [['stick store-response res.cook(A)'], 'none'],
    [['stick match req.cook(A)'], 'none'],
    [['stick store-request src'], 'none'],
    [['stick on payload_lv(43,1)'], 'none'],
    [['stick on src if { path /a }'], 'none'],
    [['stick on src table elsewhere'], 'none'],
    [['stick on req.hdr(X-User),lower'], 'none'],
  ])('%j', (lines, expected) => {
    const { pool, told } = backend('option redispatch', table, ...lines);
    expect(pool.affinity).toEqual(expected);
    if (expected === 'none') expect(told.filter((note) => note.startsWith(`left-out ${lines[0]}`))).toHaveLength(1);
  });

  test('the session table has room for what all stick tables held', () => {
    expect(backend(table, 'stick on src').config.table).toEqual({ capacity: 204_800 });
    expect(backend('stick-table type ip size 10', 'stick on src').config.table).toEqual({ capacity: 1000 });
    expect(backend(table).config.table).toBeUndefined();
  });

  test('the table of another backend gives its times, and its sessions stay there', () => {
    const other = ['backend other', 'mode http', 'stick-table type ip size 5k expire 5m', 'server s 10.0.1.1:80'];
    const { pool, told } = backend('option redispatch', 'stick on src table other', ...servers, ...other);
    expect(pool.affinity).toEqual([{ 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: '5m' } }]);
    expect(told).toContainEqual(expect.stringContaining('what other has learned does not count in b'));
  });

  test('appsession of old', () => {
    expect(affinity('appsession PHPSESSID len 52 timeout 3h mode query-string')).toEqual([
      { learn: { cookie: 'PHPSESSID', query: 'PHPSESSID', idle: '3h' } },
    ]);
  });
});

describe('balance', () => {
  test.each([
    [['balance roundrobin'], { balance: 'round-robin', affinity: 'none' }],
    [[], { balance: 'round-robin', affinity: 'none' }],
    [['balance leastconn'], { affinity: 'none' }],
    [['balance random'], { balance: 'two-choices', affinity: 'none' }],
    [['balance random(1)'], { balance: 'random', affinity: 'none' }],
    [['balance first'], { affinity: 'none' }],
    [['balance static-rr'], { balance: 'round-robin', affinity: 'none' }],
    [['balance source', 'hash-type consistent'], { affinity: [{ 'source-ip': { ipv6Prefix: 128 } }] }],
    [['balance uri', 'hash-balance-factor 125'], { maxLoad: 1.25, affinity: [{ path: '^(/.*)$' }] }],
    [['balance uri', 'hash-balance-factor 90'], { affinity: [{ path: '^(/.*)$' }] }],
    [['balance uri len 12'], { affinity: [{ path: '^(.{1,12})' }] }],
    [['balance url_param user'], { balance: 'round-robin', affinity: [{ query: 'user' }] }],
    [['balance hdr(X-User)'], { balance: 'round-robin', affinity: [{ header: 'X-User' }] }],
    [['balance hash req.cook(sid)'], { balance: 'round-robin', affinity: [{ learn: { cookie: 'sid' } }] }],
    [['balance rdp-cookie(mstshash)'], { balance: 'round-robin', affinity: 'none' }],
    [
      ['option redispatch', 'balance source', 'cookie S insert'],
      { affinity: [{ cookie: { name: 'S', idle: 'off' } }] },
    ],
  ])('%j', (lines, expected) => {
    const { servers: _, health: __, ...rest } = backend(...lines).pool;
    expect(rest).toEqual(expected);
  });
});

describe('a server that is gone', () => {
  const cookie = 'cookie S insert';
  const unchecked = ['server s1 10.0.0.1:80 cookie a', 'server s2 10.0.0.2:80 cookie b'];
  test.each([
    ['redispatch', [cookie, 'option redispatch', ...unchecked], undefined],
    ['never, and no checks', [cookie, ...unchecked], { reject: 503 }],
    ['redispatch 0', [cookie, 'option redispatch 0', ...unchecked], { reject: 503 }],
    ['taken back', [cookie, 'option redispatch', 'no option redispatch', ...unchecked], { reject: 503 }],
    // Its checks free the sessions.
    ['checks', [cookie, ...servers], undefined],
    ['checks, but option persist', [cookie, 'option persist', ...servers], { reject: 503 }],
    ['both', [cookie, 'option persist', 'option redispatch', ...servers], undefined],
    ['nothing is kept', unchecked, undefined],
  ])('%s', (_, lines, expected) => expect(backend(...lines).pool.whenOwnerFails).toEqual(expected));
});

describe('servers', () => {
  const list = (...lines: readonly string[]) => backend(...lines).pool.servers;
  test.each([
    [
      ['server a 10.0.0.1:80 weight 10 maxconn 50'],
      [{ name: 'a', address: '10.0.0.1:80', weight: 10, maxRequests: 50 }],
    ],
    [
      ['server a ipv4@10.0.0.1:80', 'server b :::81'],
      [
        { name: 'a', address: '10.0.0.1:80' },
        { name: 'b', address: '[::]:81' },
      ],
    ],
    [
      ['server a unix@/run/a.sock', 'server b /run/b.sock'],
      [
        { name: 'a', address: 'unix:/run/a.sock' },
        { name: 'b', address: 'unix:/run/b.sock' },
      ],
    ],
    [
      ['default-server weight 5', 'server a h:80', 'default-server weight 6', 'server b h:81 weight 7'],
      [
        { name: 'a', address: 'h:80', weight: 5 },
        { name: 'b', address: 'h:81', weight: 7 },
      ],
    ],
    [
      ['server a h:80', 'server b h:80', 'server a h:81', 'server c h', 'server d h:83 ssl', 'server e h:84 disabled'],
      [{ name: 'a', address: 'h:80' }],
    ],
    [['server a h:80', 'server b h:81 backup'], [{ name: 'a', address: 'h:80' }]],
    [['server b h:81 backup'], [{ name: 'b', address: 'h:81' }]],
    [['default-server ssl', 'server a h:80 no-ssl'], [{ name: 'a', address: 'h:80' }]],
  ])('%j', (lines, expected) => expect(list(...lines)).toEqual(expected));

  test.each([
    [['server a h:443 ssl'], { tls: true }],
    [['server a h:443 ssl verify none'], { tls: { verify: false } }],
    [
      ['server a h:443 ssl verify required ca-file /ca.pem crt /own.pem sni str(api.internal)'],
      { tls: { sni: 'api.internal', ca: '/ca.pem', cert: '/own.pem', key: '/own.pem' } },
    ],
    [
      ['default-server ssl verifyhost api.internal ca-file @system-ca', 'server a h:443'],
      { tls: { sni: 'api.internal' } },
    ],
    [['server a h:443 ssl alpn h2 sni req.hdr(host)'], { protocol: 'h2', tls: true }],
    [['server a h:50051 proto h2'], { protocol: 'h2' }],
    [['server a h:80 ssl', 'server b h:81 ssl', 'server c h:82', 'server d h:83 ssl verify none'], { tls: true }],
  ])('%j speaks %j', (lines, speaks) => {
    const { pool } = backend(...lines);
    expect(Object.fromEntries(Object.entries(pool).filter(([key]) => key === 'tls' || key === 'protocol'))).toEqual(
      speaks,
    );
  });

  test('the value of an option is none itself', () => {
    const { pool, told } = backend('server a h:80 source ssl resolvers backup sni disabled');
    expect(pool.servers).toEqual([{ name: 'a', address: 'h:80' }]);
    expect(told.at(-1)).toContain('without source ssl, resolvers backup, sni disabled');
  });
});

describe('health', () => {
  const check = 'server s1 10.0.0.1:80 check';
  const zero = { panicThreshold: 0 };
  test.each([
    [['server s1 10.0.0.1:80'], undefined],
    [[check], { active: 'tcp', ...zero }],
    [
      [`${check} inter 500ms fall 5 rise 1`],
      { active: 'tcp', interval: '500ms', timeout: '500ms', fall: 5, rise: 1, ...zero },
    ],
    [['option httpchk', check], { path: '/', ...zero }],
    [['option httpchk GET /up HTTP/1.1\\r\\nHost:\\ a.org', check], { path: '/up', host: 'a.org', ...zero }],
    [
      ['option httpchk', 'http-check send meth GET uri /up hdr Host a.org', check],
      { path: '/up', host: 'a.org', ...zero },
    ],
    [
      ['option httpchk GET /up', 'http-check expect status 200,204', check],
      { path: '/up', status: '200,204', ...zero },
    ],
    [['option httpchk GET /up', 'http-check expect rstatus ^2..$', check], { path: '/up', status: '200-299', ...zero }],
    [['option httpchk GET /up', 'http-check expect string OK', check], { path: '/up', body: 'OK', ...zero }],
    [
      ['option httpchk GET /up', 'http-check expect ! status 500', check],
      { path: '/up', status: '100-499,501-599', ...zero },
    ],
    [['timeout check 1500', check], { active: 'tcp', timeout: '1s500ms', ...zero }],
    [[`${check} slowstart 30s`], { active: 'tcp', slowStart: '30s', ...zero }],
    [
      [`${check} observe layer7 error-limit 20`],
      { active: 'tcp', passive: { connectErrors: 20, serverErrors: 20 }, ...zero },
    ],
  ])('%j', (lines, expected) => expect(health(...lines)).toEqual(expected));
});
