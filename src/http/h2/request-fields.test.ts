/** Requests of HTTP/2 become heads of HTTP/1.1, or are refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Field, fieldList } from '../../../test/support/fields.ts';
import { textOf, wideLimits } from '../../../test/support/heads.ts';
import { RequestHead } from '../head.ts';
import { Name } from '../names.ts';
import { HeadWriter } from '../writer.ts';
import { RequestFields } from './request-fields.ts';

const get: Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'shop.example'],
  [':path', '/cart?id=1'],
];
const websocket: Field[] = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'https'],
  [':authority', 'a'],
  [':path', '/chat'],
];

function pseudo(changes: Record<string, string | null>, base: Field[] = get): Field[] {
  const fields = base.map(([name, value]): [string, string | null] => [
    name,
    name in changes ? (changes[name] ?? null) : value,
  ]);
  return fields.filter((field): field is [string, string] => field[1] !== null);
}

interface Outcome {
  /** The head, when it is accepted by both; else why not. */
  readonly text: string;
  readonly fields: RequestFields;
  readonly head: RequestHead;
}

/** As a connection does it: the fields become a head, and the strict reader reads it. */
function convert(
  fields: readonly Field[],
  { isEnded = true, mayExtendConnect = true, maxBytes = 1 << 20 } = {},
): Outcome {
  const out = new HeadWriter(16);
  out.text('before');
  const start = out.length;
  const converter = new RequestFields(mayExtendConnect);
  const head = new RequestHead(wideLimits);
  const problem = converter.write(fieldList(fields, maxBytes), isEnded, out);
  const outcome = (text: string): Outcome => ({ text, fields: converter, head });
  if (problem !== null) return outcome(typeof problem === 'string' ? problem : problem.code);
  const after = head.read(out.bytes, start, out.length);
  if (after < 0) return outcome(`strict reader: ${head.fault?.code}`);
  expect(after).toBe(out.length);
  return outcome(textOf(out).slice(start));
}

describe('a request', () => {
  test('becomes a head with the fields in their order, and one line of cookies', () => {
    const { text, fields, head } = convert([
      ...get,
      ['accept', 'text/html'],
      ['cookie', 'a=1'],
      ['x-empty', ''],
      ['cookie', ''],
      ['cookie', 'b=2; c=3'],
      ['x-utf8', '\xc3\xa9'],
      ['te', 'Trailers'],
      ['cookie', 'd=4'],
    ]);
    expect(text.split('\r\n')).toEqual([
      'GET /cart?id=1 HTTP/1.1',
      'host: shop.example',
      'accept: text/html',
      'cookie: a=1; b=2; c=3; d=4',
      'x-empty: ',
      'x-utf8: \xc3\xa9',
      '',
      '',
    ]);
    expect([fields.isSecure, fields.acceptsTrailers, fields.contentLength, fields.isExtendedConnect]).toEqual([
      true,
      true,
      -1,
      false,
    ]);
    expect([head.keepAlive, head.length, head.headers.count]).toEqual([true, 0, 5]);
  });

  test('says where its data end', () => {
    const post = pseudo({ ':method': 'POST' });
    const cases = [
      [post, false, 'transfer-encoding: chunked', -1],
      [post, true, 'content-length: 0', 0],
      [[...post, ['content-length', '12']] as Field[], false, 'content-length: 12', 12],
      [[...post, ['content-length', '0']] as Field[], true, 'content-length: 0', 0],
      [get, false, 'transfer-encoding: chunked', -1],
      [get, true, 'host: shop.example', 0],
    ] as const;
    for (const [fields, isEnded, line, length] of cases) {
      const { text, head } = convert(fields, { isEnded });
      expect([text.split('\r\n').at(-3), head.length]).toEqual([line, length]);
    }
  });

  test('tells the content length, which the data have to add up to', () => {
    expect(convert([...get, ['content-length', '12']], { isEnded: false }).fields.contentLength).toBe(12);
  });

  test('may have Host instead of :authority, or both when they say the same', () => {
    const other = pseudo({ ':authority': null });
    expect(convert([...other, ['a', 'b'], ['host', 'x:1']]).text).toBe(
      'GET /cart?id=1 HTTP/1.1\r\na: b\r\nhost: x:1\r\n\r\n',
    );
    expect(convert([...get, ['host', 'Shop.Example']]).text).toBe(convert(get).text);
  });

  test('of OPTIONS may be about the whole server', () => {
    expect(convert(pseudo({ ':method': 'OPTIONS', ':path': '*' })).text).toMatch(/^OPTIONS \* HTTP\/1\.1\r\n/);
  });

  test('that is an extended CONNECT becomes one that asks for an upgrade', () => {
    const { text, fields, head } = convert([...websocket, ['sec-websocket-version', '13']], { isEnded: false });
    expect(text.split('\r\n')).toEqual([
      'GET /chat HTTP/1.1',
      'host: a',
      'sec-websocket-version: 13',
      'connection: upgrade',
      'upgrade: websocket',
      '',
      '',
    ]);
    expect([fields.isExtendedConnect, head.upgrade, head.headers.valueOf(Name.upgrade)]).toEqual([
      true,
      true,
      'websocket',
    ]);
  });

  test('after another one has nothing of it', () => {
    const converter = new RequestFields(true);
    const out = new HeadWriter(16);
    converter.write(fieldList([...websocket, ['te', 'trailers'], ['cookie', 'a=1']]), false, out);
    out.clear();
    const fields: Field[] = [...pseudo({ ':scheme': 'http' }), ['cookie', 'b=2']];
    expect(converter.write(fieldList(fields), true, out)).toBeNull();
    expect(textOf(out)).toBe('GET /cart?id=1 HTTP/1.1\r\nhost: shop.example\r\ncookie: b=2\r\n\r\n');
    expect([converter.isExtendedConnect, converter.acceptsTrailers, converter.isSecure]).toEqual([false, false, false]);
  });
});

