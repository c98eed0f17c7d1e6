import { describe, expect, test } from 'vitest';
import { readRequest, textOf } from '../../test/support/heads.ts';
import { Splice } from '../http/splice.ts';
import { HeadWriter } from '../http/writer.ts';
import { Recognition } from './affinity.ts';
import { ForceAffinity, forceToken } from './force.ts';
import type { KeyOptions } from './key.ts';

const now = 1_800_000_000;
const key = Buffer.alloc(32, 'k');
const header: KeyOptions = { from: 'header', name: 'X-Force' };
const query: KeyOptions = { from: 'query', name: 'force' };
const ids = new Map([
  ['s1', 11],
  ['127.0.0.1:80', 22],
]);

function recognise(source: KeyOptions, target: string, lines: string[], { keys = [key], peerTrusted = true } = {}) {
  const affinity = new ForceAffinity(source, { keys, pool: 'shop', idOf: (name) => ids.get(name) });
  const head = readRequest([`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n'));
  const client = { clientAddress: '1.2.3.4', clientSecure: false, peerTrusted };
  const [recognition, edit, out] = [new Recognition(), new Splice(), new HeadWriter(16)];
  const found = affinity.recognise(head, client, now, recognition, edit);
  edit.write(head.bytes, head.methodStart, head.headers.end, out);
  const [line, , ...left] = textOf(out).trimEnd().split('\r\n');
  return { owner: found ? recognition.owner : null, recognition, line, left };
}

const token = forceToken('shop', 's1', now + 10, key);
const ownerOf = (text: string, settings = {}) => recognise(header, '/', [`X-Force: ${text}`], settings).owner;

test('a signed server is picked, also one that is named by its address; nothing can be bound', () => {
  expect(token).toMatch(/^s1:1800000010:[\w-]{22}$/);
  expect(ownerOf(forceToken('shop', '127.0.0.1:80', now + 1, key))).toBe(22);
  const { recognition } = recognise(header, '/', [`X-Force: ${token}`]);
  expect(recognition).toMatchObject({ recognised: true, owner: 11, epoch: 0, sid0: 0, tokenDue: false });
});

describe('nobody is picked by', () => {
  test.each<[string, string]>([
    ['one that has ended', forceToken('shop', 's1', now, key)],
    ['a server that is not there', forceToken('shop', 's9', now + 10, key)],
    ['another key', forceToken('shop', 's1', now + 10, Buffer.alloc(32, 'x'))],
    ['another pool', forceToken('bank', 's1', now + 10, key)],
    ['another server', token.replace('s1', '127.0.0.1:80')],
    ['a later end', token.replace(':18', ':19')],
    ['a shorter MAC', token.slice(0, -2)],
    ['no MAC', 's1:1800000010:'],
    ['a name alone', 's1'],
    ['nothing', ''],
  ])('%s', (_what, text) => expect(ownerOf(text)).toBe(null));

  test('a peer that is not trusted', () => expect(ownerOf(token, { peerTrusted: false })).toBe(null));
});

test('keys rotate', () => {
  expect(ownerOf(token, { keys: [Buffer.alloc(32, 'n'), key] })).toBe(11);
});

describe('the server does not see', () => {
  test('the header, valid or not', () => {
    for (const text of [token, 'garbage'])
      expect(recognise(header, '/', [`X-Force: ${text}`, 'A: b', 'x-force: c']).left).toEqual(['A: b']);
  });

  test.each([
    [`/?force=${token}`, '/'],
    [`/a?x=%20&force=${token}&y=2`, '/a?x=%20&y=2'],
    [`/a?force=${token}&y=2&force=x`, '/a?y=2'],
    [`/a?x&force=${token}`, '/a?x'],
    [`/a?force=${token}&force=x`, '/a'],
    [`/a?%66orce=${token}&`, '/a?'],
    ['/a?forced=1', '/a?forced=1'],
  ])('the parameter in %s', (target, left) => {
    expect(recognise(query, target, []).line).toBe(`GET ${left} HTTP/1.1`);
  });

  test('the cookie', () => {
    const { owner, left } = recognise({ from: 'cookie', name: 'f' }, '/', [`Cookie: a=1; f=${token}; b=2`]);
    expect([owner, left]).toEqual([11, ['Cookie: a=1; b=2']]);
  });
});
