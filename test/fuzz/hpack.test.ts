/**
 * Fuzz of HPACK: header blocks of many connections, made from those of corpus/hpack.txt, given to our decoder and to python3-hpack. They
 * must agree on what can be read, and on what it says. A case that fails is a line for the corpus.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { HpackDecoder, type HpackError } from '../../src/http/h2/hpack/decoder.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { encodeHuffman } from '../../src/http/h2/hpack/huffman.ts';
import { RequestFields } from '../../src/http/h2/request-fields.ts';
import { ResponseFields } from '../../src/http/h2/server-fields.ts';
import { RequestHead, ResponseHead } from '../../src/http/head.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { type DecodedByPeer, type PeerJob, runPeer } from '../support/hpack-peer.ts';
import { needProgram } from '../support/programs.ts';
import { fuzzCases, fuzzSeed, Random } from './random.ts';

const limit = 4096;
const limits = { headBytes: 1 << 20, headers: 1000, uriBytes: 1 << 20 };
const maxBlocks = 8;

const corpus: readonly (readonly Buffer[])[] = readFileSync(resolve(import.meta.dirname, 'corpus/hpack.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' ').map((hex) => Buffer.from(hex, 'hex')));

const names = [':method', ':path', 'cookie', 'a', 'b', 'Host', 'content-length'];

function makeText(random: Random, text: string): Buffer {
  const plain = Buffer.from(text, 'latin1');
  if (plain.length > 100 || random.chance(50)) return Buffer.concat([Buffer.from([plain.length & 127]), plain]);
  const coded = Buffer.alloc(4 * plain.length + 4);
  const end = encodeHuffman(plain, 0, plain.length, coded, 1);
  coded[0] = 0x80 | (end - 1);
  return coded.subarray(0, end);
}

/** A size for the table, only the last of which is beyond the setting. */
function makeSize(random: Random): Buffer {
  return random.pick([
    Buffer.from([0x20 | random.below(31)]),
    ...['3fe11f', '3f45', '3f9001', '3fe21f'].map((hex) => Buffer.from(hex, 'hex')),
  ]);
}

/** A field. */
function makePart(random: Random): Buffer {
  // An entry of the dynamic table: there is none in many connections.
  if (random.chance(10)) return Buffer.from([0x80 | (62 + random.below(3))]);
  if (random.chance(30)) return Buffer.from([0x80 | (1 + random.below(61))]);
  const value = makeText(
    random,
    random.pick(['', '/', 'x', 'gzip', '1234', '\0\r\n', '\xe9\xff', 'y'.repeat(random.below(100))]),
  );
  const flags = random.pick([0x40, 0x40, 0x00, 0x10]);
  if (random.chance(50)) return Buffer.concat([Buffer.from([flags | (1 + random.below(14))]), value]);
  return Buffer.concat([Buffer.from([flags]), makeText(random, random.pick(names)), value]);
}

function makeBlock(random: Random): Buffer {
  const parts = Array.from({ length: 1 + random.below(10) }, () => makePart(random));
  return Buffer.concat(random.chance(10) ? [makeSize(random), ...parts] : parts);
}

function mutate(block: Buffer, random: Random): Buffer {
  const at = random.below(block.length + 1);
  switch (random.below(6)) {
    case 0:
      return block.subarray(0, at);
    case 1:
      return Buffer.concat([
        block.subarray(0, at),
        random.chance(30) ? makeSize(random) : makePart(random),
        block.subarray(at),
      ]);
    case 2:
      return Buffer.concat([block.subarray(0, at), block.subarray(at + 1 + random.below(3))]);
    case 3:
      return Buffer.concat([block.subarray(0, at), random.pick(random.pick(corpus))]);
    default: {
      const changed = Buffer.from(block);
      if (at < changed.length)
        changed[at] = random.chance(50) ? changed[at]! ^ (1 << random.below(8)) : random.below(256);
      return changed;
    }
  }
}

function makeConnection(random: Random): Buffer[] {
  const blocks = random.chance(60) ? [] : [...random.pick(corpus)];
  for (let more = random.below(4); more > 0; more--) blocks.push(makeBlock(random));
  const connection = blocks.map((block) => (random.chance(15) ? mutate(block, random) : block));
  return connection.length === 0 ? [makeBlock(random)] : connection.slice(0, maxBlocks);
}

type Lists = (HpackError | [name: string, value: string][])[];

/** The lists of the blocks, up to the first that is refused. They stand amid other bytes, which must not matter. */
function readOurs(blocks: readonly Buffer[], around: number): Lists {
  const decoder = new HpackDecoder(limit);
  const list = new FieldList(1 << 20);
  const lists: Lists = [];
  for (const block of blocks) {
    const bytes = Buffer.concat([Buffer.alloc(3, around), block, Buffer.alloc(3, around)]);
    const error = decoder.decode(bytes, 3, 3 + block.length, list);
    lists.push(error ?? list.toArray());
    if (error !== null) break;
    checkHead(list);
  }
  return lists;
}

const converter = new RequestFields(true);
const head = new RequestHead(limits);
const responseConverter = new ResponseFields();
const responseHead = new ResponseHead(limits);
const out = new HeadWriter(64);

/** Fields that are taken for a request, or a response, are a whole head, or one that the strict reader refuses. */
function checkHead(list: FieldList): void {
  out.clear();
  if (converter.write(list, true, out) === null) {
    expect([-1, out.length]).toContain(head.read(out.bytes, 0, out.length));
  }
  out.clear();
  if (responseConverter.write(list, false, false, out) === null) {
    expect([-1, out.length]).toContain(responseHead.read(out.bytes, 0, out.length));
  }
}

function explain(ours: Lists, theirs: DecodedByPeer): string {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return '';
  const last = ours.length - 1;
  const [error, other] = [ours[last], theirs[last]];
  const isSameBefore = JSON.stringify(ours.slice(0, last)) === JSON.stringify(theirs.slice(0, last));
  if (isSameBefore && typeof error === 'string') {
    if (typeof other === 'string' && theirs.length === ours.length) return '';
    // Ours are bounded; Python's have no end.
    if (error === 'an integer is too large') return '';
  }
  return `we read ${JSON.stringify(ours)}, python3-hpack ${JSON.stringify(theirs)}`;
}

const seed = fuzzSeed();
const random = new Random(seed);
const connections = [...corpus, ...Array.from({ length: fuzzCases(20_000) }, () => makeConnection(random))];
const results = connections.map((blocks) => readOurs(blocks, 0));

test('what stands around a block does not matter, and nothing is thrown', () => {
  for (const [i, blocks] of connections.entries()) {
    if (i % 4 === 0) expect(readOurs(blocks, 0xff)).toEqual(results[i]);
  }
  const isRead = (lists: Lists) => typeof lists.at(-1) !== 'string';
  const share = results.filter(isRead).length / results.length;
  // Neither all right nor all wrong: either would test little.
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.9);
});

test('python3-hpack reads the same', (context) => {
  const python = needProgram(context, 'hpack');
  const hex = connections.map((blocks) => blocks.map((block) => block.toString('hex')));
  const theirs = runPeer(
    python,
    hex.map((blocks): PeerJob => ({ kind: 'decode', limit, blocks })),
  ) as DecodedByPeer[];
  const differences = results
    .map((ours, i) => ({ blocks: hex[i]!, reason: explain(ours, theirs[i]!) }))
    .filter(({ reason }) => reason !== '')
    .map(({ blocks, reason }) => `FUZZ_SEED=${seed}: ${blocks.join(' ')}: ${reason}`);
  expect(differences.slice(0, 5)).toEqual([]);
});
