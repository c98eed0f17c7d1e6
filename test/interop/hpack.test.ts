/** HPACK between Limpet and Debian's python3-hpack, in both directions: with Huffman code, with dynamic tables whose size changes. */
import { expect, test } from 'vitest';
import { HpackDecoder } from '../../src/http/h2/hpack/decoder.ts';
import { writeLines, writeNoTable, writeStatus } from '../../src/http/h2/hpack/encoder.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { Random } from '../fuzz/random.ts';
import { type BlockToEncode, type DecodedByPeer, type PeerJob, runPeer } from '../support/hpack-peer.ts';
import { needProgram } from '../support/programs.ts';

const names = [':path', ':authority', 'cookie', 'accept', 'x-a', 'x-b', 'set-cookie', 'content-length', 'user-agent'];
const limit = 4096;

function makeValue(random: Random): string {
  if (random.chance(40)) return random.pick(['', '/', 'gzip, deflate', 'a', 'text/html', '200']);
  const size = random.chance(10) ? random.below(3000) : random.below(40);
  // Every byte has a Huffman code; the rare ones have long codes.
  const top = random.chance(20) ? 256 : 94;
  return Array.from({ length: size }, () =>
    String.fromCharCode(top === 256 ? random.below(256) : 33 + random.below(94)),
  ).join('');
}

function makeFields(random: Random): [name: string, value: string, neverIndexed: boolean][] {
  return Array.from({ length: 1 + random.below(12) }, () => [random.pick(names), makeValue(random), random.chance(10)]);
}

/** The same size twice would lose the change: python3-hpack 4.0 does not write it then, and cannot read its own blocks any more. */
function makeSizes(random: Random): number[] {
  if (random.chance(80)) return [];
  const sizes = [0, 40, 100, 500, 2000, limit];
  const first = random.below(sizes.length);
  const second = (first + 1 + random.below(sizes.length - 1)) % sizes.length;
  return (random.chance(50) ? [first] : [first, second]).map((i) => sizes[i]!);
}

function makeBlock(random: Random): BlockToEncode {
  const sizes = makeSizes(random);
  return { sizes, huffman: random.chance(60), fields: makeFields(random) };
}

/** Of 300 connections, up to 12 blocks each. */
function makeJobs(random: Random): Extract<PeerJob, { kind: 'encode' }>[] {
  return Array.from({ length: 300 }, () => ({
    kind: 'encode',
    blocks: Array.from({ length: 1 + random.below(12) }, () => makeBlock(random)),
  }));
}

test('blocks of python3-hpack are read', (context) => {
  const python = needProgram(context, 'hpack');
  const jobs = makeJobs(new Random(1));
  const results = runPeer(python, jobs) as string[][];
  const list = new FieldList(1 << 20);
  for (const [i, blocks] of results.entries()) {
    const decoder = new HpackDecoder(limit);
    for (const [n, hex] of blocks.entries()) {
      const block = Buffer.from(hex, 'hex');
      expect(decoder.decode(block, 0, block.length, list)).toBeNull();
      expect(list.toArray()).toEqual(jobs[i]!.blocks[n]!.fields.map(([name, value]) => [name, value]));
    }
  }
});

/** A status, and lines that an HTTP/1.1 server could have sent. */
function makeResponse(random: Random): { status: number; fields: [string, string][] } {
  const fields = makeFields(random)
    .filter(([name]) => !name.startsWith(':'))
    .map(([name, value]): [string, string] => [
      name,
      value.replaceAll(/[^\t -~\x80-\xff]/g, '').replaceAll(/^[\t ]+|[\t ]+$/g, ''),
    ]);
  return { status: 100 + random.below(900), fields };
}

test('blocks of Limpet are read by python3-hpack, whatever size it allows the table', (context) => {
  const python = needProgram(context, 'hpack');
  const random = new Random(2);
  const connections = Array.from({ length: 300 }, () =>
    Array.from({ length: 1 + random.below(6) }, () => makeResponse(random)),
  );
  const jobs = connections.map((responses): PeerJob => {
    const blocks = responses.map(({ status, fields }, n) => {
      const out = new HeadWriter(16);
      if (n === 0) writeNoTable(out);
      writeStatus(status, out);
      const lines = Buffer.from(
        fields.map(([name, value]) => `${name.toUpperCase()}: ${value}\r\n`).join(''),
        'latin1',
      );
      writeLines(lines, 0, lines.length, out);
      return out.bytes.toString('hex', 0, out.length);
    });
    return { kind: 'decode', limit: random.pick([0, 100, 4096, 65536]), blocks };
  });
  const results = runPeer(python, jobs) as DecodedByPeer[];
  for (const [i, lists] of results.entries()) {
    expect(lists).toEqual(connections[i]!.map(({ status, fields }) => [[':status', String(status)], ...fields]));
  }
});
