/**
 * Fuzz of the fields of an HTTP/2 request: random lists of fields, mostly right ones with something wrong in them, become a head of HTTP/1.1
 * that the strict reader takes, or are refused; and a slow reading of RFC 9113 section 8 in strings must say the same, field for field.
 * corpus/h2-fields.txt holds lists that are always read; a case that fails is a line for it.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { RequestFields } from '../../src/http/h2/request-fields.ts';
import { RequestHead } from '../../src/http/head.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { type Field, fieldList } from '../support/fields.ts';
import { wideLimits } from '../support/heads.ts';
import { fuzzCases, fuzzSeed, Random } from './random.ts';

/** Request line and header lines; null: refused. */
type Reading = readonly string[] | null;

const forbidden = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const hostPattern = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~%-]+)(?::\d*)?$/;

function readReference(fields: readonly Field[], isEnded: boolean): Reading {
  const pseudo = new Map<string, string>();
  let at = 0;
  for (; at < fields.length && /^:./s.test(fields[at]![0]); at++) {
    const [name, value] = fields[at]!;
    if (pseudo.has(name) || !/^:(?:method|scheme|authority|path|protocol)$/.test(name) || !isValue(value)) return null;
    pseudo.set(name, value);
  }
  const [method, scheme, authority, path, protocol] = [':method', ':scheme', ':authority', ':path', ':protocol'].map(
    (name) => pseudo.get(name),
  );
  // CONNECT of section 8.5 and TRACE are not served; of RFC 8441 the method is CONNECT.
  if (method === undefined || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method) || method === 'TRACE') return null;
  if ((method === 'CONNECT') !== (protocol !== undefined)) return null;
  if (protocol !== undefined && (authority === undefined || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(protocol)))
    return null;
  if (scheme === undefined || !/^https?$/i.test(scheme) || path === undefined) return null;
  if (!/^\/[\x21\x22\x24-\x7e]*$/.test(path) && !(path === '*' && method === 'OPTIONS')) return null;

  const regular = fields.slice(at);
  const valuesOf = (name: string) => regular.filter(([other]) => other === name).map(([, value]) => value);
  for (const [name, value] of regular) {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || !isValue(value) || forbidden.has(name)) return null;
    if (name === 'te' && value.toLowerCase() !== 'trailers') return null;
  }
  const hosts = valuesOf('host');
  const host = authority ?? hosts[0];
  if (hosts.length > 1 || host === undefined || !hostPattern.test(host)) return null;
  if (hosts.length > 0 && hosts[0]!.toLowerCase() !== host.toLowerCase()) return null;
  const [length, ...moreLengths] = valuesOf('content-length');
  if (moreLengths.length > 0) return null;
  if (length !== undefined && (!/^\d{1,16}$/.test(length) || Number(length) > Number.MAX_SAFE_INTEGER)) return null;
  if (length !== undefined && ((isEnded && Number(length) > 0) || protocol !== undefined)) return null;
  // The strict reader of HTTP/1.1 knows no other expectation.
  const expects = valuesOf('expect');
  if (expects.length > 1 || expects.some((value) => value.toLowerCase() !== '100-continue')) return null;

  const lines = [`${protocol === undefined ? method : 'GET'} ${path} HTTP/1.1`];
  if (authority !== undefined) lines.push(`host: ${authority}`);
  const cookies = valuesOf('cookie').filter((value) => value !== '');
  let hasCookie = false;
  for (const [name, value] of regular) {
    if (name === 'content-length' && !isEnded && Number(value) === 0) continue;
    if (name === 'te' || (name === 'host' && authority !== undefined) || (name === 'cookie' && hasCookie)) continue;
    if (name === 'cookie') hasCookie = true;
    lines.push(`${name}: ${name === 'cookie' ? cookies.join('; ') : value}`);
  }
  if (protocol !== undefined) return [...lines, 'connection: upgrade', `upgrade: ${protocol}`];
  if (length !== undefined && (isEnded || Number(length) > 0)) return lines;
  if (!isEnded) return [...lines, 'transfer-encoding: chunked'];
  return /^(?:POST|PUT|PATCH)$/.test(method) ? [...lines, 'content-length: 0'] : lines;
}

function isValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) && !/^[\t ]|[\t ]$/.test(value);
}

const converter = new RequestFields(true);
const head = new RequestHead(wideLimits);

