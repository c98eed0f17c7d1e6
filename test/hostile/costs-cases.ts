/** Inputs of any size that were made to be dear: what a client or a server can repeat in a message, each with so many bytes. */

export interface CostCase {
  readonly name: string;
  /** Latin1: a character is a byte. `size`: about as many bytes. */
  readonly request?: (size: number) => string;
  readonly answer?: (size: number) => string;
  /** Bytes of one read; left out: all of it comes at once. */
  readonly piece?: number;
  /** Is dearer for each byte than a head may be, and says why. */
  readonly dear?: string | undefined;
  /** Ends of what the server gets; left out: its first write is the whole request. */
  readonly until?: string;
}

const host = 'Host: a\r\n';
const smallReads = 'each read costs as much as some hundred bytes';
const token = 'EOd6NFgOqL3vW0aBEOd6NFgOqL3vW0aBEOd6NFgOqL3vW0aBEOd6NFgOqL3vW0aBEOd6NFgO';

function head(lines: string, target = '/app'): string {
  return `GET ${target} HTTP/1.1\r\n${host}${lines}\r\n`;
}

/** As many as fit: `of` makes the n-th. */
function many(size: number, of: (n: number) => string): string {
  const parts: string[] = [];
  for (let n = 0, length = 0; length < size; n++) {
    const part = of(n);
    parts.push(part);
    length += part.length;
  }
  return parts.join('');
}

const lines = (size: number) => many(size, (n) => `X-${n}: a value of an ordinary length, number ${n}\r\n`);
const options = (count: number) => Array.from({ length: count }, (_, n) => `x-${n}`).join(',');

/** What one header's value can be made of. */
const values: readonly (readonly [name: string, header: string, (size: number) => string])[] = [
  ['connection: options', 'Connection', (size) => many(size, (n) => `x${n},`)],
  ['connection: nothing', 'Connection', (size) => ','.repeat(size)],
  ['connection: blanks', 'Connection', (size) => `a${' '.repeat(size)}b, c${'\t '.repeat(size / 4)}d`],
  ['transfer-encoding: blanks', 'Transfer-Encoding', (size) => `a${' '.repeat(size)}b`],
  ['transfer-encoding: codings', 'Transfer-Encoding', (size) => `${'a,'.repeat(size / 2)}chunked`],
  ['transfer-encoding: parameters', 'Transfer-Encoding', (size) => `${'a;a='.repeat(size / 4)},chunked`],
  ['te', 'TE', (size) => 'trailers,'.repeat(size / 9)],
  ['upgrade', 'Upgrade', (size) => 'websocket,'.repeat(size / 10)],
  ['trailer', 'Trailer', (size) => 'limpet-x, a, '.repeat(size / 13)],
  ['cookies: others', 'Cookie', (size) => many(size, (n) => `c${n}=v; `)],
  ['cookies: ours, forged', 'Cookie', (size) => many(size, (n) => `limpet=${token.slice(0, 66)}${100000 + n}; `)],
  ['cookies: ours, garbage', 'Cookie', (size) => 'limpet=x; '.repeat(size / 10)],
  ['cookies: ours between others', 'Cookie', (size) => 'limpet=x; a=b; '.repeat(size / 15)],
  ['cookies: of all affinities', 'Cookie', (size) => 'limpet=x; limpet-x=y; force=z; app=~; own=q; '.repeat(size / 45)],
  [
    'cookies: rewritten, forged',
    'Cookie',
    (size) => many(size, (n) => `app=${(1e9 + n).toString().padEnd(16, 'A')}~x; `),
  ],
  ['cookies: nothing', 'Cookie', (size) => ';'.repeat(size)],
  ['cookies: equals', 'Cookie', (size) => '='.repeat(size)],
  ['cookies: blanks', 'Cookie', (size) => `limpet${' '.repeat(size / 2)}=${' '.repeat(size / 2)}x`],
  ['cookies: learned, empty', 'Cookie', (size) => 'own=; '.repeat(size / 6)],
  ['x-forwarded-for: trusted', 'X-Forwarded-For', (size) => `${'10.0.0.9, '.repeat(size / 10)}10.0.0.9`],
  ['x-forwarded-for: nothing', 'X-Forwarded-For', (size) => ','.repeat(size)],
  ['x-forwarded-for: long', 'X-Forwarded-For', (size) => `[${'::'.repeat(size / 2)}`],
  ['x-forwarded-proto', 'X-Forwarded-Proto', (size) => 'http,'.repeat(size / 5)],
  ['forwarded: elements', 'Forwarded', (size) => 'for=10.0.0.1;proto=http,'.repeat(size / 24)],
  ['forwarded: parameters', 'Forwarded', (size) => 'proto=https ;x'.repeat(size / 14)],
  ['forwarded: blanks', 'Forwarded', (size) => `proto=https${' '.repeat(size)}x`],
  ['key header', 'X-Force', (size) => 'a:1:'.repeat(size / 4)],
  ['mapped header', 'X-User', (size) => 'tester-'.repeat(size / 7)],
  ['learned header', 'X-Own', (size) => 'x'.repeat(size)],
];

