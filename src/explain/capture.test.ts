import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RequestHead } from '../http/head.ts';
import { readCapture, refusedAt } from './capture.ts';

const limits = { headBytes: 8192, headers: 20, uriBytes: 1024 };

describe('a capture', () => {
  test.each([
    ['as it was sent', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 0],
    ['with LF', 'GET / HTTP/1.1\nHost: a\n\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 1],
    ['with LF, and no empty line', 'GET / HTTP/1.1\nHost: a', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 2],
    ['without its empty line', 'GET / HTTP/1.1\r\nHost: a\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 1],
    ['with a body', 'GET / HTTP/1.1\r\n\r\nbody', 'GET / HTTP/1.1\r\n\r\n', 1],
    ['after an empty line', '\r\nGET / HTTP/1.1\r\n\r\n', '\r\nGET / HTTP/1.1\r\n\r\n', 0],
    ['after three of them', '\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n', '\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n', 0],
    ['with one bare LF', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 0],
  ])('%s', (_, raw, head, notes) => {
    const capture = readCapture(Buffer.from(raw));
    expect([capture.head.toString(), capture.notes.length]).toEqual([head, notes]);
  });
});

test.each(['', '\n', '\n\n', '\r\n\r\n'])('%j is no request', (raw) => {
  expect(() => readCapture(Buffer.from(raw))).toThrow('the capture is empty: expected the head of a request');
});

describe('where it is refused', () => {
  test.each([
    ['GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n', { line: 3, column: 2, offset: 26 }],
    ['GET /ä HTTP/1.1\r\n\r\n', { line: 1, column: 6, offset: 5 }],
    ['GET / HTTP/1.1\nHost: a\r\n\r\n', { line: 1, column: 15, offset: 14 }],
    ['GET / HTTP/1.1\r\n\r\n', null],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', null],
  ])('%j', (text, position) => expect(refusedAt(Buffer.from(text, 'latin1'), limits)).toEqual(position));

  test('is the first byte that no continuation can mend', () => {
    const spoiled = fc.tuple(fc.nat(40), fc.constantFrom('\0', '\n', ' ', '\x7f', ':'));
    fc.assert(
      fc.property(spoiled, ([at, byte]) => {
        const good = 'GET /a HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n';
        const bytes = Buffer.from(good.slice(0, at) + byte + good.slice(at + 1), 'latin1');
        const head = new RequestHead(limits);
        if (head.read(bytes, 0, bytes.length) >= 0) return;
        const end = refusedAt(bytes, limits)?.offset ?? bytes.length - 1;
        expect(head.read(bytes, 0, end)).toBe(0);
        expect(head.read(bytes, 0, end + 1)).toBe(-1);
      }),
    );
  });
});
