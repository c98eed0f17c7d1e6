import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edited, requestWith, responseWith } from '../../test/support/heads.ts';
import { bindingOf } from '../../test/support/session.ts';
import { Splice } from '../http/splice.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type ClientFacts, maxTried, Recognition } from './affinity.ts';
import { RewriteAffinity } from './rewrite.ts';

const now = 1_800_000_000;
const client: ClientFacts = { clientAddress: '1.2.3.4', clientSecure: false };
const key = (char: string) => Buffer.alloc(32, char);

function affinityOf({ keys = [key('k')], pool = 'shop', separator = '~' } = {}): RewriteAffinity {
  const randomWords = (words: Uint32Array) => void words.set([1, 2]);
  const names = Fingerprints.of(key('t'), pool);
  return new RewriteAffinity(
    { type: 'rewrite', cookie: 'SID', separator, idle: 0 },
    { keys, pool, names, randomWords },
  );
}

function recognise(affinity: RewriteAffinity, ...lines: string[]) {
  const head = requestWith(...lines);
  const recognition = new Recognition();
  const edit = new Splice();
  const found = affinity.recognise(head, client, now, recognition, edit);
  return { found, recognition, left: edited(head, edit).replace('Host: a\r\n', '') };
}

function bind(affinity: RewriteAffinity, owner: number, ...lines: string[]) {
  const head = responseWith(200, ...lines);
  const edit = new Splice();
  const recognition = Object.assign(new Recognition(), { owner, epoch: 1 });
  const told = affinity.bind(recognition, bindingOf(recognition), head, client, now, edit);
  return { told, left: edited(head, edit) };
}

/** What a client keeps when the server with that id says `SID=value`. */
function valueFrom(affinity: RewriteAffinity, owner: number, value: string): string {
  return bind(affinity, owner, `Set-Cookie: SID=${value}`).left.slice('Set-Cookie: SID='.length, -2);
}

describe('on the way out', () => {
  test('an empty value, with quotes or without, deletes the cookie, and gets no prefix', () => {
    for (const line of ['Set-Cookie: SID=; Max-Age=0', 'Set-Cookie: SID=""; Max-Age=0']) {
      expect(bind(affinityOf(), 7, line)).toEqual({ told: false, left: `${line}\r\n` });
    }
  });

  test('the value gets a prefix, and the rest of the line stays', () => {
    const { told, left } = bind(affinityOf(), 7, 'Set-Cookie: SID=abc; Path=/; HttpOnly', 'Set-Cookie: x=1', 'A: b');
    expect(told).toBe(true);
    expect(left).toMatch(/^Set-Cookie: SID=[\w-]{16}~abc; Path=\/; HttpOnly\r\nSet-Cookie: x=1\r\nA: b\r\n$/);
    expect(bind(affinityOf({ separator: '!' }), 7, 'Set-Cookie: SID=abc').left).toMatch(/=[\w-]{16}!abc\r\n$/);
  });

  test('white space that browsers take off does not hide the cookie', () => {
    expect(bind(affinityOf(), 7, 'Set-Cookie: SID = abc ; Path=/').left).toMatch(/SID = [\w-]{16}~abc ; Path=\/\r\n$/);
  });

  test.each(['SID=; Max-Age=0', 'SID', 'sid=abc', 'XSID=abc', 'SIDX=abc', 'a=SID=abc'])('%s stays', (line) => {
    expect(bind(affinityOf(), 7, `Set-Cookie: ${line}`)).toEqual({ told: false, left: `Set-Cookie: ${line}\r\n` });
  });
});

