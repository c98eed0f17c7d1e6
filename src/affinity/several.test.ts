/**
 * A client may send several values of one name: cookies of other paths and domains, a header in several lines, a parameter twice.
 * Each is tried: what is known or valid counts before what stands first.
 */
import { describe, expect, test } from 'vitest';
import { readRequest } from '../../test/support/heads.ts';
import { Splice } from '../http/splice.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type Affinity, maxTried, Recognition } from './affinity.ts';
import { ForceAffinity, forceToken } from './force.ts';
import { HeaderAffinity } from './header.ts';
import type { KeyOptions } from './key.ts';
import { LearnAffinity } from './learn.ts';
import { QueryAffinity } from './query.ts';
import { RouteAffinity } from './route.ts';
import { SessionStatus } from './session-status.ts';
import { SocketIoAffinity } from './socket-io.ts';

const now = 1_800_000_000;
const client = { clientAddress: '1.2.3.4', clientSecure: false, peerTrusted: true };
const names = new Fingerprints(Buffer.alloc(16, 'n'));
const ids = new Fingerprints(Buffer.alloc(16, 'i'));
const times = { idle: 0, absolute: 0 };

function hashOf(text: string, by = names): [number, number] {
  const out = { hi: 0, lo: 0 };
  by.hash(Buffer.from(text), 0, text.length, out);
  return [out.hi, out.lo];
}

/** What the table says, by the beginning of a name: given1, adopted1, ended1, or anything else. */
const statuses = new Map(
  (['ended', 'adopted', 'given'] as const).flatMap((kind) =>
    [1, 2].map((n) => [hashOf(`${kind}${n}`).join(), SessionStatus[kind]] as const),
  ),
);
let asked = 0;
const statusOf = (hi: number, lo: number) => {
  asked++;
  return statuses.get(`${hi},${lo}`) ?? SessionStatus.unknown;
};
const deps = { names, ids, lifetime: 1, statusOf };