const wrongValue = 'a pseudo-header field has a value that is not allowed';
const unknown = 'a pseudo-header field is not known here';
const missing = 'a pseudo-header field is missing';
const badName = 'a field name is not a token in lower case';
const badValue = 'a field value holds CR, LF or NUL';
const blank = 'a field value begins or ends with white space';
const ofConnection = 'a field belongs to connections of HTTP/1.1';

describe('refused', () => {
  const line = '\r\nx-injected: 1';
  const second = ' HTTP/1.1\r\nHost: a\r\n\r\nGET /admin';
  test.each<[string, Field[], string]>([
    ['no :method', pseudo({ ':method': null }), missing],
    ['no :scheme', pseudo({ ':scheme': null }), missing],
    ['no :path', pseudo({ ':path': null }), missing],
    ['no pseudo-header field', [['accept', '*/*']], missing],
    ['no field', [], missing],
    ['two :method', [...get, [':method', 'GET']], 'a pseudo-header field is given more than once'],
    ['two :path', [...get, [':path', '/cart?id=1']], 'a pseudo-header field is given more than once'],
    ['two :authority', [...get, [':authority', 'shop.example']], 'a pseudo-header field is given more than once'],
    ['two :scheme', [...get, [':scheme', 'https']], 'a pseudo-header field is given more than once'],
    ['a pseudo-header field of responses', [...get, [':status', '200']], unknown],
    ['an unknown pseudo-header field', [...get, [':host', 'a']], unknown],
    ['a pseudo-header field in upper case', [...pseudo({ ':path': null }), [':Path', '/']], unknown],
    ['a lone colon', [...get, [':', 'a']], unknown],
    [
      'a pseudo-header field behind a field',
      [...get, ['a', 'b'], [':path', '/']],
      'a pseudo-header field stands behind a field',
    ],
    [':protocol of another method', [...get, [':protocol', 'websocket']], unknown],
    ['an empty path', pseudo({ ':path': '' }), wrongValue],
    ['a path without slash', pseudo({ ':path': 'cart' }), wrongValue],
    ['an absolute URI as path', pseudo({ ':path': 'http://other/' }), wrongValue],
    ['a star of another method', pseudo({ ':path': '*' }), wrongValue],
    ['a star with more', pseudo({ ':method': 'OPTIONS', ':path': '*/' }), wrongValue],
    ['a space in the path', pseudo({ ':path': '/a b' }), 'bad-target'],
    ['a version in the path', pseudo({ ':path': '/ HTTP/1.1' }), 'bad-target'],
    ['a fragment in the path', pseudo({ ':path': '/#a' }), 'bad-target'],
    ['a tab in the path', pseudo({ ':path': '/a\tb' }), 'bad-target'],
    ['raw UTF-8 in the path', pseudo({ ':path': '/\xc3\xa9' }), 'bad-target'],
    ['a line in the path', pseudo({ ':path': `/${line}` }), badValue],
    ['a request in the path', pseudo({ ':path': `/${second}` }), badValue],
    ['a NUL in the path', pseudo({ ':path': '/\0' }), badValue],
    ['an empty method', pseudo({ ':method': '' }), 'bad-method'],
    ['a space in the method', pseudo({ ':method': 'GET /admin' }), 'bad-method'],
    ['a request in the method', pseudo({ ':method': `GET /${second}` }), badValue],
    ['a method with a colon', pseudo({ ':method': 'GET:' }), 'bad-method'],
    ['TRACE', pseudo({ ':method': 'TRACE' }), 'strict reader: method-refused'],
    ['another scheme', pseudo({ ':scheme': 'ftp' }), 'bad-target'],
    ['a scheme with more', pseudo({ ':scheme': 'https://other/?' }), 'bad-target'],
    ['a scheme with a line', pseudo({ ':scheme': `http${line}` }), badValue],
    ['neither :authority nor Host', pseudo({ ':authority': null }), 'strict reader: host-missing'],
    ['an empty authority', pseudo({ ':authority': '' }), 'strict reader: bad-host'],
    ['user information', pseudo({ ':authority': 'me:secret@shop.example' }), 'strict reader: bad-host'],
    ['a slash in the authority', pseudo({ ':authority': 'shop.example/admin' }), 'strict reader: bad-host'],
    ['a comma in the authority', pseudo({ ':authority': 'a,b' }), 'strict reader: bad-host'],
    ['a space in the authority', pseudo({ ':authority': 'a b' }), 'strict reader: bad-host'],
    ['a port that is none', pseudo({ ':authority': 'a:80x' }), 'strict reader: bad-host'],
    ['a line in the authority', pseudo({ ':authority': `a${line}` }), badValue],
    ['another Host', [...get, ['host', 'other.example']], 'host is not the authority'],
    ['a Host that is longer', [...get, ['host', 'shop.example:443']], 'host is not the authority'],
    ['two Host', [...get, ['host', 'shop.example'], ['host', 'shop.example']], 'host-repeated'],
    ['two Host, no authority', [...pseudo({ ':authority': null }), ['host', 'a'], ['host', 'a']], 'host-repeated'],
    ['a name in upper case', [...get, ['Accept', '*/*']], badName],
    ['an empty name', [...get, ['', 'a']], badName],
    ['an empty name before a colon', [...get, ['', ':path']], badName],
    ['a space in a name', [...get, ['a b', 'c']], badName],
    ['a colon in a name', [...get, ['transfer-encoding:', 'chunked']], badName],
    ['a line in a name', [...get, ['a: b\r\nhost', 'other']], badName],
    ['a NUL in a name', [...get, ['a\0', 'b']], badName],
    ['UTF-8 in a name', [...get, ['\xc3\xa9', 'b']], badName],
    ['CR LF in a value', [...get, ['a', `b${line}`]], badValue],
    ['CR in a value', [...get, ['a', 'b\rc']], badValue],
    ['LF in a value', [...get, ['a', 'b\nc']], badValue],
    ['NUL in a value', [...get, ['a', 'b\0c']], badValue],
    ['LF at the end of a long value', [...get, ['a', `${'b'.repeat(500)}\n`]], badValue],
    ['a request in a cookie', [...get, ['cookie', `a=1\r\n\r\nGET /`]], badValue],
    ['a request in a second cookie', [...get, ['cookie', 'a'], ['cookie', 'b\r\n\r\nGET /']], badValue],
    ['another control byte', [...get, ['a', 'b\x01c']], 'bad-header-value'],
    ['a space before a value', [...get, ['a', ' b']], blank],
    ['a tab behind a value', [...get, ['a', 'b\t']], blank],
    ['a value of one space', [...get, ['a', ' ']], blank],
    ['a path with a space behind it', pseudo({ ':path': '/ ' }), blank],
    ['connection', [...get, ['connection', 'close']], ofConnection],
    ['keep-alive', [...get, ['keep-alive', 'timeout=5']], ofConnection],
    ['proxy-connection', [...get, ['proxy-connection', 'close']], ofConnection],
    ['transfer-encoding', [...get, ['transfer-encoding', 'chunked']], ofConnection],
    ['upgrade', [...get, ['upgrade', 'h2c']], ofConnection],
    ['te with more', [...get, ['te', 'trailers, gzip']], 'te is not trailers'],
    ['te of a coding', [...get, ['te', 'gzip']], 'te is not trailers'],
    ['a length that is none', [...get, ['content-length', '+1']], 'bad-content-length'],
    ['a list of lengths', [...get, ['content-length', '0, 0']], 'bad-content-length'],
    ['two lengths', [...get, ['content-length', '0'], ['content-length', '0']], 'content-length-repeated'],
    ['a length without data', [...get, ['content-length', '1']], 'content-length is not the length of the data'],
    ['another expectation', [...get, ['expect', 'tea']], 'strict reader: expect-unknown'],
    [
      'a CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:443'],
      ],
      'strict reader: method-refused',
    ],
    ['a CONNECT without authority', [[':method', 'CONNECT']], missing],
    ['a CONNECT with a path', pseudo({ ':method': 'CONNECT' }), unknown],
    [
      'a CONNECT with a space',
      [
        [':method', 'CONNECT'],
        [':authority', 'a b'],
      ],
      'bad-target',
    ],
    ['an extended CONNECT without path', pseudo({ ':path': null }, websocket), missing],
    ['an extended CONNECT without authority', [...pseudo({ ':authority': null }, websocket), ['host', 'a']], missing],
    ['an empty protocol', pseudo({ ':protocol': '' }, websocket), wrongValue],
    ['two protocols', pseudo({ ':protocol': 'websocket, h2c' }, websocket), wrongValue],
    ['a line in the protocol', pseudo({ ':protocol': `websocket${line}` }, websocket), badValue],
    [
      'an extended CONNECT with a length',
      [...websocket, ['content-length', '0']],
      'content-length is not the length of the data',
    ],
  ])('%s', (_name, fields, reason) => {
    expect(convert(fields).text).toBe(reason);
  });

  test('an extended CONNECT where none was offered', () => {
    expect(convert(websocket, { mayExtendConnect: false }).text).toBe(unknown);
  });

  test('a list that is too large: 431, also when what was read of it is right', () => {
    expect(convert([...get, ['a', 'x'.repeat(400)]], { maxBytes: 400 }).text).toBe('head-too-large');
  });
});

