/**
 * Hostile and odd requests, and what each must come to. Sources: RFC 9110 and 9112, advisories, and the public
 * write-ups on request smuggling (Linhart 2005; Kettle 2019, 2021, 2022, 2025; Weikop's "Funky chunks" 2025).
 *
 * `TTTTTTTT` stands for a mark that is different in every run, so that the server's records can be told apart.
 * The words `evil` and `smuggled` must never reach a server: in the head of a request, or as one of its own.
 */

/** What the server must have got. Headers are compared by name without case; a value must be the only one. */
export interface Seen {
  readonly line: string;
  readonly has?: Readonly<Record<string, string>>;
  readonly lacks?: readonly string[];
  readonly body?: string;
  readonly trailers?: readonly string[];
}

export interface RequestCase {
  readonly name: string;
  readonly source: string;
  /** Latin1: a character is a byte. */
  readonly data: string;
  /** In order: `200` of the server, or status and reason of a refusal. */
  readonly answers: readonly string[];
  /** The balancer must end the connection; else the next request on it must be served. */
  readonly closed: boolean;
  readonly seen: readonly Seen[];
  /** The client sends FIN after its last byte. */
  readonly fin: boolean;
}

/** The limits that the cases are written for. */
export const limits = { headBytes: 4096, headers: 50, uriBytes: 1000, bodyBytes: 1000 } as const;

const CRLF = '\r\n';
const hello = '5\r\nhello\r\n0\r\n\r\n';
const smuggled = 'GET /smuggled/TTTTTTTT HTTP/1.1\r\nHost: evil\r\n\r\n';
const next = 'GET /next/TTTTTTTT HTTP/1.1\r\nHost: a\r\n\r\n';
const sawNext: Seen = { line: 'GET /next/TTTTTTTT HTTP/1.1' };
const got: Seen = { line: 'GET /TTTTTTTT HTTP/1.1', body: '' };
const posted: Seen = { line: 'POST /TTTTTTTT HTTP/1.1', body: 'hello' };

function get(...lines: string[]): string {
  return ['GET /TTTTTTTT HTTP/1.1', 'Host: a', ...lines, '', ''].join(CRLF);
}

function line(requestLine: string, ...lines: string[]): string {
  return [requestLine, 'Host: a', ...lines, '', ''].join(CRLF);
}

function post(body: string, ...lines: string[]): string {
  return ['POST /TTTTTTTT HTTP/1.1', 'Host: a', ...lines, '', body].join(CRLF);
}

function chunked(body: string): string {
  return post(body, 'Transfer-Encoding: chunked');
}

function refused(answer: string, name: string, source: string, data: string): RequestCase {
  return { name, source, data, answers: [answer], closed: true, seen: [], fin: false };
}

function served(name: string, source: string, data: string, ...seen: Seen[]): RequestCase {
  return { name, source, data, answers: seen.map(() => '200'), closed: false, seen, fin: false };
}

/** Served, and then the balancer ends the connection: with another refusal when one is given. */
function servedLast(name: string, source: string, data: string, seen: Seen, ...refusals: string[]): RequestCase {
  return { name, source, data, answers: ['200', ...refusals], closed: true, seen: [seen], fin: false };
}

/** The client leaves in the middle: nobody to answer, and no server may take the part for a whole. */
function abandoned(name: string, source: string, data: string): RequestCase {
  return { name, source, data, answers: [], closed: true, seen: [], fin: true };
}