function readOurs(fields: readonly Field[], isEnded: boolean): Reading {
  const out = new HeadWriter(16);
  if (converter.write(fieldList(fields, 1 << 20), isEnded, out) !== null) return null;
  const after = head.read(out.bytes, 0, out.length);
  if (after < 0) return null;
  // A head that is taken ends where the fields end: nothing behind it is another request.
  expect(after).toBe(out.length);
  return out.bytes.toString('latin1', 0, out.length - 4).split('\r\n');
}

const values = [
  '',
  'x',
  '1',
  'a=b',
  'trailers',
  'gzip',
  'chunked',
  '5',
  '0',
  '05',
  '+5',
  '5, 5',
  '9007199254740993',
  '100-continue',
];
const oddValues = [
  ' x',
  'x\t',
  'x\r\ny: z',
  'x\ny',
  'x\ry',
  'x\0',
  '\x7f',
  '\xff',
  'x'.repeat(200),
  `${'x'.repeat(100)}\n`,
];
const names = [
  'accept',
  'cookie',
  'cookie',
  'te',
  'host',
  'content-length',
  'expect',
  'x-a',
  'content_length',
  'limpet-session',
  '~',
];
const oddNames = [
  'Accept',
  'COOKIE',
  '',
  ' ',
  'a b',
  'a:b',
  ':',
  ':path',
  ':status',
  'a\r\nb',
  'a\0',
  '\xe9',
  'connection',
  'upgrade',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding ',
];
const methods = ['GET', 'GET', 'POST', 'OPTIONS', 'CONNECT', 'HEAD', 'TRACE', 'get', 'G T', '', 'M-SEARCH'];
const paths = [
  '/',
  '/',
  '/a?b=c',
  '*',
  '',
  'a',
  '/a b',
  '/a#b',
  '/\xe9',
  '//evil/',
  '/\r\nx: y',
  'http://evil/',
  '/ HTTP/1.1',
];
const hosts = ['a', 'a', 'A', 'a:80', 'a:', '[::1]:8', 'u@a', 'a/b', 'a b', '', 'a,b', 'a\t', '\xe9'];

function makeFields(random: Random): Field[] {
  const fields: Field[] = [];
  const usually = (name: string, usual: string, odd: readonly string[]) => {
    if (random.chance(97)) fields.push([name, random.chance(75) ? usual : random.pick(odd)]);
  };
  const isConnect = random.chance(10);
  usually(':method', isConnect ? 'CONNECT' : 'GET', methods);
  usually(':scheme', 'https', ['http', 'HTTPS', 'ftp', '']);
  usually(':path', '/', paths);
  if (random.chance(85)) usually(':authority', 'a', hosts);
  if (isConnect !== random.chance(5)) usually(':protocol', 'websocket', ['', 'a b', 'h2c', 'x/1']);
  for (let more = random.below(6); more > 0; more--) {
    const name = random.pick(random.chance(93) ? names : oddNames);
    const right = name === 'te' ? 'trailers' : name === 'host' ? random.pick(hosts) : random.pick(values);
    fields.push([name, random.chance(90) ? right : random.pick(oddValues)]);
  }
  if (random.chance(10) && fields.length > 1) {
    const from = random.below(fields.length);
    fields.splice(random.below(fields.length), 0, ...(random.chance(50) ? fields.splice(from, 1) : [fields[from]!]));
  }
  return fields;
}

const corpus = readFileSync(resolve(import.meta.dirname, 'corpus/h2-fields.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => JSON.parse(line) as Field[]);

const seed = fuzzSeed();

test(`lists of fields, FUZZ_SEED=${seed}`, { timeout: 600_000 }, () => {
  const random = new Random(seed);
  const lists = [...corpus, ...Array.from({ length: fuzzCases(25_000) }, () => makeFields(random))];
  let taken = 0;
  for (const fields of lists) {
    for (const isEnded of [true, false]) {
      const ours = readOurs(fields, isEnded);
      const reference = readReference(fields, isEnded);
      // A matcher for each would cost more than the reading.
      if (JSON.stringify(ours) !== JSON.stringify(reference)) expect(ours, JSON.stringify(fields)).toEqual(reference);
      if (ours !== null) taken++;
    }
  }
  expect(taken / lists.length / 2).toBeGreaterThan(0.1);
  expect(taken / lists.length / 2).toBeLessThan(0.9);
});