test('whatever the fields are, the strict reader sees these fields and no others, or nothing', () => {
  const evil = fc.constantFrom(' ', '\r\n', '\n', '\0', ':', 'HTTP/1.1', '/', 'a', 'host', 'A', '\t', ',', '@', '0');
  const text = fc.array(fc.oneof(evil, fc.string({ unit: 'binary-ascii', maxLength: 3 })), { maxLength: 6 });
  const wild = text.map((parts) => parts.join(''));
  const tame = fc.stringMatching(/^[!-~]([ -~]{0,8}[!-~])?$/);
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z][a-z0-9_.-]{0,8}$/) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('cookie', 'host', 'content-length', 'te', 'transfer-encoding', 'connection'),
    },
    { weight: 1, arbitrary: wild },
  );
  const value = fc.oneof({ weight: 5, arbitrary: tame }, { weight: 1, arbitrary: wild });
  const special = fc.record({
    ':method': fc.oneof({ weight: 5, arbitrary: fc.constantFrom('GET', 'POST', 'X') }, { weight: 1, arbitrary: wild }),
    ':scheme': fc.oneof({ weight: 5, arbitrary: fc.constant('https') }, { weight: 1, arbitrary: wild }),
    ':authority': fc.oneof({ weight: 5, arbitrary: fc.constant('a.b:1') }, { weight: 1, arbitrary: wild }),
    ':path': fc.oneof(
      { weight: 5, arbitrary: fc.constant('/x') },
      { weight: 1, arbitrary: wild.map((end) => `/${end}`) },
    ),
  });
  let accepted = 0;
  fc.assert(
    fc.property(special, fc.array(fc.tuple(name, value), { maxLength: 6 }), fc.boolean(), (first, rest, isEnded) => {
      const { text: result, head } = convert([...Object.entries(first), ...rest], { isEnded });
      if (!result.includes('\r\n')) return;
      accepted++;
      const { headers } = head;
      const seen = Array.from({ length: headers.count }, (_, i) => [
        head.bytes.toString('latin1', headers.lineStart(i), headers.nameEnd(i)),
        headers.value(i),
      ]);
      const cookies = rest.filter(([one]) => one === 'cookie').map(([, one]) => one);
      // A length of 0 without END_STREAM becomes chunks.
      const isOpen = ([one, value]: readonly string[]) => !isEnded && one === 'content-length' && Number(value) === 0;
      const others = rest.filter((field) => !['host', 'te'].includes(field[0]) && !isOpen(field));
      const expected = [['host', first[':authority']], ...others];
      const firstCookie = expected.findIndex(([one]) => one === 'cookie');
      const joined = expected
        .map((field, i) => (i === firstCookie ? ['cookie', cookies.filter((one) => one !== '').join('; ')] : field))
        .filter(([one], i) => one !== 'cookie' || i === firstCookie);
      const own = seen.slice(joined.length);
      expect(seen.slice(0, joined.length)).toEqual(joined);
      expect(['', 'transfer-encoding: chunked', 'content-length: 0']).toContain(
        own.map((one) => one.join(': ')).join(),
      );
      expect(head.bytes.toString('latin1', head.methodStart, head.targetEnd)).toBe(
        `${first[':method']} ${first[':path']}`,
      );
    }),
    { numRuns: 3000 },
  );
  expect(accepted).toBeGreaterThan(100);
});
