/** HPACK against the examples of RFC 7541 (appendix C), against itself, and against what is wrong. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { HeadWriter } from '../../writer.ts';
import { HpackDecoder } from './decoder.ts';
import { writeInteger, writeLines, writeStatus } from './encoder.ts';
import { FieldList } from './field-list.ts';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';

type Field = [name: string, value: string];

function blockOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

function reader(tableSize = 4096, maxBytes = 65536) {
  const decoder = new HpackDecoder(tableSize);
  const list = new FieldList(maxBytes);
  const decode = (block: Buffer): Field[] | string => {
    const padded = Buffer.concat([Buffer.from('..'), block, Buffer.from('!!')]);
    return decoder.decode(padded, 2, 2 + block.length, list) ?? list.toArray();
  };
  return { decode, decoder, list };
}

describe('the examples of RFC 7541', () => {
  const first: Field[] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ];
  const second: Field[] = [...first, ['cache-control', 'no-cache']];
  const third: Field[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ];

  test('C.2: each kind of field', () => {
    const { decode } = reader();
    expect(decode(blockOf('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'))).toEqual([
      ['custom-key', 'custom-header'],
    ]);
    expect(decode(blockOf('040c 2f73 616d 706c 652f 7061 7468'))).toEqual([[':path', '/sample/path']]);
    expect(decode(blockOf('1008 7061 7373 776f 7264 0673 6563 7265 74'))).toEqual([['password', 'secret']]);
    expect(decode(blockOf('82'))).toEqual([[':method', 'GET']]);
  });

  test('C.3: requests without Huffman code', () => {
    const { decode } = reader();
    expect(decode(blockOf('8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d'))).toEqual(first);
    expect(decode(blockOf('8286 84be 5808 6e6f 2d63 6163 6865'))).toEqual(second);
    expect(decode(blockOf('8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'))).toEqual(third);
  });

  test('C.4: requests with Huffman code', () => {
    const { decode } = reader();
    expect(decode(blockOf('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'))).toEqual(first);
    expect(decode(blockOf('8286 84be 5886 a8eb 1064 9cbf'))).toEqual(second);
    expect(decode(blockOf('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'))).toEqual(third);
  });

  const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
  const later = 'Mon, 21 Oct 2013 20:13:22 GMT';
  const location = 'https://www.example.com';
  const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
  const response = (status: string, at: string): Field[] => [
    [':status', status],
    ['cache-control', 'private'],
    ['date', at],
    ['location', location],
  ];

  test.each([
    [
      'C.5: responses, a table of 256 bytes',
      [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
        '4803 3330 37c1 c0bf',
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
         2076 6572 7369 6f6e 3d31`,
      ],
    ],
    [
      'C.6: the same with Huffman code',
      [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
         8f0b 97c8 e9ae 82ae 43d3`,
        '4883 640e ffc1 c0bf',
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ],
    ],
  ])('%s', (_name, blocks) => {
    const { decode } = reader(256);
    expect(blocks.map((block) => decode(blockOf(block)))).toEqual([
      response('302', date),
      response('307', date),
      [
        [':status', '200'],
        ['cache-control', 'private'],
        ['date', later],
        ['location', location],
        ['content-encoding', 'gzip'],
        ['set-cookie', cookie],
      ],
    ]);
  });
});

describe('what is wrong', () => {
  test.each([
    ['an index of 0', '80', 'no table has an entry of that number'],
    ['an entry that is not there', 'be', 'no table has an entry of that number'],
    ['a name that is not there', '7e 0161', 'no table has an entry of that number'],
    ['an index without an end', 'ff', 'the block ends inside of a field'],
    ['an integer of more than 28 bits', 'ff ffff ffff 7f', 'an integer is too large'],
    ['an integer with zeros without end', 'ff 8080 8080 8080 8000', 'an integer is too large'],
    ['a name that does not end', '00 0561 62', 'the block ends inside of a field'],
    ['a value that does not begin', '00 0161', 'the block ends inside of a field'],
    ['a value that does not end', '00 0161 0562', 'the block ends inside of a field'],
    ['a padding of 8 bits', '00 0161 821f ff', 'the text is not a Huffman code'],
    ['a padding that is not all ones', '00 0161 8118', 'the text is not a Huffman code'],
    ['the symbol for the end', '00 0161 84 ffff ffff', 'the text is not a Huffman code'],
    ['a table beyond the setting', '3fe2 1f', 'a table size is beyond the setting'],
    ['a table size behind a field', '8220', 'a table size stands behind a field'],
  ])('%s', (_name, hex, error) => {
    expect(reader().decode(blockOf(hex))).toBe(error);
  });

  test('a list that is too large says so, is not complete, and leaves the table right', () => {
    const { decode, list } = reader(4096, 100);
    const big = Buffer.concat([blockOf('4003 6162 63 7f 21'), Buffer.alloc(160, 'x')]);
    decode(Buffer.concat([blockOf('82'), big, blockOf('84')]));
    expect([list.overflow, list.toArray()]).toEqual([true, [[':method', 'GET']]]);
    const { decode: wide } = reader();
    wide(big);
    expect(wide(blockOf('be'))).toEqual([['abc', 'x'.repeat(160)]]);
    decode(blockOf('be'));
    expect(list.overflow).toBe(true);
  });
});

test('entries of a list that is too large are not copied, but have to be there', () => {
  const { decode, list } = reader(4096, 5000);
  const entry = Buffer.concat([blockOf('4003 6162 63 7f a11e'), Buffer.alloc(4000, 'x')]);
  decode(entry);
  expect(list.toArray()).toEqual([['abc', 'x'.repeat(4000)]]);
  const copy = vi.spyOn(Buffer.prototype, 'copy');
  expect(decode(Buffer.alloc(4, 0xbe))).toEqual([['abc', 'x'.repeat(4000)]]);
  // The first, and the one that was too much.
  expect(copy.mock.calls.filter(([target]) => target === list.bytes)).toHaveLength(2);
  copy.mockRestore();
  expect(list.overflow).toBe(true);
  expect(decode(blockOf('bebebebf'))).toBe('no table has an entry of that number');
});

test.each([
  ['an entry', Buffer.alloc(64_000, 0xbe)],
  ['a name, in fields that are not added', Buffer.concat(Array.from({ length: 20_000 }, () => blockOf('0f2f00')))],
  ['a name, in fields that are added', Buffer.concat(Array.from({ length: 20_000 }, () => blockOf('7e00')))],
])('a block that names %s of 4,000 bytes again and again is not read to its end', (_what, block) => {
  const { decode, list } = reader(4096, 16_000);
  const entry = Buffer.concat([blockOf('407fa11e'), Buffer.alloc(4000, 'n'), blockOf('00')]);
  expect(decode(entry)).toEqual([['n'.repeat(4000), '']]);
  const copy = vi.spyOn(Buffer.prototype, 'copy');
  expect(decode(block)).toBe('the fields are far larger than the setting');
  expect(copy.mock.calls.length).toBeLessThan(60);
  copy.mockRestore();
  expect(list.bytes.length).toBeLessThan(40_000);
});

describe('the dynamic table', () => {
  const literal = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0x40, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]);

  test('evicts the oldest, and an entry larger than itself empties it', () => {
    const { decode } = reader(100);
    for (const name of ['a', 'b', 'c']) decode(literal(name, '1'));
    expect(decode(blockOf('bebf'))).toEqual([
      ['c', '1'],
      ['b', '1'],
    ]);
    expect(decode(blockOf('c0'))).toBe('no table has an entry of that number');
    const large = reader(100);
    large.decode(literal('a', '1'));
    expect(large.decode(literal('b', 'x'.repeat(80)))).toEqual([['b', 'x'.repeat(80)]]);
    expect(large.decode(blockOf('be'))).toBe('no table has an entry of that number');
  });

  test('becomes smaller and larger as the peer says, at the beginning of a block', () => {
    const { decode } = reader(200);
    for (const name of ['a', 'b', 'c', 'd']) decode(literal(name, '1'));
    expect(decode(blockOf('20 3f 21 82'))).toEqual([[':method', 'GET']]);
    expect(decode(blockOf('be'))).toBe('no table has an entry of that number');
  });

  describe('with a limit below 4096, which a peer cannot know before it has the settings (RFC 9113 section 4.3.1):', () => {
    const two = Buffer.concat([literal('a', '1'), literal('b', '2')]);

    test('until it has acknowledged them, it may use more, but not what is missing here', () => {
      const { decode } = reader(40);
      expect(decode(two)).toHaveLength(2);
      expect(decode(blockOf('3fe11f be'))).toEqual([['b', '2']]);
      expect(decode(blockOf('bf'))).toBe('no table has an entry of that number');
    });

    test('then its next block begins with the size of its table', () => {
      const { decode, decoder } = reader(40);
      decode(two);
      decoder.acknowledge();
      expect(decode(blockOf('be'))).toBe('a table size is missing');
      expect(decode(blockOf('3fe11f be'))).toBe('a table size is beyond the setting');
      expect(decode(blockOf('3f09 be'))).toEqual([['b', '2']]);
      expect(decode(blockOf('be'))).toEqual([['b', '2']]);
    });

    test('unless it uses less already', () => {
      const { decode, decoder } = reader(40);
      decode(blockOf('20 82'));
      decoder.acknowledge();
      expect(decode(blockOf('82'))).toEqual([[':method', 'GET']]);
    });
  });

  test('holds what a plain model holds, whatever is added', () => {
    const text = fc.string({ minLength: 1, maxLength: 90, unit: 'binary-ascii' });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, text), { maxLength: 200 }),
        fc.integer({ min: 0, max: 600 }),
        (added, size) => {
          const { decode } = reader(size);
          const model: Field[] = [];
          const sizeOf = () => model.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
          for (const [name, value] of added) {
            expect(decode(literal(name, value))).toEqual([[name, value]]);
            model.unshift([name, value]);
            while (model.length > 0 && sizeOf() > size) model.pop();
          }
          const all = model.map((_, i) => {
            const out = new HeadWriter(8);
            writeInteger(62 + i, 7, 0x80, out);
            return Buffer.from(out.bytes.subarray(0, out.length));
          });
          expect(decode(Buffer.concat(all))).toEqual(model);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test('Huffman code: what was encoded is decoded, in the length that was said', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const coded = Buffer.alloc(1200);
      const end = encodeHuffman(bytes, 0, bytes.length, coded, 3);
      expect(end - 3).toBe(huffmanLength(bytes, 0, bytes.length));
      const out = Buffer.alloc(500);
      const after = decodeHuffman(coded, 3, end, out, 1);
      expect(Buffer.from(out.subarray(1, after))).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 500 },
  );
});

test('lines of HTTP/1.1 become fields with names in lower case', () => {
  const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$/);
  const value = fc.stringMatching(/^([!-~]([ -~]{0,200}[!-~])?)?$/);
  const known = fc.constantFrom('Content-Type', 'set-cookie', 'DATE', 'Server', 'WWW-Authenticate', 'host', 'age');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(name, known), value), { maxLength: 30 }),
      fc.integer({ min: 100, max: 599 }),
      (fields, status) => {
        const lines = Buffer.from(fields.map(([one, text]) => `${one}: ${text}\r\n`).join(''), 'latin1');
        const out = new HeadWriter(16);
        writeStatus(status, out);
        writeLines(lines, 0, lines.length, out);
        expect(reader().decode(Buffer.from(out.bytes.subarray(0, out.length)))).toEqual([
          [':status', String(status)],
          ...fields.map(([one, text]) => [one.toLowerCase(), text]),
        ]);
      },
    ),
    { numRuns: 300 },
  );
});

test('bytes that nobody has encoded are decoded or refused, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
      const { decode } = reader();
      for (const block of blocks) if (typeof decode(Buffer.from(block)) === 'string') return;
    }),
    { numRuns: 2000 },
  );
});
