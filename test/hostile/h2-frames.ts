/** Hostile HTTP/2 sequences by their frames: RFC 9113 sections 3 to 6 and 10, RFC 7541, and the public attacks by name. */
import { integer, literal } from '../support/h2-raw.ts';
import {
  block,
  code,
  continuation,
  data,
  f,
  fatal,
  get,
  goaway,
  got,
  type H2Case,
  headers,
  ping,
  post,
  posted,
  priority,
  pseudo,
  pushPromise,
  refused,
  resetStream,
  sequence,
  served,
  set,
  settings,
  times,
  u32,
  windowUpdate,
} from './h2-case.ts';
import type { Seen } from './requests.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const first = f(settings, 0, 0);
const fields = block(pseudo);
const pong = '12345678';
/** Stream 1 is reset with STREAM_CLOSED. */
const closed = { streams: { 1: `reset ${code.streamClosed}` } } as const;
/** The request of stream 1 was whole before the error: the server may have it. */
const mayBeSeen: readonly Seen[] = [got];

const prefaceCases: H2Case[] = [
  fatal(code.protocol, 'no SETTINGS behind the preface', 'RFC 9113 3.4', preface + get(1), { raw: true }),
  fatal(code.protocol, 'an acknowledgement behind the preface', 'RFC 9113 3.4', preface + f(settings, 1, 0), {
    raw: true,
  }),
  fatal(code.protocol, 'the preface twice', 'RFC 9113 3.4', `${preface}${first}${preface}`, {
    raw: true,
    goaway: code.frameSize,
  }),
];

