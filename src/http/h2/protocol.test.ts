import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyFrame, cutAt, cutList, frame, setting, uint32 } from '../../../test/support/h2-frames.ts';
import { HeadWriter } from '../writer.ts';
import { defaultAbuseLimits } from './abuse.ts';
import { ErrorCode, type H2Error, h2Errors } from './errors.ts';
import { clientPreface, FrameType, SettingId } from './frame.ts';
import { FieldList } from './hpack/field-list.ts';
import { Protocol } from './protocol.ts';
import type { ProtocolHandler, ProtocolSettings } from './protocol-handler.ts';
import type { Stream } from './streams.ts';

const { data, headers, continuation, priority, resetStream, ping, goaway, windowUpdate } = FrameType;

const settings: ProtocolSettings = {
  maxBlockBytes: 2000,
  maxContinuations: 4,
  maxConcurrentStreams: 3,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerTableBytes: 4096,
  maxHeaderListBytes: 4000,
  connectProtocol: false,
  abuse: defaultAbuseLimits,
};

/** A connection whose events are written down. */
class Recorder implements ProtocolHandler {
  readonly events: string[] = [];
  readonly out = new HeadWriter(64);
  readonly protocol: Protocol;
  readonly streams: Stream[] = [];
  error: H2Error | null = null;
  /** Takes data at once. */
  takes = true;
  private readonly isServer: boolean;
  private dataOf = 0;

  constructor(isServer = true, changed: Partial<ProtocolSettings> = {}) {
    this.isServer = isServer;
    this.protocol = new Protocol(isServer, { ...settings, ...changed }, this, new FieldList(4000), this.out, 0);
    this.protocol.begin();
    this.out.clear();
  }

  /** From the other side, which first says its preface. */
  start(...frames: readonly Buffer[]): this {
    this.read(...(this.isServer ? [clientPreface] : []), frame(FrameType.settings, 0, 0), ...frames);
    return this;
  }

  read(...pieces: readonly Buffer[]): this {
    this.protocol.read(Buffer.concat(pieces), 0);
    return this;
  }

  /** What was sent, without the acknowledgement of the first settings. */
  get sent(): string[] {
    const frames: string[] = [];
    const { bytes, length } = this.out;
    for (let p = 0; p < length; ) {
      const size = bytes.readUIntBE(p, 3);
      const payload = bytes.toString(bytes[p + 3] === data ? 'latin1' : 'hex', p + 9, p + 9 + size);
      frames.push(`${bytes[p + 3]} ${bytes[p + 4]} ${bytes.readUInt32BE(p + 5)} ${payload}`);
      p += 9 + size;
    }
    return frames.filter((text, i) => i > 0 || text !== '4 1 0 ');
  }

  onHeaders(stream: Stream, fields: FieldList, endStream: boolean): void {
    this.streams.push(stream);
    this.add(`headers ${stream.id} ${fields.count}${stream.hasHeaders ? ' trailers' : ''}${endStream ? ' last' : ''}`);
    stream.hasHeaders = true;
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    const text = bytes.toString('latin1', start, end);
    if (this.dataOf === stream.id) this.events[this.events.length - 1] += text;
    else this.add(`data ${stream.id} ${text}`);
    this.dataOf = stream.id;
    if (this.takes) this.protocol.consume(stream, end - start);
  }

  onEnd(stream: Stream): void {
    this.add(`end ${stream.id}`);
  }

  onReset(stream: Stream, code: number): void {
    this.add(`reset ${stream.id} ${code}`);
  }

  onWindow(stream: Stream | null): void {
    this.add(`window ${stream?.id ?? 0}`);
  }

  onSettings(): void {
    if (this.events.length > 0) this.add('settings');
  }

  onPong(): void {
    this.add('pong');
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.add(`goaway ${lastStreamId} ${code}`);
  }

  onConnectionError(error: H2Error): void {
    this.error = error;
  }

  private add(event: string): void {
    expect(this.error).toBe(null);
    this.dataOf = 0;
    this.events.push(event);
  }
}