const requestLine: RequestCase[] = [
  refused('400 bad-request-line', 'HTTP/0.9 request', 'RFC 9112 3', 'GET /TTTTTTTT\r\n\r\n'),
  refused('400 bad-request-line', 'lower-case http/1.1', 'RFC 9112 2.3', line('GET /TTTTTTTT http/1.1')),
  refused('505 bad-version', 'HTTP/2.0 in the request line', 'RFC 9110 15.6.6', line('GET /TTTTTTTT HTTP/2.0')),
  refused('505 bad-version', 'HTTP/2 preface', 'RFC 9113 3.4', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused('400 bad-request-line', 'HTTP/11', 'RFC 9112 2.3', line('GET /TTTTTTTT HTTP/11')),
  refused('400 bad-request-line', 'HTTP/1.10', 'RFC 9112 2.3', line('GET /TTTTTTTT HTTP/1.10')),
  refused('400 bad-request-line', 'HTTP /1.1', 'RFC 9112 2.3', line('GET /TTTTTTTT HTTP /1.1')),
  refused('400 bad-request-line', 'another protocol name', 'llhttp accepts RTSP, ICE', line('GET /TTTTTTTT RTSP/1.0')),
  refused('400 bad-request-line', 'two spaces after the method', 'RFC 9112 3', line('GET  /TTTTTTTT HTTP/1.1')),
  refused('400 bad-request-line', 'two spaces after the target', 'RFC 9112 3', line('GET /TTTTTTTT  HTTP/1.1')),
  refused('400 bad-request-line', 'space after the version', 'RFC 9112 3', line('GET /TTTTTTTT HTTP/1.1 ')),
  refused('400 bad-request-line', 'space before the method', 'RFC 9112 3', line(' GET /TTTTTTTT HTTP/1.1')),
  refused('400 bad-request-line', 'space inside the target', 'RFC 9112 3.2', line('GET /TTTTTTTT x HTTP/1.1')),
  refused(
    '400 bad-request-line',
    'request smuggled into the target',
    'Kettle 2021',
    line('GET / HTTP/1.1/../TTTTTTTT HTTP/1.1'),
  ),
  refused('400 bad-method', 'tab after the method', 'RFC 9112 3', line('GET\t/TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'tab after the target', 'RFC 9112 3', line('GET /TTTTTTTT\tHTTP/1.1')),
  refused('400 bad-target', 'vertical tab in the target', 'RFC 9112 3', line('GET /TTTTTTTT\x0b HTTP/1.1')),
  refused('400 bare-line-feed', 'request line ends in LF', 'RFC 9112 2.2', 'GET /TTTTTTTT HTTP/1.1\nHost: a\r\n\r\n'),
  refused('400 bad-request-line', 'request line ends in CR', 'RFC 9112 2.2', 'GET /TTTTTTTT HTTP/1.1\rHost: a\r\n\r\n'),
  refused('400 bad-method', 'method with a separator', 'RFC 9110 9.1', line('G(T /TTTTTTTT HTTP/1.1')),
  refused('400 bad-method', 'method with a NUL', 'RFC 9110 9.1', line('GE\0T /TTTTTTTT HTTP/1.1')),
  refused('400 bad-method', 'method with a byte above 0x7f', 'RFC 9110 9.1', line('G\xc9T /TTTTTTTT HTTP/1.1')),
  refused('431 head-too-large', 'endless method', 'I9', line(`${'A'.repeat(limits.headBytes)} /TTTTTTTT HTTP/1.1`)),
  refused('501 method-refused', 'CONNECT', 'RFC 9110 9.3.6', line('CONNECT evil:443 HTTP/1.1')),
  refused('501 method-refused', 'TRACE', 'RFC 9110 9.3.8', line('TRACE /TTTTTTTT HTTP/1.1')),
  refused('400 bad-request-line', 'LF before the request line', 'RFC 9112 2.2', `\n${get()}`),
  refused('400 bare-line-feed', 'CR before the request line', 'RFC 9112 2.2', `\r${get()}`),
  refused(
    '400 bad-request-line',
    '17 empty lines before the request line',
    'RFC 9112 2.2: at least one',
    `${CRLF.repeat(17)}${get()}`,
  ),
  refused('400 bad-request-line', 'LF behind an empty line', 'RFC 9112 2.2', `\r\n\n${get()}`),
  served('one empty line before the request line', 'RFC 9112 2.2', `\r\n${get()}`, got),
  served('two empty lines before the request line', 'RFC 9112 2.2', `\r\n\r\n${get()}`, got),
  served('16 empty lines before the request line', 'RFC 9112 2.2', `${CRLF.repeat(16)}${get()}`, got),
  served(
    'empty lines before each of two requests',
    'RFC 9112 2.2',
    `\r\n\r\n${post('hello', 'Content-Length: 5')}${CRLF.repeat(16)}${get()}\r\n`,
    posted,
    got,
  ),
  served('HTTP/1.2', 'RFC 9110 2.5', line('GET /TTTTTTTT HTTP/1.2'), got),
  served('HTTP/1.9', 'RFC 9110 2.5', line('GET /TTTTTTTT HTTP/1.9'), got),
  served('method in lower case is another method', 'RFC 9110 9.1', line('get /TTTTTTTT HTTP/1.1'), {
    line: 'get /TTTTTTTT HTTP/1.1',
  }),
  served('unknown method', 'RFC 9110 9.1', line('M-SEARCH /TTTTTTTT HTTP/1.1'), {
    line: 'M-SEARCH /TTTTTTTT HTTP/1.1',
  }),
];

const target: RequestCase[] = [
  refused('400 bad-target', 'fragment', 'RFC 9112 3.2; CVE-2023-45539', line('GET /TTTTTTTT#x HTTP/1.1')),
  refused('400 bad-target', 'NUL', 'RFC 3986 2', line('GET /TTTTTTTT\0 HTTP/1.1')),
  refused('400 bad-target', 'DEL', 'RFC 3986 2', line('GET /TTTTTTTT\x7f HTTP/1.1')),
  refused('400 bad-target', 'raw UTF-8', 'RFC 3986 2', line('GET /TTTTTTTT\xc3\xa9 HTTP/1.1')),
  refused('400 bad-target', 'raw 0x80', 'RFC 3986 2', line('GET /TTTTTTTT\x80 HTTP/1.1')),
  refused('400 bad-target', 'no leading slash', 'RFC 9112 3.2.1', line('GET TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'query alone', 'RFC 9112 3.2.1', line('GET ?TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'authority-form of GET', 'RFC 9112 3.2.3', line('GET a:80 HTTP/1.1')),
  refused('400 bad-target', 'authority-form that starts with @', 'Kettle 2017', line('GET @evil/TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'asterisk-form of GET', 'RFC 9112 3.2.4', line('GET * HTTP/1.1')),
  refused('400 bad-target', 'asterisk and more', 'RFC 9112 3.2.4', line('OPTIONS */TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'absolute-form, ftp', 'RFC 9110 4.2', line('GET ftp://a/TTTTTTTT HTTP/1.1')),
  refused(
    '400 bad-target',
    'absolute-form, file without authority',
    'RFC 9110 4.2',
    line('GET file:///TTTTTTTT HTTP/1.1'),
  ),
  refused('400 bad-target', 'absolute-form, one slash', 'RFC 9110 4.2.1', line('GET http:/a/TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'absolute-form, empty host', 'RFC 9110 4.2.1', line('GET http:///TTTTTTTT HTTP/1.1')),
  refused('400 bad-target', 'absolute-form, userinfo', 'RFC 9110 4.2.4', line('GET http://a@evil/TTTTTTTT HTTP/1.1')),
  refused(
    '400 bad-target',
    'absolute-form, port that is none',
    'RFC 9110 4.2.1',
    line('GET http://a:8x/TTTTTTTT HTTP/1.1'),
  ),
  refused('400 host-missing', 'absolute-form without Host', 'RFC 9112 3.2', 'GET http://a/TTTTTTTT HTTP/1.1\r\n\r\n'),
  refused(
    '414 uri-too-long',
    'target beyond the limit',
    'RFC 9112 3',
    line(`GET /TTTTTTTT${'x'.repeat(limits.uriBytes)} HTTP/1.1`),
  ),
  served('absolute-form replaces Host', 'RFC 9112 3.2.2', 'GET http://good/TTTTTTTT HTTP/1.1\r\nHost: evil\r\n\r\n', {
    line: 'GET /TTTTTTTT HTTP/1.1',
    has: { Host: 'good', 'X-Forwarded-Host': 'good' },
  }),
  served('absolute-form, scheme in capitals', 'RFC 9110 4.2', line('GET HTTP://a/TTTTTTTT HTTP/1.1'), {
    ...got,
    has: { Host: 'a' },
  }),
  served('absolute-form, https spoken in clear', 'RFC 9110 7.4', line('GET https://a/TTTTTTTT HTTP/1.1'), {
    ...got,
    has: { 'X-Forwarded-Proto': 'http' },
  }),
  served('absolute-form without path', 'RFC 9112 3.2.1', line('GET http://a HTTP/1.1', 'X-Mark: TTTTTTTT'), {
    line: 'GET / HTTP/1.1',
  }),
  served('absolute-form, query without path', 'RFC 9112 3.2.1', line('GET http://a?TTTTTTTT HTTP/1.1'), {
    line: 'GET /?TTTTTTTT HTTP/1.1',
  }),
  served('OPTIONS *', 'RFC 9110 9.3.7', line('OPTIONS * HTTP/1.1', 'X-Mark: TTTTTTTT'), { line: 'OPTIONS * HTTP/1.1' }),
  served(
    'OPTIONS of an absolute-form without path',
    'RFC 9112 3.2.4',
    line('OPTIONS http://a HTTP/1.1', 'X-Mark: TTTTTTTT'),
    {
      line: 'OPTIONS * HTTP/1.1',
    },
  ),
  served('two slashes are a path, not an authority', 'RFC 9112 3.2.1', line('GET //x/TTTTTTTT HTTP/1.1'), {
    line: 'GET //x/TTTTTTTT HTTP/1.1',
  }),
  served('quotes, braces and pipes go as they came', 'RFC 3986 2, lenient', line('GET /TTTTTTTT?"{|}\\^` HTTP/1.1'), {
    line: 'GET /TTTTTTTT?"{|}\\^` HTTP/1.1',
  }),
];

const host: RequestCase[] = [
  refused('400 host-missing', 'no Host', 'RFC 9112 3.2', 'GET /TTTTTTTT HTTP/1.1\r\n\r\n'),
  refused('400 host-repeated', 'two Hosts', 'RFC 9112 3.2; Kettle 2025', get('Host: evil')),
  refused('400 host-repeated', 'the same Host twice', 'RFC 9112 3.2', get('Host: a')),
  refused('400 bad-header-name', 'second Host hidden by a space', 'RFC 9112 5.1', get('Host : evil')),
  refused('400 folded-header', 'second Host hidden by a fold', 'RFC 9112 5.2', get(' Host: evil')),
  ...(
    [
      ['empty', ''],
      ['a list', 'a, evil'],
      ['userinfo', 'a@evil'],
      ['a space inside', 'a evil'],
      ['a tab inside', 'a\tevil'],
      ['a path', 'a/evil'],
      ['a query', 'a?evil'],
      ['a fragment', 'a#evil'],
      ['a backslash', 'a\\evil'],
      ['a port that is none', 'a:evil'],
      ['two ports', 'a:80:81'],
      ['port only', ':80'],
      ['an open bracket', '[::1'],
      ['text after the bracket', '[::1]evil'],
      ['no IPv6 in the brackets', '[evil]'],
      ['a byte above 0x7f', 'a\xe9'],
    ] as const
  ).map(([what, value]) =>
    refused('400 bad-host', `Host is ${what}`, 'RFC 9110 7.2', `GET /TTTTTTTT HTTP/1.1\r\nHost: ${value}\r\n\r\n`),
  ),
  servedLast('HTTP/1.0 without Host', 'RFC 9112 3.2', 'GET /TTTTTTTT HTTP/1.0\r\n\r\n', got),
  served('Host with IPv6 and port', 'RFC 9110 7.2', 'GET /TTTTTTTT HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n', {
    ...got,
    has: { Host: '[2001:db8::1]:8080' },
  }),
];

const headers: RequestCase[] = [
  refused('400 bad-header-name', 'space before the colon', 'RFC 9112 5.1', get('X : y')),
  refused('400 bad-header-name', 'tab before the colon', 'RFC 9112 5.1', get('X\t: y')),
  refused('400 bad-header-name', 'space inside a name', 'RFC 9110 5.1', get('X Y: z')),
  refused('400 bad-header-name', 'empty name', 'CVE-2023-25725', get(': x')),
  refused('400 bad-header-name', 'no colon', 'RFC 9112 5', get('X')),
  refused('400 bad-header-name', 'NUL in a name', 'RFC 9110 5.1', get('X\0Y: z')),
  refused('400 bad-header-name', 'byte above 0x7f in a name', 'RFC 9110 5.1', get('X\xff: z')),
  refused('400 bad-header-name', 'separator in a name', 'RFC 9110 5.6.2', get('X[0]: z')),
  refused(
    '400 bad-header-name',
    'space before the first header',
    'RFC 9112 2.2; CVE-2024-27982',
    'GET /TTTTTTTT HTTP/1.1\r\n Host: a\r\n\r\n',
  ),
  refused('400 folded-header', 'fold with a space', 'RFC 9112 5.2', get('X: y', ' z')),
  refused('400 folded-header', 'fold with a tab', 'RFC 9112 5.2', get('X: y', '\tz')),
  refused('400 folded-header', 'line of one space before the end', 'RFC 9112 5.2', get('X: y', ' ')),
  refused('400 bad-header-value', 'NUL in a value', 'RFC 9110 5.5', get('X: y\0z')),
  refused('400 bad-header-value', 'DEL in a value', 'RFC 9110 5.5', get('X: y\x7fz')),
  refused('400 bad-header-value', 'escape in a value', 'RFC 9110 5.5', get('X: \x1b[31m')),
  refused('400 bad-header-value', 'bare CR in a value', 'RFC 9112 2.2; CVE-2022-32214', get('X: y\rZ: evil')),
  refused('400 bad-header-value', 'CR CR LF', 'RFC 9112 2.2', get('X: y\r')),
  refused('400 bare-line-feed', 'line ends in LF', 'RFC 9112 2.2; CVE-2022-35256', get('X: y\nZ: evil')),
  refused('400 bare-line-feed', 'head ends in LF LF', 'RFC 9112 2.2', 'GET /TTTTTTTT HTTP/1.1\r\nHost: a\n\n'),
  refused('400 bare-line-feed', 'head ends in CR LF LF', 'RFC 9112 2.2', 'GET /TTTTTTTT HTTP/1.1\r\nHost: a\r\n\n'),
  refused(
    '400 bare-line-feed',
    'head ends in CR LF CR',
    'RFC 9112 2.2',
    'GET /TTTTTTTT HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n',
  ),
  refused('431 head-too-large', 'one header beyond the limit', 'RFC 6585 5', get(`X: ${'y'.repeat(limits.headBytes)}`)),
  refused(
    '400 too-many-connection-options',
    'more connection options than 32',
    'I9: each of them is compared with each header',
    get(`Connection: ${'x,'.repeat(33)}`),
  ),
  refused(
    '431 too-many-headers',
    'headers beyond the limit',
    'RFC 6585 5',
    get(...Array.from({ length: limits.headers }, (_, i) => `X${i}: y`)),
  ),
  refused('417 expect-unknown', 'unknown expectation', 'RFC 9110 10.1.1', get('Expect: evil')),
  refused(
    '417 expect-unknown',
    'expectation with more before it',
    'Kettle 2025',
    post('hello', 'Content-Length: 5', 'Expect: y 100-continue'),
  ),
  refused(
    '417 expect-unknown',
    'two expectations',
    'RFC 9110 10.1.1',
    get('Expect: 100-continue', 'Expect: 100-continue'),
  ),
  served('100-continue without a body waits for nothing', 'RFC 9110 10.1.1', get('Expect: 100-continue'), got),
  served('bytes above 0x7f in a value', 'RFC 9110 5.5', get('X: \xc3\xa9\xff'), { ...got, has: { X: '\xc3\xa9\xff' } }),
  served('no space after the colon, spaces at the end', 'RFC 9112 5.1', get('X:y \t '), { ...got, has: { X: 'y' } }),
  served('empty value', 'RFC 9110 5.5', get('X:'), { ...got, has: { X: '' } }),
  served('every token byte in a name', 'RFC 9110 5.6.2', get("!#$%&'*+-.^`|~0aZ: y"), {
    ...got,
    has: { "!#$%&'*+-.^`|~0aZ": 'y' },
  }),
];

const hops: RequestCase[] = [
  served('header named in Connection', 'RFC 9110 7.6.1', get('Connection: X-Secret', 'X-Secret: evil'), {
    ...got,
    lacks: ['X-Secret'],
  }),
  served(
    'Connection names headers in any case, over two lines',
    'RFC 9110 7.6.1',
    get('Connection: x-a ,', 'Connection:,X-B', 'X-A: evil', 'x-b: evil'),
    {
      ...got,
      lacks: ['X-A', 'X-B'],
    },
  ),
  served('Connection: Host', 'hop-by-hop abuse 2019', get('Connection: Host'), { ...got, has: { Host: 'a' } }),
  served(
    'Connection: Content-Length',
    'hop-by-hop abuse 2019',
    post('hello', 'Connection: Content-Length', 'Content-Length: 5'),
    posted,
  ),
  served(
    'Connection: Transfer-Encoding',
    'hop-by-hop abuse 2019',
    post(hello, 'Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'),
    posted,
  ),
  served('Connection: Cookie', 'hop-by-hop abuse 2019', get('Connection: Cookie', 'Cookie: a=b'), {
    ...got,
    has: { Cookie: 'a=b' },
  }),
  served(
    'Connection: Authorization',
    'hop-by-hop abuse 2019',
    get('Connection: Authorization', 'Authorization: Basic x'),
    {
      ...got,
      has: { Authorization: 'Basic x' },
    },
  ),
  served(
    'Connection: X-Forwarded-For, -Proto, -Host, Forwarded, Via',
    'CVE-2022-31813',
    get('Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Forwarded, Via'),
    {
      ...got,
      has: { 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': 'a' },
    },
  ),
  served(
    'Keep-Alive and Proxy-Connection',
    'RFC 9110 7.6.1',
    get('Keep-Alive: timeout=evil', 'Proxy-Connection: evil'),
    {
      ...got,
      lacks: ['Keep-Alive', 'Proxy-Connection'],
    },
  ),
  served('TE other than trailers', 'RFC 9110 10.1.4', get('TE: gzip, evil', 'Connection: TE'), got),
  served('Proxy', 'httpoxy, CVE-2016-5385', get('Proxy: http://evil/'), { ...got, lacks: ['Proxy'] }),
  served('Upgrade without Connection', 'RFC 9110 7.8', get('Upgrade: evil'), { ...got, lacks: ['Upgrade'] }),
  served(
    'Upgrade: h2c',
    'h2c smuggling 2020',
    get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'),
    {
      ...got,
      lacks: ['Upgrade', 'HTTP2-Settings'],
    },
  ),
  served('Upgrade: a list without websocket', 'h2c smuggling 2020', get('Connection: Upgrade', 'Upgrade: h2c, evil'), {
    ...got,
    lacks: ['Upgrade'],
  }),
  served('HTTP2-Settings alone', 'RFC 9113 3.1', get('HTTP2-Settings: evil'), { ...got, lacks: ['HTTP2-Settings'] }),
  served(
    'request behind a refused upgrade is read as HTTP',
    'websocket smuggling 2019',
    get(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ) + next,
    got,
    sawNext,
  ),
  servedLast('Connection: close', 'RFC 9112 9.6', get('Connection: close') + smuggled, got),
  servedLast('close beats keep-alive', 'RFC 9112 9.3', get('Connection: keep-alive, close') + smuggled, got),
  servedLast(
    'HTTP/1.0 ends after one response',
    'RFC 9112 9.3',
    `GET /TTTTTTTT HTTP/1.0\r\nHost: a\r\n\r\n${smuggled}`,
    got,
  ),
  served(
    'HTTP/1.0 with keep-alive goes on',
    'RFC 9112 9.3',
    `GET /TTTTTTTT HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n${next}`,
    got,
    sawNext,
  ),
];

const trust: RequestCase[] = [
  served(
    'spoofed X-Forwarded-*',
    'I8',
    get('X-Forwarded-For: evil', 'X-Forwarded-Proto: https-evil', 'X-Forwarded-Host: evil', 'x-forwarded-for: evil'),
    {
      ...got,
      has: { 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': 'a' },
    },
  ),
  served('spoofed Forwarded', 'RFC 7239 8.1', get('Forwarded: for=evil;proto=https'), got),
  served(
    'spoofed X_Forwarded_For',
    'nginx underscores_in_headers',
    get('X_Forwarded_For: evil', 'X_Forwarded-Proto: evil'),
    {
      ...got,
      lacks: ['X_Forwarded_For', 'X_Forwarded-Proto'],
      has: { 'X-Forwarded-For': '127.0.0.1' },
    },
  ),
  served(
    'Limpet-* headers',
    'I8',
    get('Limpet-Session: id=evil; epoch=9', 'LIMPET-REASON: evil', 'limpet-anything: evil'),
    {
      ...got,
      lacks: ['Limpet-Reason', 'Limpet-Anything'],
    },
  ),
  served('Limpet_* headers', 'I8', get('Limpet_Session: evil', 'limpet_Session-put: evil'), {
    ...got,
    lacks: ['Limpet_Session', 'limpet_Session-put'],
  }),
  served(
    'names that PHP cannot tell from ours',
    'PHP folding of dots',
    get('Limpet.Session: evil', 'X.Forwarded.For: evil', 'x-forwarded.host: evil', 'X.Real_IP: evil'),
    {
      ...got,
      lacks: ['Limpet.Session', 'X.Forwarded.For', 'x-forwarded.host', 'X.Real_IP'],
      has: { 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Host': 'a' },
    },
  ),
  served('forged token', 'I8', get('Cookie: a=b; limpet=evil; c=d'), { ...got, has: { Cookie: 'a=b; c=d' } }),
  served('several forged tokens', 'I8', get('Cookie: limpet=evil; limpet=evil', 'Cookie: x=y; limpet="evil"'), {
    ...got,
    has: { Cookie: 'x=y' },
  }),
  served(
    'Content_Length is not a length',
    'CGI folding',
    get(`Content_Length: ${next.length}`) + next,
    { ...got, lacks: ['Content_Length'] },
    sawNext,
  ),
  served(
    'Transfer_Encoding is not a coding',
    'CGI folding',
    post('hello', 'Content-Length: 5', 'Transfer_Encoding: chunked'),
    {
      ...posted,
      lacks: ['Transfer_Encoding'],
    },
  ),
  served(
    'name that overflows an 8-bit length',
    'CVE-2021-40346',
    get(`Content-Length0${'a'.repeat(255)}: x`) + next,
    got,
    sawNext,
  ),
];

const lengths: RequestCase[] = [
  ...(
    [
      ['a plus', '+5'],
      ['a minus', '-5'],
      ['hexadecimal', '0x5'],
      ['an exponent', '1e1'],
      ['a fraction', '5.0'],
      ['empty', ''],
      ['two numbers', '5 5'],
      ['a list of the same', '5, 5'],
      ['a list of different', '5, 0'],
      ['a list with an empty element', '5,'],
      ['a word', 'five'],
      ['20 digits', '99999999999999999999'],
      ['2^64 + 5', '18446744073709551621'],
      ['a parameter', '5;x'],
      ['quoted', '"5"'],
      ['an Arabic digit', '\xd9\xa5'],
    ] as const
  ).map(([what, value]) =>
    refused(
      '400 bad-content-length',
      `Content-Length is ${what}`,
      'RFC 9110 8.6',
      post('hello', `Content-Length: ${value}`),
    ),
  ),
  refused(
    '400 content-length-repeated',
    'two different lengths',
    'RFC 9112 6.3',
    post('hello', 'Content-Length: 5', 'Content-Length: 0'),
  ),
  refused(
    '400 content-length-repeated',
    'the same length twice',
    'RFC 9112 6.3',
    post('hello', 'Content-Length: 5', 'content-length: 5'),
  ),
  refused('400 bad-header-name', 'length hidden by a space', 'RFC 9112 5.1', post('hello', 'Content-Length : 5')),
  refused('400 folded-header', 'length behind a fold', 'RFC 9112 5.2', post('hello', 'Content-Length:', ' 5')),
  refused('400 bare-line-feed', 'length behind LF', 'Kettle 2025', post('hello', 'Content-Length: \n 5')),
  refused('400 bad-header-value', 'length behind a form feed', 'RFC 9110 5.5', post('hello', 'Content-Length: \x0c5')),
  refused(
    '413 body-too-large',
    'length beyond the limit',
    'RFC 9110 15.5.14',
    post('', `Content-Length: ${limits.bodyBytes + 1}`),
  ),
  refused('413 body-too-large', 'length of 1 GiB and no body', 'I9', post('', 'Content-Length: 1073741824')),
  refused(
    '411 length-required',
    'HTTP/1.0 POST without a length',
    'RFC 1945 7.2.2',
    'POST /TTTTTTTT HTTP/1.0\r\nHost: a\r\n\r\nhello',
  ),
  abandoned('body cut by the client', 'RFC 9112 8', post('hell', 'Content-Length: 5')),
  abandoned('head and no body, then the end', 'RFC 9112 8', post('', `Content-Length: ${limits.bodyBytes}`)),
  abandoned('chunked body cut by the client', 'RFC 9112 8', chunked('5\r\nhello\r\n')),
  abandoned('last chunk without the empty line', 'RFC 9112 7.1', chunked('5\r\nhello\r\n0\r\n')),
  abandoned('head cut by the client', 'RFC 9112 8', 'GET /TTTTTTTT HTTP/1.1\r\nHost: a\r\n'),
  served('leading zeros', 'RFC 9110 8.6', post('hello', 'Content-Length: 0005'), posted),
  served(
    'length 0 and the next request',
    'RFC 9112 6.3',
    post('', 'Content-Length: 0') + next,
    { ...posted, body: '' },
    sawNext,
  ),
  served('POST without a length has no body', 'RFC 9112 6.3', post('') + next, { ...posted, body: '' }, sawNext),
  served(
    'GET whose body is a request',
    'RFC 9110 9.3.1; CL.0',
    get(`Content-Length: ${next.length}`) + next + next,
    { ...got, body: next },
    sawNext,
  ),
  served(
    'HEAD with a body',
    'RFC 9110 9.3.2',
    `${line('HEAD /TTTTTTTT HTTP/1.1', 'Content-Length: 5')}hello${next}`,
    {
      line: 'HEAD /TTTTTTTT HTTP/1.1',
      body: 'hello',
    },
    sawNext,
  ),
  served(
    '100-continue with the body at once',
    'RFC 9110 10.1.1',
    post('hello', 'Content-Length: 5', 'Expect: 100-continue') + next,
    posted,
    sawNext,
  ),
  served(
    'GET that waits for 100 Continue',
    '0.CL, Kettle 2025',
    `${get('Content-Length: 5', 'Expect: 100-continue')}hello${next}`,
    { ...got, body: 'hello' },
    sawNext,
  ),
  served('three requests in one packet', 'RFC 9112 9.3.2', get() + next + next, got, sawNext, sawNext),
  servedLast(
    'garbage behind a request',
    'RFC 9112 2.2',
    `${get()}\x16\x03\x01 ${smuggled}`,
    got,
    '400 bad-request-line',
  ),
  servedLast(
    'CL.TE behind a request',
    'Kettle 2019',
    `${get()}${post(hello, 'Content-Length: 15', 'Transfer-Encoding: chunked').replace('/T', '/smuggled/T')}${smuggled}`,
    got,
    '400 length-and-encoding',
  ),
  servedLast(
    'body longer than its length',
    'CL.0, Kettle 2022',
    `${post('helloGPOST', 'Content-Length: 5', 'X-Pad: 1')} /smuggled/TTTTTTTT HTTP/9.9\r\n\r\n`,
    posted,
    '505 bad-version',
  ),
];

const codings: RequestCase[] = [
  refused(
    '400 length-and-encoding',
    'CL.TE',
    'RFC 9112 6.1; Linhart 2005',
    post(`0\r\n\r\n${smuggled}`, 'Content-Length: 6', 'Transfer-Encoding: chunked'),
  ),
  refused(
    '400 length-and-encoding',
    'TE.CL with a prefix',
    'Kettle 2019',
    post(`2e\r\n${smuggled}\r\n0\r\n\r\n`, 'Transfer-Encoding: chunked', 'Content-Length: 4'),
  ),
  refused(
    '400 length-and-encoding',
    'length 0 and chunked',
    'RFC 9112 6.3',
    post(hello, 'Content-Length: 0', 'Transfer-Encoding: chunked'),
  ),
  refused(
    '400 length-and-encoding',
    'coding unknown, with a length',
    'RFC 9112 6.1',
    post('hello', 'Content-Length: 5', 'Transfer-Encoding: identity'),
  ),
  refused(
    '400 bad-transfer-encoding',
    'chunked in HTTP/1.0',
    'RFC 9112 6.1',
    `POST /TTTTTTTT HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${hello}`,
  ),
  refused(
    '400 bad-header-name',
    'TE.TE: space before the colon',
    'Kettle 2019; CVE-2019-16869',
    post(hello, 'Content-Length: 15', 'Transfer-Encoding : chunked'),
  ),
  refused(
    '400 bad-header-name',
    'TE.TE: NUL in the name',
    'Kettle 2019',
    post(hello, 'Content-Length: 15', 'Transfer-Encoding\0: chunked'),
  ),
  refused(
    '400 folded-header',
    'TE.TE: space before the name',
    'Kettle 2019',
    post(hello, 'Content-Length: 15', ' Transfer-Encoding: chunked'),
  ),
  refused(
    '400 folded-header',
    'TE.TE: value behind a fold',
    'CVE-2022-32215',
    post(hello, 'Transfer-Encoding:', ' chunked'),
  ),
  refused(
    '400 bad-header-value',
    'TE.TE: vertical tab',
    'CVE-2019-18277',
    post(hello, 'Content-Length: 15', 'Transfer-Encoding: \x0bchunked'),
  ),
  refused(
    '400 bare-line-feed',
    'TE.TE: behind LF',
    'Kettle 2019',
    post(hello, 'Content-Length: 15', 'X: y\nTransfer-Encoding: chunked'),
  ),
  refused(
    '400 bad-header-value',
    'TE.TE: behind CR',
    'Kettle 2019',
    post(hello, 'Content-Length: 15', 'X: y\rTransfer-Encoding: chunked'),
  ),
  refused(
    '400 bare-line-feed',
    'TE.TE: behind LF CR',
    'Kettle 2019',
    post(hello, 'Content-Length: 15', 'X: y\n\rTransfer-Encoding: chunked'),
  ),
  refused('501 encoding-unknown', 'xchunked', 'Kettle 2019', post(hello, 'Transfer-Encoding: xchunked')),
  refused('501 encoding-unknown', 'chunkedchunked', 'CVE-2022-32213', post(hello, 'Transfer-Encoding: chunkedchunked')),
  refused('501 encoding-unknown', 'identity', 'RFC 9112 6.1', post('hello', 'Transfer-Encoding: identity')),
  refused(
    '501 encoding-unknown',
    'identity, chunked',
    'RFC 9112 6.1',
    post(hello, 'Transfer-Encoding: identity, chunked'),
  ),
  refused('501 encoding-unknown', 'gzip, chunked', 'RFC 9112 6.1', post(hello, 'Transfer-Encoding: gzip, chunked')),
  refused(
    '400 bad-transfer-encoding',
    'chunked, identity',
    'RFC 9112 6.3',
    post(hello, 'Transfer-Encoding: chunked, identity'),
  ),
  refused(
    '400 bad-transfer-encoding',
    'chunked, chunked',
    'RFC 9112 6.1',
    post(hello, 'Transfer-Encoding: chunked, chunked'),
  ),
  refused(
    '400 bad-transfer-encoding',
    'chunked twice over two lines',
    'Kettle 2019',
    post(hello, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  ),
  refused(
    '400 bad-transfer-encoding',
    'chunked and identity over two lines',
    'Kettle 2019',
    post(hello, 'Transfer-Encoding: chunked', 'Transfer-encoding: identity'),
  ),
  refused('400 bad-transfer-encoding', 'empty coding', 'RFC 9112 6.1', post('hello', 'Transfer-Encoding:')),
  refused('400 bad-transfer-encoding', 'quoted coding', 'Kettle 2019', post(hello, 'Transfer-Encoding: "chunked"')),
  refused(
    '400 bad-transfer-encoding',
    'chunked with a parameter',
    'RFC 9112 7',
    post(hello, 'Transfer-Encoding: chunked;q=1'),
  ),
  refused(
    '400 bad-transfer-encoding',
    'no-break space before chunked',
    'Kettle 2019',
    post(hello, 'Transfer-Encoding: \xa0chunked'),
  ),
  served('tab before chunked', 'RFC 9112 5: OWS', post(hello, 'Transfer-Encoding:\tchunked'), posted),
  served('chunked in capitals', 'RFC 9112 7', post(hello, 'TRANSFER-ENCODING: CHUNKED '), posted),
];

const chunks: RequestCase[] = [
  ...(
    [
      ['0x before the size', '0x5\r\nhello\r\n0\r\n\r\n'],
      ['space before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
      ['space after the size', '5 \r\nhello\r\n0\r\n\r\n'],
      ['minus', '-5\r\nhello\r\n0\r\n\r\n'],
      ['plus', '+5\r\nhello\r\n0\r\n\r\n'],
      ['underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
      ['empty size', '\r\nhello\r\n0\r\n\r\n'],
      ['extension without a size', ';x\r\nhello\r\n0\r\n\r\n'],
      ['no hexadecimal', 'g\r\nhello\r\n0\r\n\r\n'],
      ['17 digits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
      ['16 digits', 'ffffffffffffffff\r\nhello\r\n0\r\n\r\n'],
      ['size line ends in LF', '5\nhello\r\n0\r\n\r\n'],
      ['size line ends in CR', '5\rhello\r\n0\r\n\r\n'],
      ['CR inside the size', '5\r5\r\nhello\r\n0\r\n\r\n'],
      ['extension ends in LF', '5;x\nhello\r\n0\r\n\r\n'],
      ['extension ends in CR', '5;x\rhello\r\n0\r\n\r\n'],
      ['extension without a name', '5;\r\nhello\r\n0\r\n\r\n'],
      ['extension without a name, last chunk', '5\r\nhello\r\n0;\r\n\r\n'],
      ['extension whose name is no token', '5;a b\r\nhello\r\n0\r\n\r\n'],
      ['extension whose quotes do not end', '5;a="b\r\nhello\r\n0\r\n\r\n'],
      ['extension without a value', '5;a=\r\nhello\r\n0\r\n\r\n'],
      ['NUL in an extension', '5;x\0\r\nhello\r\n0\r\n\r\n'],
      ['NUL after the size', '5\0\r\nhello\r\n0\r\n\r\n'],
      ['no CR LF after the data', '5\r\nhello0\r\n\r\n'],
      ['LF after the data', '5\r\nhello\n0\r\n\r\n'],
      ['CR after the data', '5\r\nhello\r0\r\n\r\n'],
      ['CR and another byte after the data', '5\r\nhello\rX0\r\n\r\n'],
      ['data longer than the size', '4\r\nhello\r\n0\r\n\r\n'],
      ['two bytes that are no line end after the data', '5\r\nhelloXX0\r\n\r\n'],
      ['last chunk ends in LF', '5\r\nhello\r\n0\n\r\n'],
    ] as const
  ).map(([what, body]) => refused('400 bad-chunk', `chunk: ${what}`, 'RFC 9112 7.1; Weikop 2025', chunked(body))),
  refused(
    '400 bad-chunk',
    'extensions without end',
    'CVE-2023-39326',
    chunked(`5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`),
  ),
  refused(
    '413 body-too-large',
    'chunks beyond the limit',
    'RFC 9110 15.5.14',
    chunked(`1f4\r\n${'x'.repeat(500)}\r\n1f4\r\n${'x'.repeat(500)}\r\n1\r\ny\r\n0\r\n\r\n`),
  ),
  refused(
    '413 body-too-large',
    'one chunk beyond the limit',
    'RFC 9110 15.5.14',
    chunked(`7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`),
  ),
  ...(
    [
      ['fold', 'A: b\r\n c\r\n\r\n'],
      ['space before the colon', 'A : b\r\n\r\n'],
      ['no colon', 'A\r\n\r\n'],
      ['line ends in LF', 'A: b\n\r\n'],
      ['section ends in LF', 'A: b\r\n\n'],
      ['NUL', 'A: \0\r\n\r\n'],
      ['a request instead of the empty line', `${smuggled}\r\n`],
      ['too long', `A: ${'b'.repeat(20_000)}\r\n\r\n`],
    ] as const
  ).map(([what, section]) =>
    refused('400 bad-trailer', `trailer: ${what}`, 'RFC 9112 7.1.2', chunked(`5\r\nhello\r\n0\r\n${section}`)),
  ),
  served(
    'trailers that frame, route, sign in or claim trust are dropped',
    'RFC 9110 6.5.1; CVE-2023-46589',
    chunked(
      `5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nCookie: evil\r\nLimpet-Session: evil\r\nX-Forwarded-For: evil\r\nX_Forwarded_For: evil\r\nAuthorization: evil\r\nContent-Type: evil\r\nRange: evil\r\nIf-Match: evil\r\nWWW-Authenticate: evil\r\nX-Sum: 1\r\n\r\n`,
    ),
    { ...posted, trailers: ['X-Sum: 1'] },
  ),
  served(
    'chunk extensions are read and not passed on',
    'RFC 9112 7.1.1',
    chunked('5;evil="a;b\\"" ; c\r\nhello\r\n0;evil\r\n\r\n') + next,
    posted,
    sawNext,
  ),
  served(
    'sizes with zeros and capitals',
    'RFC 9112 7.1',
    chunked(`0005\r\nhello\r\n0A\r\n0123456789\r\n00\r\n\r\n${next}`),
    { ...posted, body: 'hello0123456789' },
    sawNext,
  ),
  served('no chunk but the last', 'RFC 9112 7.1', chunked(`0\r\n\r\n${next}`), { ...posted, body: '' }, sawNext),
  served(
    'data that look like the last chunk',
    'RFC 9112 7.1',
    chunked(`5\r\n0\r\n\r\n\r\n1\r\n0\r\n0\r\n\r\n${next}`),
    { ...posted, body: '0\r\n\r\n0' },
    sawNext,
  ),
  served(
    'GET with chunks',
    'RFC 9110 9.3.1',
    get('Transfer-Encoding: chunked') + hello + next,
    { ...got, body: 'hello' },
    sawNext,
  ),
];

export const requestCases: readonly RequestCase[] = [
  ...requestLine.map((one) => ({ ...one, name: `request line: ${one.name}` })),
  ...target.map((one) => ({ ...one, name: `target: ${one.name}` })),
  ...host.map((one) => ({ ...one, name: `host: ${one.name}` })),
  ...headers.map((one) => ({ ...one, name: `header: ${one.name}` })),
  ...hops.map((one) => ({ ...one, name: `hop: ${one.name}` })),
  ...trust.map((one) => ({ ...one, name: `trust: ${one.name}` })),
  ...lengths.map((one) => ({ ...one, name: `length: ${one.name}` })),
  ...codings.map((one) => ({ ...one, name: `coding: ${one.name}` })),
  ...chunks.map((one) => ({ ...one, name: `chunks: ${one.name}` })),
];
