/**
 * A cookie in quotes, as Java's clients send it back that take it for one of RFC 2965, is the same cookie: to every affinity that
 * reads cookies, whether the server set it in quotes or not.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edited, requestWith, responseWith } from '../../test/support/heads.ts';
import { bindingOf } from '../../test/support/session.ts';
import { Splice } from '../http/splice.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type Affinity, type ClientFacts, LearnedId, Recognition } from './affinity.ts';
import { cookieDefaults } from './cookie-options.ts';
import { forceToken } from './force.ts';
import type { KnownAffinity } from './index.ts';
import { createAffinity } from './registry.ts';
import { SessionStatus } from './session-status.ts';
import { TokenRings } from './token.ts';

const now = 1_800_000_000;
const client: ClientFacts = { clientAddress: '1.2.3.4', clientSecure: false, peerTrusted: true };
const key = Buffer.alloc(32, 'k');
const times = { idle: 0, absolute: 0 };
const byCookie = { from: 'cookie', name: 'SID' } as const;

function made(options: KnownAffinity): Affinity {
  return createAffinity(options, {
    pool: 'shop',
    keys: [key],
    hashKey: key,
    names: new Fingerprints(Buffer.alloc(16, 'n')),
    statusOf: () => SessionStatus.unknown,
    sessions: false,
    lifetime: 1,
    skew: 60,
    onAhead() {},
    onLimited() {},
    idOf: (name) => ({ s1: 11, s2: 22 })[name],
    rings: new TokenRings(),
    randomWords: (words) => void words.set([1, 2, 3, 4].slice(0, words.length)),
  });
}

const cookie = made({
  ...cookieDefaults,
  type: 'cookie',
  name: 'SID',
  twin: '',
  sameSite: 'Lax',
  secure: 'auto',
  lifetime: 'session',
  onCacheable: 'private',
  bind: 'always',
  app: { maxAge: 0, sameSite: 'Lax', secure: 'auto', httpOnly: true, domain: '', path: '/' },
});
const learn = made({ type: 'learn', cookie: 'SID', header: '', query: '', parameter: '', ...times });
const rewrite = made({ type: 'rewrite', cookie: 'SID', separator: '~', idle: 0 });
const map = [
  { pattern: '*.node1', server: 's1' },
  { pattern: 'tester', server: 's2' },
];
const route = made({ type: 'route', key: byCookie, map });
const force = made({ type: 'force', key: byCookie });

/** As clients write the cookie `SID=value`. */
const plain = (value: string) => `Cookie: a=1; SID=${value}; b="2"`;
const quoted: Readonly<Record<string, (value: string) => string>> = {
  quotes: (value) => `Cookie: a=1; SID="${value}"; b="2"`,
  'RFC 2965': (value) =>
    `Cookie: $Version="1"; a="1"; $Path="/"; SID="${value}";$Path="/";$Domain="example.org"; b="2"`,
  alone: (value) => `Cookie: $Version=1; SID = "${value}" ;$Port="80"`,
};

function recognise(affinity: Affinity, line: string) {
  const head = requestWith(line);
  const recognition = new Recognition();
  const edit = new Splice();
  const found = affinity.recognise(head, client, now, recognition, edit);
  return { found, recognition, left: edited(head, edit).replace('Host: a\r\n', '').trimEnd() };
}

/** The value of SID that a client gets when the server with that id sets `written`. */
function cookieFrom(affinity: Affinity, owner: number, written: string): string {
  const head = responseWith(200, ...(written === '' ? [] : [`Set-Cookie: SID=${written}; Path=/`]));
  const edit = new Splice();
  const recognition = Object.assign(new Recognition(), { owner });
  affinity.begin?.(now, recognition);
  recognition.owner = owner;
  affinity.bind?.(recognition, bindingOf(recognition), head, client, now, edit);
  return /SID=([^;]*)/.exec(edited(head, edit))?.[1] ?? '';
}

const octets = fc.constantFrom(...'abcXYZ0189~!#$%&*+-./:<=>?@[]^_{|}"'.split(''));
const ids = fc
  .string({ unit: octets, minLength: 1, maxLength: 60 })
  .filter((id) => !(id.length > 1 && id.startsWith('"') && id.endsWith('"')));
const values: Readonly<Record<string, { affinity: Affinity; values: fc.Arbitrary<string> }>> = {
  cookie: {
    affinity: cookie,
    values: fc.integer({ min: 1, max: 2 ** 48 - 1 }).map((id) => cookieFrom(cookie, id, '')),
  },
  learn: { affinity: learn, values: ids },
  rewrite: {
    affinity: rewrite,
    values: fc
      .tuple(fc.integer({ min: 1, max: 2 ** 48 - 1 }), ids)
      .map(([id, value]) => cookieFrom(rewrite, id, value)),
  },
  route: {
    affinity: route,
    values: fc.oneof(
      ids.map((id) => `${id}.node1`),
      fc.constant('tester'),
      ids,
    ),
  },
  force: { affinity: force, values: fc.constantFrom('s1', 's2').map((name) => forceToken('shop', name, now + 9, key)) },
};

describe.each(Object.keys(values))('%s', (name) => {
  const { affinity, values: all } = values[name]!;

  test.each(Object.keys(quoted))('recognises the same in %s', (form) => {
    fc.assert(
      fc.property(all, (value) => {
        const expected = recognise(affinity, plain(value));
        const { found, recognition } = recognise(affinity, quoted[form]!(value));
        expect([found, recognition]).toEqual([expected.found, expected.recognition]);
        if (name !== 'route') expect(found).toBe(true);
      }),
    );
  });
});

test('its attributes leave with our own cookie', () => {
  const value = cookieFrom(cookie, 7, '');
  const left = (form: string) => recognise(cookie, quoted[form]!(value)).left;
  expect([left('quotes'), left('RFC 2965'), left('alone')]).toEqual([
    'Cookie: a=1; b="2"',
    'Cookie: $Version="1"; a="1"; $Path="/"; b="2"',
    '',
  ]);
});

test('the server of a rewritten cookie gets it in the quotes in which the client has it', () => {
  expect(cookieFrom(rewrite, 7, '"abc.node1"')).toMatch(/^"[\w-]{16}~abc\.node1"$/);
  const value = cookieFrom(rewrite, 7, '"abc.node1"').slice(1, -1);
  expect(cookieFrom(rewrite, 7, 'abc.node1')).toBe(value);
  expect(recognise(rewrite, plain(value)).left).toBe('Cookie: a=1; SID=abc.node1; b="2"');
  expect(recognise(rewrite, quoted.alone!(value)).left).toBe('Cookie: $Version=1; SID = "abc.node1" ;$Port="80"');
});

test('what a server sets in quotes is learned without them', () => {
  const learnedOf = (line: string) => {
    const learned = new LearnedId();
    learn.learn?.(new Recognition(), responseWith(200, `Set-Cookie: SID=${line}`), client, now, learned);
    return learned;
  };
  const learned = learnedOf('"abc.node1"; Version=1; Path=/');
  expect(learned.state).toBe('named');
  expect(learnedOf('abc.node1')).toEqual(learned);
  const { recognition } = recognise(learn, plain('abc.node1'));
  expect([recognition.sid0, recognition.sid1]).toEqual([learned.sid0, learned.sid1]);
});
