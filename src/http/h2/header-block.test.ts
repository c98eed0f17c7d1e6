import { describe, expect, test } from 'vitest';
import { frame } from '../../../test/support/h2-frames.ts';
import { type H2Error, h2Errors } from './errors.ts';
import { Flag, FrameType } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';

const limits = { maxBlockBytes: 100, maxContinuations: 3 };

function blocksOf(...frames: readonly Buffer[]): { blocks: string[]; error: H2Error | null } {
  const reader = new FrameReader(16_384, false);
  reader.read(frame(FrameType.settings, 0, 0), 0);
  const block = new HeaderBlock(limits);
  const blocks: string[] = [];
  for (const bytes of frames) {
    reader.read(bytes, 0);
    expect(reader.error).toBe(null);
    const error = block.add(reader);
    // Twice, because it doubles.
    expect(block.keptBytes).toBeLessThanOrEqual(2 * limits.maxBlockBytes);
    if (error !== null) return { blocks, error };
    // As the bytes of a socket, which are not there any more with the next ones.
    if (block.isComplete) {
      const text = block.bytes.toString('latin1', block.start, block.end);
      blocks.push(`${block.streamId} ${text}${block.endStream ? ' end' : ''}`);
      block.clear();
    }
    bytes.fill(0);
  }
  return { blocks, error: null };
}

const headers = (flags: number, payload: string) => frame(FrameType.headers, flags, 1, payload);
const continuation = (flags: number, payload: string) => frame(FrameType.continuation, flags, 1, payload);
const { endHeaders, endStream, padded, priority } = Flag;

describe('a header block', () => {
  test('is what HEADERS holds, without padding and priority', () => {
    expect(blocksOf(headers(endHeaders, 'block')).blocks).toEqual(['1 block']);
    expect(blocksOf(headers(endHeaders | endStream, '')).blocks).toEqual(['1  end']);
    expect(blocksOf(headers(endHeaders | padded, '\x02block..')).blocks).toEqual(['1 block']);
    expect(blocksOf(headers(endHeaders | padded, '\x00')).blocks).toEqual(['1 ']);
    expect(blocksOf(headers(endHeaders | padded, '\x02..')).blocks).toEqual(['1 ']);
    expect(blocksOf(headers(endHeaders | priority, '\x80\x00\x00\x01\xffblock')).blocks).toEqual(['1 block']);
    expect(blocksOf(headers(endHeaders | priority | padded, '\x0112345block.')).blocks).toEqual(['1 block']);
  });

  test('goes on in CONTINUATION frames, whose other flags mean nothing', () => {
    expect(
      blocksOf(
        headers(endStream | padded, '\x02bl..'),
        continuation(padded | endStream, 'oc'),
        continuation(0, ''),
        continuation(endHeaders, 'k'),
        headers(0, 'tra'),
        continuation(endHeaders, 'ilers'),
        headers(endHeaders, 'x'),
      ),
    ).toEqual({ blocks: ['1 block end', '1 trailers', '1 x'], error: null });
  });

  test.each<[string, H2Error, readonly Buffer[]]>([
    ['6.2: padded without a pad length', h2Errors.badFrameSize, [headers(endHeaders | padded, '')]],
    ['6.2: padding longer than the rest', h2Errors.badPadding, [headers(endHeaders | padded, '\x03..')]],
    ['6.2: priority that is cut', h2Errors.badFrameSize, [headers(endHeaders | priority, '1234')]],
    [
      '6.2: padding that leaves no priority',
      h2Errors.badFrameSize,
      [headers(endHeaders | priority | padded, '\x0112345')],
    ],
    ['too many bytes at once', h2Errors.blockTooLarge, [headers(endHeaders, 'x'.repeat(101))]],
    [
      'too many bytes bit by bit',
      h2Errors.blockTooLarge,
      [headers(0, 'x'.repeat(60)), continuation(endHeaders, 'x'.repeat(41))],
    ],
    [
      'CONTINUATION without end (CVE-2024-27316)',
      h2Errors.tooManyContinuations,
      [headers(0, ''), continuation(0, ''), continuation(0, ''), continuation(0, ''), continuation(endHeaders, '')],
    ],
  ])('is refused: %s', (_name, error, frames) => {
    expect(blocksOf(...frames)).toEqual({ blocks: [], error });
  });

  test('may be as large as the limit, and a large buffer does not stay', () => {
    const half = 'x'.repeat(50);
    expect(blocksOf(headers(0, half), continuation(endHeaders, half)).blocks).toEqual([`1 ${half}${half}`]);
    const block = new HeaderBlock({ maxBlockBytes: 20_000, maxContinuations: 1 });
    const reader = new FrameReader(16_384, false);
    reader.read(frame(FrameType.settings, 0, 0), 0);
    reader.read(headers(0, 'x'.repeat(10_000)), 0);
    block.add(reader);
    reader.read(continuation(endHeaders, 'x'), 0);
    block.add(reader);
    expect([block.isComplete, block.end, block.keptBytes]).toEqual([true, 10_001, 20_000]);
    block.clear();
    expect(block.keptBytes).toBe(0);
  });
});
