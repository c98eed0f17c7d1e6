import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestFaults } from '../errors.ts';
import { BodyLength, BodyReader } from './body.ts';

interface Outcome {
  readonly data: string;
  readonly done: boolean;
  readonly fault: string | null;
  /** What follows the body. */
  readonly rest: string;
  readonly trailers: string | null;
}

/** Gives the bytes in pieces to a reader, as a connection does, each in a buffer of its own within other bytes. */
function readAll(body: BodyReader, length: number, pieces: readonly Buffer[]): Outcome {
  body.begin(length);
  let data = '';
  let rest = '';
  for (const piece of pieces) {
    if (body.done) {
      rest += piece.toString('latin1');
      continue;
    }
    const before = Buffer.from('before!');
    const bytes = Buffer.concat([before, piece]);
    const after = body.read(bytes, before.length);
    if (after < 0) return { data, done: false, fault: body.fault?.code ?? 'no fault', rest, trailers: null };
    expect(bytes.subarray(0, before.length)).toEqual(before);
    expect(bytes.subarray(after)).toEqual(piece.subarray(after - before.length));
    expect(body.dataStart).toBeGreaterThanOrEqual(before.length);
    expect(body.dataEnd).toBeLessThanOrEqual(after);
    data += bytes.toString('latin1', body.dataStart, body.dataEnd);
    if (body.done) rest += bytes.toString('latin1', after);
    else expect(after).toBe(bytes.length);
  }
  return { data, done: body.done, fault: null, rest, trailers: body.trailers?.toString('latin1') ?? null };
}

const whole = (length: number, text: string) => readAll(new BodyReader(), length, [Buffer.from(text, 'latin1')]);
const chunked = (text: string) => whole(BodyLength.chunked, text);

/** Every byte in a piece of its own. */
function dripped(text: string): Outcome {
  const pieces = Array.from(text, (char) => Buffer.from(char, 'latin1'));
  return readAll(new BodyReader(), BodyLength.chunked, pieces);
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

const cutList = fc.array(fc.nat(100_000), { maxLength: 12 });

describe('a body of known length', () => {
  test('ends where it should, however it arrives', () => {
    const body = new BodyReader();
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 60, unit: 'binary-ascii' }),
        fc.string({ unit: 'binary-ascii' }),
        cutList,
        (data, rest, cuts) => {
          const pieces = cutAt(Buffer.from(data + rest, 'latin1'), cuts);
          expect(readAll(body, data.length, pieces)).toEqual({ data, done: true, fault: null, rest, trailers: null });
        },
      ),
    );
  });

  test('of 0 bytes is done before it begins', () => {
    expect(whole(0, 'next')).toMatchObject({ data: '', done: true, rest: 'next' });
  });

  test('that is cut is not done', () => {
    expect(whole(5, 'four')).toMatchObject({ data: 'four', done: false });
  });
});

test('a body until the end of the connection takes everything and is never done', () => {
  const body = new BodyReader();
  expect(readAll(body, BodyLength.untilClose, cutAt(Buffer.from('0\r\n\r\nall of it'), [3, 7]))).toMatchObject({
    data: '0\r\n\r\nall of it',
    done: false,
    fault: null,
  });
  expect(body.untilClose).toBe(true);
  body.begin(3);
  expect(body.untilClose).toBe(false);
});

const chunk = fc.record({
  data: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  zeros: fc.nat(4),
  upper: fc.boolean(),
  extension: fc.constantFrom('', ';a', ';a=b;c="d e"', '; x \t= "\\"\xe4" ;y'),
});