const frameCases: H2Case[] = [
  served(
    'unknown frames and flags',
    'RFC 9113 4.1, 5.5',
    `${f(0x99, 0xff, 7, 'x')}${f(headers, 0x95, 1, fields)}`.replace('\x95', '\x85'),
  ),
  fatal(
    code.protocol,
    'unknown frame inside of a header block',
    'RFC 9113 5.5',
    `${f(headers, 1, 1, fields)}${f(0x99, 0, 0)}`,
  ),
  served('reserved bit of the stream', 'RFC 9113 4.1', f(headers, 5, 0x8000_0001, fields)),
  fatal(code.frameSize, 'a frame of 16,385 bytes', 'RFC 9113 4.2', f(ping, 0, 0, '', 16_385)),
  fatal(code.frameSize, 'DATA of 16 MB', 'RFC 9113 4.2', `${post(1)}${f(data, 0, 1, '', 0xffffff)}`),
  fatal(code.protocol, 'DATA of stream 0', 'RFC 9113 6.1', f(data, 0, 0, 'x')),
  fatal(
    code.protocol,
    'DATA with padding that is all of it',
    'RFC 9113 6.1',
    `${post(1)}${f(data, 8, 1, '\x05hello')}`.replace('\x05hello', '\x06hello'),
  ),
  fatal(code.frameSize, 'padded DATA without pad length', 'RFC 9113 6.1', `${post(1)}${f(data, 8, 1)}`),
  served('DATA with padding', 'RFC 9113 6.1', `${post(1)}${f(data, 9, 1, `\x0ahello${'evil'.repeat(2)}..`)}`, posted),
  fatal(code.protocol, 'HEADERS of stream 0', 'RFC 9113 6.2', f(headers, 5, 0, fields)),
  fatal(code.protocol, 'HEADERS with padding longer than it', 'RFC 9113 6.2', f(headers, 13, 1, `\xff${fields}`)),
  fatal(code.frameSize, 'HEADERS too short for a priority', 'RFC 9113 6.2', f(headers, 0x25, 1, '\0\0\0\0')),
  served(
    'HEADERS with padding and a priority on itself',
    'RFC 9113 5.3.2',
    f(headers, 0x2d, 1, `\x03${u32(1)}\x10${fields}eee`),
  ),
  fatal(code.protocol, 'PRIORITY of stream 0', 'RFC 9113 6.3', f(priority, 0, 0, `${u32(0)}\x10`)),
  fatal(code.frameSize, 'PRIORITY of 4 bytes', 'RFC 9113 6.3: at least the stream', f(priority, 0, 1, u32(0))),
  served('PRIORITY of an idle stream', 'RFC 9113 5.1', `${f(priority, 0, 9, `${u32(0)}\x10`)}${get(1)}`),
  fatal(code.protocol, 'RST_STREAM of stream 0', 'RFC 9113 6.4', f(resetStream, 0, 0, u32(8))),
  fatal(code.protocol, 'RST_STREAM of an idle stream', 'RFC 9113 6.4', f(resetStream, 0, 1, u32(8))),
  fatal(code.frameSize, 'RST_STREAM of 5 bytes', 'RFC 9113 6.4', `${post(1)}${f(resetStream, 0, 1, `${u32(8)}x`)}`),
  fatal(code.protocol, 'SETTINGS of a stream', 'RFC 9113 6.5', f(settings, 0, 1)),
  fatal(code.frameSize, 'SETTINGS of 5 bytes', 'RFC 9113 6.5', f(settings, 0, 0, '\0\x01\0\0\0')),
  fatal(code.frameSize, 'acknowledgement with a payload', 'RFC 9113 6.5', f(settings, 1, 0, '\0\x09\0\0\0\0')),
  fatal(code.protocol, 'ENABLE_PUSH 2', 'RFC 9113 6.5.2', set(2, 2)),
  fatal(code.flowControl, 'INITIAL_WINDOW_SIZE 2^31', 'RFC 9113 6.5.2', set(4, 0x8000_0000)),
  fatal(code.protocol, 'MAX_FRAME_SIZE 16,383', 'RFC 9113 6.5.2', set(5, 16_383)),
  fatal(code.protocol, 'MAX_FRAME_SIZE 2^24', 'RFC 9113 6.5.2', set(5, 0x100_0000)),
  fatal(code.protocol, 'ENABLE_CONNECT_PROTOCOL 2', 'RFC 8441 3', set(8, 2)),
  fatal(code.protocol, 'NO_RFC7540_PRIORITIES 2', 'RFC 9218 2.1', set(9, 2)),
  served(
    'unknown setting, and settings at their bounds',
    'RFC 9113 6.5.2',
    `${set(0x99, 0xffff_ffff)}${set(5, 0xff_ffff)}${set(1, 0)}${set(1, 0xffff_ffff)}${set(3, 0)}${set(6, 0)}${get(1)}`,
  ),
  fatal(
    code.protocol,
    'acknowledgements of settings that were not sent',
    'RFC 9113 6.5.3',
    f(settings, 1, 0).repeat(3),
  ),
  fatal(
    code.protocol,
    'PUSH_PROMISE of a client',
    'RFC 9113 8.4',
    `${post(1)}${f(pushPromise, 4, 1, u32(2) + fields)}`,
  ),
  fatal(code.protocol, 'PING of a stream', 'RFC 9113 6.7', f(ping, 0, 1, pong)),
  fatal(code.frameSize, 'PING of 7 bytes', 'RFC 9113 6.7', f(ping, 0, 0, '1234567')),
  fatal(code.protocol, 'GOAWAY of a stream', 'RFC 9113 6.8', f(goaway, 0, 1, u32(0) + u32(0))),
  fatal(code.frameSize, 'GOAWAY of 7 bytes', 'RFC 9113 6.8', f(goaway, 0, 0, '1234567')),
  served(
    'a request behind GOAWAY of the client',
    'RFC 9113 6.8: it opens none for the server',
    `${f(goaway, 0, 0, u32(0) + u32(0))}${get(1)}`,
  ),
  fatal(code.protocol, 'WINDOW_UPDATE of 0', 'RFC 9113 6.9', f(windowUpdate, 0, 0, u32(0))),
  fatal(
    code.protocol,
    'WINDOW_UPDATE of 0 for a stream',
    'RFC 9113 6.9; CVE-2025-8671',
    `${post(1)}${f(windowUpdate, 0, 1, u32(0))}`,
  ),
  fatal(code.frameSize, 'WINDOW_UPDATE of 3 bytes', 'RFC 9113 6.9', f(windowUpdate, 0, 0, '\0\0\x01')),
  fatal(
    code.flowControl,
    'window of the connection beyond 2^31-1',
    'RFC 9113 6.9.1',
    f(windowUpdate, 0, 0, u32(0x7fff_ffff)),
  ),
  sequence(
    'window of a stream beyond 2^31-1',
    'RFC 9113 6.9.1',
    `${post(1)}${f(windowUpdate, 0, 1, u32(0x7fff_ffff))}`,
    {
      streams: { 1: `reset ${code.flowControl}` },
    },
  ),
  fatal(
    code.flowControl,
    'windows of streams beyond 2^31-1 by a setting',
    'RFC 9113 6.9.2',
    `${post(1)}${f(windowUpdate, 0, 1, u32(0x7fff_0000))}${set(4, 0x2_0000)}`,
  ),
  fatal(code.protocol, 'CONTINUATION of stream 0', 'RFC 9113 6.10', f(continuation, 4, 0, fields)),
  fatal(code.protocol, 'CONTINUATION without HEADERS', 'RFC 9113 6.10', f(continuation, 4, 1, fields)),
  fatal(
    code.protocol,
    'CONTINUATION behind a block that is complete',
    'RFC 9113 6.10',
    `${post(1)}${f(continuation, 4, 1, fields)}`,
  ),
  fatal(
    code.protocol,
    'CONTINUATION of another stream',
    'RFC 9113 6.10',
    `${f(headers, 1, 1, fields)}${f(continuation, 4, 3, fields)}`,
  ),
  fatal(
    code.protocol,
    'PING inside of a header block',
    'RFC 9113 4.3',
    `${f(headers, 1, 1, fields)}${f(ping, 0, 0, pong)}`,
  ),
  fatal(code.protocol, 'HEADERS inside of a header block', 'RFC 9113 4.3', `${f(headers, 1, 1, fields)}${get(3)}`),
  served(
    'a header block in three frames',
    'RFC 9113 4.3',
    `${f(headers, 1, 1, fields.slice(0, 10))}${f(continuation, 0, 1)}${f(continuation, 4, 1, fields.slice(10))}`,
  ),
];

