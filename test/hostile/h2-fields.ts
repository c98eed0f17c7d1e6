/**
 * Hostile HTTP/2 requests by their fields: RFC 9113 section 8, RFC 8441, and the public write-ups on request smuggling by downgrades (Kettle
 * 2021, "HTTP/2: The Sequel is Always Worse").
 */
import {
  block,
  changed,
  code,
  data,
  type Fields,
  f,
  fatal,
  get,
  got,
  type H2Case,
  headers,
  malformed,
  post,
  posted,
  postPseudo,
  pseudo,
  refused,
  request,
  sequence,
  served,
} from './h2-case.ts';

const smuggled = 'GET /smuggled/TTTTTTTT HTTP/1.1\r\nHost: evil\r\n\r\n';
const websocket: Fields = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/TTTTTTTT'],
  ['sec-websocket-version', '13'],
];

const fieldCases: H2Case[] = [
  malformed('name in upper case', 'RFC 9113 8.2.1', get(1, ['Accept', 'x'])),
  malformed('name with a space', 'RFC 9113 8.2.1', get(1, ['a b', 'x'])),
  malformed('name with a colon', 'RFC 9113 8.2.1', get(1, ['a:b', 'x'])),
  malformed('name with CR LF', 'Kettle 2021', get(1, ['a: b\r\ntransfer-encoding', 'chunked'])),
  malformed('name with NUL', 'RFC 9113 8.2.1', get(1, ['a\0b', 'x'])),
  malformed('name with a byte above 0x7f', 'RFC 9113 8.2.1', get(1, ['\xe9', 'x'])),
  malformed('empty name', 'RFC 9113 8.2.1', get(1, ['', 'x'])),
  malformed('name that is transfer-encoding with a blank', 'Kettle 2019', get(1, ['transfer-encoding ', 'chunked'])),
  malformed('value with CR LF', 'Kettle 2021', get(1, ['x', `1\r\n\r\n${smuggled}`])),
  malformed('value with LF', 'RFC 9113 8.2.1', get(1, ['x', '1\ntransfer-encoding: chunked'])),
  malformed('value with CR', 'RFC 9113 8.2.1', get(1, ['x', '1\rtransfer-encoding: chunked'])),
  malformed('value with NUL', 'RFC 9113 8.2.1', get(1, ['x', '1\0'])),
  malformed('value with a blank before it', 'RFC 9113 8.2.1', get(1, ['x', ' 1'])),
  malformed('value with a tab behind it', 'RFC 9113 8.2.1', get(1, ['x', '1\t'])),
  refused('400 bad-header-value', 'value with DEL', 'RFC 9110 5.5', get(1, ['x', '1\x7f'])),
  malformed(
    'cookie with CR LF behind another cookie',
    'Kettle 2021',
    get(1, ['cookie', 'a=1'], ['cookie', 'b\r\nx: evil']),
  ),
  ...['connection', 'proxy-connection', 'keep-alive', 'upgrade'].map((name) =>
    malformed(`${name}`, 'RFC 9113 8.2.2', get(1, [name, 'close'])),
  ),
  malformed(
    'transfer-encoding (H2.TE)',
    'RFC 9113 8.2.2; Kettle 2021',
    `${post(1, ['transfer-encoding', 'chunked'])}${f(data, 1, 1, `0\r\n\r\n${smuggled}`)}`,
  ),
  malformed('te: gzip', 'RFC 9113 8.2.2', get(1, ['te', 'gzip'])),
  malformed('te: trailers, deflate', 'RFC 9113 8.2.2', get(1, ['te', 'trailers, deflate'])),
  served('te: trailers', 'RFC 9113 8.2.2', get(1, ['te', 'trailers']), got),
  served(
    'several cookies become one',
    'RFC 9113 8.2.3',
    get(1, ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2; c=3']),
    {
      ...got,
      has: { Cookie: 'a=1; b=2; c=3' },
    },
  ),
  served('empty cookies', 'RFC 9113 8.2.3', get(1, ['cookie', ''], ['cookie', 'b=2'], ['cookie', '']), {
    ...got,
    has: { Cookie: 'b=2' },
  }),
  served('Limpet headers of the client', 'I8', get(1, ['limpet-session', 'id=evil'], ['limpet_session', 'evil']), {
    ...got,
    lacks: ['limpet-session', 'limpet_session'],
  }),
  served('forwarding headers of the client', 'I8', get(1, ['x-forwarded-host', 'evil'], ['forwarded', 'host=evil']), {
    ...got,
    has: { 'X-Forwarded-Proto': 'http' },
  }),
  served('http2-settings', 'RFC 9113 3.1', get(1, ['http2-settings', 'evil']), { ...got, lacks: ['http2-settings'] }),
  served('a field that says it is of the scheme', 'I8', request(1, changed({ ':scheme': 'https' })), {
    ...got,
    has: { 'X-Forwarded-Proto': 'http' },
  }),
];

const pseudoCases: H2Case[] = [
  ...([':method', ':scheme', ':path'] as const).flatMap((name) => [
    malformed(`no ${name}`, 'RFC 9113 8.3.1', request(1, changed({ [name]: null }))),
    malformed(`${name} twice`, 'RFC 9113 8.3', request(1, [...pseudo, pseudo.find((field) => field[0] === name)!])),
  ]),
  malformed(':authority twice', 'RFC 9113 8.3', request(1, [...pseudo, [':authority', 'evil']])),
  malformed('unknown pseudo-header field', 'RFC 9113 8.3', request(1, [...pseudo, [':evil', 'x']])),
  malformed(':status', 'RFC 9113 8.3', request(1, [...pseudo, [':status', '200']])),
  malformed(
    'pseudo-header field behind a field',
    'RFC 9113 8.3',
    request(1, [...pseudo.slice(0, 3), ['x', 'y'], pseudo[3]!]),
  ),
  malformed('pseudo-header field in upper case', 'RFC 9113 8.2.1', request(1, [...pseudo, [':Path', '/evil']])),
  malformed('the name is a colon', 'RFC 9113 8.2.1', request(1, [...pseudo, [':', 'x']])),
  malformed('empty :path', 'RFC 9113 8.3.1', request(1, changed({ ':path': '' }))),
  malformed(':path without slash', 'RFC 9113 8.3.1', request(1, changed({ ':path': 'TTTTTTTT' }))),
  malformed(':path in absolute-form', 'RFC 9113 8.3.1', request(1, changed({ ':path': 'http://evil/TTTTTTTT' }))),
  malformed(
    ':path with CR LF',
    'Kettle 2021',
    request(1, changed({ ':path': `/ HTTP/1.1\r\nhost: a\r\n\r\n${smuggled}` })),
  ),
  refused(
    '400 bad-target',
    ':path with a space',
    'Kettle 2021',
    request(1, changed({ ':path': '/TTTTTTTT HTTP/1.1' })),
  ),
  refused('400 bad-target', ':path with a fragment', 'CVE-2023-45539', request(1, changed({ ':path': '/TTTTTTTT#x' }))),
  refused(
    '400 bad-target',
    ':path with raw UTF-8',
    'RFC 3986 2',
    request(1, changed({ ':path': '/TTTTTTTT\xc3\xa9' })),
  ),
  refused(
    '414 uri-too-long',
    ':path of 1,001 bytes',
    'RFC 9110 4.1',
    request(1, changed({ ':path': `/${'x'.repeat(1000)}` })),
  ),
  malformed(':path * of GET', 'RFC 9113 8.3.1', request(1, changed({ ':path': '*' }))),
  served(
    ':path * of OPTIONS',
    'RFC 9113 8.3.1',
    request(1, [...changed({ ':method': 'OPTIONS', ':path': '*' }), ['x-mark', 'TTTTTTTT']]),
    { line: 'OPTIONS * HTTP/1.1' },
  ),
  refused('400 bad-method', 'empty :method', 'RFC 9110 9.1', request(1, changed({ ':method': '' }))),
  refused('400 bad-method', ':method with a space', 'Kettle 2021', request(1, changed({ ':method': 'GET /evil' }))),
  malformed(
    ':method with CR LF',
    'Kettle 2021',
    request(1, changed({ ':method': `GET / HTTP/1.1\r\n\r\n${smuggled}` })),
  ),
  refused('501 method-refused', 'TRACE', 'RFC 9110 9.3.8', request(1, changed({ ':method': 'TRACE' }))),
  refused('400 bad-target', ':scheme ftp', 'RFC 9113 8.3.1', request(1, changed({ ':scheme': 'ftp' }))),
  refused(
    '400 bad-target',
    ':scheme with more than a scheme',
    'Kettle 2021',
    request(1, changed({ ':scheme': 'http://evil/' })),
  ),
  refused('400 bad-host', 'empty :authority', 'RFC 9113 8.3.1', request(1, changed({ ':authority': '' }))),
  refused(
    '400 bad-host',
    ':authority with user information',
    'RFC 9113 8.3.1',
    request(1, changed({ ':authority': 'u@evil' })),
  ),
  refused('400 bad-host', ':authority with a path', 'RFC 9113 8.3.1', request(1, changed({ ':authority': 'a/evil' }))),
  malformed(':authority with CR LF', 'Kettle 2021', request(1, changed({ ':authority': 'a\r\nx: evil' }))),
  refused(
    '400 host-missing',
    'neither :authority nor host',
    'RFC 9113 8.3.1',
    request(1, changed({ ':authority': null })),
  ),
  served('host without :authority', 'RFC 9113 8.3.1', request(1, [...changed({ ':authority': null }), ['host', 'b']]), {
    ...got,
    has: { Host: 'b' },
  }),
  served('host that is the :authority', 'RFC 9113 8.3.1', get(1, ['host', 'A']), { ...got, has: { Host: 'a' } }),
  malformed('host that is not the :authority', 'RFC 9113 8.3.1', get(1, ['host', 'evil'])),
  refused('400 host-repeated', 'host twice', 'RFC 9110 7.2', get(1, ['host', 'a'], ['host', 'a'])),
  refused(
    '400 host-repeated',
    'host twice, without :authority',
    'RFC 9110 7.2',
    request(1, [...changed({ ':authority': null }), ['host', 'a'], ['host', 'evil']]),
  ),
];

const connectCases: H2Case[] = [
  refused(
    '501 method-refused',
    'CONNECT',
    'RFC 9113 8.5',
    f(
      headers,
      4,
      1,
      block([
        [':method', 'CONNECT'],
        [':authority', 'evil:443'],
      ]),
    ),
    {
      streams: { 1: '501 method-refused, reset 0' },
    },
  ),
  malformed('CONNECT with :path', 'RFC 9113 8.5', request(1, changed({ ':method': 'CONNECT' }))),
  malformed('CONNECT without :authority', 'RFC 9113 8.5', request(1, [[':method', 'CONNECT']])),
  malformed(':protocol of GET', 'RFC 8441 4', request(1, [...pseudo, [':protocol', 'websocket']])),
  malformed(
    'extended CONNECT without :authority',
    'RFC 8441 4',
    request(1, changed({ ':authority': null }, websocket), 4),
  ),
  malformed('extended CONNECT without :path', 'RFC 8441 4', request(1, changed({ ':path': null }, websocket), 4)),
  malformed(
    'extended CONNECT with content-length',
    'RFC 9110 9.3.6',
    request(1, [...websocket, ['content-length', '5']], 4),
  ),
  malformed(
    ':protocol with CR LF',
    'Kettle 2021',
    request(1, changed({ ':protocol': 'websocket\r\nx: evil' }, websocket), 4),
  ),
  refused(
    '501 method-refused',
    ':protocol h2c',
    'h2c smuggling 2020',
    request(1, changed({ ':protocol': 'h2c' }, websocket), 4),
    {
      streams: { 1: '501 method-refused, reset 0' },
    },
  ),
  malformed('extended CONNECT with upgrade', 'RFC 9113 8.2.2', request(1, [...websocket, ['upgrade', 'h2c']], 4)),
];

const bodyCases: H2Case[] = [
  served(
    'a body of the length',
    'RFC 9113 8.1.1',
    `${post(1, ['content-length', '5'])}${f(data, 1, 1, 'hello')}`,
    posted,
  ),
  served('a body of no length', 'RFC 9113 8.1', `${post(1)}${f(data, 0, 1, 'he')}${f(data, 1, 1, 'llo')}`, posted),
  served('a chunked body is only data', 'Kettle 2021', `${post(1)}${f(data, 1, 1, `0\r\n\r\n${smuggled}`)}`, {
    ...posted,
    body: `0\r\n\r\n${smuggled}`,
  }),
  malformed('content-length and no data', 'RFC 9113 8.1.1', request(1, [...postPseudo, ['content-length', '5']])),
  sequence(
    'more data than content-length (H2.CL)',
    'RFC 9113 8.1.1; Kettle 2021',
    `${post(1, ['content-length', '0'])}${f(data, 1, 1, smuggled)}`,
    {
      streams: { 1: '400 bad-content-length, reset 1' },
    },
  ),
  sequence(
    'less data than content-length',
    'RFC 9113 8.1.1',
    `${post(1, ['content-length', '50'])}${f(data, 1, 1, 'hello')}`,
    {
      streams: { 1: '400 bad-content-length' },
    },
  ),
  sequence(
    'more data in a second frame',
    'RFC 9113 8.1.1',
    `${post(1, ['content-length', '5'])}${f(data, 0, 1, 'hello')}${f(data, 1, 1, smuggled)}`,
    {
      streams: { 1: '400 bad-content-length, reset 1' },
    },
  ),
  refused(
    '400 content-length-repeated',
    'content-length twice',
    'RFC 9110 8.6',
    get(1, ['content-length', '0'], ['content-length', '0']),
  ),
  ...['+5', '-1', '5, 5', '0x5', '', '5 ', '99999999999999999999'].map((value) =>
    value === '5 '
      ? malformed('content-length with a blank', 'RFC 9113 8.2.1', get(1, ['content-length', value]))
      : refused('400 bad-content-length', `content-length ${value}`, 'RFC 9110 8.6', get(1, ['content-length', value])),
  ),
  served('trailers', 'RFC 9113 8.1', `${post(1)}${f(data, 0, 1, 'hello')}${request(1, [['x-sum', '1']])}`, {
    ...posted,
    trailers: ['x-sum: 1'],
  }),
  served(
    'trailers that may be none',
    'RFC 9110 6.5.1',
    `${post(1)}${f(data, 0, 1, 'hello')}${request(1, [
      ['content-length', '5'],
      ['host', 'evil'],
      ['cookie', 'evil'],
      ['limpet-session', 'evil'],
      ['x-sum', '1'],
    ])}`,
    {
      ...posted,
      trailers: ['x-sum: 1'],
    },
  ),
  sequence(
    'trailers with a pseudo-header field',
    'RFC 9113 8.1',
    `${post(1)}${f(data, 0, 1, 'hello')}${request(1, [[':path', '/evil']])}`,
    {
      streams: { 1: '400 bad-trailer, reset 1' },
    },
  ),
  sequence(
    'trailers with a name in upper case',
    'RFC 9113 8.2.1',
    `${post(1)}${f(data, 0, 1, 'hello')}${request(1, [['X-Sum', '1']])}`,
    {
      streams: { 1: '400 bad-trailer, reset 1' },
    },
  ),
  sequence(
    'trailers with transfer-encoding',
    'RFC 9113 8.2.2',
    `${post(1)}${f(data, 0, 1, 'hello')}${request(1, [['transfer-encoding', 'chunked']])}`,
    {
      streams: { 1: '400 bad-trailer, reset 1' },
    },
  ),
  malformed(
    'trailers that do not end the request',
    'RFC 9113 8.1',
    `${post(1)}${f(data, 0, 1, 'hello')}${request(1, [['x', 'y']], 4)}`,
  ),
  refused(
    '413 body-too-large',
    'a body that says it is too large',
    'RFC 9110 15.5.14',
    post(1, ['content-length', '1001']),
    {
      streams: { 1: '413 body-too-large, reset 0' },
    },
  ),
  refused(
    '413 body-too-large',
    'a body that is too large',
    'RFC 9110 15.5.14',
    `${post(1)}${f(data, 0, 1, 'x'.repeat(1001))}`,
    {
      streams: { 1: '413 body-too-large, reset 0' },
    },
  ),
  refused('417 expect-unknown', 'an unknown expectation', 'RFC 9110 10.1.1', get(1, ['expect', 'evil'])),
];

const listCases: H2Case[] = [
  refused('431 head-too-large', 'a header list that is too large', 'RFC 9113 10.5.1', get(1, ['x', 'y'.repeat(4100)])),
  refused(
    '431 too-many-headers',
    'too many fields',
    'I9',
    get(1, ...Array.from({ length: 51 }, (): Fields[number] => ['x', ''])),
    { isUncut: true },
  ),
  fatal(code.calm, 'a header block that is too large', 'RFC 9113 10.5.1', get(1, ['x', 'y'.repeat(9000)]), {
    isUncut: true,
  }),
];

export const fieldSequences: readonly H2Case[] = [
  ...fieldCases,
  ...pseudoCases,
  ...connectCases,
  ...bodyCases,
  ...listCases,
];