/** :method: GET, :scheme: https, :path: / */
const block = '\x82\x87\x84';
const open = (id: number) => frame(headers, 4, id, block);
const get = (id: number) => frame(headers, 5, id, block);

test('a request comes, with body and trailers, and its response goes', () => {
  const it = new Recorder().start(open(1), frame(data, 0, 1, 'he'), frame(data, 8, 1, '\x01llo.'), get(1));
  expect(it.events).toEqual(['headers 1 3', 'data 1 hello', 'headers 1 3 trailers last', 'end 1']);
  const stream = it.streams[0]!;
  const begun = it.protocol.beginHeaders(stream, false);
  it.out.byte(0x88);
  it.protocol.endHeaders(stream, begun, false);
  expect(it.protocol.sendData(stream, Buffer.from('.world.'), 1, 6, true)).toBe(6);
  expect(it.sent).toEqual(['1 4 1 88', '0 1 1 world']);
  expect(it.protocol.streams.open.size).toBe(0);
});

test('this side opens streams where it is the client, as many as the server allows', () => {
  const it = new Recorder(false).start(frame(FrameType.settings, 0, 0, setting(SettingId.maxConcurrentStreams, 2)));
  const [one, three, five] = [1, 2, 3].map(() => it.protocol.openStream());
  expect([one?.id, three?.id, five]).toEqual([1, 3, null]);
  it.read(frame(headers, 4, 1, '\x88'), frame(data, 1, 1, 'x'));
  expect(it.events).toEqual(['headers 1 1', 'data 1 x', 'end 1']);
  it.protocol.reset(one!, ErrorCode.cancel);
  it.read(frame(goaway, 0, 0, [...uint32(1), ...uint32(0)]));
  expect(it.events.at(-1)).toBe('goaway 1 0');
  expect(it.protocol.openStream()).toBe(null);
});

test('a PING of this side is answered once; an answer to none is ignored', () => {
  const it = new Recorder().start(frame(ping, 1, 0, '12345678'));
  it.protocol.ping();
  expect(it.sent).toEqual(['6 0 0 0000000000000000']);
  it.read(frame(ping, 1, 0, '\0'.repeat(8)), frame(ping, 1, 0, '\0'.repeat(8)));
  expect(it.events).toEqual(['pong']);
});

test('PING and SETTINGS are answered', () => {
  const it = new Recorder().start(frame(ping, 0, 0, '12345678'), frame(ping, 1, 0, '12345678'), frame(4, 0, 0));
  expect(it.sent).toEqual(['6 1 0 3132333435363738', '4 1 0 ']);
});

