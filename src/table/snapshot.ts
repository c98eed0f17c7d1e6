/**
 * The table in a file, so that sessions outlive the process. The file has the names of servers and lifetimes, and the fingerprints
 * of sessions, which are keyed hashes: it contains no session id, and without the secret no id can be compared with it. The seal
 * at its end, a MAC under the same secret, detects a damaged or foreign file before anything of it is used.
 *
 *      magic     version   names     key check   names     sessions          seal
 *      16 bytes  u32       u32 long  16 bytes    JSON      28 bytes each     32 bytes
 *
 *      session   the first seven words of a record: fingerprint, state, epoch, born, seen, expires (layout.ts)
 *
 * Words are in the machine's order, little-endian on all but a few; a file from the others has another version.
 * All work is done in slices of about a millisecond at most, with the loop between them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { codeOf, UsageError } from '../errors.ts';
import {
  claiming,
  copied,
  given,
  lifetimeMask,
  lifetimeShift,
  proved,
  record,
  recordsPerPage,
  serverMask,
} from './layout.ts';
import type { ServerNumbers } from './numbers.ts';
import { Entry, type SessionTable } from './table.ts';

const magic = Buffer.from('limpet sessions\n');
const fileVersion = 3;
const headBytes = 40;
const sealBytes = 32;
const savedWords = 7;
const savedBytes = savedWords * 4;
/** Pages that are written, and pages of sessions that are read, in one turn of the event loop. */
const slicePages = 8;
const sliceSessions = slicePages * recordsPerPage;
/** Empty slices that are passed in one turn: each takes an eighth of the time of a full one, or less. */
const restSlices = 8;

export interface Saved {
  readonly table: SessionTable;
  readonly servers: ServerNumbers;
  /** Names of the table's lifetimes, in their order. A session is loaded only when its lifetime still exists. */
  readonly lifetimes: readonly string[];
  /**
   * The store's incarnation (store/store.ts); '' without a store. When the file has another one, its sessions have no copy. null:
   * whatever the file has.
   */
  readonly copies: string | null;
  /** The secret from which the keys of the fingerprints come: with another one no fingerprint would be found. */
  readonly secret: Buffer;
}

interface Names {
  readonly servers: readonly (readonly [name: string, number: number])[];
  readonly lifetimes: readonly string[];
  readonly copies: string | null;
}

/**
 * Writes the table to `file` (mode 0600) and answers the number of sessions. The file appears whole or not at all. A session that
 * changes meanwhile is saved as before or as after the change. Call it once at a time. Throws
 * UsageError when it cannot be written.
 */
