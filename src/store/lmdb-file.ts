/**
 * Whether LMDB may map a file into memory. One that is cut short ends the whole process at the first look beyond its end, so
 * that nobody could say why: it is refused before that.
 *
 * The first two pages of a file say what it is and how many pages it has, in the byte order of the machine:
 *
 *      24     28      32      40     48 (size of a page)     144        152
 *      | magic|version|address|  size| two trees ...        |last page | transaction
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from './store.ts';

const magic = 0xbeefc0de;
const metaSize = 160;
/** Pages at the end that were taken and given back within one transaction have never been written. */
const neverWritten = 16;

/** A folder without the file, or with an empty one, is new. Throws a StoreError `damaged`. */
export async function checkLmdbFile(folder: string): Promise<void> {
  const path = join(folder, 'data.mdb');
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return;
  try {
    await check(file, path);
  } finally {
    await file.close();
  }
}

async function check(file: FileHandle, path: string): Promise<void> {
  const { size } = await file.stat();
  if (size === 0) return;
  const first = await readMeta(file, 0);
  const pageSize = first?.getUint32(48, true) ?? 0;
  const second = await readMeta(file, pageSize);
  if (first === null || second === null) throw damaged(path, 'found something else than the file of an LMDB store');
  const latest = first.getBigUint64(152, true) > second.getBigUint64(152, true) ? first : second;
  const expected = (Number(latest.getBigUint64(144, true)) + 1) * pageSize;
  if (size < expected - neverWritten * pageSize) {
    throw damaged(path, `found ${size} bytes where ${expected} were written: it was cut short`);
  }
}

async function readMeta(file: FileHandle, at: number): Promise<DataView | null> {
  const bytes = new Uint8Array(metaSize);
  const { bytesRead } = await file.read(bytes, 0, metaSize, at);
  const view = new DataView(bytes.buffer);
  return bytesRead === metaSize && view.getUint32(24, true) === magic ? view : null;
}

function damaged(path: string, what: string): StoreError {
  return new StoreError(
    'damaged',
    `${path}: ${what}. Remove the folder to begin with an empty store, or bring it back.`,
  );
}
