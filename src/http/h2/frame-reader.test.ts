import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyFrame, cutAt, cutList, frame, setting, uint32 } from '../../../test/support/h2-frames.ts';
import { type H2Error, h2Errors } from './errors.ts';
import { clientPreface, defaultMaxFrameSize, Flag, FrameType } from './frame.ts';
import { FrameEvent, FrameReader } from './frame-reader.ts';

/** What a connection sees, without regard to how DATA is cut. */
interface Seen {
  readonly events: string[];
  readonly error: H2Error | null;
}

function readAll(pieces: readonly Buffer[], reader = new FrameReader(defaultMaxFrameSize, false)): Seen {
  const events: string[] = [];
  let data = '';
  for (const piece of pieces) {
    // As a connection reads: what it is given is not its own afterwards.
    const bytes = Buffer.concat([Buffer.from('!'), piece]);
    let p = 1;
    while (true) {
      const before = p;
      p = reader.read(bytes, p);
      expect(p).toBeGreaterThanOrEqual(before);
      expect(p).toBeLessThanOrEqual(bytes.length);
      expect(reader.keptBytes).toBeLessThanOrEqual(defaultMaxFrameSize);
      if (reader.event === FrameEvent.error) return { events, error: reader.error };
      if (reader.event === FrameEvent.none) {
        expect(p).toBe(bytes.length);
        break;
      }
      const { type, flags, streamId, start, end } = reader;
      const text = reader.bytes.toString('latin1', start, end);
      if (reader.event === FrameEvent.frame) events.push(`${type} ${flags} ${streamId} ${text}`);
      else if (reader.event === FrameEvent.ignored) events.push(`ignored ${type}`);
      else {
        expect(type).toBe(FrameType.data);
        expect(reader.isDataStart).toBe(data === '');
        data += data === '' ? `data ${streamId} ${reader.length}-${reader.overheadBytes} ${text}` : text;
        if (reader.isDataEnd) {
          events.push(`${data}${reader.endsStream ? ' end' : ''}`);
          data = '';
        } else expect(end).toBeGreaterThanOrEqual(start);
      }
    }
    bytes.fill(0);
  }
  return { events, error: null };
}

const settings = frame(FrameType.settings, 0, 0);
/** After the SETTINGS with which each connection begins. */
const following = (...frames: readonly Buffer[]) => {
  const { events, error } = readAll([Buffer.concat([settings, ...frames])]);
  return { events: events.slice(1), error };
};

describe('frames', () => {
  test('of each known type are read', () => {
    expect(
      following(
        frame(FrameType.data, 0, 1, 'hello'),
        frame(FrameType.data, Flag.endStream, 1),
        frame(FrameType.headers, Flag.endHeaders, 3, 'block'),
        frame(FrameType.headers, 0, 5, 'blo'),
        frame(FrameType.continuation, 0, 5),
        frame(FrameType.continuation, Flag.endHeaders, 5, 'ck'),
        frame(FrameType.priority, 0, 7, '12345'),
        frame(FrameType.resetStream, 0, 3, '1234'),
        frame(FrameType.settings, 0, 0, setting(1, 0x41424344)),
        frame(FrameType.settings, Flag.ack, 0),
        frame(FrameType.ping, 0, 0, '12345678'),
        frame(FrameType.goaway, 0, 0, '12345678why'),
        frame(FrameType.windowUpdate, 0, 0, '1234'),
        frame(FrameType.windowUpdate, 0, 0x7fffffff, '1234'),
      ),
    ).toEqual({
      events: [
        'data 1 5-0 hello',
        'data 1 0-0  end',
        '1 4 3 block',
        '1 0 5 blo',
        '9 0 5 ',
        '9 4 5 ck',
        '2 0 7 12345',
        '3 0 3 1234',
        '4 0 0 \x00\x01ABCD',
        '4 1 0 ',
        '6 0 0 12345678',
        '7 0 0 12345678why',
        '8 0 0 1234',
        '8 0 2147483647 1234',
      ],
      error: null,
    });
  });

  test('of unknown types are skipped, whatever they hold (section 5.5)', () => {
    expect(
      following(frame(0x10, 0, 0, 'u=1'), frame(255, 255, 3, 'x'.repeat(9000)), frame(6, 0, 0, '12345678')),
    ).toEqual({
      events: ['ignored 16', 'ignored 255', '6 0 0 12345678'],
      error: null,
    });
  });

  test('keep flags that their type does not define, and lose the reserved bit (section 4.1)', () => {
    expect(following(frame(FrameType.ping, 0xfe, 0x8000_0000, '12345678')).events).toEqual(['6 254 0 12345678']);
    expect(following(frame(FrameType.data, 0, 0x8000_0001, 'a')).events).toEqual(['data 1 1-0 a']);
  });

  test('of DATA lose their padding, which counts against the window (section 6.1)', () => {
    const padded = (payload: string, flags: number = Flag.padded) =>
      following(frame(FrameType.data, flags, 1, payload)).events;
    expect(padded('\x00hello')).toEqual(['data 1 6-1 hello']);
    expect(padded('\x02hello..')).toEqual(['data 1 8-3 hello']);
    expect(padded('\x00')).toEqual(['data 1 1-1 ']);
    expect(padded(`\xff${'.'.repeat(255)}`, Flag.padded | Flag.endStream)).toEqual(['data 1 256-256  end']);
  });

  test('may be as large as the setting says', () => {
    const large = 'x'.repeat(defaultMaxFrameSize);
    expect(following(frame(FrameType.data, 0, 1, large), frame(FrameType.headers, 4, 3, large))).toEqual({
      events: [`data 1 16384-0 ${large}`, `1 4 3 ${large}`],
      error: null,
    });
  });

  test('end the stream only when they are complete', () => {
    const reader = new FrameReader(defaultMaxFrameSize, false);
    reader.read(settings, 0);
    const bytes = frame(FrameType.data, Flag.endStream | Flag.padded, 1, '\x02hello..');
    let p = reader.read(bytes.subarray(0, bytes.length - 1), 0);
    expect([reader.event, reader.isDataEnd, reader.endsStream]).toEqual([FrameEvent.data, false, false]);
    p = reader.read(bytes.subarray(0, bytes.length - 1), p);
    expect(reader.event).toBe(FrameEvent.none);
    reader.read(bytes, p);
    expect([reader.event, reader.isDataStart, reader.isDataEnd, reader.endsStream]).toEqual([1, false, true, true]);
  });
});

