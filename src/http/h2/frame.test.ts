import { describe, expect, test } from 'vitest';
import { HeadWriter } from '../writer.ts';
import {
  beginHeaders,
  beginSettings,
  endHeaders,
  SettingId,
  writeData,
  writeGoaway,
  writePing,
  writeResetStream,
  writeSetting,
  writeSettingsAck,
  writeWindowUpdate,
} from './frame.ts';

function written(write: (out: HeadWriter) => void): string {
  const out = new HeadWriter(4);
  write(out);
  return out.bytes.toString('hex', 0, out.length);
}

const hello = Buffer.from('hello');

describe('a frame is written as RFC 9113 section 6 draws it:', () => {
  test.each<[string, (out: HeadWriter) => void, string]>([
    ['DATA', (out) => writeData(out, 1, hello, 1, 4, false), '000003 00 00 00000001 656c6c'],
    ['DATA with END_STREAM', (out) => writeData(out, 0x7fffffff, hello, 0, 0, true), '000000 00 01 7fffffff'],
    ['RST_STREAM', (out) => writeResetStream(out, 3, 8), '000004 03 00 00000003 00000008'],
    [
      'SETTINGS',
      (out) => {
        beginSettings(out, 2);
        writeSetting(out, SettingId.maxConcurrentStreams, 100);
        writeSetting(out, SettingId.initialWindowSize, 0x7fffffff);
      },
      '00000c 04 00 00000000 0003 00000064 0004 7fffffff',
    ],
    ['SETTINGS with ACK', writeSettingsAck, '000000 04 01 00000000'],
    ['PING', (out) => writePing(out, false, Buffer.from('..12345678'), 2), '000008 06 00 00000000 3132333435363738'],
    [
      'PING with ACK',
      (out) => writePing(out, true, Buffer.from('12345678'), 0),
      '000008 06 01 00000000 3132333435363738',
    ],
    ['GOAWAY', (out) => writeGoaway(out, 5, 11, 'ab'), '00000a 07 00 00000000 00000005 0000000b 6162'],
    ['WINDOW_UPDATE', (out) => writeWindowUpdate(out, 0, 0x12345678), '000004 08 00 00000000 12345678'],
  ])('%s', (_name, write, hex) => {
    expect(written(write)).toBe(hex.replaceAll(' ', ''));
  });
});

describe('a header block', () => {
  const headers = (size: number, maxFrameSize: number) =>
    written((out) => {
      out.text('x');
      const frame = beginHeaders(out, 3, true);
      for (let i = 0; i < size; i++) out.byte(i);
      endHeaders(out, frame, maxFrameSize);
    });

  test('fits into one frame', () => {
    expect(headers(2, 2)).toBe('78 000002 01 05 00000003 0001'.replaceAll(' ', ''));
    expect(headers(0, 2)).toBe('78 000000 01 05 00000003'.replaceAll(' ', ''));
  });

  test('goes on in CONTINUATION frames, of which the last has END_HEADERS', () => {
    expect(headers(5, 2)).toBe(
      '78 000002 01 01 00000003 0001 000002 09 00 00000003 0203 000001 09 04 00000003 04'.replaceAll(' ', ''),
    );
    expect(headers(4, 2)).toBe('78 000002 01 01 00000003 0001 000002 09 04 00000003 0203'.replaceAll(' ', ''));
  });

  test('may be long', () => {
    const out = new HeadWriter(16);
    const frame = beginHeaders(out, 1, false);
    out.copy(Buffer.alloc(70_000, 7), 0, 70_000);
    endHeaders(out, frame, 16_384);
    expect(out.bytes.toString('hex', 0, 9)).toBe('004000010000000001');
    expect(out.length).toBe(70_000 + 5 * 9);
  });
});