export async function saveTable(file: string, { table, servers, lifetimes, copies, secret }: Saved): Promise<number> {
  const draft = `${file}.${process.pid}`;
  try {
    await rm(draft, { force: true });
    const handle = await open(draft, 'wx', 0o600);
    let saved = 0;
    try {
      const seal = createHmac('sha256', derive(secret, 'seal'));
      const put = async (bytes: Buffer) => {
        seal.update(bytes);
        await handle.writeFile(bytes);
      };
      await put(headOf({ servers: servers.entries(), lifetimes, copies }, secret));
      const { pages } = table;
      const slice = new Int32Array(sliceSessions * savedWords);
      for (let first = 0; first < pages.count; first += slicePages) {
        let words = 0;
        for (let n = first; n < Math.min(pages.count, first + slicePages); ) {
          const page = pages.at(n);
          const next = page === 0 ? words : pages.copySessions(page, savedWords, slice, words);
          if (next < 0) await setImmediate();
          else {
            words = next;
            n++;
          }
        }
        saved += words / savedWords;
        if (words > 0) await put(Buffer.from(slice.buffer, 0, words * 4));
        else if (first % (slicePages * restSlices) === 0) await setImmediate();
      }
      await handle.writeFile(seal.digest());
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    return saved;
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new UsageError(`the session table cannot be saved to ${file}: ${codeOf(error)}`, { cause: error });
  }
}

/**
 * Fills the table from `file` and answers the number of sessions that were loaded; null: there is no such file. Not loaded are
 * sessions that have expired, and those of a lifetime that is no longer configured. Servers get the numbers that they have here.
 * A server that is not configured keeps its sessions until they expire, because their epochs still count. Throws UsageError for a
 * file that cannot be read, is not whole, or was made with another secret; then nothing of it is in the table.
 */
export async function loadTable(file: string, into: Saved, now: number): Promise<number | null> {
  try {
    const handle = await open(file, 'r');
    try {
      const { start, end, names } = await verify(handle, file, into.secret);
      return await restore(handle, start, end, names, into, now);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (codeOf(error) === 'ENOENT') return null;
    throw new UsageError(`the session table ${file} cannot be read: ${codeOf(error)}. ${unused}`, { cause: error });
  }
}

const unused = 'It is not used, and learned sessions start anew. Move it away';

function headOf(names: Names, secret: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(names));
  const sizes = new Uint32Array([fileVersion, text.length]);
  return Buffer.concat([magic, Buffer.from(sizes.buffer), derive(secret, 'check').subarray(0, 16), text]);
}

/** Checks the whole file before any of it is used. Answers where the sessions begin and end, and the names. */
async function verify(handle: FileHandle, file: string, secret: Buffer): Promise<Place> {
  const refuse = (why: string) => new UsageError(`the session table ${file} ${why}. ${unused}`);
  const { size } = await handle.stat();
  const head = await readAt(handle, 0, headBytes);
  if (!head.subarray(0, magic.length).equals(magic)) throw refuse('is no session table');
  const sizes = new Uint32Array(head.buffer, head.byteOffset + magic.length, 2);
  if (sizes[0] !== fileVersion) throw refuse('has a format that this version does not read');
  if (!head.subarray(24).equals(derive(secret, 'check').subarray(0, 16))) throw refuse('was made with another key');
  const start = headBytes + sizes[1]!;
  const end = size - sealBytes;
  if (start > end || (end - start) % savedBytes !== 0) throw refuse('is damaged');
  const seal = createHmac('sha256', derive(secret, 'seal'));
  for (let at = 0; at < end; ) {
    const bytes = await readAt(handle, at, Math.min(end - at, sliceSessions * savedBytes));
    if (bytes.length === 0) throw refuse('is damaged');
    seal.update(bytes);
    at += bytes.length;
  }
  const found = await readAt(handle, end, sealBytes);
  if (found.length !== sealBytes || !timingSafeEqual(found, seal.digest())) throw refuse('is damaged');
  const names: Names = JSON.parse((await readAt(handle, headBytes, start - headBytes)).toString());
  return { start, end, names };
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly names: Names;
}

async function restore(handle: FileHandle, start: number, end: number, names: Names, into: Saved, now: number) {
  const { table, servers } = into;
  const lifetimes = names.lifetimes.map((name) => into.lifetimes.indexOf(name));
  const savedNames = new Map(names.servers.map(([name, number]) => [number, name]));
  const numbers = new Map<number, number>([[0, 0]]);
  const numberOf = (saved: number): number => {
    const known = numbers.get(saved);
    if (known !== undefined) return known;
    const name = savedNames.get(saved)!;
    const configured = servers.has(name);
    const number = servers.numberOf(name, now);
    if (!configured) servers.giveBack(name, now);
    numbers.set(saved, number);
    return number;
  };
  const key = { hi: 0, lo: 0 };
  const entry = new Entry();
  const sameCopies = into.copies === null || names.copies === into.copies;
  // When copies outlive the process, the store knows changes after the file was written, and changes by other balancers.
  const mayBeOld = names.copies !== '' && names.copies === into.copies;
  let restored = 0;
  for (let at = start; at < end; ) {
    const bytes = await readAt(handle, at, Math.min(end - at, sliceSessions * savedBytes));
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    for (let i = 0; i < words.length; i += savedWords) {
      const state = words[i + record.state]!;
      const lifetime = lifetimes[(state >>> lifetimeShift) & lifetimeMask] ?? -1;
      if (lifetime < 0) continue;
      key.hi = words[i + record.hi]!;
      key.lo = words[i + record.lo]!;
      entry.server = numberOf(state & serverMask);
      entry.lifetime = lifetime;
      entry.epoch = words[i + record.epoch]!;
      entry.born = words[i + record.born]!;
      entry.seen = words[i + record.seen]!;
      const expires = words[i + record.expires]!;
      const hasVersion = (state & copied) !== 0;
      entry.copied = hasVersion && sameCopies;
      entry.version = entry.copied ? expires : 0;
      entry.expires = hasVersion ? 0 : expires;
      entry.proved = (state & proved) !== 0;
      // Older files do not have this bit: their names count as coming from clients.
      entry.given = (state & given) !== 0;
      entry.claiming = (state & claiming) !== 0;
      entry.unsure = mayBeOld && entry.server !== 0;
      if (table.restore(key, entry, now)) restored++;
    }
    at += bytes.length;
  }
  return restored;
}

/** As many of these bytes as there are, in a buffer of their own, so that a view of words on it is aligned. */
async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.from(new ArrayBuffer(length));
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function derive(secret: Buffer, purpose: string): Buffer {
  return createHmac('sha256', secret).update(`limpet table file ${purpose}`).digest();
}
