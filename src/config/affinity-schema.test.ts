import { describe, expect, test } from 'vitest';
import { ConfigError } from './problem.ts';
import { readConfig } from './read.ts';
import { readYaml } from './yaml.ts';

/** The affinities of a pool that says this much about them, or what is wrong with it. */
function read(affinity: string) {
  const { value, locate } = readYaml(
    `listeners: [{ address: ":1" }]\npools:\n  a:\n    servers: [3001]\n    affinity: ${affinity}\n`,
  );
  try {
    const source = { name: 'f', locate };
    const { options, warnings } = readConfig(value, { source, env: { IDLE: '5m' }, variables: true });
    return warnings.length === 0 ? options.pools[0]?.affinity : warnings.map(({ text }) => text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.trim();
    throw error;
  }
}

const minute = 60_000;
const stored = { idle: 30 * minute, absolute: 0, whenOwnerFails: null };
const nowhere = { cookie: '', header: '', query: '', parameter: '' };

describe('what is written becomes', () => {
  test.each<[string, object]>([
    ['[{ learn: JSESSIONID }]', { type: 'learn', ...nowhere, cookie: 'JSESSIONID', ...stored }],
    [
      '[{ learn: { header: X-Id, query: id, parameter: sid, absolute: 10m } }]',
      {
        ...{ type: 'learn', cookie: '', header: 'X-Id', query: 'id', parameter: 'sid' },
        ...{ idle: 10 * minute, absolute: 10 * minute, whenOwnerFails: null },
      },
    ],
    ['[{ header: X-User }]', { type: 'header', name: 'X-User', ...stored, endOnDelete: false }],
    [
      '[{ header: mcp-session-ID, whenOwnerFails: { reject: 404 } }]',
      {
        ...{ type: 'header', name: 'mcp-session-ID', ...stored, endOnDelete: true },
        whenOwnerFails: { action: 'reject', status: 404 },
      },
    ],
    [
      `[{ header: { name: Mcp-Session-Id, endOnDelete: false, idle: "\${IDLE}" } }]`,
      { type: 'header', name: 'Mcp-Session-Id', ...stored, idle: 5 * minute, endOnDelete: false },
    ],
    ['[{ query: room }]', { type: 'query', name: 'room', ...stored }],
    ['[{ query: { name: room, idle: off } }]', { type: 'query', name: 'room', ...stored, idle: 0 }],
    ['[{ path: "^/rooms/([^/]+)" }]', { type: 'path', pattern: '^/rooms/([^/]+)', ...stored }],
    ['[{ path: { pattern: "^/(?<room>.)(?:x|y)" } }]', { type: 'path', pattern: '^/(?<room>.)(?:x|y)', ...stored }],
    ['socket.io', { type: 'socket.io', path: '/socket.io/', ...stored, idle: 5 * minute }],
    ['[socket.io]', { type: 'socket.io', path: '/socket.io/', ...stored, idle: 5 * minute }],
    [
      '[{ socket.io: { path: /io/ }, whenOwnerFails: temporary }]',
      { type: 'socket.io', path: '/io/', idle: 5 * minute, absolute: 0, whenOwnerFails: { action: 'temporary' } },
    ],
    [
      '[{ source-ip: { mode: table, idle: 1h } }]',
      {
        ...{ type: 'source-ip', ipv4Prefix: 32, ipv6Prefix: 64, mode: 'table' },
        idle: 60 * minute,
        whenOwnerFails: null,
      },
    ],
    [
      '[{ rewrite: SID }]',
      { type: 'rewrite', cookie: 'SID', separator: '~', idle: 480 * minute, whenOwnerFails: null },
    ],
  ])('%s', (yaml, expected) => expect(read(yaml)).toEqual([expected]));
});

const at = 'pools.a.affinity[0]';
const names = "the name of the app's cookie, or a map with cookie, header, query or parameter (at least one of them)";
const group = 'a regular expression with exactly one group, such as ^/rooms/([^/]+)';
const one =
  'expected cookie, source-ip, socket.io, client-certificate, or a map with one affinity, such as { cookie: { name: shop } }';

test.each([
  [
    'socketio',
    'pools.a.affinity: found "socketio", expected one of cookie, source-ip, socket.io, client-certificate, none, or a list of affinities; did you mean "socket.io"?',
  ],
  ['[{ learn: { idle: 1h } }]', `${at}.learn: found a map, expected ${names}`],
  ['[{ learn: a=b }]', `${at}.learn: found "a=b", expected ${names}`],
  ['[{ learn: { cooky: a } }]', `${at}.learn.cooky: unknown field, did you mean "cookie"?`],
  ['[{ header: a b }]', `${at}.header: found "a b", expected a header name such as X-User, or a map with name`],
  ['[{ query: {} }]', `${at}.query.name: found nothing, expected the name of a query parameter`],
  ['[{ path: ^/x }]', `${at}.path: found "^/x", expected ${group}: this one has none`],
  ['[{ path: { pattern: (a)(b) } }]', `${at}.path.pattern: found "(a)(b)", expected ${group}: this one has 2`],
  ['[{ path: "(a" }]', `${at}.path: found "(a", expected ${group}: this one does not compile: `],
  ["[{ path: '(a)\\' }]", 'this one does not compile: '],
  [
    '[{ path: "^/(?!x)(.+)" }]',
    `${group}: this one does not compile: it has a negative lookahead (?!...), which cannot be searched in linear time`,
  ],
  ['[{ socket.io: { path: io } }]', 'expected a path that begins with / and has no space, ? or #'],
  [
    '[{ source-ip: { idle: 1h } }]',
    `${at}.source-ip.idle: found "1h", expected none, because only mode table keeps anything`,
  ],
  [
    '[{ query: { name: a, idle: 500ms } }]',
    `${at}.query.idle: found "500ms", expected a time such as 30s or 1m30s, at least 1s`,
  ],
  ['[{ query: a, header: b }]', `${at}: found a map, ${one}`],
  ['[{ whenOwnerFails: reject }]', `${at}: found a map, ${one}`],
  [
    '[{ query: a, whenOwnerFails: retry }]',
    `${at}.whenOwnerFails: found "retry", expected one of rebind, temporary, reject`,
  ],
  ['[{ learn: limpet }, cookie]', `${at}.learn: "limpet" is our own cookie too`],
  ['[{ header: Cookie }]', `${at}.header: found "Cookie", which holds many things`],
  ['[{ header: { name: host } }]', `${at}.header: found "host", which is about the message`],
  ['[{ learn: { header: Limpet-Id } }]', `${at}.learn.header: found "Limpet-Id": Limpet removes headers of that name`],
  ['[{ query: { name: a, idle: 2h, absolute: 1h } }]', `${at}.query.idle: longer than absolute`],
])('%s is a mistake', (yaml, text) => expect(read(yaml)).toEqual(expect.stringContaining(text)));

test.each([
  ['[{ learn: A }, { learn: A }]', ['affinity[0] goes by the cookie "A" already']],
  ['[{ learn: { header: X-A } }, { header: x-a }]', ['affinity[0] goes by the header "x-a" already']],
  ['[{ learn: A }, { rewrite: A }]', ['affinity[0] goes by the cookie "A" already']],
  ['[{ source-ip: { mode: table } }, { learn: A }]', ['never asked: source-ip before it recognises every request']],
])('%s is suspicious', (yaml, warnings) => expect(read(yaml)).toEqual(warnings));

test.each(['[{ learn: A }, { header: B }, { query: C }, socket.io]', '[{ learn: A }, { rewrite: B }]'])(
  '%s is fine',
  (yaml) => expect(read(yaml)).toContainEqual(expect.objectContaining({ cookie: 'A' })),
);
