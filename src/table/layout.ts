/**
 * The session table as it lies in memory: constants only. One SharedArrayBuffer of 4 KiB pages, read as 32-bit words.
 *
 *      page 0           header
 *      next pages       sessions of each server: one counter a server number
 *      next pages       those of them that have a copy: likewise
 *      next pages       records; the fingerprint of a session decides in which page it is, for ever
 *      the end          one bit for each page of records: it has been written
 *
 *      header  word 0      1        2      3        4          5      6           8..13     32..
 *              magic    version  pages  servers  lifetimes   hand  tombstones  counters  idle, absolute of each lifetime
 *
 *      a page of records, 4096 bytes
 *      +--------+----------+----------+-- -- --+------------+
 *      | lock   | record 0 | record 1 |        | record 126 |     32 bytes each
 *      +--------+----------+----------+-- -- --+------------+
 *
 *      lock    bit 31..8: version, one up at each change             bit 7..0: who is writing, 0 nobody
 *
 *      record  word 0          1               2      3      4     5     6        7
 *              fingerprint hi  fingerprint lo  state  epoch  born  seen  expires  activity
 *
 *      state   bit 30: given   bit 29: unsure   bit 28: claiming   bit 27: copied   bit 26: proved   bit 25: tombstone   bit 24: used
 *              bit 23..16: lifetime   bit 15: ending   bit 13..0: server number (0 in a tombstone)
 *
 *      activity   bit 31..18: the former owner, which gets the session back if the present owner never takes a request of it;
 *                 0: the present owner has taken one   bit 17: it was moved, the former owner is up   bit 16..14: claims since
 *                 the former owner had it; 7 means 7 or more   bit 13..0: exchanges in flight
 *
 * Times are Unix seconds, unsigned; expires 0: never. While `copied` is set, `expires` holds the version of the copy. Locking, probing
 * (from the first place of a record onward, round the page) and eviction stay within one page, and so does a look-up, which then
 * needs one entry of the processor's address cache.
 */

export const magic = 0x4c6d5054;
export const version = 5;

const pageBytes = 4096;
export const pageWords = pageBytes / 4;
export const recordWords = 8;
export const recordsPerPage = pageWords / recordWords - 1;
/**
 * Sessions per page for which the capacity is planned. Pages fill unevenly (about a Poisson distribution): with 88 of 127
 * one session in a million finds its page full before the table has reached its capacity. That is 46.5 bytes for each session.
 */
export const plannedPerPage = 88;

export const header = {
  magic: 0,
  version: 1,
  pages: 2,
  servers: 3,
  lifetimes: 4,
  hand: 5,
  tombstoneTime: 6,
  /** Counters of what has happened since the table was made; they wrap at 2^32. */
  bound: 8,
  claimed: 9,
  ended: 10,
  expired: 11,
  evicted: 12,
  returned: 13,
  lifetime: 32,
} as const;

export const maxLifetimes = 256;
export const maxServers = 0x3ffe;
/** As the former owner: the session had none. */
export const nobody = 0x3fff;
export const maxWriters = 255;

export const writerMask = 0xff;
export const versionStep = 0x100;

export const record = { hi: 0, lo: 1, state: 2, epoch: 3, born: 4, seen: 5, expires: 6, activity: 7 } as const;

export const serverMask = 0x3fff;
export const lifetimeShift = 16;
export const lifetimeMask = 0xff;
export const used = 1 << 24;
export const tombstone = 1 << 25;
/** The session came back at least once after it was bound: it is evicted later than those that never did. */
export const proved = 1 << 26;
/**
 * The store has a copy of its state. The word `expires` is the version of that copy, and the session has no expiry time of its
 * own.
 */
export const copied = 1 << 27;
/** It has a new owner that the store may not know yet. Until the store knows, no request may reach that owner. */
export const claiming = 1 << 28;
/** It was read from a file and may be outdated: the store is queried before it is used. */
export const unsure = 1 << 29;
/** The app or Limpet gave the client this name. When not set, the name came from a client, and any client can invent one. */
export const given = 1 << 30;
/** Bits of the word `activity`. A counter that has reached its maximum stays there. */
export const inflightMask = 0x3fff;
export const stepsShift = 14;
export const stepsMask = 7;
export const moving = 1 << 17;
export const formerShift = 18;
/** Of a tombstone: the store does not know yet that the session has ended. Until it does, the tombstone does not expire. */
export const ending = 1 << 15;
/** The most tombstones in a page. Beyond that the oldest is removed before its time. */
export const tombstonesPerPage = 16;

/** Words of one area of counters, with one counter for each of that many server numbers. */
export function counterWords(servers: number): number {
  return pageWords * Math.ceil((servers + 1) / pageWords);
}

/** First word of the record pages of a table with that many server numbers. */
export function firstPageWord(servers: number): number {
  return pageWords + 2 * counterWords(servers);
}

/** Bytes of a table with that many record pages. */
export function tableBytes(servers: number, pages: number): number {
  return firstPageWord(servers) * 4 + pages * pageBytes + Math.ceil(pages / 32) * 4;
}
