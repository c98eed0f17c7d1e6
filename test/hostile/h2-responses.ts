/**
 * What hostile and broken servers of HTTP/2 say to one request, and what clients of HTTP/1.1 and of HTTP/2 must see of it. RFC 9113 leaves
 * most of it to one rule: a malformed response is never passed on as a whole one.
 */

import type { Fields } from './h2-case.ts';
import {
  block,
  code,
  continuation,
  data,
  f,
  goaway,
  headers,
  ping,
  priority,
  pushPromise,
  resetStream,
  set,
  settings,
  times,
  u32,
  windowUpdate,
} from './h2-case.ts';

export interface H2ResponseCase {
  readonly name: string;
  readonly source: string;
  /** POST sends 100,000 bytes: more than the first window. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** What the server says to the head of the request on that stream; latin1. */
  readonly say: (id: number) => string;
  /** What it does with the connection then. */
  readonly ending: 'keep' | 'close' | 'reset';
  /** `served`, status and reason of the balancer's own response, or `cut`: that, or a response that visibly breaks off. */
  readonly h1: string;
  readonly h2: string;
  /** When served. */
  readonly status: number;
  readonly body: string;
  readonly trailers: readonly string[];
  /** The next request comes on this connection. */
  readonly isKept: boolean;
  /** Code of the GOAWAY with which the balancer ends the connection; null: none, or NO_ERROR. */
  readonly error: number | null;
}

type Change = Partial<Omit<H2ResponseCase, 'name' | 'source' | 'say'>>;
type Say = (id: number) => string;

const rfc = 'RFC 9113 ';

function make(name: string, source: string, say: Say, outcome: string, change: Change): H2ResponseCase {
  return {
    name,
    source,
    say,
    method: 'GET',
    ending: 'keep',
    h1: outcome,
    h2: outcome,
    status: 200,
    body: 'hello',
    trailers: [],
    isKept: true,
    error: null,
    ...change,
  };
}

function served(name: string, source: string, say: Say, change: Change = {}): H2ResponseCase {
  return make(name, source, say, 'served', change);
}

function bad(name: string, source: string, say: Say, outcome = '502 bad-response', change: Change = {}) {
  return make(name, source, say, outcome, change);
}

function cut(name: string, source: string, say: Say, change: Change = {}): H2ResponseCase {
  return make(name, source, say, 'cut', change);
}

/** The connection ends with it, in the middle of a response. */
function fatal(error: number, name: string, source: string, bytes: string | Say): H2ResponseCase {
  const say: Say = typeof bytes === 'string' ? () => bytes : bytes;
  return cut(name, source, (id) => ok(id) + body(id, 'hel', 0) + say(id), { isKept: false, error });
}

function head(id: number, fields: Fields, flags = 4): string {
  return f(headers, flags, id, block(fields));
}

function ok(id: number, ...more: Fields): string {
  return head(id, [[':status', '200'], ...more]);
}

function body(id: number, text = 'hello', flags = 1): string {
  return f(data, flags, id, text);
}

function hello(id: number, ...more: Fields): string {
  return ok(id, ...more) + body(id);
}

function interim(id: number, status: string, ...more: Fields): string {
  return head(id, [[':status', status], ...more]);
}

function trailers(id: number, fields: Fields, flags = 5): string {
  return ok(id) + body(id, 'hello', 0) + head(id, fields, flags);
}

