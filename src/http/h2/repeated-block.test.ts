import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frame } from '../../../test/support/h2-frames.ts';
import { block, request, stageH2Client } from '../../../test/support/stage-h2-client.ts';
import { HeadWriter } from '../writer.ts';
import { defaultAbuseLimits } from './abuse.ts';
import { clientPreface, FrameType } from './frame.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { FieldList } from './hpack/field-list.ts';
import { Protocol } from './protocol.ts';
import type { ProtocolHandler } from './protocol-handler.ts';
import { Repeat } from './repeated-block.ts';
import type { Stream } from './streams.ts';

const settings = {
  maxBlockBytes: 2000,
  maxContinuations: 4,
  maxConcurrentStreams: 10_000,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerTableBytes: 4096,
  maxHeaderListBytes: 8000,
  connectProtocol: false,
  abuse: defaultAbuseLimits,
};

type Fields = readonly (readonly [string, string])[];

/** A connection whose handler keeps the fields of each block that comes again. */
class KeptFields implements ProtocolHandler {
  readonly seen: { repeat: number; fields: Fields; endStream: boolean }[] = [];
  readonly protocol: Protocol;
  error: string | null = null;
  private readonly fields = new FieldList(8000);
  private kept: Fields = [];
  private nextId = 1;

  constructor() {
    this.protocol = new Protocol(true, settings, this, this.fields, new HeadWriter(1024), 0);
    this.protocol.begin();
    this.protocol.read(Buffer.concat([clientPreface, frame(FrameType.settings, 0, 0)]), 0);
  }

  request(bytes: Buffer, endStream = true): void {
    this.protocol.read(frame(FrameType.headers, endStream ? 5 : 4, this.nextId, bytes), 0);
    this.nextId += 2;
  }

  /** Trailers of the last request. */
  trailers(bytes: Buffer): void {
    this.protocol.read(frame(FrameType.headers, 5, this.nextId - 2, bytes), 0);
  }

  acknowledge(): void {
    this.protocol.read(frame(FrameType.settings, 1, 0), 0);
  }

  onHeaders(_: Stream, list: FieldList, endStream: boolean): void {
    const { repeat } = list;
    const fields = repeat === Repeat.kept ? this.kept : list.toArray();
    this.seen.push({ repeat, fields, endStream });
    if (repeat !== Repeat.again) return;
    this.kept = fields;
    this.protocol.keepFields();
  }

  onConnectionError({ text }: { readonly text: string }): void {
    this.error = text;
  }

  onData(): void {}
  onEnd(): void {}
  onReset(): void {}
  onWindow(): void {}
  onSettings(): void {}
  onPong(): void {}
  onGoaway(): void {}
}

const repeats = (connection: KeptFields) => connection.seen.map(({ repeat }) => repeat);
const get = Buffer.from([0x82, 0x86, 0x84]);
/** `x: v`, which is added to the table; and the newest entry of the table. */
const adds = (value: string) => Buffer.from([0x40, 1, 120, 1, value.charCodeAt(0)]);
const newest = Buffer.from([0xbe]);