describe('a wrong frame is refused:', () => {
  const { data, headers, priority, resetStream, continuation, pushPromise, goaway, windowUpdate, ping } = FrameType;
  test.each<[string, H2Error, readonly Buffer[]]>([
    ['4.2: larger than the setting', h2Errors.frameTooLarge, [frame(data, 0, 1, '', 16_385)]],
    ['4.2: the same of an unknown type', h2Errors.frameTooLarge, [frame(99, 0, 0, '', 0xffffff)]],
    ['6.1: DATA of the connection', h2Errors.streamRequired, [frame(data, 0, 0, 'x')]],
    ['6.1: padding as long as the payload', h2Errors.badPadding, [frame(data, 8, 1, '\x06hello')]],
    ['6.1: padding longer than the payload', h2Errors.badPadding, [frame(data, 8, 1, '\xffhello')]],
    ['6.1: padded without a pad length', h2Errors.badFrameSize, [frame(data, 8, 1)]],
    ['6.2: HEADERS of the connection', h2Errors.streamRequired, [frame(headers, 4, 0, 'x')]],
    ['6.2: HEADERS inside of a block', h2Errors.blockInterrupted, [frame(headers, 0, 1), frame(headers, 4, 3)]],
    ['6.2: HEADERS inside of its own block', h2Errors.blockInterrupted, [frame(headers, 0, 1), frame(headers, 4, 1)]],
    ['6.2: DATA inside of a block', h2Errors.blockInterrupted, [frame(headers, 0, 1), frame(data, 0, 1, 'x')]],
    ['4.3: PING inside of a block', h2Errors.blockInterrupted, [frame(headers, 0, 1), frame(ping, 0, 0, '12345678')]],
    ['5.5: an unknown type inside of a block', h2Errors.blockInterrupted, [frame(headers, 0, 1), frame(99, 0, 1)]],
    ['6.3: PRIORITY of the connection', h2Errors.streamRequired, [frame(priority, 0, 0, '12345')]],
    ['6.3: PRIORITY of four bytes', h2Errors.badFrameSize, [frame(priority, 0, 1, '1234')]],
    ['6.3: PRIORITY of six bytes', h2Errors.badFrameSize, [frame(priority, 0, 1, '123456')]],
    ['6.4: RST_STREAM of the connection', h2Errors.streamRequired, [frame(resetStream, 0, 0, '1234')]],
    ['6.4: RST_STREAM of three bytes', h2Errors.badFrameSize, [frame(resetStream, 0, 1, '123')]],
    ['6.5: SETTINGS of a stream', h2Errors.streamForbidden, [frame(4, 0, 1)]],
    ['6.5: SETTINGS of five bytes', h2Errors.badFrameSize, [frame(4, 0, 0, '12345')]],
    ['6.5: ACK with settings', h2Errors.badFrameSize, [frame(4, 1, 0, setting(1, 1))]],
    ['6.6: PUSH_PROMISE', h2Errors.pushRefused, [frame(pushPromise, 4, 1, '1234x')]],
    ['6.7: PING of a stream', h2Errors.streamForbidden, [frame(ping, 0, 1, '12345678')]],
    ['6.7: PING of seven bytes', h2Errors.badFrameSize, [frame(ping, 0, 0, '1234567')]],
    ['6.8: GOAWAY of a stream', h2Errors.streamForbidden, [frame(goaway, 0, 1, '12345678')]],
    ['6.8: GOAWAY of seven bytes', h2Errors.badFrameSize, [frame(goaway, 0, 0, '1234567')]],
    ['6.9: WINDOW_UPDATE of five bytes', h2Errors.badFrameSize, [frame(windowUpdate, 0, 0, '12345')]],
    ['6.9: WINDOW_UPDATE of 0', h2Errors.emptyWindowUpdate, [frame(windowUpdate, 0, 0, uint32(0))]],
    ['6.9: the same with the reserved bit', h2Errors.emptyWindowUpdate, [frame(windowUpdate, 0, 1, uint32(1 << 31))]],
    ['6.10: CONTINUATION of the connection', h2Errors.streamRequired, [frame(continuation, 4, 0)]],
    ['6.10: CONTINUATION of nothing', h2Errors.continuationWithoutBlock, [frame(continuation, 4, 1)]],
    [
      '6.10: CONTINUATION after END_HEADERS',
      h2Errors.continuationWithoutBlock,
      [frame(headers, 4, 1), frame(continuation, 4, 1)],
    ],
    [
      '6.10: CONTINUATION of another stream',
      h2Errors.blockInterrupted,
      [frame(headers, 0, 1), frame(continuation, 4, 3)],
    ],
  ])('%s', (_name, error, frames) => {
    expect(following(...frames).error).toBe(error);
  });

  test('3.4: the first is not SETTINGS, or an acknowledgement', () => {
    expect(readAll([frame(FrameType.ping, 0, 0, '12345678')]).error).toBe(h2Errors.settingsNotFirst);
    expect(readAll([frame(FrameType.settings, Flag.ack, 0)]).error).toBe(h2Errors.settingsNotFirst);
    expect(readAll([frame(200, 0, 0)]).error).toBe(h2Errors.settingsNotFirst);
  });

  test('as soon as its header is there', () => {
    expect(readAll([settings, frame(FrameType.ping, 0, 0, '', 9)]).error).toBe(h2Errors.badFrameSize);
  });

  test('and nothing is read after it', () => {
    const reader = new FrameReader(defaultMaxFrameSize, false);
    expect(readAll([settings, frame(4, 0, 1)], reader).error).toBe(h2Errors.streamForbidden);
    expect(readAll([settings], reader)).toEqual({ events: [], error: h2Errors.streamForbidden });
  });
});