const right: H2ResponseCase[] = [
  served('a response', `${rfc}8.1`, (id) => hello(id)),
  served('padding and a priority', `${rfc}6.1, 6.2`, (id) => {
    const start = f(headers, 0x2c, id, `\x03${u32(0)}\x10${block([[':status', '200']])}\0\0\0`);
    return start + f(data, 9, id, '\x02hello\0\0');
  }),
  served('frames and settings that are not known', `${rfc}5.5, 6.5.2`, (id) => {
    return ok(id) + f(0xee, 0xff, id, 'evil') + set(0xeeee, 1) + f(priority, 0, id, `${u32(0)}\0`) + body(id);
  }),
  served('a head in pieces, some of nothing', `${rfc}6.10`, (id) => {
    const text = block([[':status', '200']]);
    const rest = f(continuation, 0, id, text.slice(3)) + f(continuation, 4, id);
    return f(headers, 0, id, text.slice(0, 3)) + rest + body(id);
  }),
  served('interim responses', `${rfc}8.1`, (id) => {
    return interim(id, '103', ['link', '</a>']) + interim(id, '102') + hello(id);
  }),
  served('an interim response with a length', 'RFC 9110 8.6', (id) => {
    return interim(id, '103', ['content-length', '5']) + hello(id);
  }),
  served('trailers', `${rfc}8.1`, (id) => trailers(id, [['x-t', '1']]), { trailers: ['x-t: 1'] }),
  served('an empty DATA frame that ends it', `${rfc}6.1`, (id) => {
    return ok(id, ['content-length', '5']) + body(id, 'hello', 0) + body(id, '', 1);
  }),
  served(
    'content-length of HEAD',
    'RFC 9110 9.3.2',
    (id) =>
      head(
        id,
        [
          [':status', '200'],
          ['content-length', '5'],
        ],
        5,
      ),
    {
      method: 'HEAD',
      body: '',
    },
  ),
  served('204', 'RFC 9110 15.3.5', (id) => head(id, [[':status', '204']], 5), { status: 204, body: '' }),
  served(
    '304 with a length',
    'RFC 9110 15.4.5',
    (id) =>
      head(
        id,
        [
          [':status', '304'],
          ['content-length', '9'],
        ],
        5,
      ),
    {
      status: 304,
      body: '',
    },
  ),
  served(
    'the response before the request is whole, and RST_STREAM',
    `${rfc}8.1`,
    (id) => {
      return hello(id) + f(resetStream, 0, id, u32(code.no));
    },
    { method: 'POST' },
  ),
  served(
    'GOAWAY before the response',
    `${rfc}6.8`,
    (id) => {
      return f(goaway, 0, 0, u32(id) + u32(code.no)) + hello(id);
    },
    { isKept: false },
  ),
  served(
    'GOAWAY twice',
    `${rfc}6.8`,
    (id) => {
      return f(goaway, 0, 0, u32(0x7fff_ffff) + u32(0)) + f(goaway, 0, 0, u32(id) + u32(0)) + hello(id);
    },
    { isKept: false },
  ),
  served('FIN behind the response', `${rfc}9.1`, (id) => hello(id), { ending: 'close', isKept: false }),
  served('DATA behind the end', `${rfc}5.1`, (id) => hello(id) + body(id, 'evil')),
  served('a second response behind the end', `${rfc}5.1`, (id) => hello(id) + ok(id, ['x', 'evil']) + body(id, 'evil')),
  served('RST_STREAM behind the end', `${rfc}5.1`, (id) => hello(id) + f(resetStream, 0, id, u32(code.internal))),
  served('a window of 2^31-1', `${rfc}6.9.1`, (id) => set(4, 0x7fff_ffff) + hello(id)),
];

const statuses: H2ResponseCase[] = (
  [
    ['no :status', [['a', 'b']]],
    ['nothing', []],
    [
      'two :status',
      [
        [':status', '200'],
        [':status', '200'],
      ],
    ],
    [
      ':status behind a field',
      [
        ['a', 'b'],
        [':status', '200'],
      ],
    ],
    [':status of two digits', [[':status', '20']]],
    [':status of four digits', [[':status', '2000']]],
    [':status in words', [[':status', 'abc']]],
    [':status 099', [[':status', '099']]],
    [':status with a sign', [[':status', '+20']]],
    [':status with a reason', [[':status', '200 OK']]],
    [':status that is a head', [[':status', '200\r\nx: evil']]],
    ['101', [[':status', '101']]],
    [
      ':path in a response',
      [
        [':status', '200'],
        [':path', '/evil'],
      ],
    ],
    [
      'a pseudo-header field that is not known',
      [
        [':status', '200'],
        [':evil', '1'],
      ],
    ],
  ] as const satisfies readonly (readonly [string, Fields])[]
).map(([name, fields]) => bad(name, `${rfc}8.3, 8.6`, (id) => head(id, fields) + body(id)));

