/**
 * Hostile and odd responses of a server, and what the client must get. Sources: RFC 9110 and 9112, advisories,
 * and the public write-ups on response queue poisoning (Kettle 2021, 2022) and response smuggling.
 *
 * `TTTTTTTT` stands for a mark that is different in every run. `evil` must never reach the client in a head or a
 * trailer, and `POISON` nowhere: it is what a later client would get, if a connection were used once too often.
 */

export interface ResponseCase {
  readonly name: string;
  readonly source: string;
  readonly request: string;
  /** What the server says, latin1, once the request's head is in. */
  readonly data: string;
  /** What it says beyond the end of its response. */
  readonly extra: string;
  /** What the server does with the connection then. */
  readonly ending: 'keep' | 'close' | 'reset';
  /** `served`, status and reason of the balancer's own answer, or `cut`: that, or a response that visibly breaks off. */
  readonly expect: string;
  /** When served. A header's values in order; an empty list: it is not there. */
  readonly status: number;
  readonly body: string;
  readonly has: Readonly<Record<string, readonly string[]>>;
  readonly trailers: readonly string[];
  /** The balancer may send another request on this connection to the server. */
  readonly reusable: boolean;
}

const get = 'GET /TTTTTTTT HTTP/1.1\r\nHost: a\r\n\r\n';
const head = 'HEAD /TTTTTTTT HTTP/1.1\r\nHost: a\r\n\r\n';
const old = 'GET /TTTTTTTT HTTP/1.0\r\nHost: a\r\n\r\n';
const post = 'POST /TTTTTTTT HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello';
const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Mark: POISON\r\n\r\nPOISON';

type Change = Partial<Omit<ResponseCase, 'name' | 'source' | 'data' | 'expect'>>;

const usual = {
  request: get,
  extra: '',
  ending: 'keep',
  status: 200,
  body: 'hello',
  has: {},
  trailers: [],
  reusable: false,
} as const;

function bad(
  name: string,
  source: string,
  data: string,
  change: Change = {},
  expect = '502 bad-response',
): ResponseCase {
  return { ...usual, name, source, data, expect, ...change };
}

function cut(name: string, source: string, data: string, change: Change = {}): ResponseCase {
  return { ...usual, name, source, data, expect: 'cut', ...change };
}

/** Served, and nothing speaks against the next request on this connection. */
function served(name: string, source: string, data: string, change: Change = {}): ResponseCase {
  return { ...usual, name, source, data, expect: 'served', reusable: true, ...change };
}

/** Served, but this connection to the server has lost its trust. */
function servedLast(name: string, source: string, data: string, change: Change = {}): ResponseCase {
  return served(name, source, data, { reusable: false, ...change });
}

function ok(...lines: string[]): string {
  return ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');
}

function hello(...lines: string[]): string {
  return `${ok('Content-Length: 5', ...lines)}hello`;
}

function chunked(body: string, ...lines: string[]): string {
  return ok('Transfer-Encoding: chunked', ...lines) + body;
}

const statusLines: ResponseCase[] = (
  [
    ['no HTTP at all', 'hello'],
    ['HTTP/0.9: a body without a head', '<html>hello</html>\r\n\r\n'],
    ['HTTP/2', hello().replace('HTTP/1.1', 'HTTP/2.0')],
    ['http/1.1 in lower case', hello().replace('HTTP', 'http')],
    ['ICY', hello().replace('HTTP/1.1', 'ICY')],
    ['TLS alert', '\x15\x03\x01\x00\x02\x02\x16'],
    ['status 99', hello().replace('200', '99')],
    ['status 099', hello().replace('200', '099')],
    ['status 1000', hello().replace('200', '1000')],
    ['status abc', hello().replace('200', 'abc')],
    ['status -20', hello().replace('200', '-20')],
    ['status of two digits', hello().replace('200', '20')],
    ['no status', hello().replace(' 200 OK', '')],
    ['two spaces before the status', hello().replace(' 200', '  200')],
    ['tab behind the status', hello().replace('200 ', '200\t')],
    ['NUL in the reason', hello().replace('OK', 'O\0K')],
    ['CR in the reason', hello().replace('OK', 'O\rK')],
    ['status line ends in LF', hello().replace('OK\r\n', 'OK\n')],
    ['empty line before the status line', `\r\n${hello()}`],
    ['two status lines', `HTTP/1.1 200 OK\r\n${hello()}`],
  ] as const
).map(([name, data]) =>
  bad(`status line: ${name}`, 'RFC 9112 4', data, { ending: data.includes('\r\n\r\n') ? 'keep' : 'close' }),
);

