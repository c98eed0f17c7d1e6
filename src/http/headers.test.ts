import { describe, expect, test } from 'vitest';
import { edited, requestWith, responseWith } from '../../test/support/heads.ts';
import { foldName } from './bytes.ts';
import { ConnectionOption, maxConnectionOptions } from './headers.ts';
import { cutContentLength, cutFromRequest, cutFromResponse, cutHost } from './hop-headers.ts';
import { hashStep, Name, nameOf } from './names.ts';
import { Splice } from './splice.ts';

function idOf(name: string): number {
  const bytes = Buffer.from(name, 'latin1');
  return nameOf(
    bytes,
    0,
    bytes.length,
    bytes.reduce((hash, byte) => hashStep(hash, foldName[byte]!), 0),
  );
}

describe('names', () => {
  test('are recognised without regard to case', () => {
    expect(idOf('HOST')).toBe(Name.host);
    expect(idOf('content-length')).toBe(Name.contentLength);
    expect(idOf('Transfer-Encoding')).toBe(Name.transferEncoding);
    expect(idOf('X-Forwarded-FOR')).toBe(Name.xForwardedFor);
    expect(idOf('limpet-anything')).toBe(Name.limpet);
    expect(idOf('Limpet-')).toBe(Name.limpet);
  });

  test.each(['Hos', 'Hostt', 'Content-Lengt', 'Content-Lengthy', 'Limpet', 'xLimpet-', 'tsoh', ''])(
    '%s is another',
    (name) => {
      expect(idOf(name)).toBe(Name.other);
    },
  );
});

describe('Connection', () => {
  test('options of all its lines count, empty elements do not', () => {
    const { headers } = requestWith('Connection: , keep-alive ,,', 'X: y', 'connection:\tUPGRADE');
    expect(headers.readConnection()).toBe(ConnectionOption.keepAlive | ConnectionOption.upgrade);
  });

  test.each([
    ['x-mine', 'X-Mine: 1', true],
    ['X-MINE', 'x-mine: 1', true],
    ['te', 'TE: trailers', true],
    ['keep-alive, x-mine', 'X-Mine: 1', true],
    ['x-mine2', 'X-Mine: 1', false],
    ['cookie', 'Cookie: a=b', false],
    ['content-length', 'Content-Length: 0', false],
    ['transfer-encoding', 'Transfer-Encoding: chunked', false],
    ['authorization', 'Authorization: x', false],
    ['Origin', 'Origin: x', false],
    ['x-real-ip', 'X-Real-IP: x', false],
    ['x-request-id', 'X-Request-Id: x', false],
    ['set-cookie', 'Set-Cookie: a=b', false],
    ['via', 'Via: x', false],
  ])('%s removes "%s": %s', (option, line, removed) => {
    const { headers } = requestWith(`Connection: ${option}`, line);
    expect(headers.isDropped(2)).toBe(removed);
  });

  test('as many options as there may be, over several lines, and one more', () => {
    const names = Array.from({ length: maxConnectionOptions }, (_, i) => `x-${i}`);
    const [first, ...others] = names;
    const lines = [`Connection: ,, ${first}`, `Connection: ${others.join(',')},,`];
    const fields = ['X-0: 1', 'X-32: 1', `X-${maxConnectionOptions - 1}: 1`, 'x-0: 2'];
    const { headers } = requestWith(...lines, ...fields);
    expect(fields.map((_, i) => headers.isDropped(i + 3))).toEqual([true, false, true, true]);
    expect(headers.readConnection()).toBe(0);
    for (const more of ['x-32', 'close', 'x-0'])
      expect(() => requestWith(...lines, ...fields, `Connection: ${more}`)).toThrow('too-many-connection-options');
    expect(() => responseWith(200, ...lines, 'Connection: close')).toThrow('too-many-connection-options');
  });

  test('cannot name Host away', () => {
    expect(requestWith('Connection: host').headers.isDropped(0)).toBe(false);
  });
});

describe('hop-by-hop headers', () => {
  const cutRequest = (...lines: string[]) => {
    const head = requestWith(...lines);
    const edit = new Splice();
    cutFromRequest(head.headers, edit, false);
    return edited(head, edit);
  };

  test.each([
    'Connection: close',
    'Keep-Alive: 5',
    'Proxy-Connection: x',
    'TE: trailers',
    'Transfer-Encoding: chunked',
    'Upgrade: h2c',
    'HTTP2-Settings: x',
    'Limpet-Session: id=1',
    'limpet-: x',
    'Proxy: http://evil',
    'Forwarded: for=1.2.3.4',
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'X_Forwarded_For: 1.2.3.4',
    'x-forwarded_for: 1.2.3.4',
    'Limpet_Session: id=1',
    'Content_Length: 3',
    'Transfer_Encoding: chunked',
    'X.Forwarded.For: 1.2.3.4',
    'x-forwarded.proto: https',
    'X.Real-IP: 1.2.3.4',
    'x~forwarded~server: evil',
    'LIMPET.Session: id=1',
    'limpet.: x',
    'Content.Length: 3',
    'Transfer.Encoding: chunked',
    "Transfer'Encoding: chunked",
  ])('%s does not reach the server', (line) => {
    expect(cutRequest('A: 1', line, 'B: 2')).toBe('Host: a\r\nA: 1\r\nB: 2\r\n');
  });

  test.each([
    'Via: 1.1 x',
    'Trailer: x',
    'Cookie: a=b',
    'X_Other: 1',
    'X.Other: 1',
    'Expect: 100-continue',
    'Proxy-Authorization: x',
    'Limpets: x',
  ])('%s does', (line) => {
    expect(cutRequest('A: 1', line)).toBe(`Host: a\r\nA: 1\r\n${line}\r\n`);
  });

  test('what Connection names goes too', () => {
    expect(cutRequest('Connection: x-a, x-b', 'X-A: 1', 'X-C: 3', 'X-B: 2', 'X-A: again')).toBe(
      'Host: a\r\nX-C: 3\r\n',
    );
  });

  test('of a response: Limpet-* too, and what was said of forwarding stays', () => {
    const head = requestWith('Limpet-Session-Put: x', 'X-Forwarded-For: x', 'Proxy: x', 'Keep-Alive: 5');
    const edit = new Splice();
    cutFromResponse(head.headers, edit);
    expect(edited(head, edit)).toBe('Host: a\r\nX-Forwarded-For: x\r\nProxy: x\r\n');
  });

  test('Content-Length and Host alone', () => {
    const head = requestWith('Content-Length: 3', 'Connection: close');
    const edit = new Splice();
    cutContentLength(head.headers, edit);
    cutHost(head.headers, edit);
    expect(edited(head, edit)).toBe('Connection: close\r\n');
  });
});