const fieldLines: H2ResponseCase[] = (
  [
    ['a name in upper case', 'Evil', '1'],
    ['a name of nothing', '', 'evil'],
    ['a name with a space', 'e vil', '1'],
    ['a name with a colon', 'evil:x', '1'],
    ['a name with a line', 'x: 1\r\nevil', '1'],
    ['a name with NUL', 'ev\0il', '1'],
    ['a name that is not ASCII', 'evil\xe9', '1'],
    ['a value with CR LF', 'x', '1\r\nevil: 1'],
    ['a value with LF', 'x', '1\nevil: 1'],
    ['a value with CR', 'x', '1\revil'],
    ['a value with NUL', 'x', '1\0evil'],
    ['connection', 'connection', 'close'],
    ['transfer-encoding', 'transfer-encoding', 'chunked'],
    ['keep-alive', 'keep-alive', 'timeout=5'],
    ['proxy-connection', 'proxy-connection', 'close'],
    ['upgrade', 'upgrade', 'evil'],
    ['content-length in words', 'content-length', 'abc'],
    ['content-length with a sign', 'content-length', '+5'],
    ['content-length below zero', 'content-length', '-1'],
    ['content-length as a list', 'content-length', '5, 5'],
    ['content-length of nothing', 'content-length', ''],
    ['content-length beyond 2^64', 'content-length', '18446744073709551621'],
  ] as const
).map(([name, field, value]) => bad(name, `${rfc}8.2, 8.1.1`, (id) => hello(id, [field, value])));

/** What is whole by its length or its status has been passed on when the data behind it come: these go nowhere. */
const lengths: H2ResponseCase[] = [
  bad('two lengths', `${rfc}8.1.1`, (id) => hello(id, ['content-length', '5'], ['content-length', '6'])),
  bad('a length, and no data', `${rfc}8.1.1`, (id) =>
    head(
      id,
      [
        [':status', '200'],
        ['content-length', '5'],
      ],
      5,
    ),
  ),
  cut('less data than the length', `${rfc}8.1.1`, (id) => hello(id, ['content-length', '6'])),
  cut('more data than the length', `${rfc}8.1.1`, (id) => ok(id, ['content-length', '3']) + body(id, 'helevil')),
  served(
    'data behind the length',
    `${rfc}8.1.1`,
    (id) => {
      return ok(id, ['content-length', '3']) + body(id, 'hel', 0) + body(id, 'evil');
    },
    { body: 'hel' },
  ),
  cut('less data than the length, and trailers', `${rfc}8.1.1`, (id) => {
    return ok(id, ['content-length', '6']) + body(id, 'hello', 0) + head(id, [['x-t', '1']], 5);
  }),
  served('204 with data', 'RFC 9110 15.3.5', (id) => head(id, [[':status', '204']]) + body(id, 'evil'), {
    status: 204,
    body: '',
  }),
  served('304 with data', 'RFC 9110 15.4.5', (id) => head(id, [[':status', '304']]) + body(id, 'evil'), {
    status: 304,
    body: '',
  }),
  served('HEAD with data', 'RFC 9110 9.3.2', (id) => ok(id) + body(id, 'evil'), { method: 'HEAD', body: '' }),
];

