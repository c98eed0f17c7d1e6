/** Requests to servers of HTTP/2 become header blocks; their responses become heads of HTTP/1.1, or are refused. */
import { describe, expect, test } from 'vitest';
import { type Field, fieldList } from '../../../test/support/fields.ts';
import { textOf, wideLimits } from '../../../test/support/heads.ts';
import { Method, ResponseHead } from '../head.ts';
import { HeadWriter } from '../writer.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { FieldList } from './hpack/field-list.ts';
import { RequestFields } from './request-fields.ts';
import { ResponseFields, writeRequestBlock } from './server-fields.ts';

function request(lines: string[], { isSecure = false, acceptsTrailers = false } = {}) {
  const bytes = Buffer.from(`..${[...lines, '', ''].join('\r\n')}!!`, 'latin1');
  const out = new HeadWriter(8);
  writeRequestBlock(bytes, 2, bytes.length - 2, isSecure, acceptsTrailers, out);
  const list = new FieldList(1 << 16);
  expect(new HpackDecoder(4096).decode(out.bytes, 0, out.length, list)).toBeNull();
  return list;
}

describe('a request to a server', () => {
  test('becomes a block: pseudo-header fields first, without Host and without fields of connections', () => {
    const list = request(
      [
        'GET / HTTP/1.1',
        'Host: a.b:1',
        'Accept: */*',
        'Connection: Upgrade',
        'Upgrade: x',
        'Transfer-Encoding: chunked',
      ],
      { isSecure: true },
    );
    expect(list.toArray()).toEqual([
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', 'a.b:1'],
      [':path', '/'],
      ['accept', '*/*'],
    ]);
  });

  test('wherever its Host stands', () => {
    const list = request(['PUT /x?y HTTP/1.1', 'Hos: a', 'Hosts: b', 'A: Host: c', 'hOST: \t d \t', 'Cookie: e'], {
      acceptsTrailers: true,
    });
    expect(list.toArray()).toEqual([
      [':method', 'PUT'],
      [':scheme', 'http'],
      [':authority', 'd'],
      [':path', '/x?y'],
      ['hos', 'a'],
      ['hosts', 'b'],
      ['a', 'Host: c'],
      ['cookie', 'e'],
      ['te', 'trailers'],
    ]);
  });

  test('without any line, or about the whole server', () => {
    expect(request(['GET / HTTP/1.1']).toArray()).toEqual([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
    ]);
    expect(request(['OPTIONS * HTTP/1.1', 'Host: a']).toArray()).toEqual([
      [':method', 'OPTIONS'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '*'],
    ]);
  });

  test('is the same request when it is read again', () => {
    const lines = ['POST /x HTTP/1.1', 'host: a', 'x-b: c', 'content-length: 3', 'cookie: d=1; e=2'];
    const out = new HeadWriter(8);
    expect(new RequestFields(false).write(request(lines), false, out)).toBeNull();
    expect(textOf(out)).toBe([...lines, '', ''].join('\r\n'));
  });
});

interface Framing {
  readonly isEnded?: boolean;
  readonly isHead?: boolean;
}

function response(fields: readonly Field[], { isEnded = false, isHead = false }: Framing = {}, maxBytes = 1 << 20) {
  const out = new HeadWriter(8);
  out.text('before');
  const start = out.length;
  const converter = new ResponseFields();
  const problem = converter.write(fieldList(fields, maxBytes), isEnded, isHead, out);
  const head = new ResponseHead(wideLimits);
  if (problem !== null) return { text: typeof problem === 'string' ? problem : problem.code, converter, head };
  const after = head.read(out.bytes, start, out.length);
  if (after < 0) return { text: `strict reader: ${head.fault?.code}`, converter, head };
  expect(after).toBe(out.length);
  return { text: textOf(out).slice(start), converter, head };
}

const ok: Field = [':status', '200'];