describe('on the way in', () => {
  test('the prefix names the owner and is taken off; other cookies stay as they are', () => {
    const affinity = affinityOf();
    const value = valueFrom(affinity, 0xfedcba987654, 'abc');
    const { found, recognition, left } = recognise(affinity, `Cookie: a=1; SID=${value};b="2"; SIDX=${value}`);
    expect([found, left]).toEqual([true, `Cookie: a=1; SID=abc;b="2"; SIDX=${value}\r\n`]);
    expect(recognition).toMatchObject({ affinity, recognised: true, proof: 'valid', owner: 0xfedcba987654, epoch: 1 });
    expect(recognition.key).toBe(recognition.sid0);
  });

  test('the session is that of the value, whoever owns it and on every node', () => {
    const sid = (owner: number, value: string) => {
      const { sid0, sid1, hasId } = recognise(
        affinityOf(),
        `Cookie: SID=${valueFrom(affinityOf(), owner, value)}`,
      ).recognition;
      return [sid0, sid1, hasId];
    };
    expect(sid(1, 'abc')).toEqual(sid(2, 'abc'));
    expect(sid(1, 'abc')).not.toEqual(sid(1, 'abd'));
  });

  test('it is the same one under another key', () => {
    const sid = (affinity: RewriteAffinity) => {
      const { recognition } = recognise(affinity, `Cookie: SID=${valueFrom(affinity, 7, 'abc')}`);
      return [recognition.sid0, recognition.sid1];
    };
    expect(sid(affinityOf({ keys: [key('n')] }))).toEqual(sid(affinityOf({ keys: [key('o')] })));
  });

  test('of several the first that is ours is the session, and all of ours lose their prefix', () => {
    const affinity = affinityOf();
    const [one, two] = [valueFrom(affinity, 1, 'one'), valueFrom(affinity, 2, 'two')];
    const { recognition, left } = recognise(affinity, `Cookie: SID=bare; SID=${one}`, `Cookie: SID=${two}`);
    expect([recognition.owner, left]).toEqual([1, 'Cookie: SID=bare; SID=one\r\nCookie: SID=two\r\n']);
  });

  test('of many with a prefix no more than the limit are verified, and those behind stay as they came', () => {
    const affinity = affinityOf();
    const ours = valueFrom(affinity, 1, 'one');
    const forged = `SID=${'A'.repeat(16)}~x; `;
    const within = recognise(affinity, `Cookie: ${forged.repeat(maxTried - 1)}SID=${ours}`);
    expect([within.recognition.owner, within.recognition.beyondLimit]).toEqual([1, false]);
    const line = `Cookie: ${forged.repeat(maxTried)}SID=${ours}`;
    const beyond = recognise(affinity, line);
    expect([beyond.found, beyond.recognition.beyondLimit, beyond.left]).toEqual([false, true, `${line}\r\n`]);
  });

  test('any value comes back as it went, with any owner', () => {
    const affinity = affinityOf();
    const octet = fc.constantFrom(...'abcXYZ0189~!#$%&()*+-./:<=>?@[]^_`{|}"'.split(''));
    // Quotes around nothing are an empty value, which deletes the cookie.
    const values = fc.string({ unit: octet, minLength: 1, maxLength: 80 }).filter((value) => value !== '""');
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 2 ** 48 - 1 }), (value, owner) => {
        const { found, recognition, left } = recognise(affinity, `Cookie: SID=${valueFrom(affinity, owner, value)}`);
        expect([found, recognition.owner, left]).toEqual([true, owner, `Cookie: SID=${value}\r\n`]);
      }),
    );
  });

  test('a changed character anywhere, and what is no prefix, is passed on as it came', () => {
    const affinity = affinityOf();
    const value = valueFrom(affinity, 7, 'abc');
    const forged = Array.from(value, (char, i) => value.slice(0, i) + (char === 'A' ? 'B' : 'A') + value.slice(i + 1));
    const prefix = value.slice(0, 17);
    for (const bad of [...forged, `${prefix}abcd`, `${prefix}ab`, prefix, 'abc', '~abc', '']) {
      const { found, recognition, left } = recognise(affinity, `Cookie: SID=${bad}`);
      expect([bad, found, recognition.recognised, left]).toEqual([bad, false, false, `Cookie: SID=${bad}\r\n`]);
    }
    expect(recognise(affinity, `Cookie: SID=${forged[0]}`).recognition.proof).toBe('invalid');
    expect(recognise(affinity, 'Cookie: SID=abc').recognition.proof).toBe('none');
  });

  test('keys rotate, and pools are kept apart', () => {
    const old = valueFrom(affinityOf({ keys: [key('o')] }), 7, 'abc');
    const line = `Cookie: SID=${old}`;
    expect(recognise(affinityOf({ keys: [key('n'), key('o')] }), line).found).toBe(true);
    expect(recognise(affinityOf({ keys: [key('n')] }), line).found).toBe(false);
    expect(recognise(affinityOf({ keys: [key('o')], pool: 'blog' }), line).found).toBe(false);
  });
});

test('a new session has an id of its own until the app names it', () => {
  const recognition = new Recognition();
  const affinity = affinityOf();
  affinity.begin(now, recognition);
  expect(recognition).toMatchObject({ affinity, recognised: false, sid0: 1, sid1: 2, key: 1, epoch: 1, born: now });
});