/** What a target can be made of. */
const targets: readonly (readonly [name: string, (size: number) => string, dear?: string])[] = [
  ['target: parameters', (size) => `/app?${'a=b&'.repeat(size / 4)}`],
  ['target: hidden parameters', (size) => `/app?${'force=x&'.repeat(size / 8)}`],
  ['target: hidden between others', (size) => `/app?${'force=x&a&'.repeat(size / 10)}`],
  ['target: encoded parameters', (size) => `/app?${'%66%6frce%3d=x&'.repeat(size / 15)}`],
  ['target: learned parameters', (size) => `/app${';own='.repeat(size / 5)}?own=&own=`],
  ['target: long key', (size) => `/app?key=${'%41'.repeat(size / 3)}`],
  ['target: segments', (size) => `/app${'/a'.repeat(size / 2)}`],
  ['target: dot segments', (size) => `/app${'/..'.repeat(size / 3)}/app`],
  ['target: encoded dots', (size) => `/app${'/a/%2e%2e'.repeat(size / 9)}`],
  ['target: slashes', (size) => `/app${'/'.repeat(size)}`],
  ['target: pattern', (size) => `/app/${'ab.'.repeat(size / 3)}!`, 'all ways to read it are followed at once'],
  ['target: another host', (size) => `http://a/app?${'force=x&'.repeat(size / 8)}`],
];

const post = (body: string, framing = 'Transfer-Encoding: chunked') =>
  `POST /app HTTP/1.1\r\n${host}${framing}\r\n\r\n${body}`;