const messages: H2ResponseCase[] = [
  bad('DATA before HEADERS', `${rfc}8.1`, (id) => body(id, 'evil', 0), '502 bad-response'),
  bad('DATA with the end before HEADERS', `${rfc}8.1`, (id) => body(id, 'evil'), '502 bad-response'),
  bad(
    'DATA behind an interim response',
    `${rfc}8.1`,
    (id) => interim(id, '103') + body(id, 'evil'),
    '502 bad-response',
  ),
  bad('an interim response that ends the stream', `${rfc}8.1`, (id) => head(id, [[':status', '103']], 5)),
  bad(
    'interim responses without end',
    'CVE-2018-1000115 and the like',
    (id) => times(1100, () => interim(id, '102')),
    '502 too-many-interim',
  ),
  bad('a malformed interim response', `${rfc}8.1`, (id) => interim(id, '103', ['Evil', '1']) + hello(id)),
  cut('trailers without the end', `${rfc}8.1`, (id) => trailers(id, [['x-t', 'evil']], 4)),
  cut('trailers with :status', `${rfc}8.1`, (id) =>
    trailers(id, [
      [':status', '200'],
      ['x', 'evil'],
    ]),
  ),
  cut('trailers in upper case', `${rfc}8.2`, (id) => trailers(id, [['Evil', '1']])),
  cut('trailers with a line in a value', `${rfc}8.2.1`, (id) => trailers(id, [['x', '1\r\nevil: 1']])),
  cut('an interim response behind the data', `${rfc}8.1`, (id) => {
    return ok(id) + body(id, 'hel', 0) + interim(id, '103') + body(id, 'lo');
  }),
];

const resets: H2ResponseCase[] = [
  bad('RST_STREAM', `${rfc}6.4`, (id) => f(resetStream, 0, id, u32(code.internal)), '502 stream-reset'),
  bad('RST_STREAM with NO_ERROR', `${rfc}6.4`, (id) => f(resetStream, 0, id, u32(0)), '502 stream-reset'),
  bad(
    'RST_STREAM with a code that is not known',
    `${rfc}7`,
    (id) => f(resetStream, 0, id, u32(0xffff)),
    '502 stream-reset',
  ),
  bad('REFUSED_STREAM', `${rfc}8.7`, (id) => f(resetStream, 0, id, u32(code.refused)), '503 stream-refused'),
  bad('ENHANCE_YOUR_CALM', `${rfc}7`, (id) => f(resetStream, 0, id, u32(code.calm)), '503 server-overloaded'),
  ...[code.no, code.internal, code.cancel, code.refused].map((reason) =>
    cut(`RST_STREAM ${reason} in the middle`, `${rfc}8.1`, (id) => {
      return ok(id) + body(id, 'hel', 0) + f(resetStream, 0, id, u32(reason));
    }),
  ),
  cut('RST_STREAM behind all data of the length, without the end', `${rfc}8.1`, (id) => {
    return ok(id, ['content-length', '6']) + body(id, 'hello', 0) + f(resetStream, 0, id, u32(code.no));
  }),
  bad('FIN instead of a response', `${rfc}9.1`, () => '', '502 closed-early', { ending: 'close', isKept: false }),
  cut('FIN in the middle', `${rfc}8.1`, (id) => ok(id) + body(id, 'hel', 0), { ending: 'close', isKept: false }),
  cut('FIN in the middle of a frame', `${rfc}8.1`, (id) => ok(id) + body(id).slice(0, -2), {
    ending: 'close',
    isKept: false,
  }),
  cut('a reset of the connection in the middle', `${rfc}8.1`, (id) => ok(id) + body(id, 'hel', 0), {
    ending: 'reset',
    isKept: false,
  }),
  bad(
    'GOAWAY below the stream',
    `${rfc}6.8`,
    (id) => f(goaway, 0, 0, u32(Math.max(0, id - 2)) + u32(0)),
    '503 stream-refused',
    { isKept: false },
  ),
  bad(
    'GOAWAY with an error, and FIN',
    `${rfc}6.8`,
    (id) => f(goaway, 0, 0, u32(id) + u32(code.protocol)),
    '502 closed-early',
    { ending: 'close', isKept: false },
  ),
  cut(
    'GOAWAY in the middle, and FIN',
    `${rfc}6.8`,
    (id) => {
      return ok(id) + body(id, 'hel', 0) + f(goaway, 0, 0, u32(id) + u32(code.no));
    },
    { ending: 'close', isKept: false },
  ),
];

