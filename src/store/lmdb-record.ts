/**
 * How a session stands in LMDB. Keys, so that the sessions of a pool are neighbours, and what is due first comes first:
 *
 *      "s" | pool's length 2 | pool | id 16              -> the record
 *      "x" | due 8 | pool's length 2 | pool | id 16      -> nothing: when to look whether it has expired
 *      "u" | user 16 | pool's length 2 | pool | id 16    -> nothing: a session of that user
 *      "m"                                               -> format and incarnation
 *
 * The record (big-endian; a number of 8 bytes is a double). Renewing a session leaves `due` where it is: its second key is
 * moved only when that time has come and the session lives on.
 *
 *      0     1        7        15        23        31    39           41        45
 *      | kind| owner  | epoch  | version | expires | due | by's length | checksum | by ... | user 16 or 0 | data ...
 */
import { crc32 } from 'node:zlib';
import { type Copy, type SessionId, type SessionKey, StoreError, type UserHash } from './store.ts';

export interface LmdbRecord {
  /** null: a tombstone. */
  readonly copy: Copy | null;
  /** Unix milliseconds, of the copy or the tombstone. */
  readonly expires: number;
  readonly due: number;
}

const headSize = 45;
const checksumAt = 41;
const live = 1;
const ended = 2;
const liveOfUser = 3;
const userSize = 16;

export function recordKey({ pool, id }: SessionKey): Buffer {
  return Buffer.concat([poolRange(pool).start, Buffer.from(id, 'hex')]);
}

/** All keys of sessions of a pool, or of all pools, are from `start` on and below `end`. */
export function poolRange(pool?: string): { readonly start: Buffer; readonly end: Buffer } {
  if (pool === undefined) return { start: Buffer.from('s'), end: Buffer.from('t') };
  const name = Buffer.from(pool);
  const start = Buffer.concat([Buffer.from('s'), Buffer.of(name.length >> 8, name.length & 255), name]);
  return { start, end: Buffer.concat([start, Buffer.alloc(17, 255)]) };
}

export function dueKey(due: number, key: Buffer): Buffer {
  const time = Buffer.alloc(9);
  time.write('x');
  time.writeDoubleBE(due, 1);
  return Buffer.concat([time, key.subarray(1)]);
}

/** In the index by user, of the session whose record has that key. */
export function userKey(user: UserHash, key: Buffer): Buffer {
  return Buffer.concat([Buffer.from('u'), Buffer.from(user, 'hex'), key.subarray(1)]);
}

/** All keys of a user's sessions in a pool are from `start` on and below `end`. */
export function userRange(pool: string, user: UserHash): { readonly start: Buffer; readonly end: Buffer } {
  const start = userKey(user, poolRange(pool).start);
  return { start, end: Buffer.concat([start, Buffer.alloc(17, 255)]) };
}

/** Of a key of the index by user, the key of its record. */
export function recordKeyOfUser(key: Buffer): Buffer {
  return Buffer.concat([Buffer.from('s'), key.subarray(1 + userSize)]);
}

export function idOfKey(key: Buffer): SessionId {
  return key.toString('hex', key.length - 16);
}

/** Of a key of either kind, the key of its record. */
export function recordKeyOf(due: Buffer): Buffer {
  return Buffer.concat([Buffer.from('s'), due.subarray(9)]);
}

export function sessionOf(key: Buffer): SessionKey {
  return { pool: key.toString('utf8', 3, key.length - 16), id: idOfKey(key) };
}

export function encodeRecord({ copy, expires, due }: LmdbRecord): Buffer {
  const by = Buffer.from(copy?.by ?? '');
  const user = Buffer.from(copy?.user ?? '', 'hex');
  const dataAt = headSize + by.length + user.length;
  const bytes = Buffer.alloc(dataAt + (copy?.data.length ?? 0));
  bytes.writeUInt8(copy === null ? ended : copy.user === undefined ? live : liveOfUser, 0);
  bytes.writeUIntBE(copy?.owner ?? 0, 1, 6);
  bytes.writeDoubleBE(copy?.epoch ?? 0, 7);
  bytes.writeDoubleBE(copy?.version ?? 0, 15);
  bytes.writeDoubleBE(expires, 23);
  bytes.writeDoubleBE(due, 31);
  bytes.writeUInt16BE(by.length, 39);
  by.copy(bytes, headSize);
  user.copy(bytes, headSize + by.length);
  if (copy !== null) bytes.set(copy.data, dataAt);
  bytes.writeUInt32BE(checksum(bytes), checksumAt);
  return bytes;
}

/** Throws a StoreError when the bytes are not what was written. */
export function decodeRecord(bytes: Buffer): LmdbRecord {
  if (bytes.length < headSize || bytes.readUInt32BE(checksumAt) !== checksum(bytes)) {
    throw new StoreError('damaged', `found a record of ${bytes.length} bytes whose checksum is wrong`);
  }
  const expires = bytes.readDoubleBE(23);
  const due = bytes.readDoubleBE(31);
  const kind = bytes.readUInt8(0);
  if (kind === ended) return { copy: null, expires, due };
  const userAt = headSize + bytes.readUInt16BE(39);
  const dataAt = userAt + (kind === liveOfUser ? userSize : 0);
  const copy = {
    owner: bytes.readUIntBE(1, 6),
    epoch: bytes.readDoubleBE(7),
    version: bytes.readDoubleBE(15),
    by: bytes.toString('utf8', headSize, userAt),
    data: new Uint8Array(bytes.subarray(dataAt)),
    ...(dataAt > userAt && { user: bytes.toString('hex', userAt, dataAt) }),
    expires,
  };
  return { copy, expires, due };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(checksumAt + 4), crc32(bytes.subarray(0, checksumAt)));
}