export const costCases: readonly CostCase[] = [
  // What all others are compared with.
  { name: 'plain', request: (size) => head(lines(size)) },
  ...values.map(([name, header, of]): CostCase => ({ name, request: (size) => head(`${header}: ${of(size)}\r\n`) })),
  ...values.map(
    ([name, header, of]): CostCase => ({
      name: `${name}, in lines`,
      request: (size) => head(many(size, () => `${header}: ${of(40)}\r\n`)),
    }),
  ),
  ...targets.map(([name, of, dear]): CostCase => ({ name, dear, request: (size) => head('', of(size)) })),
  {
    name: 'connection: options times headers',
    request: (size) => head(`Connection: ${many(size / 2, (n) => `x${n},`)}\r\n${'y: z\r\n'.repeat(size / 12)}`),
  },
  {
    name: 'as many options as there may be, and headers',
    request: (size) => head(`Connection: ${options(32)}\r\n${lines(size)}`),
  },
  {
    name: 'as many options as there may be, and the headers that they name',
    request: (size) => head(`Connection: ${options(32)}\r\n${many(size, (n) => `x-${n % 32}: y\r\n`)}`),
  },
  { name: 'disguised headers', request: (size) => head('X_Forwarded_For: y\r\n'.repeat(size / 20)) },
  { name: 'headers of ours', request: (size) => head('Limpet-X: y\r\n'.repeat(size / 13)) },
  {
    name: 'cookies behind headers to cut',
    request: (size) => head(`Cookie: ${'limpet=x; a=b; '.repeat(size / 30)}\r\n${'Limpet-X: y\r\n'.repeat(size / 26)}`),
  },
  { name: 'accept: ranges', request: (size) => head(`Accept: ${'a/b,'.repeat(size / 4)}\r\n`, '/none') },
  { name: 'accept: parameters', request: (size) => head(`Accept: text/html${';a=b'.repeat(size / 4)}\r\n`, '/none') },
  { name: 'accept: nothing', request: (size) => head(`Accept: ${','.repeat(size)}\r\n`, '/none') },
  { name: 'accept: blanks', request: (size) => head(`Accept: a${' '.repeat(size)}b\r\n`, '/none') },
  {
    name: 'pipelined requests',
    dear: 'a request for each 29 bytes',
    request: (size) => head('').repeat(size / head('').length),
  },
  {
    name: 'pipelined refusals',
    dear: 'an answer for each 30 bytes',
    request: (size) => head('', '/none').repeat(size / head('', '/none').length),
  },
  {
    name: 'chunks of one byte',
    request: (size) => post(`${'1\r\nx\r\n'.repeat(size / 6)}0\r\n\r\n`),
    until: '0\r\n\r\n',
  },
  {
    name: 'chunk extensions',
    request: (size) => post(`${`10;${'x'.repeat(16)}\r\n${'y'.repeat(16)}\r\n`.repeat(size / 40)}0\r\n\r\n`),
    until: '0\r\n\r\n',
  },
  {
    name: 'trailers in small reads',
    dear: smallReads,
    // No more than 8 KB of them are read.
    request: (size) => post(`0\r\nX: ${'y'.repeat(size / 10)}\r\n${'a: b\r\n'.repeat(40)}\r\n`),
    piece: 1,
    until: '0\r\n',
  },
  {
    name: 'a body in small reads',
    request: (size) => post('x'.repeat(size), `Content-Length: ${Math.floor(size)}`),
    piece: 64,
    until: '',
  },
  {
    name: 'chunks in small reads',
    dear: smallReads,
    request: (size) => post(`${'1\r\nx\r\n'.repeat(size / 6)}0\r\n\r\n`),
    piece: 16,
    until: '0\r\n\r\n',
  },
  { name: 'a head in small reads', dear: smallReads, request: (size) => head(`X: ${'y'.repeat(size)}\r\n`), piece: 8 },
  { name: 'lines in small reads', dear: smallReads, request: (size) => head(lines(size)), piece: 8 },
  {
    name: 'short lines in small reads',
    dear: smallReads,
    request: (size) => head('a: b\r\n'.repeat(size / 6)),
    piece: 6,
  },
  {
    name: 'pipelined requests in small reads',
    dear: smallReads,
    request: (size) => head('').repeat(size / head('').length),
    piece: 8,
  },
  ...(
    [
      ['connection', (size) => `Connection: ${many(size, (n) => `x${n},`)}\r\n`],
      ['options and headers', (size) => `Connection: ${options(32)}\r\n${lines(size)}`],
      ['transfer-encoding: blanks', (size) => `Transfer-Encoding: a${' '.repeat(size)}b\r\n`],
      ['set-cookie: others', (size) => many(size, (n) => `Set-Cookie: c${n}=v; Path=/; HttpOnly\r\n`)],
      ['set-cookie: learned', (size) => 'Set-Cookie: own=v; Path=/; HttpOnly\r\n'.repeat(size / 38)],
      [
        'set-cookie: rewritten',
        (size) => 'Set-Cookie: app=v; Path=/; HttpOnly\r\n'.repeat(size / 38),
        'a hash for each',
      ],
      ['set-cookie: attributes', (size) => `Set-Cookie: own=v${'; Max-Age=1'.repeat(size / 11)}\r\n`],
      ['set-cookie: dates', (size) => `Set-Cookie: own=v; Expires=${'1 Jan 99 '.repeat(size / 9)}\r\n`],
      ['cache-control', (size) => `Cache-Control: ${'a="b, c", '.repeat(size / 10)}\r\n`],
      ['cache-control: quotes', (size) => `Cache-Control: ${'"\\"'.repeat(size / 3)}\r\n`],
      ['cache-control: lines', (size) => 'Cache-Control: max-age=1\r\n'.repeat(size / 26)],
      ['trailer', (size) => `Trailer: ${'limpet-x, '.repeat(size / 10)}\r\n`],
      ['location', (size) => `Location: /${';own='.repeat(size / 5)}\r\n`],
      ['headers of ours', (size) => 'Limpet-X: y\r\n'.repeat(size / 13)],
    ] satisfies [name: string, (size: number) => string, dear?: string][]
  ).map(
    ([name, of, dear]): CostCase => ({
      name: `answer: ${name}`,
      dear,
      answer: (size) => `HTTP/1.1 200 OK\r\n${of(size)}Content-Length: 0\r\n\r\n`,
    }),
  ),
  {
    name: 'answer: chunks of one byte',
    answer: (size) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(size / 6)}0\r\n\r\n`,
  },
  {
    name: 'answer: a head in small reads',
    dear: smallReads,
    answer: (size) => `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(size)}\r\nContent-Length: 0\r\n\r\n`,
    piece: 8,
  },
  {
    name: 'answer: lines in small reads',
    dear: smallReads,
    answer: (size) => `HTTP/1.1 200 OK\r\n${lines(size)}Content-Length: 0\r\n\r\n`,
    piece: 8,
  },
  {
    name: 'answer: a body in small reads',
    answer: (size) => `HTTP/1.1 200 OK\r\nContent-Length: ${Math.floor(size)}\r\n\r\n${'x'.repeat(size)}`,
    piece: 64,
  },
];
