/**
 * Frames of HTTP/2 (RFC 9113 sections 4.1 and 6): their constants, and how each is written.
 *
 *      length (3 bytes) | type (1) | flags (1) | 0 and stream identifier (4) | payload
 */
import type { HeadWriter } from '../writer.ts';

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** A bit means something only with the types that define it; the others are ignored. */
export const Flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1. */
export const SettingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
  noRfc7540Priorities: 9,
} as const;

export const frameHeaderBytes = 9;
export const settingBytes = 6;
export const pingBytes = 8;
/** Of stream dependency and weight, in PRIORITY and in HEADERS. */
export const priorityBytes = 5;
/** SETTINGS_MAX_FRAME_SIZE when nobody has said otherwise, and the lowest that is allowed. */
export const defaultMaxFrameSize = 16_384;
export const largestMaxFrameSize = 0xff_ffff;
/** Of connection and streams when nobody has said otherwise. */
export const defaultWindowSize = 65_535;
export const maxWindowSize = 0x7fff_ffff;
export const maxStreamId = 0x7fff_ffff;

/** What a client sends first (RFC 9113 section 3.4). */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export function writeFrameHeader(out: HeadWriter, length: number, type: number, flags: number, streamId: number): void {
  const bytes = out.reserve(frameHeaderBytes);
  const p = out.length;
  bytes[p] = length >>> 16;
  bytes[p + 1] = length >>> 8;
  bytes[p + 2] = length;
  bytes[p + 3] = type;
  bytes[p + 4] = flags;
  bytes[p + 5] = streamId >>> 24;
  bytes[p + 6] = streamId >>> 16;
  bytes[p + 7] = streamId >>> 8;
  bytes[p + 8] = streamId;
  out.length = p + frameHeaderBytes;
}

function writeUint32(out: HeadWriter, value: number): void {
  const bytes = out.reserve(4);
  const p = out.length;
  bytes[p] = value >>> 24;
  bytes[p + 1] = value >>> 16;
  bytes[p + 2] = value >>> 8;
  bytes[p + 3] = value;
  out.length = p + 4;
}

/** A whole DATA frame. `end - start` is at most the other side's SETTINGS_MAX_FRAME_SIZE. */
export function writeData(
  out: HeadWriter,
  streamId: number,
  from: Buffer,
  start: number,
  end: number,
  endStream: boolean,
): void {
  writeFrameHeader(out, end - start, FrameType.data, endStream ? Flag.endStream : 0, streamId);
  out.copy(from, start, end);
}

/** Begins a HEADERS frame, behind which the block is written. Returns what `endHeaders` has to be given. */
export function beginHeaders(out: HeadWriter, streamId: number, endStream: boolean): number {
  const frame = out.length;
  writeFrameHeader(out, 0, FrameType.headers, Flag.endHeaders | (endStream ? Flag.endStream : 0), streamId);
  return frame;
}

/** Ends the frame: it gets its length, and what is too long for it goes into CONTINUATION frames. */
export function endHeaders(out: HeadWriter, frame: number, maxFrameSize: number): void {
  const block = frame + frameHeaderBytes;
  const length = out.length - block;
  if (length > maxFrameSize) {
    splitBlock(out, frame, maxFrameSize);
    return;
  }
  const { bytes } = out;
  bytes[frame] = (length >>> 16) & 0xff;
  bytes[frame + 1] = (length >>> 8) & 0xff;
  bytes[frame + 2] = length & 0xff;
}

/** Rare: with the smallest frame size that is allowed, a block of more than 16 KiB. */
function splitBlock(out: HeadWriter, frame: number, maxFrameSize: number): void {
  const start = frame + frameHeaderBytes;
  const block = Buffer.from(out.bytes.subarray(start, out.length));
  const streamId = out.bytes.readUInt32BE(frame + 5);
  const flags = out.bytes[frame + 4]! & ~Flag.endHeaders;
  out.length = frame;
  writeFrameHeader(out, maxFrameSize, FrameType.headers, flags, streamId);
  out.copy(block, 0, maxFrameSize);
  for (let p = maxFrameSize; p < block.length; p += maxFrameSize) {
    const end = Math.min(block.length, p + maxFrameSize);
    writeFrameHeader(out, end - p, FrameType.continuation, end === block.length ? Flag.endHeaders : 0, streamId);
    out.copy(block, p, end);
  }
}

export function writeResetStream(out: HeadWriter, streamId: number, code: number): void {
  writeFrameHeader(out, 4, FrameType.resetStream, 0, streamId);
  writeUint32(out, code);
}

/** Begins SETTINGS of so many settings, each of which is then given to `writeSetting`. */
export function beginSettings(out: HeadWriter, count: number): void {
  writeFrameHeader(out, count * settingBytes, FrameType.settings, 0, 0);
}

export function writeSetting(out: HeadWriter, id: number, value: number): void {
  out.byte((id >>> 8) & 0xff);
  out.byte(id & 0xff);
  writeUint32(out, value);
}

export function writeSettingsAck(out: HeadWriter): void {
  writeFrameHeader(out, 0, FrameType.settings, Flag.ack, 0);
}

/** `opaque` has eight bytes from `start`: for an answer, those of the PING. */
export function writePing(out: HeadWriter, ack: boolean, opaque: Buffer, start: number): void {
  writeFrameHeader(out, pingBytes, FrameType.ping, ack ? Flag.ack : 0, 0);
  out.copy(opaque, start, start + pingBytes);
}

/** `text`: for a person at the other end. */
export function writeGoaway(out: HeadWriter, lastStreamId: number, code: number, text: string): void {
  writeFrameHeader(out, 8 + text.length, FrameType.goaway, 0, 0);
  writeUint32(out, lastStreamId);
  writeUint32(out, code);
  out.text(text);
}

/** Stream 0: the window of the connection. */
export function writeWindowUpdate(out: HeadWriter, streamId: number, increment: number): void {
  writeFrameHeader(out, 4, FrameType.windowUpdate, 0, streamId);
  writeUint32(out, increment);
}
