import { describe, expect, test } from 'vitest';
import { importText } from '../import.ts';

function read(text: string) {
  const { config, notes } = importText(text, 'Caddyfile', 'caddy');
  const pools = Object.values(config.pools as Record<string, Record<string, unknown>>);
  return {
    config,
    pool: pools[0] ?? {},
    told: notes.map(({ line, why, concern }) => `${line} ${concern ?? '-'} ${why}`),
  };
}

const policy = (line: string, site = ':80') =>
  read(`${site} {\n\treverse_proxy a:1 b:1 {\n\t\tlb_policy ${line}\n\t}\n}\n`);

describe('lb_policy', () => {
  test.each<[line: string, affinity: unknown, balance: unknown]>([
    ['cookie', [{ cookie: { name: 'lb', idle: 'off' } }], 'random'],
    [
      'cookie sid {\n fallback least_conn\n max_age 1h\n }',
      [{ cookie: { name: 'sid', idle: 'off', lifetime: 'permanent', absolute: '1h' } }],
      undefined,
    ],
    ['ip_hash', [{ 'source-ip': { ipv6Prefix: 128 } }], 'random'],
    ['client_ip_hash', [{ 'source-ip': { ipv6Prefix: 128 } }], 'random'],
    ['uri_hash', [{ path: '^(.*)$' }], 'random'],
    ['header X-User {\n fallback round_robin\n }', [{ header: 'X-User' }], 'round-robin'],
    ['query room', [{ query: 'room' }], 'random'],
    ['round_robin', 'none', 'round-robin'],
    ['random_choose 2', 'none', 'two-choices'],
    ['least_conn', 'none', undefined],
  ])('%s', (line, affinity, balance) => {
    const { pool } = policy(line);
    expect(pool).toMatchObject({ affinity });
    expect(pool.balance).toBe(balance);
  });

  test('a cookie of a site with TLS is one for other sites too', () => {
    expect(policy('cookie', 'a.org').pool.affinity).toEqual([
      { cookie: { name: 'lb', idle: 'off', sameSite: 'None', secure: 'always' } },
    ]);
  });

  test('first leaves nobody in reserve, and one that is not known is told', () => {
    const { pool, told } = policy('first');
    expect(pool.servers).toEqual(['a:1']);
    expect(told).toContain('3 not-working nobody stands by for a:1: there are no backup servers here');
    expect(policy('sticky_magic').told.join()).toContain('3 not-sticky');
  });
});

test.each<[address: string, listener: string, host: unknown]>([
  ['a.org', ':8080', 'a.org'],
  ['http://a.org', ':80', 'a.org'],
  ['https://a.org', ':8080', 'a.org'],
  ['a.org:443', ':8080', 'a.org'],
  ['a.org:80', ':80', 'a.org'],
  ['a.org:8443', ':8443', 'a.org'],
  ['*.a.org', ':8080', '*.a.org'],
  [':9000', ':9000', undefined],
  ['http://', ':80', undefined],
])('the site %s is on %s', (address, listener, host) => {
  const { config } = read(`${address} {\n\treverse_proxy a:1\n}\n`);
  expect(config.listeners).toEqual([{ address: listener }]);
  const [route] = (config.routes ?? [{}]) as { match?: { host?: string } }[];
  expect(route?.match?.host).toBe(host);
});

describe('the order in which Caddy asks', () => {
  const paths = (block: string) => {
    const { config } = read(`:80 {\n${block}\n}\n`);
    return (config.routes as { match?: { path?: string } }[]).map(({ match }) => match?.path ?? '/');
  };
  test('longer paths first, what has no matcher last', () => {
    expect(paths('reverse_proxy a:1\nreverse_proxy /x/* a:2\nreverse_proxy /x/y/* a:3')).toEqual(['/x/y/', '/x/', '/']);
  });
  test('handles before proxies, as the file has it within route', () => {
    expect(paths('reverse_proxy /x/y/* a:1\nhandle /x/* {\n reverse_proxy a:2\n}')).toEqual(['/x/', '/x/y/']);
    expect(paths('route {\n reverse_proxy /x/* a:1\n reverse_proxy /x/y/* a:2\n}')).toEqual(['/x/', '/x/y/']);
  });
  test('a host before its pattern, and a site for every host last', () => {
    const { config } = read(
      'http:// {\n reverse_proxy a:1\n}\nhttp://*.a.org {\n reverse_proxy a:2\n}\nhttp://b.a.org {\n reverse_proxy a:3\n}\n',
    );
    expect((config.routes as { match?: { host: string } }[]).map(({ match }) => match?.host)).toEqual([
      'b.a.org',
      '*.a.org',
      undefined,
    ]);
  });
});