describe('an error of the connection (RFC 9113):', () => {
  const window = (id: number, bytes: number) => frame(windowUpdate, 0, id, uint32(bytes));
  test.each<[string, H2Error, readonly Buffer[]]>([
    ['5.1 idle: DATA', h2Errors.idleStream, [frame(data, 0, 1, 'x')]],
    ['5.1 idle: RST_STREAM', h2Errors.idleStream, [frame(resetStream, 0, 1, '1234')]],
    ['5.1 idle: WINDOW_UPDATE', h2Errors.idleStream, [window(1, 1)]],
    ['5.1 idle: WINDOW_UPDATE of an even stream', h2Errors.idleStream, [window(2, 1)]],
    [
      '5.1 closed: DATA after a reset of its own',
      h2Errors.closedStream,
      [open(1), frame(resetStream, 0, 1, '1234'), frame(data, 0, 1, 'x')],
    ],
    [
      '5.1 closed: HEADERS after a reset of its own',
      h2Errors.closedStream,
      [open(1), frame(resetStream, 0, 1, '1234'), get(1)],
    ],
    ['5.1.1: an even identifier', h2Errors.badStreamId, [get(2)]],
    ['5.1.1: a lower identifier', h2Errors.closedStream, [get(5), get(3)]],
    [
      '4.3: a block that HPACK cannot read',
      { ...h2Errors.closedStream, code: ErrorCode.compressionError },
      [frame(headers, 5, 1, '\x80')],
    ],
    [
      '4.3: the same for a stream that is refused',
      { ...h2Errors.closedStream, code: ErrorCode.compressionError },
      [open(1), open(3), open(5), frame(headers, 5, 7, '\x80')],
    ],
    ['6.5.3: ACK without SETTINGS', h2Errors.unexpectedAck, [frame(4, 1, 0), frame(4, 1, 0)]],
    ['6.5.2: a wrong setting', h2Errors.badSetting, [frame(4, 0, 0, setting(SettingId.maxFrameSize, 1))]],
    ['6.9.1: the window of the connection', h2Errors.connectionWindowTooLarge, [window(0, 0x7fffffff)]],
    [
      '6.9.2: the windows of the streams',
      h2Errors.initialWindowTooLarge,
      [open(1), window(1, 0x7fffffff - 65_535), frame(4, 0, 0, setting(SettingId.initialWindowSize, 65_536))],
    ],
    [
      '6.10: CONTINUATION without end',
      h2Errors.tooManyContinuations,
      [frame(headers, 0, 1), ...Array.from({ length: 5 }, () => frame(continuation, 0, 1))],
    ],
  ])('%s', (_name, error, frames) => {
    const it = new Recorder().start(...frames, frame(ping, 0, 0, '12345678'));
    expect(it.error?.code).toBe(error.code);
    if (error.code !== ErrorCode.compressionError) expect(it.error).toBe(error);
    expect(it.sent.at(-1)).toMatch(new RegExp(`^7 0 0 .{8}0{6}${error.code.toString(16).padStart(2, '0')}`));
    const { length } = it.out;
    it.read(get(99));
    expect(it.out.length).toBe(length);
  });

  test('5.2: more data than the window of the connection', () => {
    const it = new Recorder(true, { streamWindowBytes: 100_000 });
    it.takes = false;
    it.start(open(1), ...Array.from({ length: 4 }, () => frame(data, 0, 1, 'x'.repeat(16_384))));
    expect(it.error).toBe(h2Errors.connectionWindowExceeded);
  });

  test('8.4: a server opens nothing', () => {
    expect(new Recorder(false).start(get(2)).error).toBe(h2Errors.badStreamId);
    expect(new Recorder(false).start(get(1)).error).toBe(h2Errors.badStreamId);
  });
});

describe('an error of the stream (RFC 9113), behind which the connection goes on:', () => {
  test.each<[string, number, readonly Buffer[]]>([
    ['5.1 half-closed (remote): DATA', ErrorCode.streamClosed, [get(1), frame(data, 0, 1, 'x')]],
    ['5.1 half-closed (remote): HEADERS', ErrorCode.streamClosed, [get(1), get(1)]],
    ['5.1.2: too many streams', ErrorCode.refusedStream, [get(3), get(5), open(7), get(1 + 8)]],
    [
      '6.9.1: the window of the stream',
      ErrorCode.flowControlError,
      [open(1), frame(windowUpdate, 0, 1, uint32(0x7fffffff))],
    ],
    ['8.1: trailers without END_STREAM', ErrorCode.protocolError, [open(1), open(1)]],
  ])('%s', (_name, code, frames) => {
    const it = new Recorder().start(...frames, frame(ping, 0, 0, '12345678'));
    expect(it.error).toBe(null);
    expect(it.sent.map((text) => text.slice(0, 3))).toEqual(['3 0', '6 1']);
    expect(it.sent[0]).toMatch(new RegExp(`0{7}${code.toString(16)}$`));
    // What was on its way is dropped, and its header block is decoded.
    const id = Number(it.sent[0]!.split(' ')[2]);
    const before = it.events.length;
    it.read(
      frame(data, 0, id, 'x'),
      frame(headers, 5, id, block),
      frame(windowUpdate, 0, id, uint32(1)),
      frame(priority, 0, id, '12345'),
    );
    expect([it.error, it.events.length]).toEqual([null, before]);
    it.read(frame(headers, 4, id, '\x80'));
    expect(it.error?.code).toBe(ErrorCode.compressionError);
  });

  test('8.1: DATA before HEADERS of a response', () => {
    const it = new Recorder(false).start();
    it.protocol.openStream();
    it.read(frame(data, 0, 1, 'x'));
    expect([it.events, it.error]).toEqual([['reset 1 1'], null]);
  });
});

