import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean), '1.2.3');

describe('servers', () => {
  test('alone: 127.0.0.1:8080, one pool, names in order', () => {
    expect(parse('3001 app2:3002')).toEqual({
      kind: 'servers',
      config: {
        listeners: [{ address: '127.0.0.1:8080' }],
        pools: {
          default: {
            servers: [
              { name: 's1', address: '3001' },
              { name: 's2', address: 'app2:3002' },
            ],
          },
        },
        log: {},
      },
    });
  });

  test('with every flag, before and behind them', () => {
    const flags =
      '--affinity source-ip --balance maglev --health /healthz --sessions lmdb:./data --log json --log-level debug --identify';
    expect(parse(`--listen :80 -l [::1]:80 3001 ${flags}`)).toEqual({
      kind: 'servers',
      config: {
        listeners: [{ address: ':80' }, { address: '[::1]:80' }],
        pools: {
          default: {
            servers: [{ name: 's1', address: '3001' }],
            affinity: 'source-ip',
            balance: 'maglev',
            health: { path: '/healthz' },
          },
        },
        sessions: { store: 'lmdb:./data' },
        log: { access: 'json', level: 'debug' },
        identify: true,
      },
    });
  });
});

test.each([
  ['--tls auto', 'auto'],
  ['--tls-key a.key --tls-cert a.crt', { certificates: [{ cert: 'a.crt', key: 'a.key' }] }],
  [
    '--tls-cert a.crt --tls-key a.key --tls-cert b.crt --tls-key b.key',
    {
      certificates: [
        { cert: 'a.crt', key: 'a.key' },
        { cert: 'b.crt', key: 'b.key' },
      ],
    },
  ],
])('%s is for all listeners', (flags, tls) => {
  const listeners = [
    { address: ':443', tls },
    { address: ':8443', tls },
  ];
  expect(parse(`-l :443 -l :8443 3001 ${flags}`)).toMatchObject({ kind: 'servers', config: { listeners } });
});

test.each([
  ['', { kind: 'config', file: undefined, overrides: {} }],
  ['-c a.yaml --workers 3', { kind: 'config', file: 'a.yaml', overrides: { workers: 3 } }],
  ['-c a.yaml --log text', { kind: 'config', file: 'a.yaml', overrides: { log: 'text' } }],
  [
    '--config a.ts --log-level warn --identify',
    { kind: 'config', file: 'a.ts', overrides: { logLevel: 'warn', identify: true } },
  ],
  ['check', { kind: 'check', file: undefined }],
  ['token force s1', { kind: 'force-token', file: undefined, server: 's1', lifetime: 3_600_000 }],
  ['token force s1 --for 5m -c a.yaml', { kind: 'force-token', file: 'a.yaml', server: 's1', lifetime: 300_000 }],
  ['check -c a.yaml', { kind: 'check', file: 'a.yaml' }],
  [
    'servers --admin https://admin.example.org:9000 --ca ca.crt',
    {
      kind: 'list-servers',
      file: undefined,
      admin: { address: { kind: 'tcp', host: 'admin.example.org', port: 9000 }, secure: true },
      ca: 'ca.crt',
      safest: false,
      json: false,
    },
  ],
  [
    'top --admin unix:/run/a.sock',
    { kind: 'top', admin: { address: { kind: 'unix', path: '/run/a.sock' }, secure: false } },
  ],
  [
    'top --admin http://[::1]',
    { kind: 'top', admin: { address: { kind: 'tcp', host: '::1', port: 80 }, secure: false } },
  ],
  ['--version', { kind: 'print', text: '1.2.3\n' }],
])('limpet %s', (line, expected) => expect(parse(line)).toEqual(expected));

test('help has examples and the exit codes', () => {
  const command = parse('--help');
  expect(command).toMatchObject({
    kind: 'print',
    text: expect.stringMatching(/limpet 3001 3002 3003[\s\S]*Exit codes: 0 /),
  });
  expect(parse('check --help')).toMatchObject({ kind: 'print', text: expect.stringContaining('limpet check') });
});

describe('--affinity', () => {
  const affinityOf = (flags: string) => {
    const command = parse(`3001 ${flags}`);
    return command.kind === 'servers' ? command.config.pools.default?.affinity : command;
  };

  test.each([
    ['--affinity none', 'none'],
    ['--affinity socket.io', 'socket.io'],
    ['--affinity learn:JSESSIONID', [{ learn: 'JSESSIONID' }]],
    ['--affinity cookie:shop', [{ cookie: { name: 'shop' } }]],
    ['--affinity path:^/a:b/([^/]+)', [{ path: '^/a:b/([^/]+)' }]],
    [
      '--affinity header:X-User --affinity query:room --affinity source-ip',
      [{ header: 'X-User' }, { query: 'room' }, 'source-ip'],
    ],
    ['--affinity rewrite:SID --affinity cookie', [{ rewrite: 'SID' }, 'cookie']],
  ])('%s', (flags, expected) => expect(affinityOf(flags)).toEqual(expected));
});

test.each([
  ['--workers 4', 4],
  ['--workers auto', Math.min(availableParallelism(), 254)],
  ['', undefined],
])('%s', (flags, workers) => expect(parse(`3001 ${flags}`)).toMatchObject({ config: { workers } }));

describe('mistakes', () => {
  test.each([
    [
      '3001 --affinity cooky',
      'expected cookie, source-ip, socket.io, client-certificate, none, or one of cookie, learn, header, query, path, rewrite with a name, such as learn:JSESSIONID',
    ],
    ['3001 --affinity toString:x', 'expected cookie, source-ip'],
    ['3001 --affinity learn:a=b', 'expected a cookie name'],
    ['3001 --affinity header:', 'expected a header name such as X-User'],
    ['3001 --affinity path:^/x', 'expected a regular expression with exactly one group'],
    ['3001 --affinity cookie --affinity none', '--affinity: found none beside others, expected none alone'],
    ['--affinity cookie:a --affinity query:b', 'limpet 3001 3002 --affinity cookie:a --affinity query:b'],
    ['3001 --workers 0', 'expected a whole number from 1 to 254, or auto'],
    ['3001 --lisen x', 'limpet has no option --lisen, did you mean --listen?'],
    ['99999', 'server "99999": expected an address such as 127.0.0.1:3001'],
    ['3001 --listen 8080', 'expected an address such as 127.0.0.1:8080'],
    ['3001 --balance best', 'expected one of round-robin, least-requests'],
    ['3001 --health healthz', 'expected a path such as /healthz'],
    ['3001 --sessions mysql://x', 'expected memory or memory:256mb, lmdb:'],
    ['--config a.yaml --sessions memory', '--sessions: found it with --config, expected it in the file a.yaml'],
    ['3001 --config a.yaml', 'found the server "3001" and --config a.yaml, expected one of them'],
    ['--config a.yaml --listen :80', '--listen: found it with --config, expected it in the file a.yaml'],
    ['--health /x', '--health: found no servers, expected some, such as: limpet 3001 3002 --health /x'],
    ['check --listen :80', 'limpet check has no option --listen; limpet has it'],
  ])('limpet %s', (line, text) =>
    expect(parse(line)).toEqual({ kind: 'mistake', text: expect.stringContaining(text) }),
  );
});