describe('nothing is left out in silence', () => {
  test.each([
    ['basic_auth {\n u p\n}', '2 open */: basic_auth asked for a password'],
    ['basic_auth /admin/* {\n u p\n}', '2 open */admin/: basic_auth asked for a password'],
    ['respond /admin/* 403', '2 open */admin/: what was refused goes to a server now'],
    ['abort /admin/*', '2 open */admin/: what was refused goes to a server now'],
    ['@in not remote_ip 10.0.0.0/8\nrespond @in 403', '3 open @in: what was refused goes to a server now'],
    [
      'handle /x* {\n@out not remote_ip 10.0.0.0/8\nabort @out\nreverse_proxy b:1\n}',
      '4 open @out: what was refused goes to a server now',
    ],
    ['handle /x* {\nreverse_proxy b:1\n}', '2 - prefixes are matched by whole segments: /a/b, not /ab'],
    ['handle /x/* {\nreverse_proxy /x/a/* b:1\n}', '2 open */x/: what it does not serve goes to a server now'],
    ['respond /ping 200', '2 not-working */ping: it is not answered here any more, and a server gets it'],
    ['redir /old /new', '2 not-working */old: it is not redirected here any more, and a server gets it'],
    ['uri strip_prefix /api', '2 not-working */: uri changed the path: servers get the path of the client'],
    [
      '@ws header Upgrade websocket\nreverse_proxy @ws b:1',
      '3 not-working @ws: its requests do not go there: no route can look at header Upgrade websocket',
    ],
    ['reverse_proxy /x https://b', '2 not-working */x: its requests go nowhere: none of its servers is carried over'],
    ['reverse_proxy /x/* {$UP}', '2 not-working {$UP} is a variable: put its value in first'],
    ['import other.conf', '2 not-working "other.conf" is not in this file: what it says is not carried over'],
    ['strange thing', '2 - "strange" is not known to this importer'],
  ])('%s', (block, told) =>
    expect(read(`:80 {\n${block}\nreverse_proxy a:1 {\n lb_policy round_robin\n}\n}\n`).told).toContain(told),
  );

  test('a refusal by what no route can say, on a site with a name', () => {
    const { told } = read('http://a.org {\n\t@out not remote_ip 10.0.0.0/8\n\tabort @out\n\treverse_proxy b:1\n}\n');
    expect(told).toContain('3 open @out: what was refused goes to a server now');
  });

  test('what is carried over whole is told of nowhere', () => {
    expect(read('http://a.org {\n\treverse_proxy a:1 b:1\n}\n').told).toEqual([]);
  });
});

test('a variable has its default, which is told', () => {
  const { config, told } = read('http://{$HOST:a.org} {\n\treverse_proxy {$UP:b:2}\n}\n');
  expect(config.pools).toMatchObject({ 'a.org': { servers: ['b:2'] } });
  expect(told).toEqual(['1 - the variable in it has its default', '2 - the variable in it has its default']);
});

test.each([
  ['a.org {\n reverse_proxy b', 'Caddyfile:1: the file ends, expected "}" for the "{" of this line'],
  ['}\n', 'Caddyfile:1: found "}", expected a site or a snippet'],
  ['a.org {\n respond "x\n}\n', 'Caddyfile:2: found " without its end, expected another "'],
  ['(a) {\n}\n', 'Caddyfile:1: found no site, expected an address and what it does'],
  ['a.org {\n respond 200\n}\n', 'no site of this file can be carried over'],
])('%j is refused with its line', (text, message) => expect(() => read(text)).toThrow(message));