describe('the windows', () => {
  test('of sending bound DATA, and a change of the setting may make them negative', () => {
    const it = new Recorder().start(frame(4, 0, 0, setting(SettingId.initialWindowSize, 10)), get(1));
    const stream = it.streams[0]!;
    const bytes = Buffer.from('0123456789abcdef');
    expect(it.protocol.sendData(stream, bytes, 0, 16, true)).toBe(10);
    expect(it.protocol.sendData(stream, bytes, 10, 16, true)).toBe(10);
    it.read(frame(4, 0, 0, setting(SettingId.initialWindowSize, 0)));
    expect([stream.sendWindow.left, it.protocol.room(stream)]).toEqual([-10, 0]);
    it.read(frame(windowUpdate, 0, 1, uint32(13)));
    expect(it.protocol.sendData(stream, bytes, 10, 16, true)).toBe(13);
    it.read(frame(4, 0, 0, setting(SettingId.initialWindowSize, 3)));
    expect(it.protocol.sendData(stream, bytes, 13, 16, true)).toBe(16);
    expect(it.sent.filter((text) => text.startsWith('0'))).toEqual(['0 0 1 0123456789', '0 0 1 abc', '0 1 1 def']);
  });

  test('of receiving come back whole, whoever resets and wherever a frame is cut', () => {
    const body = frame(data, 8, 1, `\x03${'x'.repeat(200)}...`);
    for (let cut = 0; cut <= body.length; cut++) {
      for (const who of ['handler', 'peer', 'nobody']) {
        const it = new Recorder().start(open(1), frame(data, 0, 1, 'held'));
        it.takes = false;
        it.read(body.subarray(0, cut));
        if (who === 'handler') it.protocol.reset(it.streams[0]!, ErrorCode.cancel);
        it.read(body.subarray(cut));
        if (who === 'peer') it.read(frame(resetStream, 0, 1, '1234'));
        if (who === 'nobody') it.protocol.consume(it.streams[0]!, 200);
        else it.protocol.consume(it.streams[0]!, 100);
        const window = Reflect.get(it.protocol, 'receiveWindow');
        expect([who, cut, window.left + window.taken]).toEqual([who, cut, 65_535]);
      }
    }
  });
});

describe('abuse ends the connection:', () => {
  const many = (count: number, make: (i: number) => readonly Buffer[]) =>
    new Recorder().start(...Array.from({ length: count }, (_, i) => make(i)).flat());
  test.each<[string, number, (i: number) => readonly Buffer[]]>([
    ['rapid reset (CVE-2023-44487)', 1001, (i) => [get(2 * i + 1), frame(resetStream, 0, 2 * i + 1, '1234')]],
    [
      'made you reset (CVE-2025-8671)',
      101,
      (i) => [get(2 * i + 1), frame(windowUpdate, 0, 2 * i + 1, uint32(0x7fffffff))],
    ],
    ['streams beyond the setting', 204, (i) => [get(2 * i + 1)]],
    ['pings (CVE-2019-9512)', 601, () => [frame(ping, 0, 0, '12345678')]],
    ['answers to pings that were not sent', 601, () => [frame(ping, 1, 0, '12345678')]],
    ['GOAWAY', 101, () => [frame(goaway, 0, 0, '12345678')]],
    // With the first of the connection.
    ['settings (CVE-2019-9515)', 100, () => [frame(4, 0, 0)]],
    ['empty frames (CVE-2019-9518)', 1001, (i) => (i === 0 ? [open(1), frame(data, 0, 1)] : [frame(data, 0, 1)])],
    ['frames of unknown types', 1001, () => [frame(99, 0, 0)]],
    ['window updates', 2001, () => [frame(windowUpdate, 0, 0, uint32(1))]],
    ['priorities (CVE-2019-9513)', 1001, () => [frame(priority, 0, 5, '12345')]],
    [
      'blocks in pieces',
      1001,
      (i) => [
        frame(headers, 1, 2 * i + 1, block),
        frame(continuation, 4, 2 * i + 1),
        frame(resetStream, 0, 2 * i + 1, '1234'),
      ],
    ],
    [
      'frames of closed streams',
      5001,
      (i) => [...(i === 0 ? [get(1), frame(resetStream, 0, 1, '1234')] : []), frame(resetStream, 0, 1, '1234')],
    ],
  ])('%s', (_name, count, make) => {
    expect(many(count - 1, make).error).toBe(null);
    expect(many(count, make).error?.code).toBe(ErrorCode.enhanceYourCalm);
  });
});