describe('a response of a server', () => {
  test('becomes a head', () => {
    const { text, converter, head } = response([ok, ['content-length', '3'], ['set-cookie', 'a'], ['set-cookie', 'b']]);
    expect(text).toBe('HTTP/1.1 200 \r\ncontent-length: 3\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n');
    expect([converter.status, converter.contentLength, head.status, head.length, head.keepAlive]).toEqual([
      200,
      3,
      200,
      3,
      true,
    ]);
  });

  test.each<[string, Field[], Framing, number, number]>([
    ['with data of an unknown length', [ok], {}, Method.get, -1],
    ['without data', [ok], { isEnded: true }, Method.get, 0],
    ['to HEAD', [ok, ['content-length', '9']], { isEnded: true, isHead: true }, Method.head, 0],
    ['to HEAD, of an unknown length', [ok], { isEnded: true, isHead: true }, Method.head, 0],
    ['204', [[':status', '204']], { isEnded: true }, Method.get, 0],
    [
      '304 with a length',
      [
        [':status', '304'],
        ['content-length', '9'],
      ],
      { isEnded: true },
      Method.get,
      0,
    ],
    [
      'interim',
      [
        [':status', '103'],
        ['link', 'a'],
      ],
      {},
      Method.get,
      0,
    ],
  ])('%s', (_name, fields, framing, method, length) => {
    const { head, text } = response(fields, framing);
    expect(text).toMatch(/^HTTP/);
    expect(head.bodyLength(method)).toBe(length);
  });

  test('to HEAD gets no length that the server has not told', () => {
    expect(response([ok], { isEnded: true, isHead: true }).text).toBe('HTTP/1.1 200 \r\n\r\n');
  });

  const wrongValue = 'a pseudo-header field has a value that is not allowed';
  const badValue = 'a field value holds CR, LF or NUL';
  test.each<[string, Field[], Framing, string]>([
    ['no field', [], {}, 'a pseudo-header field is missing'],
    ['no status', [['a', 'b']], {}, 'a pseudo-header field is missing'],
    ['a status behind a field', [['a', 'b'], ok], {}, 'a pseudo-header field is missing'],
    ['two statuses', [ok, ok], {}, 'a pseudo-header field is given more than once'],
    ['a second status behind a field', [ok, ['a', 'b'], ok], {}, 'a pseudo-header field stands behind a field'],
    ['a pseudo-header field of requests', [ok, [':path', '/']], {}, 'a pseudo-header field is not known here'],
    ['only one of requests', [[':path', '/']], {}, 'a pseudo-header field is not known here'],
    ['a status of two digits', [[':status', '20']], {}, wrongValue],
    ['a status of four digits', [[':status', '2000']], {}, wrongValue],
    ['a status that is no number', [[':status', '2x0']], {}, wrongValue],
    ['a status below 100', [[':status', '099']], {}, wrongValue],
    ['101', [[':status', '101']], {}, wrongValue],
    ['a status with a line', [[':status', '200\r\na: b']], {}, wrongValue],
    ['a name in upper case', [ok, ['A', 'b']], {}, 'a field name is not a token in lower case'],
    ['a name with a line', [ok, ['a: b\r\nc', 'd']], {}, 'a field name is not a token in lower case'],
    ['a response in a value', [ok, ['a', 'b\r\n\r\nHTTP/1.1 200 OK']], {}, badValue],
    ['a value with blanks around it', [ok, ['a', ' b']], {}, 'a field value begins or ends with white space'],
    ['transfer-encoding', [ok, ['transfer-encoding', 'chunked']], {}, 'a field belongs to connections of HTTP/1.1'],
    ['connection', [ok, ['connection', 'close']], {}, 'a field belongs to connections of HTTP/1.1'],
    ['two lengths', [ok, ['content-length', '1'], ['content-length', '1']], {}, 'content-length-repeated'],
    ['a length that is none', [ok, ['content-length', '-1']], {}, 'bad-content-length'],
    [
      'a length without data',
      [ok, ['content-length', '1']],
      { isEnded: true },
      'content-length is not the length of the data',
    ],
    ['an interim response at the end', [[':status', '103']], { isEnded: true }, 'an interim response ends the stream'],
  ])('refused: %s', (_name, fields, framing, reason) => {
    expect(response(fields, framing).text).toBe(reason);
  });

  test('refused: a list that is too large', () => {
    expect(response([ok, ['a', 'x'.repeat(99)]], {}, 99).text).toBe('response-head-too-large');
  });
});
