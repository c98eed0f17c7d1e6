/** Makes connections of HTTP/2 as a client sends them, right ones and broken ones, from pieces and from those of corpus/h2-frames.txt. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { clientPreface, FrameType } from '../../src/http/h2/frame.ts';
import { frame, setting, uint32 } from '../support/h2-frames.ts';
import type { Random } from './random.ts';

/** Connections without their preface, one a line, the frames apart by blanks. */
export const corpus: readonly (readonly Buffer[])[] = readFileSync(
  resolve(import.meta.dirname, 'corpus/h2-frames.txt'),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' ').map((hex) => Buffer.from(hex, 'hex')));

/** :method, :scheme, :path of the static table, and `:authority: a`. */
const get = Buffer.from('828784410161', 'hex');
const post = Buffer.from('838784410161', 'hex');
const blocks: readonly Buffer[] = [
  get,
  get,
  get,
  post,
  post,
  // Entries that were added before.
  Buffer.from('828784be', 'hex'),
  // The table is emptied first.
  Buffer.from('20828784410161', 'hex'),
  // content-length: 3, te: trailers, cookie twice.
  Buffer.from('8387840101615c0133', 'hex'),
  Buffer.from('8287840101610002746508747261696c657273', 'hex'),
  Buffer.from('8287840101616001616001 62'.replace(' ', ''), 'hex'),
  // Malformed: no path; a name in upper case; a pseudo-header field behind a field; connection; an unknown pseudo-header field.
  Buffer.from('828741016100', 'hex').subarray(0, 5),
  Buffer.from('82878401016100014101 62'.replace(' ', ''), 'hex'),
  Buffer.from('828784010161600161 84'.replace(' ', ''), 'hex'),
  Buffer.from('828784010161000a636f6e6e656374696f6e05636c6f7365', 'hex'),
  Buffer.from('82878401016100023a780131', 'hex'),
];
const trailers: readonly Buffer[] = [
  Buffer.from('0001780131', 'hex'),
  Buffer.from('0001780131', 'hex'),
  Buffer.from('82', 'hex'),
  Buffer.alloc(0),
];

function makeId(random: Random): number {
  if (random.chance(3)) return random.pick([2, 4, 0x7fff_ffff, 0x8000_0001]);
  return 1 + 2 * random.below(5);
}

function padded(random: Random, payload: Buffer): [flags: number, payload: Buffer] {
  if (random.chance(80)) return [0, payload];
  const size = random.pick([0, 1, 7, 255]);
  return [8, Buffer.concat([Buffer.from([size]), payload, Buffer.alloc(random.chance(5) ? 0 : size)])];
}

function makeHeaders(random: Random, id: number): Buffer[] {
  const block = random.pick(random.chance(75) ? blocks : trailers);
  const end = random.chance(60) ? 1 : 0;
  if (random.chance(15)) {
    const at = random.below(block.length + 1);
    return [
      frame(FrameType.headers, end, id, block.subarray(0, at)),
      ...(random.chance(30) ? [frame(FrameType.continuation, 0, id)] : []),
      frame(FrameType.continuation, 4, id, block.subarray(at)),
    ];
  }
  const [flags, payload] = padded(
    random,
    random.chance(10) ? Buffer.concat([uint32(random.below(9)), Buffer.from([7]), block]) : block,
  );
  const priority = payload.length > block.length + 4 && flags === 0 ? 0x20 : 0;
  return [frame(FrameType.headers, 4 | end | flags | priority, id, payload)];
}

function makeFrames(random: Random, id: number): Buffer[] {
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const [flags, payload] = padded(random, Buffer.alloc(random.pick([0, 1, 3, 100, 5000, 16_000]), 'x'));
      return [frame(FrameType.data, flags | (random.chance(40) ? 1 : 0), id, payload)];
    }
    case 4:
      return [frame(FrameType.resetStream, 0, id, uint32(random.pick([0, 8])))];
    case 5:
      return [
        frame(FrameType.windowUpdate, 0, random.pick([0, id]), uint32(random.pick([1, 1, 1000, 0x7fff_ffff, 0]))),
      ];
    case 6:
      return [
        frame(
          FrameType.settings,
          0,
          0,
          setting(random.pick([1, 2, 3, 4, 5, 6, 8, 9, 99]), random.pick([0, 1, 4096, 16_384, 65_535, 0x7fff_ffff])),
        ),
      ];
    case 7:
      return [frame(FrameType.ping, random.pick([0, 0, 1]), 0, '12345678')];
    case 8:
      return [frame(FrameType.priority, 0, id, Buffer.concat([uint32(random.below(9)), Buffer.from([1])]))];
    case 9:
      return [frame(random.pick([10, 16, 99, 255]), random.below(256), random.pick([0, id]), 'unknown')];
    default:
      return makeHeaders(random, id);
  }
}

function mutate(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  switch (random.below(7)) {
    case 0:
      // The type, or the flags.
      changed[3 + random.below(2)]! ^= 1 << random.below(4);
      return changed;
    case 1:
      changed[8] = random.below(12);
      return changed;
    case 2:
      changed[2] = changed[2]! + random.pick([1, 255]);
      return changed;
    case 3:
      return changed.subarray(0, random.below(changed.length + 1));
    case 4:
      return Buffer.concat([changed, changed]);
    default:
      if (changed.length > 9) changed[9 + random.below(changed.length - 9)] = random.below(256);
      return changed;
  }
}

/** The frames of a connection, behind the preface. */
export function makeConnection(random: Random): Buffer[] {
  const frames: Buffer[] = random.chance(20)
    ? [...random.pick(corpus)]
    : [frame(FrameType.settings, 0, 0, random.chance(50) ? '' : setting(4, random.pick([0, 10, 65_535])))];
  let id = 1;
  for (let more = random.below(12); more > 0; more--) {
    if (random.chance(50)) {
      frames.push(...makeHeaders(random, id));
      id += 2;
    } else frames.push(...makeFrames(random, random.chance(70) ? Math.max(1, id - 2) : makeId(random)));
  }
  const broken = random.chance(35) ? random.below(frames.length) : -1;
  return frames.map((bytes, i) => (i === broken ? mutate(bytes, random) : bytes));
}

export function withPreface(frames: readonly Buffer[]): Buffer {
  return Buffer.concat([clientPreface, ...frames]);
}

export function showFrames(frames: readonly Buffer[]): string {
  return frames.map((bytes) => bytes.toString('hex')).join(' ');
}