describe('a chunked body', () => {
  test('gives its data in order and leaves what follows alone, whatever its chunks and however it arrives', () => {
    const body = new BodyReader();
    const trailerText = fc.constantFrom('', 'X-Sum: 1\r\n', 'A: \xe4\r\nB:\r\n');
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 8 }),
        trailerText,
        fc.string({ unit: 'binary-ascii' }),
        cutList,
        (chunks, trailers, rest, cuts) => {
          const framed = chunks.map(({ data, zeros, upper, extension }) => {
            const size = data.length.toString(16);
            return `${'0'.repeat(zeros)}${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`;
          });
          const bytes = Buffer.from(`${framed.join('')}0\r\n${trailers}\r\n${rest}`, 'latin1');
          expect(readAll(body, BodyLength.chunked, cutAt(bytes, cuts))).toEqual({
            data: chunks.map(({ data }) => data).join(''),
            done: true,
            fault: null,
            rest,
            trailers: trailers === '' ? null : trailers,
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is not done at any prefix', () => {
    const text = '5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\nA: b\r\n\r\n';
    for (let end = 0; end < text.length; end++) {
      expect(chunked(text.slice(0, end))).toMatchObject({ done: false, fault: null });
      expect('helloyou'.startsWith(dripped(text.slice(0, end)).data)).toBe(true);
    }
    expect(dripped(text)).toMatchObject({ data: 'helloyou', done: true, trailers: 'A: b\r\n' });
  });

  test.each([
    ['\r\n', 'an empty size'],
    ['g\r\n', 'no hex digit'],
    ['-1\r\n', 'a sign'],
    ['+1\r\n', 'a sign'],
    ['0x1\r\n', 'a prefix'],
    [' 1\r\n', 'a space before'],
    ['1 \r\n', 'a space after'],
    ['1\n', 'a bare LF'],
    ['1\rX', 'a bare CR'],
    ['1;a\n', 'a bare LF after an extension'],
    ['1;\0\r\n', 'a control byte in an extension'],
    ['1;a\rb\r\n', 'a bare CR in an extension'],
    ['1;\r\n', 'an extension without a name'],
    ['1; \r\n', 'an extension without a name'],
    ['1;a;\r\n', 'an extension without a name'],
    ['1;;a\r\n', 'an extension without a name'],
    ['1;=b\r\n', 'a value without a name'],
    ['1;a b\r\n', 'a name that is no token'],
    ['1;a/b\r\n', 'a name that is no token'],
    ['1;\xe4\r\n', 'a name that is no token'],
    ['1;"a"\r\n', 'a name in quotes'],
    ['1;a=\r\n', 'no value'],
    ['1;a=;b\r\n', 'no value'],
    ['1;a=b/c\r\n', 'a value that is no token'],
    ['1;a=b=c\r\n', 'a value that is no token'],
    ['1;a="b\r\n', 'quotes that do not end'],
    ['1;a="b\\"\r\n', 'quotes that do not end'],
    ['1;a="b"c\r\n', 'more behind the quotes'],
    ['1;a="\x7f"\r\n', 'a control byte in quotes'],
    ['1;a="\\\0"\r\n', 'a control byte in quotes'],
    ['1;a \r\n', 'a space at the end'],
    ['1;a=b \r\n', 'a space at the end'],
    ['1\r\nab\r\n', 'more data than said'],
    ['1\r\na\n', 'no CR after the data'],
    ['1\r\na\rb', 'no LF after the data'],
    ['10000000000000\r\n', 'a size of 14 digits'],
    ['00000000000001\r\n', 'a size of 14 digits that is small'],
  ])('%j is refused: %s', (text) => {
    expect(chunked(text).fault).toBe(requestFaults.badChunk.code);
    expect(dripped(text).fault).toBe(requestFaults.badChunk.code);
  });

  test('may have 16 KiB of extensions, over all its chunks', () => {
    const extensions = (first: number, second: number) =>
      chunked(`1;${'x'.repeat(first)}\r\na\r\n1;${'x'.repeat(second)}\r\nb\r\n0\r\n\r\n`);
    expect(extensions(8192, 8192)).toMatchObject({ data: 'ab', done: true });
    expect(extensions(8192, 8194).fault).toBe(requestFaults.badChunk.code);
    expect(extensions(16_385, 0).fault).toBe(requestFaults.badChunk.code);
  });

  test('forgets the body before it', () => {
    const body = new BodyReader();
    readAll(body, BodyLength.chunked, [Buffer.from('5;xxx\r\nhe')]);
    expect(readAll(body, BodyLength.chunked, [Buffer.from('1\r\na\r\n0\r\nA: b\r')])).toMatchObject({
      data: 'a',
      done: false,
    });
    expect(readAll(body, BodyLength.chunked, [Buffer.from('1\r\nb\r\n0\r\n\r\n')])).toEqual({
      data: 'b',
      done: true,
      fault: null,
      rest: '',
      trailers: null,
    });
  });
});

describe('trailers', () => {
  const trailersOf = (lines: string) => chunked(`0\r\n${lines}\r\nnext`);

  test('pass on as they were spelled', () => {
    expect(trailersOf('X-Sum:  1 \r\nserver-timing: a\r\n')).toMatchObject({
      trailers: 'X-Sum:  1 \r\nserver-timing: a\r\n',
      rest: 'next',
      done: true,
    });
  });

  test.each([
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Host: b',
    'Cookie: a=b',
    'Set-Cookie: a=b',
    'Limpet-Session-Put: x',
    'Limpet_Session_Put: x',
    'Limpet.Session.Put: x',
    'Content.Length: 5',
    'Content_Length: 5',
    'Authorization: x',
    'CONTENT-TYPE: x',
    'Location: /',
    'X-Forwarded-For: 1.2.3.4',
    'Cache-Control: public',
    'Connection: close',
    'Trailer: x',
    'TE: trailers',
    'Expect: 100-continue',
    'Range: bytes=0-1',
    'If_Match: x',
    'if-range: x',
    'Max-Forwards: 1',
    'Pragma: no-cache',
    'Proxy-Authorization: x',
    'WWW-Authenticate: Basic',
    'Content-Encoding: gzip',
    'Content.Range: bytes 0-1/2',
    'Content-Language: en',
    'Vary: *',
    'Age: 1',
    'Retry-After: 1',
  ])('%s may not be one', (line) => {
    expect(trailersOf(`${line}\r\n`)).toMatchObject({ trailers: null, done: true });
    expect(trailersOf(`A: 1\r\n${line}\r\nB: 2\r\n`).trailers).toBe('A: 1\r\nB: 2\r\n');
  });

  test.each(['A b: c\r\n', 'A: b\n', ' A: b\r\n', 'A: b\r\n c\r\n', 'A\r\n', 'A: \0\r\n', '\n'])(
    '%j is refused',
    (lines) => {
      expect(trailersOf(lines).fault).toBe(requestFaults.badTrailer.code);
    },
  );

  test('have 8 KiB and 64 lines', () => {
    const line = (size: number) => `A: ${'x'.repeat(size - 5)}\r\n`;
    expect(trailersOf(line(8190)).done).toBe(true);
    expect(trailersOf(line(8191)).fault).toBe(requestFaults.badTrailer.code);
    const inPieces = (text: string) =>
      readAll(
        new BodyReader(),
        BodyLength.chunked,
        (text.match(/[\s\S]{1,97}/g) ?? []).map((piece) => Buffer.from(piece)),
      );
    expect(inPieces(`0\r\n${line(8190)}\r\n`).done).toBe(true);
    expect(inPieces(`0\r\n${line(8191)}\r\n`).fault).toBe(requestFaults.badTrailer.code);
    expect(trailersOf('a: b\r\n'.repeat(64)).done).toBe(true);
    expect(trailersOf('a: b\r\n'.repeat(65)).fault).toBe(requestFaults.badTrailer.code);
  });

  test('a later request in the same bytes does not count against them', () => {
    expect(chunked(`0\r\nA: b\r\n\r\n${'x'.repeat(20_000)}`)).toMatchObject({ done: true, trailers: 'A: b\r\n' });
  });
});
