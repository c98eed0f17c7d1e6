/**
 * Makes request heads for the fuzz: a grammar whose every part is sometimes odd, and byte mutations of what
 * comes out. About a third stays valid, else only refusals would be compared.
 */
import type { Random } from './random.ts';

const methods = ['GET', 'GET', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];
const oddMethods = [
  'CONNECT',
  'TRACE',
  'get',
  'PRI',
  'M-SEARCH',
  'FOO',
  'DESCRIBE',
  'SOURCE',
  '',
  'G(T',
  'QUERY',
  'LINK',
];

const targets = [
  '/',
  '/',
  '/a',
  '/a/b?c=d',
  '/%20',
  '/a?b#'.slice(0, 4),
  'http://a/',
  'http://a:80/b?c',
  'http://[::1]:8/',
  'https://a/b',
];
const oddTargets = [
  '*',
  'a:80',
  '',
  'a',
  '?a',
  '//a',
  'http://',
  'http:///a',
  'http://a',
  'http://a?b',
  'HTTP://A/',
  'http://u@a/',
  'http://a_b/',
  'http://a%41/',
  'http://a:x/',
  'ftp://a/',
  'http:/a',
  '/a#b',
  '/\x80',
  '/\xc3\xa9',
  '/"<>\\^`{|}',
  '/\x7f',
  '/\x0b',
  '/\x00',
  '/a b',
  '/a\tb',
  '@a',
  '-',
  'http://[::1',
  'http://a#b',
  'http://a?b?c',
  'http://a/?b?c/d',
  'http://a/@',
  'http://a;b/',
  "http://a!$&'()*+,=/",
];

const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'];
const oddVersions = [
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.',
  'HTTP/1.11',
  'HTTP/11',
  'RTSP/1.0',
  'ICE/1.0',
  '',
  'HTTP/3.0',
  'HTTP/1.1 ',
];

const names = [
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Upgrade',
  'Expect',
  'Host',
  'Cookie',
  'TE',
  'Keep-Alive',
  'Proxy-Connection',
  'Content_Length',
  'Transfer_Encoding',
  'X',
  'Accept',
  'content-length',
  'TRANSFER-ENCODING',
  'cOnNeCtIoN',
  'Limpet-Session',
];
const oddNames = [
  '',
  'X ',
  ' X',
  '\tX',
  'X\t',
  'X\x00',
  'X\xff',
  'X(',
  'X[0]',
  'Content-Length ',
  ' Content-Length',
  'Transfer-Encoding\x0b',
  'Transfer-Encoding ',
  '"X"',
  'X\r',
  'X\n',
  'Content-Length0',
  'Content-Lengt',
  'Transfer-Encodin',
  'Proxy-Connectio',
  '\xe9',
];

const values: Readonly<Record<string, readonly string[]>> = {
  'content-length': [
    '0',
    '5',
    '5',
    '10',
    '0005',
    '+5',
    '-5',
    '5, 5',
    '5 5',
    '',
    '0x5',
    '1e1',
    '5.0',
    '9007199254740991',
    '9007199254740992',
    '18446744073709551615',
    '18446744073709551616',
    '99999999999999999999',
    '4294967296',
    '00000000000000000005',
    '5\t',
    ' 5',
    '5;a',
    '\x0b5',
    '65536',
  ],
  'transfer-encoding': [
    'chunked',
    'chunked',
    'chunked',
    'Chunked',
    'CHUNKED',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked,',
    ',chunked',
    'xchunked',
    'chunkedx',
    'chunked;a=b',
    '"chunked"',
    '',
    'chunked\t',
    '\tchunked',
    '\x0bchunked',
    'gzip',
    'chunked identity',
    'gzip,chunked',
    'chunked\x00',
    '\xa0chunked',
    'deflate,\tchunked',
    'c hunked',
    'chunked ,chunked',
  ],
  connection: [
    'close',
    'keep-alive',
    'upgrade',
    'Upgrade, close',
    'close, keep-alive',
    'keep-alive, upgrade',
    'Keep-Alive',
    'CLOSE',
    'closed',
    'close;',
    'te, close',
    ',close',
    'X',
    'content-length',
    '',
    'keep-alivex',
    'close keep-alive',
    'up grade',
    ', ,close,,',
  ],
  upgrade: ['websocket', 'h2c', '', 'a, b'],
  expect: ['100-continue', '100-Continue', 'x', '', '100-continue, x'],
  host: ['a', 'a:80', '[::1]', '', 'a, b', 'a b', 'u@a', 'a/b', 'a:b', 'a_b', '\xe9', '[::1]:80', ':80', '[x]', 'A.B'],
};
const otherValues = [
  '',
  'a',
  'a b',
  ' a ',
  '\ta\t',
  'a\tb',
  '\xe9',
  '"a, b"',
  'a\x00b',
  'a\x01',
  'a\x7f',
  'a\rb',
  'a\nb',
  'a\r\n b',
  'a\r\n\tb',
  '\x0b',
  'a:b',
  'a\r',
  '\r',
  '\x1f',
  '\xa0',
];

