/** Fuzz of the chunked reader: random bodies, broken in random ways, cut at random places, against a slow reference. */
import { describe, expect, test } from 'vitest';
import { BodyLength, BodyReader } from '../../src/http/body.ts';
import { show } from '../support/raw.ts';
import { fuzzCases, fuzzSeed, Random } from './random.ts';
import { type Decoded, decodeChunked } from './reference.ts';

const maxShown = 8;
const sound = ['', '', '', '', '', ';a', ';a=b', ';a="b;c"', '; a\t=\t"\\"\xe9" ;b', ';a;b=""'];
const malformed = ['; \t', ';\xe9', ';', ';a=', ';a;', ';a="b', ';a="b"c', ';a ', ';a b', ';=b', ';a=b=c', ';a="\\'];
const trailers = [
  'X-Sum: 1',
  'X-Other:',
  'X-A:\ta\t',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Host: evil',
  'cookie: a=b',
  'Limpet-Session: x',
  'X_Forwarded_For: evil',
  'X-Forwarded-For: evil',
  'Authorization: x',
  'Content_Length: 1',
  'CONNECTION: close',
  'If_Match: *',
  'Range: bytes=0-0',
  'WWW-Authenticate: x',
  "!#$%&'*+-.^_`|~9Az: \xff",
];
const interesting = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '\x00',
  ';',
  ':',
  '0',
  '5',
  'f',
  'g',
  'x',
  '-',
  '+',
  '_',
  '\x7f',
  '\x80',
  '0\r\n\r\n',
  '0x',
  '\r\n ',
  '00000000000000',
];

/** The encoded body, perhaps broken, and the bytes behind it. */
function makeBody(random: Random): string {
  let body = '';
  const extension = (): string => random.pick(random.chance(3) ? malformed : sound);
  for (let i = random.below(6); i > 0; i--) {
    const size = 1 + random.below(random.chance(5) ? 3000 : 20);
    const text = Array.from({ length: size }, () =>
      String.fromCharCode(random.chance(50) ? random.below(256) : 48 + random.below(6)),
    ).join('');
    body += `${writeSize(size, random)}${extension()}\r\n${text}\r\n`;
  }
  body += `${random.pick(['0', '0', '00', '000000000000'])}${extension()}\r\n`;
  for (let i = random.chance(50) ? random.below(4) : 0; i > 0; i--) body += `${random.pick(trailers)}\r\n`;
  body += '\r\n';
  if (random.chance(1)) body = body.replace(';', `;${'e'.repeat(16_370 + random.below(30))}`);
  if (random.chance(1)) body = body.replace('X-Sum: 1', `X-Sum: ${'s'.repeat(8_170 + random.below(20))}`);
  for (let i = random.pick([0, 0, 1, 1, 2]); i > 0; i--) {
    const at = random.below(body.length + 1);
    const removed = random.pick([0, 1, 1, 2, 3]);
    body = body.slice(0, at) + (random.chance(70) ? random.pick(interesting) : '') + body.slice(at + removed);
  }
  return random.chance(10)
    ? body.slice(0, random.below(body.length))
    : body + random.pick(['', 'GET / HTTP/1.1\r\n', '\r\n', '0']);
}

function writeSize(size: number, random: Random): string {
  const digits = size.toString(16);
  return random.pick([digits, digits, digits.toUpperCase(), digits.padStart(6, '0'), digits.padStart(13, '0')]);
}

/** Our reader over the body in random pieces, each somewhere inside a buffer of its own. */
function readOurs(body: string, random: Random): Decoded {
  const reader = new BodyReader();
  reader.begin(BodyLength.chunked);
  const usual = random.pick([1, 2, 7, 40, 1000, 100_000]);
  let data = '';
  let at = 0;
  while (at < body.length && !reader.done) {
    const size = 1 + random.below(usual);
    const before = random.below(4);
    const piece = Buffer.from(`${'#'.repeat(before)}${body.slice(at, at + size)}`, 'latin1');
    const after = reader.read(piece, before);
    if (after < 0) return { verdict: reader.fault?.code as Decoded['verdict'], data, trailers: [], end: 0 };
    data += piece.toString('latin1', reader.dataStart, reader.dataEnd);
    if (!reader.done && after !== piece.length)
      throw new Error(`read ${after} of ${piece.length} bytes and is not done`);
    at += after - before;
  }
  const kept = reader.trailers?.toString('latin1').match(/[^\r]*\r\n/g) ?? [];
  return reader.done
    ? { verdict: 'done', data, trailers: kept, end: at }
    : { verdict: 'waits', data, trailers: [], end: 0 };
}

function compare(ours: Decoded, reference: Decoded): boolean {
  if (ours.verdict !== reference.verdict) return false;
  // What was given out before a fault depends on the pieces; it is never more than the reference's.
  if (ours.verdict !== 'done' && ours.verdict !== 'waits') return reference.data.startsWith(ours.data);
  return JSON.stringify(ours) === JSON.stringify(reference);
}

describe('chunked reader against a reference', () => {
  const seed = fuzzSeed();
  const cases = fuzzCases(30_000);

  test(`${cases} bodies, FUZZ_SEED=${seed}`, { timeout: 120_000 }, () => {
    const random = new Random(seed);
    const counts: Record<string, number> = { done: 0, waits: 0, 'bad-chunk': 0, 'bad-trailer': 0 };
    const wrong: string[] = [];
    for (let i = 0; i < cases && wrong.length < maxShown; i++) {
      const body = makeBody(random);
      const reference = decodeChunked(body);
      const ours = readOurs(body, random);
      counts[ours.verdict] = (counts[ours.verdict] ?? 0) + 1;
      if (!compare(ours, reference)) {
        wrong.push(
          `case ${i}: ours ${show(JSON.stringify(ours))}, reference ${show(JSON.stringify(reference))}\n    ${show(body)}`,
        );
      }
    }
    console.log(
      Object.entries(counts)
        .map(([verdict, n]) => `${verdict} ${n}`)
        .join(', '),
    );
    expect(wrong).toEqual([]);
    for (const verdict of Object.keys(counts)) expect(counts[verdict], verdict).toBeGreaterThan(cases / 200);
  });
});