const frames: H2ResponseCase[] = [
  fatal(code.protocol, 'DATA of the connection', `${rfc}6.1`, f(data, 0, 0, 'evil')),
  fatal(code.protocol, 'HEADERS of the connection', `${rfc}6.2`, head(0, [[':status', '200']])),
  fatal(code.protocol, 'DATA of a stream that is idle', `${rfc}5.1`, (id) => body(id + 1000, 'evil')),
  fatal(code.protocol, 'a response on a stream that is idle', `${rfc}5.1`, (id) => hello(id + 1000)),
  fatal(code.protocol, 'a response on a stream of the server', `${rfc}5.1.1`, hello(2)),
  fatal(code.protocol, 'PUSH_PROMISE', `${rfc}8.4`, (id) =>
    f(pushPromise, 4, id, u32(2) + block([[':method', 'GET']])),
  ),
  fatal(code.protocol, 'RST_STREAM of a stream that is idle', `${rfc}6.4`, (id) =>
    f(resetStream, 0, id + 1000, u32(8)),
  ),
  fatal(code.frameSize, 'RST_STREAM of three bytes', `${rfc}6.4`, (id) => f(resetStream, 0, id, 'abc')),
  fatal(code.protocol, 'WINDOW_UPDATE of a stream that is idle', `${rfc}6.9`, (id) =>
    f(windowUpdate, 0, id + 1000, u32(1)),
  ),
  fatal(code.protocol, 'WINDOW_UPDATE of nothing', `${rfc}6.9`, f(windowUpdate, 0, 0, u32(0))),
  fatal(code.frameSize, 'WINDOW_UPDATE of five bytes', `${rfc}6.9`, f(windowUpdate, 0, 0, '\0\0\0\x01\0')),
  fatal(
    code.flowControl,
    'the window of the connection beyond 2^31-1',
    `${rfc}6.9.1`,
    f(windowUpdate, 0, 0, u32(0x7fff_ffff)),
  ),
  cut(
    'the window of the stream beyond 2^31-1',
    `${rfc}6.9.1`,
    (id) => {
      return ok(id) + body(id, 'hel', 0) + f(windowUpdate, 0, id, u32(0x7fff_ffff));
    },
    {},
  ),
  fatal(code.flowControl, 'a first window of 2^31', `${rfc}6.5.2`, set(4, 0x8000_0000)),
  fatal(code.protocol, 'frames of at most 100 bytes', `${rfc}6.5.2`, set(5, 100)),
  fatal(code.protocol, 'ENABLE_PUSH of a server', `${rfc}6.5.2`, set(2, 1)),
  fatal(code.protocol, 'ENABLE_CONNECT_PROTOCOL of 2', 'RFC 8441 3', set(8, 2)),
  fatal(code.protocol, 'SETTINGS of a stream', `${rfc}6.5`, (id) => f(settings, 0, id)),
  fatal(code.frameSize, 'SETTINGS of five bytes', `${rfc}6.5`, f(settings, 0, 0, 'hello')),
  fatal(code.frameSize, 'an acknowledgement with settings', `${rfc}6.5`, f(settings, 1, 0, '\0\x04\0\0\0\x01')),
  fatal(code.frameSize, 'PING of seven bytes', `${rfc}6.7`, f(ping, 0, 0, '1234567')),
  fatal(code.protocol, 'PING of a stream', `${rfc}6.7`, (id) => f(ping, 0, id, '12345678')),
  fatal(code.protocol, 'GOAWAY of a stream', `${rfc}6.8`, (id) => f(goaway, 0, id, u32(id) + u32(0))),
  fatal(code.frameSize, 'GOAWAY of seven bytes', `${rfc}6.8`, f(goaway, 0, 0, '1234567')),
  fatal(code.frameSize, 'a frame beyond SETTINGS_MAX_FRAME_SIZE', `${rfc}4.2`, (id) =>
    body(id, 'evil'.repeat(4097), 0),
  ),
  fatal(code.protocol, 'more padding than frame', `${rfc}6.1`, (id) => f(data, 8, id, '\x06hello')),
  fatal(code.protocol, 'CONTINUATION of nothing', `${rfc}6.10`, (id) => f(continuation, 4, id)),
  fatal(code.protocol, 'a block that is interrupted', `${rfc}6.10`, (id) => {
    return f(headers, 1, id, block([['x-t', '1']])) + f(ping, 0, 0, '12345678');
  }),
  fatal(code.compression, 'index 0', 'RFC 7541 6.1', (id) => f(headers, 5, id, '\x80')),
  fatal(code.compression, 'an index that is not there', 'RFC 7541 2.3.3', (id) => f(headers, 5, id, '\xff\x7f')),
  fatal(code.compression, 'an integer without end', 'RFC 7541 5.1', (id) =>
    f(headers, 5, id, `\xff${'\xff'.repeat(20)}`),
  ),
  fatal(code.compression, 'a string that is cut', 'RFC 7541 5.2', (id) => f(headers, 5, id, '\0\x05ab')),
  fatal(code.compression, 'Huffman code with EOS', 'RFC 7541 5.2', (id) =>
    f(headers, 5, id, '\0\x84\xff\xff\xff\xff\x011'),
  ),
  fatal(code.compression, 'a larger table than was allowed', 'RFC 7541 6.3', (id) => f(headers, 5, id, '\x3f\xe2\x1f')),
  fatal(code.compression, 'a block that is wrong, of a stream that is over', 'RFC 7541 2.3.3', (id) => {
    return f(resetStream, 0, id, u32(8)) + f(headers, 5, id, '\x80');
  }),
];