function recognise(affinity: Affinity, target: string, lines: string[] = []) {
  const recognition = new Recognition();
  asked = 0;
  const head = readRequest([`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n'));
  const found = affinity.recognise(head, client, now, recognition, new Splice());
  return { found, recognition };
}

const learn = new LearnAffinity(
  { type: 'learn', cookie: 'SID', header: 'X-Session', query: 'sid', parameter: 'jsessionid', ...times },
  deps,
);
const header = new HeaderAffinity({ type: 'header', name: 'X-Session', endOnDelete: true, ...times }, deps);
const query = new QueryAffinity({ type: 'query', name: 'sid', ...times }, deps);
const socketIo = new SocketIoAffinity({ type: 'socket.io', path: '/', ...times }, deps);

/** Ways to send several names. */
const ways: Readonly<Record<string, { affinity: Affinity; send: (all: string[]) => [string, string[]?] }>> = {
  'learn, one Cookie line': {
    affinity: learn,
    send: (all) => ['/', [`Cookie: x=1; ${all.map((one) => `SID=${one}`).join('; ')}`]],
  },
  'learn, several Cookie lines': {
    affinity: learn,
    send: (all) => ['/', all.flatMap((one) => [`Cookie: SID=${one}`, 'X: y'])],
  },
  'learn, header lines': { affinity: learn, send: (all) => ['/', all.map((one) => `X-Session: ${one}`)] },
  'learn, query parameters': { affinity: learn, send: (all) => [`/?x&${all.map((one) => `sid=${one}`).join('&')}`] },
  'learn, path parameters': {
    affinity: learn,
    send: (all) => [`/a${all.map((one) => `;jsessionid=${one}`).join('')}`],
  },
  'learn, in every place': {
    affinity: learn,
    send: ([one, two = '', three = '', ...rest]) => [
      `/a${rest.map((text) => `;jsessionid=${text}`).join('/')}?sid=${three}`,
      [`X-Session: ${two}`, `Cookie: SID=${one}`],
    ],
  },
  'header lines': { affinity: header, send: (all) => ['/', all.map((one) => `x-session: ${one}`)] },
  'query parameters, encoded': {
    affinity: query,
    send: (all) => [`/?${all.map((one) => `s%69d=${one.replace('e', '%65')}`).join('&')}`],
  },
  'socket.io': { affinity: socketIo, send: (all) => [`/?EIO=4&${all.map((one) => `sid=${one}`).join('&')}`] },
};

describe.each(Object.keys(ways))('%s', (way) => {
  const { affinity, send } = ways[way]!;

  test.each([
    [['given1', 'given2'], 'given1'],
    [['stale', 'given1'], 'given1'],
    [['given1', 'stale'], 'given1'],
    [['stale', 'older', 'given1', 'given2'], 'given1'],
    [['adopted1', 'given1'], 'given1'],
    [['stale', 'adopted1', 'adopted2'], 'adopted1'],
    [['ended1', 'stale'], 'stale'],
    [['ended1', 'given1'], 'given1'],
    [['ended1', 'ended2'], 'ended1'],
    [['stale', 'older'], 'stale'],
  ])('of %j %s', (all, expected) => {
    const { found, recognition } = recognise(affinity, ...send(all));
    const [sid0, sid1] = hashOf(expected);
    const [sid2, sid3] = hashOf(expected, ids);
    expect(found).toBe(true);
    expect(recognition).toMatchObject({ sid0, sid1, sid2, sid3, key: sid0, kind: 'key', beyondLimit: false });
  });

  test('every order of a known one among stale ones', () => {
    const others = ['stale', 'older', 'ended1', 'adopted1'];
    for (let at = 0; at <= others.length; at++) {
      const { recognition } = recognise(affinity, ...send(others.toSpliced(at, 0, 'given2')));
      expect([at, recognition.sid0]).toEqual([at, hashOf('given2')[0]]);
    }
  });

  test('one alone costs no look into the table', () => {
    expect(recognise(affinity, ...send(['given1'])).found).toBe(true);
    expect(asked).toBe(0);
  });
});

test('no more are looked up than the limit, and those behind are told', () => {
  const many = Array.from({ length: maxTried - 1 }, (_, n) => `SID=stale${n}`);
  const within = recognise(learn, '/', [`Cookie: ${[...many, 'SID=given1'].join(';')}`]).recognition;
  expect([within.sid0, within.beyondLimit, asked]).toEqual([hashOf('given1')[0], false, maxTried]);
  const beyond = recognise(learn, '/', [`Cookie: ${[...many, 'SID=x', 'SID=given1'].join(';')}`]).recognition;
  expect([beyond.sid0, beyond.beyondLimit, asked]).toEqual([hashOf('stale0')[0], true, maxTried]);
});

describe.each<[string, KeyOptions, (all: string[]) => [string, string[]?]]>([
  [
    'cookies',
    { from: 'cookie', name: 'who' },
    (all) => ['/', [`Cookie: ${all.map((one) => `who=${one}`).join('; ')}`]],
  ],
  ['Cookie lines', { from: 'cookie', name: 'who' }, (all) => ['/', all.map((one) => `Cookie: who="${one}"`)]],
  ['header lines', { from: 'header', name: 'X-Who' }, (all) => ['/', all.map((one) => `X-Who: ${one}`)]],
  ['parameters', { from: 'query', name: 'who' }, (all) => [`/?a&${all.map((one) => `who=${one}`).join('&')}`]],
])('a key in several %s', (_name, key, send) => {
  const secret = Buffer.alloc(32, 'k');
  const idOf = (name: string) => ({ s1: 11, s2: 22 })[name]!;
  const map = [
    { pattern: 'one', server: 's1' },
    { pattern: 'tw*', server: 's2' },
  ];
  const route = new RouteAffinity({ type: 'route', key, map }, idOf);
  const force = new ForceAffinity(key, { keys: [secret], pool: 'shop', idOf });
  const forged = forceToken('shop', 's1', now + 9, Buffer.alloc(32, 'x'));
  const expired = forceToken('shop', 's1', now, secret);
  const valid = forceToken('shop', 's2', now + 9, secret);

  test.each<[Affinity, string[], number | null]>([
    [route, ['x', 'two', 'one'], 22],
    [route, ['', 'one'], 11],
    [route, ['x', 'y'], null],
    [route, [...Array(maxTried - 1).fill('x'), 'one'], 11],
    [route, [...Array(maxTried).fill('x'), 'one'], null],
    [force, [forged, expired, valid], 22],
    [force, [forged, expired], null],
  ])('%o %j', (affinity, all, owner) => {
    const { found, recognition } = recognise(affinity, ...send(all));
    expect(found ? recognition.owner : null).toBe(owner);
  });
});