describe('the preface of a client (section 3.4)', () => {
  const read = (pieces: readonly Buffer[]) => readAll(pieces, new FrameReader(defaultMaxFrameSize, true));

  test('stands before the first frame, however it is cut', () => {
    const bytes = Buffer.concat([clientPreface, settings]);
    expect(read([bytes])).toEqual({ events: ['4 0 0 '], error: null });
    expect(read(Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual({ events: ['4 0 0 '], error: null });
    expect(read([clientPreface.subarray(0, 23)])).toEqual({ events: [], error: null });
  });

  test.each([
    ['another method', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a last byte that is wrong', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r'],
    ['a handshake of TLS', '\x16\x03\x01'],
    ['a frame', settings.toString('latin1')],
  ])('is not %s', (_name, text) => {
    expect(read([Buffer.from(text, 'latin1')]).error).toBe(h2Errors.badPreface);
  });
});

describe('any bytes', () => {
  test('give the same events however they are cut', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), cutList, (frames, cuts) => {
        const bytes = Buffer.concat([settings, ...frames]);
        expect(readAll(cutAt(bytes, cuts))).toEqual(readAll([bytes]));
      }),
      { numRuns: 1000 },
    );
  });

  test('are read or refused, and never keep more than one frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.boolean(), (pieces, preface) => {
        readAll(
          pieces.map((piece) => Buffer.from(piece)),
          new FrameReader(defaultMaxFrameSize, preface),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('of a cut frame cost memory as they come, not as they are announced', () => {
    const reader = new FrameReader(defaultMaxFrameSize, false);
    readAll([settings, frame(FrameType.headers, 4, 1, 'a', defaultMaxFrameSize)], reader);
    expect(reader.keptBytes).toBe(256);
    readAll([Buffer.alloc(defaultMaxFrameSize - 2)], reader);
    expect(reader.keptBytes).toBe(defaultMaxFrameSize);
    readAll([Buffer.alloc(1)], reader);
    expect(reader.keptBytes).toBe(0);
  });
});