const streamCases: H2Case[] = [
  fatal(code.protocol, 'an even stream', 'RFC 9113 5.1.1', get(2)),
  fatal(code.streamClosed, 'a lower stream', 'RFC 9113 5.1.1', `${f(headers, 4, 5, fields)}${get(3)}`),
  fatal(code.protocol, 'DATA of an idle stream', 'RFC 9113 5.1', f(data, 1, 1, 'x')),
  fatal(code.protocol, 'WINDOW_UPDATE of an idle stream', 'RFC 9113 5.1', f(windowUpdate, 0, 1, u32(1))),
  sequence(
    'DATA behind END_STREAM',
    'RFC 9113 5.1',
    `${f(headers, 5, 1, block([...pseudo, ['x-late', '1']]))}${f(data, 1, 1, 'GET /smuggled/TTTTTTTT HTTP/1.1\r\nHost: evil\r\n\r\n')}`,
    {
      ...closed,
      seen: mayBeSeen,
      isUncut: true,
    },
  ),
  sequence('HEADERS behind END_STREAM', 'RFC 9113 5.1', `${get(1)}${get(1, ['x', 'evil'])}`, {
    ...closed,
    seen: mayBeSeen,
    isUncut: true,
  }),
  fatal(
    code.streamClosed,
    'DATA behind RST_STREAM',
    'RFC 9113 5.1',
    `${post(1)}${f(resetStream, 0, 1, u32(8))}${f(data, 1, 1, 'hello')}`,
  ),
  fatal(
    code.streamClosed,
    'HEADERS behind RST_STREAM',
    'RFC 9113 5.1',
    `${post(1)}${f(resetStream, 0, 1, u32(8))}${get(1)}`,
  ),
  served(
    'RST_STREAM and WINDOW_UPDATE of a closed stream',
    'RFC 9113 5.1',
    `${post(1)}${f(resetStream, 0, 1, u32(8)).repeat(2)}${f(windowUpdate, 0, 1, u32(1))}${get(3)}`,
    got,
    { streams: { 3: '200' } },
  ),
  sequence(
    'an abandoned request reaches no server as a whole one',
    'RFC 9113 5.4.2',
    `${post(1)}${f(data, 0, 1, 'hello')}${f(resetStream, 0, 1, u32(8))}`,
    {},
  ),
  sequence(
    'DATA that is dropped gives the window back',
    'RFC 9113 6.9',
    `${get(1)}${f(data, 1, 1, 'x'.repeat(16_000))}`,
    { ...closed, seen: mayBeSeen, isUncut: true },
  ),
  sequence(
    'more streams than are allowed',
    'RFC 9113 5.1.2',
    `${times(10, (i) => post(2 * i + 1))}${get(21)}${times(10, (i) => f(resetStream, 0, 2 * i + 1, u32(8)))}`,
    {
      streams: { 21: `reset ${code.refused}` },
      isUncut: true,
    },
  ),
  sequence(
    'the window of a stream is exceeded',
    'RFC 9113 6.9.1',
    `${post(1, ['content-length', '5'])}${f(data, 0, 1, 'x'.repeat(16_384)).repeat(5)}`,
    {
      streams: { 1: '400 bad-content-length, reset 1' },
      isUncut: true,
    },
  ),
];