const oddStatusLines: ResponseCase[] = [
  ...[1.2, 1.9].map((version) =>
    served(`HTTP/${version} is read as HTTP/1.1`, 'RFC 9110 2.5', hello().replace('1.1', String(version))),
  ),
  ...[600, 777, 999].map((status) =>
    served(`status ${status}`, 'RFC 9110 15: the client knows what it means', hello().replace('200', String(status)), {
      status,
    }),
  ),
];

const heads: ResponseCase[] = [
  ...(
    [
      ['no colon', 'X'],
      ['empty name', ': x'],
      ['space before the colon', 'X : y'],
      ['space before the first header', ' X: y'],
      ['NUL in a name', 'X\0: y'],
      ['byte above 0x7f in a name', 'X\xe9: y'],
      ['NUL in a value', 'X: \0'],
      ['DEL in a value', 'X: \x7f'],
      ['bare CR in a value', 'X: a\rSet-Cookie: evil'],
      ['line ends in LF', 'X: a\nSet-Cookie: evil'],
    ] as const
  ).map(([name, line]) =>
    bad(`header: ${name}`, 'RFC 9112 5', `HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 5\r\n\r\nhello`),
  ),
  bad('header: folded', 'RFC 9112 5.2', hello('X: a', ' b')),
  bad('header: head ends in LF LF', 'RFC 9112 2.2', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'),
  bad('head of 300 KB', 'I9', ok(`X: ${'y'.repeat(300_000)}`), {}, '502 response-head-too-large'),
  bad('100,000 headers', 'I9', ok(...Array.from({ length: 100_000 }, () => 'X: y')), {}, '502 response-head-too-large'),
  bad('head that never ends', 'I9', 'HTTP/1.1 200 OK\r\nX: y\r\n', { ending: 'close' }, '502 closed-early'),
  bad('nothing, then the end', 'RFC 9112 8', '', { ending: 'close' }, '502 closed-early'),
  bad('nothing, then a reset', 'RFC 9112 8', '', { ending: 'reset' }, '502 closed-early'),
  bad(
    'part of a head, then a reset',
    'RFC 9112 8',
    'HTTP/1.1 200 OK\r\nConte',
    { ending: 'reset' },
    '502 closed-early',
  ),
];

const framing: ResponseCase[] = [
  ...(
    [
      ['chunked and a length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
      ['two different lengths', ['Content-Length: 5', 'Content-Length: 6']],
      ['the same length twice', ['Content-Length: 5', 'Content-Length: 5']],
      ['list of lengths', ['Content-Length: 5, 5']],
      ['negative length', ['Content-Length: -5']],
      ['length with a plus', ['Content-Length: +5']],
      ['hexadecimal length', ['Content-Length: 0x5']],
      ['empty length', ['Content-Length:']],
      ['length of 20 digits', ['Content-Length: 99999999999999999999']],
      ['gzip, chunked', ['Transfer-Encoding: gzip, chunked']],
      ['gzip', ['Transfer-Encoding: gzip']],
      ['identity', ['Transfer-Encoding: identity']],
      ['xchunked', ['Transfer-Encoding: xchunked']],
      ['chunked, identity', ['Transfer-Encoding: chunked, identity']],
      ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
      ['chunked behind a vertical tab', ['Transfer-Encoding: \x0bchunked']],
    ] as const
  ).map(([name, lines]) => bad(`framing: ${name}`, 'RFC 9112 6.1, 6.3', `${ok(...lines)}5\r\nhello\r\n0\r\n\r\n`)),
  bad(
    'framing: chunked in HTTP/1.0',
    'RFC 9112 6.1',
    chunked('5\r\nhello\r\n0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'),
  ),
];

const upgrade = 'GET /TTTTTTTT HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

const interim: ResponseCase[] = [
  bad(
    'interim: 101 unasked',
    'RFC 9110 15.2.2',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nPOISON',
  ),
  bad('interim: 5000 at once', 'I9', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000), {}, '502 too-many-interim'),
  served('interim: 500 at once', 'RFC 9110 15.2', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(500) + hello()),
  bad('interim: 100 with a body', 'RFC 9110 15.2', `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello${hello()}`),
  bad(
    'interim: 102 and then the end',
    'RFC 9110 15.2',
    'HTTP/1.1 102 Processing\r\n\r\n',
    { ending: 'close' },
    '502 closed-early',
  ),
  served('interim: 100 unasked', 'RFC 9110 15.2', `HTTP/1.1 100 Continue\r\n\r\n${hello()}`),
  served(
    'interim: 103 twice',
    'RFC 8297',
    `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLimpet-X: evil\r\n\r\n'.repeat(2)}${hello()}`,
  ),
  served('interim: 103 for an HTTP/1.0 client', 'RFC 9110 15.2', `HTTP/1.1 103 Early Hints\r\n\r\n${hello()}`, {
    request: old,
  }),
  served(
    'interim: 103 with a length',
    'RFC 9110 8.6',
    `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n${hello()}`,
  ),
  servedLast(
    'interim: 101 with headers of this hop',
    'I8, RFC 9110 7.6.1',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Internal\r\nUpgrade: websocket\r\nX-Internal: evil\r\nLimpet-Session-Put: evil\r\nKeep-Alive: evil\r\n\r\n',
    {
      request: upgrade,
      status: 101,
      body: '',
      has: { Upgrade: ['websocket'], 'X-Internal': [], 'Limpet-Session-Put': [] },
    },
  ),
  bad('interim: 101 without Upgrade', 'RFC 9110 7.8', 'HTTP/1.1 101 Switching Protocols\r\n\r\nPOISON', {
    request: upgrade,
  }),
];

const bodies: ResponseCase[] = [
  cut('body: shorter than its length, then the end', 'RFC 9112 8', `${ok('Content-Length: 10')}hello`, {
    ending: 'close',
  }),
  cut('body: shorter than its length, then a reset', 'RFC 9112 8', `${ok('Content-Length: 10')}hello`, {
    ending: 'reset',
  }),
  cut('body: no byte of it, then the end', 'RFC 9112 8', ok('Content-Length: 10'), { ending: 'close' }),
  cut('body: length of 2^53 - 1, then the end', 'RFC 9112 8', `${ok('Content-Length: 9007199254740991')}hello`, {
    ending: 'close',
  }),
  cut('body: shorter than its length, HTTP/1.0 client', 'RFC 9112 8', `${ok('Content-Length: 10')}hello`, {
    ending: 'close',
    request: old,
  }),
  cut(
    'body: shorter than its length, HTTP/1.0 server',
    'RFC 9112 8',
    'HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nhello',
    { ending: 'close' },
  ),
  cut('body: ends with the connection, which is reset', 'RFC 9112 8', `${ok()}hello`, { ending: 'reset' }),
  cut('body: ends with the connection, which is reset, HTTP/1.0 client', 'RFC 9112 8', `${ok()}hello`, {
    ending: 'reset',
    request: old,
  }),
  ...(
    [
      ['cut in the data', '5\r\nhel'],
      ['cut behind the data', '5\r\nhello'],
      ['cut in a size', '5\r\nhello\r\n1'],
      ['cut before the last chunk', '5\r\nhello\r\n'],
      ['cut in the last chunk', '5\r\nhello\r\n0\r\n'],
      ['cut in a trailer', '5\r\nhello\r\n0\r\nX-Sum: '],
    ] as const
  ).map(([name, body]) => cut(`chunks: ${name}`, 'RFC 9112 8', chunked(body), { ending: 'close' })),
  cut('chunks: cut in the data, HTTP/1.0 client', 'RFC 9112 8', chunked('5\r\nhel'), { ending: 'close', request: old }),
  cut('chunks: cut before the last chunk, HTTP/1.0 client', 'RFC 9112 8', chunked('5\r\nhello\r\n'), {
    ending: 'close',
    request: old,
  }),
  ...(
    [
      ['size that is no number', 'x\r\nhello\r\n0\r\n\r\n'],
      ['negative size', '-5\r\nhello\r\n0\r\n\r\n'],
      ['0x', '0x5\r\nhello\r\n0\r\n\r\n'],
      ['size of 17 digits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
      ['space behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
      ['size line ends in LF', '5\nhello\r\n0\r\n\r\n'],
      ['extension without a name', '5;\r\nhello\r\n0\r\n\r\n'],
      ['extension whose name is no token', '5;a b\r\nhello\r\n0\r\n\r\n'],
      ['extension ends in LF', '5;x\nhello\r\n0\r\n\r\n'],
      ['CR and another byte behind the data', '5\r\nhello\rX0\r\n\r\n'],
      ['data longer than the size', '4\r\nhello\r\n0\r\n\r\n'],
      ['no CR LF behind the data', '5\r\nhello0\r\n\r\n'],
      ['trailer without a colon', '5\r\nhello\r\n0\r\nX\r\n\r\n'],
      ['folded trailer', '5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n'],
      ['a response instead of the empty line', `5\r\nhello\r\n0\r\n${poison}`],
      ['extension without end', `5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    ] as const
  ).map(([name, body]) => cut(`chunks: ${name}`, 'RFC 9112 7.1', chunked(body))),
];

const noBody: ResponseCase[] = [
  servedLast('no body: HEAD answered with one', 'RFC 9112 6.3', ok('Content-Length: 6'), {
    request: head,
    body: '',
    extra: 'POISON',
  }),
  servedLast('no body: HEAD answered with chunks', 'RFC 9112 6.3', chunked(''), {
    request: head,
    body: '',
    extra: '6\r\nPOISON\r\n0\r\n\r\n',
  }),
  servedLast('no body: 204 with one', 'RFC 9112 6.3', 'HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n', {
    status: 204,
    body: '',
    extra: 'POISON',
  }),
  servedLast(
    'no body: 204 with chunks',
    'RFC 9112 6.1',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    {
      status: 204,
      body: '',
      has: { 'Transfer-Encoding': [] },
      extra: '6\r\nPOISON\r\n0\r\n\r\n',
    },
  ),
  servedLast('no body: 304 with one', 'RFC 9112 6.3', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n', {
    status: 304,
    body: '',
    extra: 'POISON',
  }),
  servedLast(
    'no body: 304 answered with a response as body',
    'response smuggling 2022',
    'HTTP/1.1 304 Not Modified\r\n\r\n',
    { status: 304, body: '', extra: poison },
  ),
  served(
    'no body: 304 says what its length would be',
    'RFC 9110 8.6',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    {
      status: 304,
      body: '',
      has: { 'Content-Length': ['5'] },
    },
  ),
  served('no body: HEAD says what its length would be', 'RFC 9110 8.6', ok('Content-Length: 5'), {
    request: head,
    body: '',
    has: { 'Content-Length': ['5'] },
  }),
  served('no body: HEAD says that it would be chunked', 'RFC 9112 6.1', ok('Transfer-Encoding: chunked'), {
    request: head,
    body: '',
  }),
  served('no body: length 0', 'RFC 9112 6.3', ok('Content-Length: 0'), { body: '' }),
];

const queue: ResponseCase[] = [
  servedLast('queue: two responses to one request', 'response queue poisoning, Kettle 2021', hello(), {
    extra: poison,
  }),
  servedLast('queue: one byte behind the length', 'RFC 9112 6.3', hello(), { extra: 'P' }),
  servedLast('queue: empty line behind the length', 'RFC 9112 6.3', hello(), { extra: '\r\n' }),
  servedLast('queue: body longer than its length', 'RFC 9112 6.3', hello(), { extra: 'POISON' }),
  servedLast('queue: response behind the last chunk', 'response queue poisoning', chunked('5\r\nhello\r\n0\r\n\r\n'), {
    extra: poison,
  }),
  servedLast('queue: response behind an empty one', 'response queue poisoning', ok('Content-Length: 0'), {
    body: '',
    extra: poison,
  }),
  servedLast('queue: 408 behind the response', 'RFC 9110 15.5.9', hello(), {
    extra: 'HTTP/1.1 408 Request Timeout\r\nX-Mark: POISON\r\n\r\n',
  }),
  servedLast('queue: answer before the request body is whole', '0.CL, Kettle 2025', hello(), { request: post }),
  servedLast('queue: Connection: close is kept', 'RFC 9112 9.6', hello('Connection: close'), { extra: poison }),
  servedLast('queue: HTTP/1.0 without keep-alive', 'RFC 9112 9.3', hello().replace('HTTP/1.1', 'HTTP/1.0')),
];

const headers: ResponseCase[] = [
  bad('headers: more connection options than 32', 'I9', hello(`Connection: ${'x,'.repeat(33)}`)),
  served(
    'headers: named in Connection',
    'RFC 9110 7.6.1',
    hello('Connection: X-Internal, keep-alive', 'X-Internal: evil'),
    { has: { 'X-Internal': [] } },
  ),
  served(
    'headers: of this hop',
    'RFC 9110 7.6.1',
    hello('Keep-Alive: timeout=evil', 'Proxy-Connection: evil', 'Upgrade: evil'),
    {
      has: { 'Keep-Alive': [], 'Proxy-Connection': [], Upgrade: [] },
    },
  ),
  served('headers: Limpet-*', 'I8', hello('Limpet-Session-Put: evil', 'limpet-reason: evil', 'Limpet-Server: evil'), {
    has: { 'Limpet-Session-Put': [], 'Limpet-Reason': [], 'Limpet-Server': [] },
  }),
  served(
    'headers: Set-Cookie keeps its order',
    'RFC 6265 3',
    hello('Set-Cookie: a=1; Path=/', 'X: y', 'set-cookie: b=2'),
    { has: { X: ['y'] } },
  ),
  served(
    'headers: as spelled, with bytes above 0x7f',
    'RFC 9110 5.5',
    hello('x-LOWER-Upper:  \xe9\xff\t', 'X-Empty:'),
    {
      has: { 'x-lower-upper': ['\xe9\xff'], 'X-Empty': [''] },
    },
  ),
  served('headers: underscores are the server’s own business', 'RFC 9110 5.1', hello('X_Y: z'), {
    has: { X_Y: ['z'] },
  }),
  served(
    'trailers: those that may not come late are dropped',
    'RFC 9110 6.5.1',
    chunked(
      '5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nTransfer-Encoding: evil\r\nSet-Cookie: evil\r\nLimpet-Session-Put: evil\r\nConnection: evil\r\nVary: evil\r\nContent-Encoding: evil\r\nRetry-After: evil\r\n\r\n',
      'Trailer: X-Sum, content-length, Vary',
    ),
    { trailers: ['X-Sum: 1'] },
  ),
];

const odd: ResponseCase[] = [
  served('odd: reason empty', 'RFC 9112 4', hello().replace('OK', '')),
  served('odd: reason and its space missing', 'RFC 9112 4, lenient', hello().replace(' OK', '')),
  served('odd: reason with tab and bytes above 0x7f', 'RFC 9112 4', hello().replace('OK', '\tO\xe9')),
  served('odd: status that nobody knows', 'RFC 9110 15', hello().replace('200', '599'), { status: 599 }),
  served('odd: length with zeros', 'RFC 9110 8.6', `${ok('Content-Length: 0005')}hello`),
  served('odd: chunk extensions are not passed on', 'RFC 9112 7.1.1', chunked('5;evil=1\r\nhello\r\n0;evil\r\n\r\n')),
  served('odd: chunks for an HTTP/1.0 client', 'RFC 9112 6.1', chunked('5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'), {
    request: old,
    has: { 'Transfer-Encoding': [] },
  }),
  served(
    'odd: HTTP/1.0 server with keep-alive',
    'RFC 9112 9.3',
    hello('Connection: Keep-Alive').replace('HTTP/1.1', 'HTTP/1.0'),
  ),
  servedLast('odd: body that ends with the connection', 'RFC 9112 6.3', `${ok()}hello`, { ending: 'close' }),
  servedLast('odd: body that ends with the connection, HTTP/1.0 client', 'RFC 9112 6.3', `${ok()}hello`, {
    ending: 'close',
    request: old,
  }),
  servedLast('odd: empty body that ends with the connection', 'RFC 9112 6.3', ok(), { ending: 'close', body: '' }),
];

export const responseCases: readonly ResponseCase[] = [
  ...statusLines,
  ...heads,
  ...framing,
  ...oddStatusLines,
  ...interim,
  ...bodies,
  ...noBody,
  ...queue,
  ...headers,
  ...odd,
];
