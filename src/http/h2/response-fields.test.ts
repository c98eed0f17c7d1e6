/** Responses and trailers become header blocks, read back by the decoder. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readResponse, responseWith } from '../../../test/support/heads.ts';
import type { ResponseHead } from '../head.ts';
import { cutFromResponse } from '../hop-headers.ts';
import { Splice } from '../splice.ts';
import { HeadWriter } from '../writer.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { writeLines, writeNoTable } from './hpack/encoder.ts';
import { FieldList } from './hpack/field-list.ts';
import { ResponseBlockWriter } from './response-fields.ts';

const writer = new ResponseBlockWriter(16);

function decoded(out: HeadWriter) {
  const list = new FieldList(1 << 16);
  expect(new HpackDecoder(4096).decode(out.bytes, 0, out.length, list)).toBeNull();
  return list.toArray();
}

function block(head: ResponseHead, edit = new Splice(), added = '', status = head.status) {
  const out = new HeadWriter(8);
  writer.write(status, head, edit, added, out);
  return decoded(out);
}

describe('a response', () => {
  test('becomes a block: status first, names in lower case, values without white space around them', () => {
    const head = responseWith(
      200,
      'Content-Type: text/html',
      'X-A:b',
      'X-Blank: \t c \t',
      'X-Empty:',
      'Set-Cookie: a',
      'set-cookie: b',
    );
    expect(block(head)).toEqual([
      [':status', '200'],
      ['content-type', 'text/html'],
      ['x-a', 'b'],
      ['x-blank', 'c'],
      ['x-empty', ''],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ]);
  });

  test('with its edits and with added lines', () => {
    const head = responseWith(404, 'A: 1', 'B: 2', 'Keep-Alive: timeout=5', 'Connection: keep-alive, b');
    const edit = new Splice();
    cutFromResponse(head.headers, edit);
    edit.cut(head.headers.valueStart(0), head.headers.valueEnd(0), 'one');
    edit.add('Set-Cookie: limpet=x');
    expect(block(head, edit, 'Date: now\r\n')).toEqual([
      [':status', '404'],
      ['a', 'one'],
      ['set-cookie', 'limpet=x'],
      ['date', 'now'],
    ]);
  });

  test('has no field of connections, even when no edit has cut it', () => {
    const head = responseWith(
      200,
      'Connection: x',
      'KEEP-ALIVE: 1',
      'Proxy-Connection: x',
      'Transfer-Encoding: chunked',
      'Upgrade: websocket',
      'HTTP2-Settings: a',
      'Connections: a',
      'Upgrades: a',
    );
    expect(block(head)).toEqual([
      [':status', '200'],
      ['connections', 'a'],
      ['upgrades', 'a'],
    ]);
  });

  test('may be an interim one, or one with a status of no name', () => {
    expect(block(responseWith(103, 'Link: </a>'))).toEqual([
      [':status', '103'],
      ['link', '</a>'],
    ]);
    expect(block(readResponse('HTTP/1.1 999\r\n\r\n'))).toEqual([[':status', '999']]);
  });

  test('to an upgrade is one with the status of a tunnel', () => {
    const head = responseWith(101, 'Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Protocol: chat');
    expect(block(head, new Splice(), '', 200)).toEqual([
      [':status', '200'],
      ['sec-websocket-protocol', 'chat'],
    ]);
  });

  test('of our own, the first of a connection', () => {
    const out = new HeadWriter(8);
    writeNoTable(out);
    writer.writeOwn(503, 'Content-Length: 2\r\nRetry-After: 2\r\n', out);
    expect(decoded(out)).toEqual([
      [':status', '503'],
      ['content-length', '2'],
      ['retry-after', '2'],
    ]);
  });

  test('has the same fields, whether the positions of the headers are used or their lines are read once more', () => {
    const names = ['A', 'x-y', 'ETag', 'DATE', 'content-type', 'Set-Cookie', 'Connection', 'Upgrade', 'via'];
    const line = fc
      .tuple(fc.constantFrom(...names), fc.stringMatching(/^[ \t]{0,2}[a-z,]{0,9} ?[a-z]{0,3}[ \t]?$/), fc.boolean())
      .map(([name, value, isCut]) => ({ text: `${name}:${value}`, isCut }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, inOrder) => {
        const head = responseWith(200, ...lines.map(({ text }) => text));
        const [edit, same] = [new Splice(), new Splice()];
        for (let n = 0; n < lines.length; n++) {
          const i = inOrder ? n : lines.length - 1 - n;
          if (!lines[i]!.isCut) continue;
          edit.cutLine(head.headers, i);
          same.cut(head.headers.lineStart(i), head.headers.lineEnd(i));
        }
        expect([edit.cutsLinesOnly, same.cutsLinesOnly]).toEqual([true, lines.every(({ isCut }) => !isCut)]);
        edit.add('B: 1');
        same.add('B: 1');
        expect(block(head, edit, 'C: 2\r\n')).toEqual(block(head, same, 'C: 2\r\n'));
      }),
    );
  });

  test('with a value of many kilobytes', () => {
    const value = 'x'.repeat(20_000);
    expect(block(responseWith(200, `A: ${value}`, 'B: c'))).toEqual([
      [':status', '200'],
      ['a', value],
      ['b', 'c'],
    ]);
  });
});

test('trailers become a block', () => {
  const lines = Buffer.from('Grpc-Status: 0\r\ngrpc-message:\r\n');
  const out = new HeadWriter(8);
  writeLines(lines, 0, lines.length, out);
  expect(decoded(out)).toEqual([
    ['grpc-status', '0'],
    ['grpc-message', ''],
  ]);
});