const floods: H2ResponseCase[] = [
  fatal(
    code.calm,
    'PING without end (CVE-2019-9512)',
    `${rfc}10.5`,
    times(10_100, () => f(ping, 0, 0, '12345678')),
  ),
  fatal(
    code.calm,
    'SETTINGS without end (CVE-2019-9515)',
    `${rfc}10.5`,
    times(1100, () => f(settings, 0, 0)),
  ),
  fatal(code.calm, 'empty DATA without end (CVE-2019-9518)', `${rfc}10.5`, (id) => body(id, '', 0).repeat(100_100)),
  fatal(code.calm, 'CONTINUATION of nothing without end (CVE-2024-27316)', `${rfc}10.5.1`, (id) => {
    return f(headers, 1, id, block([['x-t', '1']])) + f(continuation, 0, id).repeat(2000);
  }),
  fatal(code.calm, 'CONTINUATION of fields without end (CVE-2024-28182)', `${rfc}10.5.1`, (id) => {
    const more = block(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y'.repeat(100)] as const));
    return f(headers, 1, id) + f(continuation, 0, id, more).repeat(100);
  }),
  bad(
    'a head beyond the limit',
    `${rfc}10.5.1`,
    (id) => {
      const fields = Array.from({ length: 6 }, (_, i) => [`x-${i}`, 'y'.repeat(15_000)] as const);
      const rest = fields.slice(0, -1).map((field) => f(continuation, 0, id, block([field])));
      return (
        f(headers, 0, id, block([[':status', '200']])) + rest.join('') + f(continuation, 4, id, block(fields.slice(-1)))
      );
    },
    '502 response-head-too-large',
  ),
  bad(
    'a small block that names a large field 500 times (CVE-2016-6581)',
    'RFC 7541 7.3',
    (id) => {
      const field = `\x40\x01x\x7f\xbd\x1d${'y'.repeat(3900)}`;
      return f(headers, 5, id, `\x88${field}${'\xbe'.repeat(30)}`);
    },
    '502 response-head-too-large',
  ),
  bad('no window for the request, ever', `${rfc}10.5`, () => '', '504 response-timeout', { method: 'POST' }),
];

export const h2ResponseCases: readonly H2ResponseCase[] = [
  ...right,
  ...statuses,
  ...fieldLines,
  ...lengths,
  ...messages,
  ...resets,
  ...frames,
  ...floods,
];
