/** The affinities whose name the client gives: header, query and path. */
import { describe, expect, test } from 'vitest';
import { readRequest, responseWith } from '../../test/support/heads.ts';
import { Method } from '../http/head.ts';
import { Splice } from '../http/splice.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type Affinity, LearnedId, Recognition } from './affinity.ts';
import { HeaderAffinity } from './header.ts';
import { PathAffinity } from './path.ts';
import { PathPattern } from './pattern.ts';
import { QueryAffinity } from './query.ts';

const now = 1_800_000_000;
const names = new Fingerprints(Buffer.alloc(16, 'n'));
const deps = { names, lifetime: 3 };
const times = { idle: 0, absolute: 0 };
const client = { clientAddress: '1.2.3.4', clientSecure: false };

function recognise(affinity: Affinity, target: string, ...lines: string[]): Recognition | null {
  const recognition = new Recognition();
  const head = readRequest([`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n'));
  return affinity.recognise(head, client, now, recognition, new Splice()) ? recognition : null;
}

function expectName(affinity: Affinity, recognition: Recognition | null, name: string | null): void {
  if (name === null) {
    expect(recognition).toBe(null);
    return;
  }
  const out = { hi: 0, lo: 0 };
  names.hash(Buffer.from(name, 'latin1'), 0, name.length, out);
  const known = { affinity, recognised: true, kind: 'key', proof: 'valid', born: now, owner: 0, epoch: 0 };
  expect(recognition).toMatchObject({ ...known, sid0: out.hi, sid1: out.lo, key: out.hi });
}

describe('header', () => {
  const affinityOf = (endOnDelete = true) =>
    new HeaderAffinity({ type: 'header', name: 'Mcp-Session-Id', endOnDelete, ...times }, deps);

  test.each<[string[], string | null]>([
    [['mcp-SESSION-id: a b'], 'a b'],
    [['X: y', 'Mcp-Session-Id: one', 'Mcp-Session-Id: two'], 'one'],
    [['Mcp-Session-Id:'], null],
    [['Mcp-Session: one', 'Mcp_Session_Id: one'], null],
    [[`Mcp-Session-Id: ${'x'.repeat(4097)}`], null],
  ])('%j', (lines, name) => {
    const affinity = affinityOf();
    expectName(affinity, recognise(affinity, '/', ...lines), name);
  });

  test('a response mints the name that requests then carry', () => {
    const affinity = affinityOf();
    const learned = new LearnedId();
    const response = responseWith(200, 'Mcp-Session-Id:', 'mcp-session-id: one', 'Mcp-Session-Id: two');
    affinity.learn(new Recognition(), response, client, now, learned);
    const recognition = recognise(affinity, '/', 'Mcp-Session-Id: one');
    expect(learned).toMatchObject({ state: 'named', sid0: recognition?.sid0, sid1: recognition?.sid1, expires: 0 });
  });

  test.each<[number, number, boolean, string]>([
    [Method.delete, 200, true, 'ended'],
    [Method.delete, 204, true, 'ended'],
    [Method.delete, 299, true, 'ended'],
    [Method.delete, 405, true, 'nothing'],
    [Method.delete, 300, true, 'nothing'],
    [Method.post, 200, true, 'nothing'],
    [Method.delete, 200, false, 'nothing'],
  ])('method %i, status %i, endOnDelete %s: %s', (method, status, endOnDelete, state) => {
    const affinity = affinityOf(endOnDelete);
    const recognition = recognise(affinity, '/', 'Mcp-Session-Id: one') ?? new Recognition();
    const learned = new LearnedId();
    affinity.learn(recognition, responseWith(status), { ...client, method }, now, learned);
    expect(learned.state).toBe(state);
    const other = new LearnedId();
    affinityOf().learn(recognition, responseWith(status), { ...client, method }, now, other);
    expect(other.state).toBe('nothing');
  });
});

test.each<[string, string | null]>([
  ['/?room=a', 'a'],
  ['/x?y=1&room=a%20b&room=c', 'a b'],
  ['/?r%6Fom=%41', 'A'],
  ['/?room=', null],
  ['/?Room=a', null],
  ['/room=a', null],
])('query %s', (target, name) => {
  const affinity = new QueryAffinity({ type: 'query', name: 'room', ...times }, deps);
  expectName(affinity, recognise(affinity, target), name);
});

test('a parameter is found however its name is encoded', () => {
  const affinity = new QueryAffinity({ type: 'query', name: 'a b&é', ...times }, deps);
  for (const target of ['/?a+b%26%C3%A9=x', '/?a%20b%26%c3%a9=x'])
    expectName(affinity, recognise(affinity, target), 'x');
  expectName(affinity, recognise(affinity, '/?a+b&%C3%A9=x'), null);
});

test.each<[string, string, string | null]>([
  ['^/rooms/([^/]+)', '/rooms/7/chat?x=/rooms/8', '7'],
  ['^/rooms/([^/]+)', '/rooms/%41b', '%41b'],
  ['^/rooms/([^/]*)', '/rooms/', null],
  ['^/rooms/([^/]+)', '/other/7', null],
  ['^/rooms(?:/(\\d+))?', '/rooms', null],
  ['x=(.*)', '/?x=1', null],
  ['^/(x+)', `/${'x'.repeat(4097)}`, null],
  ['^/(x+)', `/${'x'.repeat(4096)}`, 'x'.repeat(4096)],
  ['^/(.*)', 'http://a/b', 'b'],
])('path %s of %s', (pattern, target, name) => {
  const affinity = new PathAffinity({ type: 'path', pattern, ...times }, deps);
  expectName(affinity, recognise(affinity, target), name);
});

test('a path that is too long for its pattern is not searched', () => {
  const pattern = '^/(?:a|b)*(?:x{400})?/([^/]+)';
  const affinity = new PathAffinity({ type: 'path', pattern, ...times }, deps);
  const { longest } = new PathPattern(pattern);
  const path = (size: number) => `/${'ab'.repeat(size)}`.slice(0, size - 2).concat('/x');
  expectName(affinity, recognise(affinity, path(longest)), 'x');
  expectName(affinity, recognise(affinity, path(longest + 1)), null);
});

test('a whole id, where one is needed: the other half is another hash of the same name', () => {
  const ids = new Fingerprints(Buffer.alloc(16, 'i'));
  const affinity = new HeaderAffinity({ type: 'header', name: 'X-Id', endOnDelete: true, ...times }, { ...deps, ids });
  const plain = new HeaderAffinity({ type: 'header', name: 'X-Id', endOnDelete: true, ...times }, deps);
  const [whole, half] = [recognise(affinity, '/', 'X-Id: me')!, recognise(plain, '/', 'X-Id: me')!];
  const out = { hi: 0, lo: 0 };
  ids.hash(Buffer.from('me'), 0, 2, out);
  expect(whole).toMatchObject({ sid0: half.sid0, sid1: half.sid1, sid2: out.hi, sid3: out.lo, key: half.key });
  expect([whole.hasId, half.hasId]).toEqual([true, false]);
});
