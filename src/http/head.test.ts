import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRequest, readResponse } from '../../test/support/heads.ts';
import { requestFaults } from '../errors.ts';
import { isIdempotent, Method, RequestHead, ResponseHead } from './head.ts';

const limits = { headBytes: 8192, headers: 50, uriBytes: 4096 };

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

function faultOf(text: string, given = limits): string {
  const head = new RequestHead(given);
  const bytes = bytesOf(text);
  const after = head.read(bytes, 0, bytes.length);
  return after < 0 ? (head.fault?.code ?? 'no fault') : after === 0 ? 'waits' : 'accepts';
}

const part = (head: RequestHead, start: number, end: number) => head.bytes.toString('latin1', start, end);

describe('a request head', () => {
  test('says where method, target and path stand', () => {
    const head = readRequest('PATCH /a/b?c=d HTTP/1.1\r\nHost: example.org:80\r\n\r\n');
    expect(head.method).toBe(Method.patch);
    expect(part(head, head.methodStart, head.methodEnd)).toBe('PATCH');
    expect(part(head, head.targetStart, head.targetEnd)).toBe('/a/b?c=d');
    expect(part(head, head.pathStart, head.pathEnd)).toBe('/a/b?c=d');
    expect([head.authorityStart, head.authorityEnd]).toEqual([0, 0]);
    expect([head.minor, head.keepAlive, head.length, head.upgrade]).toEqual([1, true, 0, false]);
  });

  test.each([
    ['GET http://EXAMPLE.org:8080/x?y HTTP/1.1', 'EXAMPLE.org:8080', '/x?y'],
    ['GET HTTPS://[::1]/ HTTP/1.1', '[::1]', '/'],
    ['GET http://a HTTP/1.1', 'a', ''],
    ['GET http://a?q HTTP/1.1', 'a', '?q'],
    ['OPTIONS * HTTP/1.1', '', '*'],
  ])('%s', (line, authority, path) => {
    const head = readRequest(`${line}\r\nHost: other\r\n\r\n`);
    expect(part(head, head.authorityStart, head.authorityEnd)).toBe(authority);
    expect(part(head, head.pathStart, head.pathEnd)).toBe(path);
  });

  test.each([
    ['GET / HTTP/1.1', '', true],
    ['GET / HTTP/1.1', 'Connection: Close', false],
    ['GET / HTTP/1.1', 'Connection: x, close', false],
    ['GET / HTTP/1.1', 'Connection: keep-alive\r\nConnection: close', false],
    ['GET / HTTP/1.1', 'Connection: closed', true],
    ['GET / HTTP/1.0', '', false],
    ['GET / HTTP/1.0', 'Connection: Keep-Alive', true],
    ['GET / HTTP/1.0', 'Connection: keep-alive, close', false],
  ])('%s with %s goes on: %s', (line, header, keepAlive) => {
    expect(readRequest(`${line}\r\nHost: a\r\n${header === '' ? '' : `${header}\r\n`}\r\n`).keepAlive).toBe(keepAlive);
  });

  test.each([
    ['Content-Length: 0', 0],
    ['Content-Length: 00012', 12],
    ['Content-Length: 9007199254740991', Number.MAX_SAFE_INTEGER],
    ['Transfer-Encoding: chunked', -1],
    ['transfer-encoding: CHUNKED', -1],
    ['Transfer_Encoding: chunked', 0],
    ['Content_Length: 5', 0],
  ])('%s is a body of %i', (line, length) => {
    expect(readRequest(`POST / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`).length).toBe(length);
  });

  test.each([1, 2, 5, 9])('HTTP/1.%i is read as HTTP/1.1', (minor) => {
    const read = (...headers: string[]) =>
      readRequest([`POST / HTTP/1.${minor}`, 'Host: a', ...headers, '', ''].join('\r\n'));
    expect([read().minor, read().keepAlive, read('Transfer-Encoding: chunked').length]).toEqual([1, true, -1]);
    expect(read('Expect: 100-continue', 'Content-Length: 1').length).toBe(1);
    expect(faultOf(`GET / HTTP/1.${minor}\r\n\r\n`)).toBe('host-missing');
  });

  test('counts empty lines before it, those that have come earlier included, and says where it begins', () => {
    const head = new RequestHead(limits);
    const bytes = bytesOf(`\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`);
    const read = (end: number, before: number) => [head.read(bytes, 0, end, before), head.begin, head.emptyLines];
    expect(read(4, 0)).toEqual([0, 4, 2]);
    expect(read(3, 0)).toEqual([0, 2, 1]);
    expect(read(bytes.length, 14)).toEqual([bytes.length, 4, 16]);
    expect(read(bytes.length, 15)[0]).toBe(-1);
    // They take no room of the head's.
    expect(faultOf(bytes.toString(), { ...limits, headBytes: bytes.length - 4 })).toBe('accepts');
  });

  test('upgrades only with both headers, HTTP/1.1 and no body', () => {
    const read = (line: string, ...headers: string[]) =>
      readRequest([line, 'Host: a', ...headers, '', ''].join('\r\n')).upgrade;
    const [connection, upgrade] = ['Connection: keep-alive, Upgrade', 'Upgrade: websocket'];
    expect(read('GET / HTTP/1.1', connection, upgrade)).toBe(true);
    expect(read('GET / HTTP/1.1', connection)).toBe(false);
    expect(read('GET / HTTP/1.1', upgrade)).toBe(false);
    expect(read('GET / HTTP/1.0', connection, upgrade)).toBe(false);
    expect(read('POST / HTTP/1.1', connection, upgrade, 'Content-Length: 1')).toBe(false);
  });

  test('may wait for 100 Continue, which is passed on, also where there is nothing to wait for', () => {
    const read = (line: string, ...headers: string[]) =>
      readRequest([line, 'Host: a', 'Expect: 100-Continue', ...headers, '', ''].join('\r\n')).length;
    expect(read('POST / HTTP/1.1', 'Content-Length: 1')).toBe(1);
    expect(read('POST / HTTP/1.1')).toBe(0);
    expect(read('POST / HTTP/1.0', 'Content-Length: 1')).toBe(1);
  });

  test('forgets the one before it', () => {
    const head = new RequestHead(limits);
    const first = bytesOf(
      'POST http://b/x HTTP/1.0\r\nTransfer_Encoding: x\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n',
    );
    expect(head.read(first, 0, first.length)).toBe(first.length);
    const bad = bytesOf('GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n');
    expect(head.read(bad, 0, bad.length)).toBe(-1);
    const second = bytesOf('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(head.read(second, 0, second.length)).toBe(second.length);
    expect(head.fault).toBeNull();
    expect(head.length).toBe(0);
    expect(head.authorityEnd).toBe(head.authorityStart);
    expect(head.headers.hasDropped).toBe(false);
    expect(head.headers.count).toBe(1);
  });
});

const host = 'Host: a\r\n';
const get = `GET / HTTP/1.1\r\n${host}`;
const post = `POST / HTTP/1.1\r\n${host}`;
const refused: readonly (readonly [keyof typeof requestFaults, string])[] = [
  ['badRequestLine', ` GET / HTTP/1.1\r\n${host}\r\n`],
  ['badRequestLine', '\n'],
  ['badRequestLine', `${'\r\n'.repeat(17)}GET / HTTP/1.1\r\n${host}\r\n`],
  ['badRequestLine', `\r\n\nGET / HTTP/1.1\r\n${host}\r\n`],
  ['bareLineFeed', `\r\n\rGET / HTTP/1.1\r\n${host}\r\n`],
  ['badRequestLine', `GET  / HTTP/1.1\r\n${host}\r\n`],
  ['badRequestLine', `GET /\r\n${host}\r\n`],
  ['badRequestLine', `GET /  HTTP/1.1\r\n${host}\r\n`],
  ['badRequestLine', `GET / http/1.1\r\n${host}\r\n`],
  ['badRequestLine', `GET / HTTP/1.1 \r\n${host}\r\n`],
  ['badRequestLine', `GET / HTTP/1.x\r\n${host}\r\n`],
  ['badRequestLine', `GET / HTTP/1.1\rx${host}\r\n`],
  ['badMethod', `G(T / HTTP/1.1\r\n${host}\r\n`],
  ['badMethod', 'GET\r\n'],
  ['badMethod', 'PRI\t'],
  ['methodRefused', `CONNECT a:80 HTTP/1.1\r\n${host}\r\n`],
  ['methodRefused', `TRACE / HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET x HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET * HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET /a#b HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET /\xe4 HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET /\0 HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET http:/// HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET http:// HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET http://u:p@a/ HTTP/1.1\r\n${host}\r\n`],
  ['badTarget', `GET ftp://a/ HTTP/1.1\r\n${host}\r\n`],
  ['uriTooLong', `GET /${'x'.repeat(limits.uriBytes)}`],
  ['badVersion', `GET / HTTP/2.0\r\n${host}\r\n`],
  ['badVersion', `GET / HTTP/0.9\r\n${host}\r\n`],
  ['bareLineFeed', `GET / HTTP/1.1\n${host}\r\n`],
  ['bareLineFeed', 'GET / HTTP/1.1\r\nHost: a\n\r\n'],
  ['bareLineFeed', `${get}\n`],
  ['bareLineFeed', `${get}\rx`],
  ['bareLineFeed', '\rGET / HTTP/1.1'],
  ['badHeaderName', `${get}Bad Name: x\r\n\r\n`],
  ['badHeaderName', `${get}Name : x\r\n\r\n`],
  ['badHeaderName', `${get}: x\r\n\r\n`],
  ['badHeaderName', `${get}Name\r\n\r\n`],
  ['badHeaderName', `${get}N\xe4me: x\r\n\r\n`],
  ['badHeaderName', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['badHeaderValue', `${get}X: a\0b\r\n\r\n`],
  ['badHeaderValue', `${get}X: a\rb\r\n\r\n`],
  ['badHeaderValue', `${get}X: a\x7f\r\n\r\n`],
  ['foldedHeader', `${get}X: a\r\n b\r\n\r\n`],
  ['foldedHeader', `${get}X: a\r\n\tb\r\n\r\n`],
  ['headTooLarge', `${get}X: ${'x'.repeat(limits.headBytes)}`],
  ['tooManyHeaders', `${get}${'a: b\r\n'.repeat(limits.headers)}`],
  ['tooManyConnectionOptions', `${get}Connection: ${'a, '.repeat(33)}\r\n\r\n`],
  ['hostMissing', 'GET / HTTP/1.1\r\n\r\n'],
  ['hostMissing', 'GET http://a/ HTTP/1.1\r\nX: y\r\n\r\n'],
  ['hostRepeated', `${get}${host}\r\n`],
  ['hostRepeated', `${get}hOST: a\r\n\r\n`],
  ['badHost', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: []\r\n\r\n'],
  ['badHost', 'GET / HTTP/1.1\r\nHost: :80\r\n\r\n'],
  ['badContentLength', `${post}Content-Length:\r\n\r\n`],
  ['badContentLength', `${post}Content-Length: +1\r\n\r\n`],
  ['badContentLength', `${post}Content-Length: -1\r\n\r\n`],
  ['badContentLength', `${post}Content-Length: 1, 1\r\n\r\n`],
  ['badContentLength', `${post}Content-Length: 0x10\r\n\r\n`],
  ['badContentLength', `${post}Content-Length: 9007199254740992\r\n\r\n`],
  ['badContentLength', `${post}Content-Length: 99999999999999999999\r\n\r\n`],
  ['lengthRepeated', `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`],
  ['lengthAndEncoding', `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['lengthAndEncoding', `${post}Transfer-Encoding: x\r\nContent-Length: x\r\n\r\n`],
  ['lengthRequired', 'POST / HTTP/1.0\r\n\r\n'],
  ['badTransferEncoding', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['badTransferEncoding', `${post}Transfer-Encoding: chunked, gzip\r\n\r\n`],
  ['badTransferEncoding', `${post}Transfer-Encoding: chunked, chunked\r\n\r\n`],
  ['badTransferEncoding', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['badTransferEncoding', `${post}Transfer-Encoding: "chunked"\r\n\r\n`],
  ['badTransferEncoding', `${post}Transfer-Encoding: chunked;a=b\r\n\r\n`],
  ['badTransferEncoding', `${post}Transfer-Encoding:\r\n\r\n`],
  ['badTransferEncoding', `${post}Transfer-Encoding: a \t b\r\n\r\n`],
  ['encodingUnknown', `${post}Transfer-Encoding: gzip\r\n\r\n`],
  ['encodingUnknown', `${post}Transfer-Encoding: gzip\t , chunked\r\n\r\n`],
  ['encodingUnknown', `${post}Transfer-Encoding: xchunked\r\n\r\n`],
  ['encodingUnknown', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`],
  ['expectUnknown', `${post}Expect: 200-ok\r\nContent-Length: 1\r\n\r\n`],
  ['expectUnknown', `${post}Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n`],
];

describe('refused', () => {
  test.each(refused)('%s', (name, text) => {
    expect(faultOf(text)).toBe(requestFaults[name].code);
  });

  test('every fault of a head is in the list', () => {
    const behind = ['badChunk', 'badTrailer', 'bodyTooLarge', 'requestTimeout', 'clientGone'];
    // With HTTP/2, and before any head is read on a port of TLS.
    const others = ['badFields', 'http2Required', 'httpsRequired'];
    const later = new Set([...behind, ...others]);
    const listed = new Set<string>(refused.map(([name]) => name));
    expect(Object.keys(requestFaults).filter((name) => !later.has(name) && !listed.has(name))).toEqual([]);
  });

  test.each(refused)('%s, whatever follows and however it arrives', (_name, text) => {
    const code = faultOf(text);
    const head = new RequestHead(limits);
    const long = bytesOf(`${text}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(head.read(long, 0, long.length)).toBe(-1);
    expect(head.fault?.code).toBe(code);
    // A refusal on fewer bytes must be the same refusal.
    const step = Math.max(1, Math.floor(text.length / 500));
    for (let end = 0; end < text.length; end += step) {
      const early = head.read(bytesOf(text.slice(0, end)), 0, end);
      expect(early).toBeLessThanOrEqual(0);
      if (early < 0) expect(head.fault?.code).toBe(code);
    }
  });
});

const token = fc.stringMatching(/^[!#$%&'*+.^`|~0-9A-Za-z-]{1,12}$/).map((name) => `x-${name}`);
const value = fc.stringMatching(/^[\t -~\x80-\xff]{0,20}$/);
const anyHead = fc
  .record({
    empty: fc.constantFrom('', '\r\n', '\r\n\r\n', '\r\n'.repeat(16)),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PURGE', 'get', 'M-SEARCH'),
    target: fc.constantFrom('/', '/a?b', '//', '/%ff', 'http://b/c', 'https://[::1]:1?x'),
    headers: fc.array(fc.tuple(token, value), { maxLength: 6 }),
    space: fc.constantFrom('', ' ', '\t ', '  '),
  })
  .map(({ empty, method, target, headers, space }) => {
    const lines = headers.map(([name, text]) => `${name}:${space}${text}${space}\r\n`);
    return {
      method,
      target,
      headers,
      text: `${empty}${method} ${target} HTTP/1.1\r\n${lines.join('')}Host: a\r\n\r\n`,
    };
  });

describe('any valid head', () => {
  test('is read whole, from any place of a buffer, and says what was put in', () => {
    const head = new RequestHead(limits);
    fc.assert(
      fc.property(anyHead, fc.nat(9), fc.uint8Array({ maxLength: 30 }), (made, before, after) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 'x'), bytesOf(made.text), after]);
        const end = before + made.text.length;
        expect(head.read(bytes, before, bytes.length)).toBe(end);
        expect(head.read(bytes, before, end)).toBe(end);
        expect(part(head, head.methodStart, head.methodEnd)).toBe(made.method);
        expect(part(head, head.targetStart, head.targetEnd)).toBe(made.target);
        const { headers } = head;
        expect(headers.count).toBe(made.headers.length + 1);
        made.headers.forEach(([name, text], i) => {
          expect(part(head, headers.lineStart(i), headers.nameEnd(i))).toBe(name);
          expect(headers.value(i)).toBe(text.replace(/^[\t ]+|[\t ]+$/g, ''));
          expect(part(head, headers.lineEnd(i) - 2, headers.lineEnd(i))).toBe('\r\n');
        });
        expect(headers.end).toBe(end - 2);
      }),
    );
  });

  test('waits at every prefix of it', () => {
    const head = new RequestHead(limits);
    fc.assert(
      fc.property(anyHead, ({ text }) => {
        const bytes = bytesOf(text);
        for (let end = 0; end < bytes.length; end++) {
          expect(head.read(bytes, 0, end)).toBe(0);
          expect(head.read(Buffer.from(bytes.subarray(0, end)), 0, end)).toBe(0);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('limits hold exactly', () => {
  const text = 'GET /12345 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n';

  test('bytes of the head', () => {
    expect(faultOf(text, { ...limits, headBytes: text.length })).toBe('accepts');
    expect(faultOf(`${text}more`, { ...limits, headBytes: text.length })).toBe('accepts');
    expect(faultOf(text, { ...limits, headBytes: text.length - 1 })).toBe('head-too-large');
    expect(faultOf(text.slice(0, -1), { ...limits, headBytes: text.length - 1 })).toBe('waits');
  });

  test('bytes of the target', () => {
    expect(faultOf(text, { ...limits, uriBytes: 6 })).toBe('accepts');
    expect(faultOf(text, { ...limits, uriBytes: 5 })).toBe('uri-too-long');
    expect(faultOf('GET /1234', { ...limits, uriBytes: 5 })).toBe('waits');
  });

  test('headers', () => {
    expect(faultOf(text, { ...limits, headers: 2 })).toBe('accepts');
    expect(faultOf(text, { ...limits, headers: 1 })).toBe('too-many-headers');
  });
});

describe('a response head', () => {
  const faultOfResponse = (text: string) => {
    const head = new ResponseHead(limits);
    const after = head.read(bytesOf(text), 0, text.length);
    return after < 0 ? head.fault?.code : after === 0 ? 'waits' : 'accepts';
  };

  test.each([
    ['HTTP/1.1 200 OK', 200, '200 OK'],
    ['HTTP/1.1 200 ', 200, '200 '],
    ['HTTP/1.1 404', 404, '404'],
    ['HTTP/1.0 599 \xe4\t!', 599, '599 \xe4\t!'],
    ['HTTP/1.1 100 Continue', 100, '100 Continue'],
    ['HTTP/1.2 200 OK', 200, '200 OK'],
    ['HTTP/1.9 200 OK', 200, '200 OK'],
    ['HTTP/1.1 600 x', 600, '600 x'],
    ['HTTP/1.1 999', 999, '999'],
  ])('%s', (line, status, text) => {
    const head = readResponse(`${line}\r\n\r\n`);
    expect(head.status).toBe(status);
    expect(head.bytes.toString('latin1', head.statusStart, head.statusEnd)).toBe(text);
  });

  test.each([
    ['HTTP/1.1 099 x\r\n', 'bad-request-line'],
    ['HTTP/1.1 2000 x\r\n', 'bad-request-line'],
    ['HTTP/1.1  200 x\r\n', 'bad-request-line'],
    ['http/1.1 200 x\r\n', 'bad-request-line'],
    ['ICY 200 OK\r\n', 'bad-request-line'],
    ['HTTP/2.0 200 OK\r\n', 'bad-version'],
    ['HTTP/1.1 200 OK\n', 'bare-line-feed'],
    ['HTTP/1.1 200 O\0K\r\n', 'bare-line-feed'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', 'content-length-repeated'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 'length-and-encoding'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n', 'bad-content-length'],
    ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'bad-transfer-encoding'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n', 'encoding-unknown'],
    ['HTTP/1.1 200 OK\r\nA b: c\r\n\r\n', 'bad-header-name'],
  ])('%s is refused', (text, code) => {
    expect(faultOfResponse(text)).toBe(code);
  });

  test('waits at every prefix', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\n\r\n';
    for (let end = 0; end < text.length; end++) expect(faultOfResponse(text.slice(0, end))).toBe('waits');
    expect(faultOfResponse(`${text}abc`)).toBe('accepts');
  });

  test.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 7', Method.get, 7],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', Method.get, -1],
    ['HTTP/1.1 200 OK', Method.get, -2],
    ['HTTP/1.1 200 OK\r\nContent-Length: 7', Method.head, 0],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', Method.head, 0],
    ['HTTP/1.1 204 No\r\nContent-Length: 7', Method.get, 0],
    ['HTTP/1.1 304 Same\r\nContent-Length: 7', Method.get, 0],
    ['HTTP/1.1 103 Hints\r\nContent-Length: 7', Method.get, 0],
    ['HTTP/1.1 205 Reset', Method.get, -2],
    ['HTTP/1.1 999 x\r\nContent-Length: 7', Method.get, 7],
    ['HTTP/1.2 200 OK\r\nTransfer-Encoding: chunked', Method.get, -1],
  ])('%s: the body of a request of method %i has length %i', (text, method, length) => {
    expect(readResponse(`${text}\r\n\r\n`).bodyLength(method)).toBe(length);
  });

  test.each([
    ['HTTP/1.1 200 OK', true],
    ['HTTP/1.1 200 OK\r\nConnection: close', false],
    ['HTTP/1.0 200 OK', false],
    ['HTTP/1.0 200 OK\r\nConnection: keep-alive', true],
    ['HTTP/1.2 200 OK', true],
  ])('%s keeps its connection: %s', (text, keepAlive) => {
    expect(readResponse(`${text}\r\n\r\n`).keepAlive).toBe(keepAlive);
  });
});

test('idempotent methods (RFC 9110 section 9.2.2)', () => {
  const idempotent = Object.entries(Method).filter(([, number]) => isIdempotent(number));
  expect(idempotent.map(([name]) => name).sort()).toEqual(['delete', 'get', 'head', 'options', 'put']);
});