/** A field with a name of the static table, to be added to the table. */
const indexedName = (index: number, value: string) => `${integer(index, 6, 0x40)}${integer(value.length, 7)}${value}`;

const hpackCases: H2Case[] = [
  ['index 0', '\x80'],
  ['an entry that is not there', '\xbe'],
  ['an index without end', '\xff\xff\xff\xff\xff\xff\x7f'],
  ['a text longer than the block', '\x00\x01a\x7f\xff\x7fx'],
  ['Huffman padding of 8 bits', '\x00\x01a\x82\x1f\xff'],
  ['Huffman padding that is not all ones', '\x00\x01a\x81\x18'],
  ['the end-of-string symbol', '\x00\x01a\x84\xff\xff\xff\xff'],
  ['a table size beyond the setting', '\x3f\xe2\x1f'],
  ['a table size behind a field', `${fields}\x20`],
  ['a block that breaks off', fields.slice(0, -3)],
].map(([name = '', bytes = '']) => fatal(code.compression, `HPACK: ${name}`, 'RFC 7541', f(headers, 5, 1, bytes)));

const bomb = `${integer(0, 6, 0x40)}${integer(1, 7)}x${integer(3900, 7)}${'y'.repeat(3900)}`;

const attackCases: H2Case[] = [
  served('HPACK: table sizes at the beginning', 'RFC 7541 4.2', f(headers, 5, 1, `\x20\x3f\xe1\x1f${fields}`)),
  served(
    'HPACK: an entry of an earlier block',
    'RFC 7541 2.3.2',
    `${f(headers, 4, 1, `${fields}${indexedName(58, 'agent')}`)}${f(resetStream, 0, 1, u32(8))}${f(headers, 5, 3, `${fields}\xbe`)}`,
    { ...got, has: { 'user-agent': 'agent' } },
    { streams: { 3: '200' } },
  ),
  refused(
    '431 head-too-large',
    'HPACK bomb: some references to one large field',
    'CVE-2016-6581',
    f(headers, 5, 1, `${fields}${bomb}${'\xbe'.repeat(3)}`),
    { isUncut: true },
  ),
  fatal(
    code.compression,
    'HPACK bomb: thousands of references to one large field',
    'CVE-2016-6581',
    f(headers, 5, 1, `${fields}${bomb}${'\xbe'.repeat(4000)}`),
    { isUncut: true },
  ),
  fatal(
    code.compression,
    'HPACK bomb: thousands of fields with one large name',
    'CVE-2016-6581',
    f(headers, 5, 1, `${integer(0, 6, 0x40)}${integer(3900, 7)}${'n'.repeat(3900)}\x00${'\x7e\x00'.repeat(1500)}`),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'rapid reset',
    'CVE-2023-44487',
    times(1001, (i) => `${post(2 * i + 1)}${f(resetStream, 0, 2 * i + 1, u32(8))}`),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'made you reset, by windows',
    'CVE-2025-8671',
    times(101, (i) => `${post(2 * i + 1)}${f(windowUpdate, 0, 2 * i + 1, u32(0x7fff_ffff))}`),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'made you reset, by malformed requests',
    'CVE-2025-8671',
    times(101, (i) => get(2 * i + 1, ['Evil', 'x'])),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'made you reset, by bodies of another length',
    'CVE-2025-8671',
    times(101, (i) => `${post(2 * i + 1, ['content-length', '9'])}${f(data, 1, 2 * i + 1, 'hello')}`),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'made you reset, by frames behind the end',
    'CVE-2025-8671',
    times(101, (i) => `${f(headers, 5, 2 * i + 1, block([[':method', 'CONNECT'], ...pseudo.slice(1)]))}`),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'CONTINUATION flood, empty frames',
    'CVE-2024-27316',
    f(headers, 1, 1, fields) + f(continuation, 0, 1).repeat(100),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'CONTINUATION flood, large frames',
    'CVE-2024-27316, CVE-2024-28182',
    f(headers, 1, 1, fields) + f(continuation, 0, 1, literal('x', 'y'.repeat(4000))).repeat(5),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'CONTINUATION flood, of many blocks',
    'CVE-2023-45288',
    times(
      1001,
      (i) =>
        `${f(headers, 0, 2 * i + 1, block([['Evil', 'x']]))}${f(continuation, 4, 2 * i + 1)}${f(resetStream, 0, 2 * i + 1, u32(8))}`,
    ),
    { isUncut: true },
  ),
  fatal(code.calm, 'PING flood', 'CVE-2019-9512', f(ping, 0, 0, pong).repeat(601), { isUncut: true }),
  fatal(code.calm, 'SETTINGS flood', 'CVE-2019-9515', first.repeat(101), { isUncut: true }),
  fatal(code.calm, 'empty frames flood', 'CVE-2019-9518', `${post(1)}${f(data, 0, 1).repeat(1001)}`, { isUncut: true }),
  fatal(
    code.calm,
    'empty frames flood, of padding',
    'CVE-2019-9518',
    `${post(1)}${f(data, 8, 1, '\x01x').repeat(1001)}`,
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'header flood without names',
    'CVE-2019-9516',
    times(101, (i) => f(headers, 5, 2 * i + 1, fields + literal('', ''))),
    { isUncut: true },
  ),
  fatal(
    code.calm,
    'PRIORITY flood',
    'CVE-2019-9513',
    times(1001, (i) => f(priority, 0, 1 + 2 * (i % 50), `${u32(0)}\x10`)),
    { isUncut: true },
  ),
  fatal(code.calm, 'RST_STREAM flood', 'CVE-2019-9514', `${post(1)}${f(resetStream, 0, 1, u32(8)).repeat(5002)}`, {
    isUncut: true,
  }),
  fatal(code.calm, 'WINDOW_UPDATE flood', 'CVE-2019-9511, CVE-2019-9517', f(windowUpdate, 0, 0, u32(1)).repeat(2001), {
    isUncut: true,
  }),
  fatal(code.calm, 'GOAWAY flood', 'RFC 9113 10.5', f(goaway, 0, 0, u32(0) + u32(0)).repeat(101), { isUncut: true }),
  fatal(code.calm, 'flood of unknown frames', 'RFC 9113 10.5', f(0x99, 0, 0, 'x').repeat(1001), { isUncut: true }),
  fatal(
    code.calm,
    'flood of streams beyond the limit',
    'RFC 9113 10.5',
    `${times(10, (i) => post(2 * i + 1))}${times(201, (i) => get(2 * i + 21))}`,
    { isUncut: true },
  ),
];

export const frameSequences: readonly H2Case[] = [
  ...prefaceCases,
  ...frameCases,
  ...streamCases,
  ...hpackCases,
  ...attackCases,
];