describe('a block that comes again', () => {
  test('is decoded twice, and then known', () => {
    const connection = new KeptFields();
    for (let i = 0; i < 4; i++) connection.request(get);
    expect(repeats(connection)).toEqual([Repeat.none, Repeat.again, Repeat.kept, Repeat.kept]);
    expect(connection.seen[3]!.fields).toEqual(connection.seen[0]!.fields);
  });

  test('is another one when the table has changed in between', () => {
    const connection = new KeptFields();
    connection.request(adds('a'));
    for (let i = 0; i < 3; i++) connection.request(newest);
    connection.request(adds('b'));
    for (let i = 0; i < 3; i++) connection.request(newest);
    expect(connection.seen.slice(5).map(({ fields }) => fields)).toEqual(Array(3).fill([['x', 'b']]));
    expect(repeats(connection).slice(5)).toEqual([Repeat.none, Repeat.again, Repeat.kept]);
  });

  test('is never known when it changes the table itself', () => {
    const connection = new KeptFields();
    for (let i = 0; i < 4; i++) connection.request(adds('a'));
    for (let i = 0; i < 4; i++) connection.request(Buffer.concat([Buffer.from([0x20]), get]));
    expect(new Set(repeats(connection))).toEqual(new Set([Repeat.none]));
  });

  test('is another one when a block of trailers with the same bytes was in between', () => {
    const connection = new KeptFields();
    for (let i = 0; i < 3; i++) connection.request(newestFree, false);
    connection.trailers(newestFree);
    connection.request(newestFree, false);
    expect(repeats(connection)).toEqual([Repeat.none, Repeat.again, Repeat.kept, Repeat.none, Repeat.none]);
    expect(connection.seen[3]!.fields).toEqual([['x', 'v']]);
  });

  test('is another one when one ends the stream and the other does not', () => {
    const connection = new KeptFields();
    for (const endStream of [true, true, false, false, false, true]) connection.request(get, endStream);
    const { none, again, kept } = Repeat;
    expect(repeats(connection)).toEqual([none, again, none, again, kept, none]);
  });

  test('has the fields that a decoder finds, whatever comes before it', () => {
    const piece = fc.oneof(
      fc.constantFrom(get, newest, newestFree, adds('a'), adds('b'), Buffer.from([0xbf, 0xbe])),
      fc.constantFrom(Buffer.from([0x20]), Buffer.from([0x3f, 0x21]), Buffer.from([0x3f, 0xe1, 0x1f])),
    );
    const bytes = fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => Buffer.concat(pieces));
    const step = fc.tuple(bytes, fc.integer({ min: 1, max: 4 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 0, max: 12 }), (steps, acknowledged) => {
        const connection = new KeptFields();
        const decoder = new HpackDecoder(4096);
        const list = new FieldList(8000);
        for (const [i, [bytes, times, endStream]] of steps.entries()) {
          if (i === acknowledged) {
            connection.acknowledge();
            decoder.acknowledge();
          }
          for (let n = 0; n < times; n++) {
            const error = decoder.decode(bytes, 0, bytes.length, list);
            connection.request(bytes, endStream);
            if (error !== null) {
              expect(connection.error).toContain(error);
              return;
            }
            expect(connection.error).toBeNull();
            expect(connection.seen.at(-1)).toMatchObject({ fields: list.toArray(), endStream });
          }
        }
      }),
    );
  });
});

/** `x: v`, not added to the table. */
const newestFree = Buffer.from([0x00, 1, 120, 1, 118]);

describe('a request that comes again', () => {
  test('is the same request, for as long as it is the same', () => {
    const { begin, send, exchanges, last, frames } = stageH2Client();
    begin();
    let id = 1;
    const ask = (...fields: readonly string[]) => {
      send(request(id, true, 'GET', '/same', ...fields));
      id += 2;
      const raw = last().head;
      last().answer('x');
      return raw;
    };
    const first = ask('cookie: a=1');
    for (let i = 0; i < 5; i++) expect(ask('cookie: a=1')).toBe(first);
    expect(ask('cookie: a=2')).toBe(first.replace('a=1', 'a=2'));
    expect(ask('cookie: a=1')).toBe(first);
    expect(exchanges).toHaveLength(8);
    expect(frames().filter((text) => text.includes('200'))).toHaveLength(8);
  });

  test('is refused each time when it is refused', () => {
    const { begin, send, exchanges, frames } = stageH2Client();
    begin();
    const bad = block(':method: GET', ':scheme: http', ':path: /', 'connection: close');
    for (let id = 1; id < 9; id += 2) send(frame(FrameType.headers, 5, id, bad));
    expect(exchanges).toHaveLength(0);
    expect(frames()).toEqual([1, 3, 5, 7].map((id) => `resetStream ${id} 1`));
  });

  test('has its body each time', () => {
    const { begin, send, last } = stageH2Client();
    begin();
    for (let id = 1; id < 11; id += 2) {
      send(request(id, false, 'POST', '/', 'content-length: 2'), frame(FrameType.data, 1, id, 'ab'));
      expect(last().events).toEqual(['POST /', 'a body of 2', 'body ab', 'end', 'start']);
      last().answer('x');
    }
    send(request(11, false, 'POST', '/', 'content-length: 2'), frame(FrameType.data, 1, 11, 'a'));
    expect(last().events).toContain('bad-content-length');
  });
});