const ends = ['\r\n'];
const oddEnds = ['\n', '\r', '\r\r\n', ' \r\n', '\t\r\n', '\n\r', '\r\n ', '\r\n\t', '', '\x00\r\n'];
const interesting = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '\x00',
  '\x0b',
  '\x0c',
  ':',
  ',',
  ';',
  '\x7f',
  '\x80',
  '\xff',
  '0',
  '9',
  'a',
  '/',
  '_',
  '-',
  '\r\n ',
  '\x1f',
];

/** `odd`: percent of parts that come from the odd lists. */
export function makeHead(random: Random): string {
  const odd = random.pick([0, 0, 3, 8]);
  const one = (usual: readonly string[], rare: readonly string[]) => random.pick(random.chance(odd) ? rare : usual);
  let head = random.chance(odd) ? random.pick(['\r\n', '\n', '\r', '\r\n\r\n', ' ', '\n\n']) : '';
  const space = () => (random.chance(odd) ? random.pick(['  ', '\t', '', ' \t', '\r', '\xa0']) : ' ');
  head +=
    one(methods, oddMethods) +
    space() +
    one(targets, oddTargets) +
    space() +
    one(versions, oddVersions) +
    one(ends, oddEnds);
  if (!random.chance(odd)) head += `Host: ${one(['a', 'a:80', '[::1]'], values.host ?? [])}${one(ends, oddEnds)}`;
  const count = random.below(random.chance(3) ? 45 : 5);
  for (let i = 0; i < count; i++) head += makeHeader(random, one, odd);
  head += one(ends, oddEnds);
  const mutations = random.pick([0, 0, 0, 1, 1, 2, 4]);
  for (let i = 0; i < mutations; i++) head = mutate(head, random);
  return head;
}

type One = (usual: readonly string[], rare: readonly string[]) => string;

function makeHeader(random: Random, one: One, odd: number): string {
  const name = one(random.chance(60) ? names : ['X-A', 'X-B', 'Accept', 'Referer'], oddNames);
  const known = values[name.toLowerCase()];
  // Most of the lists are odd on purpose: a valid head takes the first entries.
  const value =
    known === undefined
      ? random.chance(odd)
        ? random.pick(otherValues)
        : 'v'
      : random.pick(random.chance(odd * 4) ? known : known.slice(0, 3));
  const colon = random.chance(odd) ? random.pick([':', ' :', ': \t', '\t:', '', '::', ':\r\n ', ': \n']) : ': ';
  return name + colon + value + one(ends, oddEnds);
}

function mutate(head: string, random: Random): string {
  const at = random.below(head.length + 1);
  switch (random.below(6)) {
    case 0:
      return head.slice(0, at) + random.pick(interesting) + head.slice(at);
    case 1:
      return head.slice(0, at) + head.slice(at + 1 + random.below(3));
    case 2:
      return head.slice(0, at) + random.pick(interesting) + head.slice(at + 1);
    case 3:
      return head.slice(0, at) + String.fromCharCode(random.below(256)) + head.slice(at + 1);
    case 4: {
      const length = random.below(30);
      return head.slice(0, at) + head.slice(at, at + length) + head.slice(at);
    }
    default:
      return random.chance(30) ? head.slice(0, at) : head.slice(0, at) + upper(head.slice(at));
  }
}

/** ASCII only: latin1 text must stay latin1. */
function upper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