describe('also abuse:', () => {
  test('requests behind the GOAWAY of this side', () => {
    const it = new Recorder().start();
    it.protocol.goaway(ErrorCode.noError, '');
    const { closedStreamFrames } = defaultAbuseLimits;
    for (let i = 0; i < closedStreamFrames; i++) it.read(get(2 * i + 1));
    expect([it.error, it.events]).toEqual([null, []]);
    expect(it.read(get(2 * closedStreamFrames + 1)).error?.code).toBe(ErrorCode.enhanceYourCalm);
  });

  test('malformed messages', () => {
    const it = new Recorder().start();
    const { forcedResets } = defaultAbuseLimits;
    for (let i = 0; i <= forcedResets; i++) {
      expect(it.read(get(2 * i + 1)).error).toBe(null);
      it.protocol.resetMalformed(it.streams[i]!);
    }
    expect(it.error).toMatchObject({ code: ErrorCode.enhanceYourCalm });
    expect(it.sent[0]).toBe('3 0 1 00000001');
  });

  test('windows that make a frame of every few bytes (CVE-2019-9511, data dribble)', () => {
    const it = new Recorder().start(frame(4, 0, 0, setting(SettingId.initialWindowSize, 0)), get(1));
    const bytes = Buffer.alloc(10_000);
    for (let at = 0; it.error === null; ) {
      it.read(frame(windowUpdate, 0, 1, uint32(1)));
      at = it.protocol.sendData(it.streams[0]!, bytes, at, bytes.length, true);
      expect(at).toBeLessThanOrEqual(defaultAbuseLimits.windowUpdates + 1);
    }
    expect(it.error.code).toBe(ErrorCode.enhanceYourCalm);
    // The same number for frames of a useful size is what an honest client sends.
    const other = new Recorder().start(frame(4, 0, 0, setting(SettingId.initialWindowSize, 0)), get(1));
    for (let i = 0; i < 2 * defaultAbuseLimits.windowUpdates; i++) {
      other.read(frame(windowUpdate, 0, 0, uint32(1024)), frame(windowUpdate, 0, 1, uint32(1024)));
      other.protocol.sendData(other.streams[0]!, bytes, 0, bytes.length, true);
    }
    expect(other.error).toBe(null);
  });
});

describe('any frames', () => {
  const run = (pieces: readonly Buffer[], isServer: boolean) => {
    const it = new Recorder(isServer);
    if (!isServer) for (let i = 0; i < 3; i++) it.protocol.openStream();
    for (const piece of pieces) {
      it.read(Buffer.from(piece));
      expect(it.protocol.keptBytes).toBeLessThanOrEqual(16_384 + 2 * settings.maxBlockBytes);
      expect(it.protocol.streams.open.size).toBeLessThanOrEqual(settings.maxConcurrentStreams);
    }
    return { events: it.events, sent: it.sent.filter((text) => !text.startsWith('8')), error: it.error?.text };
  };
  const requests = fc.oneof(
    { weight: 3, arbitrary: anyFrame },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...[1, 3, 5, 7].flatMap((id) => [open(id), get(id), frame(data, 1, id, 'x')])),
    },
  );

  test('give the same events and answers however they are cut, and never throw', () => {
    fc.assert(
      fc.property(fc.array(requests, { maxLength: 20 }), cutList, fc.boolean(), (frames, cuts, isServer) => {
        const bytes = Buffer.concat([...(isServer ? [clientPreface] : []), frame(FrameType.settings, 0, 0), ...frames]);
        expect(run(cutAt(bytes, cuts), isServer)).toEqual(run([bytes], isServer));
      }),
      { numRuns: 1000 },
    );
  });
});
