/**
 * What the fields of an HTTP/2 message cost: nanoseconds and bytes of heap a block. `node bench/micro/hpack.ts` or
 * `bun bench/micro/hpack.ts`. The blocks are those of a browser, whose fields are Huffman coded and in the dynamic table after the first
 * request of a connection.
 */
import { HpackDecoder } from '../../src/http/h2/hpack/decoder.ts';
import { writeInteger } from '../../src/http/h2/hpack/encoder.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { encodeHuffman } from '../../src/http/h2/hpack/huffman.ts';
import { staticIndexOf } from '../../src/http/h2/hpack/static-table.ts';
import { RequestFields } from '../../src/http/h2/request-fields.ts';
import { ResponseBlockWriter } from '../../src/http/h2/response-fields.ts';
import { writeRequestBlock } from '../../src/http/h2/server-fields.ts';
import { RequestHead } from '../../src/http/head.ts';
import { Splice } from '../../src/http/splice.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { responseWith, wideLimits } from '../../test/support/heads.ts';
import { measure, print, type Step } from './harness.ts';

/** Chromium's fields for a page. */
const browser: readonly (readonly [name: string, value: string])[] = [
  [':method', 'GET'],
  [':authority', 'shop.example.com'],
  [':scheme', 'https'],
  [':path', '/products/4711?color=blue'],
  ['sec-ch-ua', '"Chromium";v="152", "Not.A/Brand";v="8"'],
  ['sec-ch-ua-mobile', '?0'],
  ['sec-ch-ua-platform', '"Linux"'],
  ['upgrade-insecure-requests', '1'],
  [
    'user-agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/152.0.0.0 Safari/537.36',
  ],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
  ['sec-fetch-site', 'same-origin'],
  ['sec-fetch-mode', 'navigate'],
  ['sec-fetch-user', '?1'],
  ['sec-fetch-dest', 'document'],
  ['referer', 'https://shop.example.com/products'],
  ['accept-encoding', 'gzip, deflate, br, zstd'],
  ['accept-language', 'en-GB,en;q=0.9'],
  ['cookie', 'limpet=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIz'],
  ['cookie', 'theme=dark'],
  ['priority', 'u=0, i'],
];

const pseudoFields = 4;

function expect(right: boolean): void {
  if (!right) throw new Error('wrong answer');
}

function writeText(text: string, out: HeadWriter): void {
  const plain = Buffer.from(text, 'latin1');
  const coded = Buffer.alloc(4 * plain.length + 4);
  const end = encodeHuffman(plain, 0, plain.length, coded, 0);
  writeInteger(end, 7, 0x80, out);
  out.copy(coded, 0, end);
}

/** The first request of a connection: values as text, and names that the static table lacks; fields are added to the table. */
function firstBlock(): Buffer {
  const out = new HeadWriter(2048);
  for (const [i, [name, value]] of browser.entries()) {
    const index = staticIndexOf(name);
    if (i < pseudoFields) writeInteger(index, 4, 0, out);
    else writeInteger(index, 6, 0x40, out);
    if (index === 0) writeText(name, out);
    writeText(value, out);
  }
  return out.bytes.subarray(0, out.length);
}

/** The same request again: all but the pseudo-header fields by their number. */
function repeatedBlock(): Buffer {
  const out = new HeadWriter(256);
  for (const [i, [name, value]] of browser.entries()) {
    if (i < pseudoFields) {
      writeInteger(staticIndexOf(name), 4, 0, out);
      writeText(value, out);
    } else writeInteger(62 + browser.length - 1 - i, 7, 0x80, out);
  }
  return out.bytes.subarray(0, out.length);
}

const list = new FieldList(1 << 16);
const decoder = new HpackDecoder(4096);
const first = firstBlock();
const repeated = repeatedBlock();
const textBytes = browser.reduce((sum, [name, value]) => sum + name.length + value.length, 0);

function decodeStep(name: string, block: Buffer): Step {
  return {
    name,
    run() {
      expect(decoder.decode(block, 0, block.length, list) === null && list.tail === textBytes);
    },
  };
}

// Also fills the decoder's table; the first block's fields evict themselves when it is read again.
expect(decoder.decode(first, 0, first.length, list) === null);
expect(decoder.decode(repeated, 0, repeated.length, list) === null && list.tail === textBytes);

const converter = new RequestFields(true);
const requestList = new FieldList(1 << 16);
expect(new HpackDecoder(4096).decode(first, 0, first.length, requestList) === null);
const request = new RequestHead(wideLimits);
const out = new HeadWriter(1 << 16);
const written = new HeadWriter(1 << 12);
expect(converter.write(requestList, true, written) === null);

const convert: Step = {
  name: 'fields to a head of HTTP/1.1',
  run() {
    out.clear();
    expect(converter.write(requestList, true, out) === null && out.length === written.length);
  },
};
const read: Step = {
  name: 'the strict reader reads that head',
  run: () => expect(request.read(written.bytes, 0, written.length) === written.length),
};

const response = responseWith(
  200,
  'Date: Fri, 15 Jan 2027 08:00:00 GMT',
  'Content-Type: text/html; charset=utf-8',
  'Content-Length: 5400',
  'Connection: keep-alive',
  'Cache-Control: private, max-age=0',
  'ETag: "5f2c8a1e-1518"',
  'X-Request-Id: 6f1d2b3c4d5e6f70',
);
const edit = new Splice();
edit.add('Set-Cookie: limpet=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIz; Path=/; HttpOnly');
const writer = new ResponseBlockWriter(1 << 12);

const respond: Step = {
  name: 'write the block of a response',
  run() {
    out.clear();
    writer.write(response.status, response, edit, '', out);
    expect(out.length > 200);
  },
};
const forward: Step = {
  name: 'write the block of a request to a server',
  run() {
    out.clear();
    writeRequestBlock(written.bytes, 0, written.length, true, false, out);
    expect(out.length > 500);
  },
};

const runtime = process.versions.bun ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`;
console.log(`${runtime}, a block of ${browser.length} fields, ${textBytes} bytes of text\n`);
print(
  measure([
    decodeStep(`decode a browser's first request, ${first.length} bytes`, first),
    decodeStep(`decode the same request repeated, ${repeated.length} bytes`, repeated),
    convert,
    read,
    respond,
    forward,
  ]),
);
