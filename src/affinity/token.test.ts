import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Recognition } from './affinity.ts';
import { derive, isTokenLength, TokenRing, TokenRings, tokenChars } from './token.ts';

const keyA = Buffer.alloc(32, 'a');
const keyB = Buffer.alloc(32, 'b');
const noLimit = { idle: 0, absolute: 0 };
const now = 1_800_000_000;

const word = fc.integer({ min: 0, max: 0xffffffff });
const recognition = fc
  .record({
    owner: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    sid0: word,
    sid1: word,
    sid2: word,
    sid3: word,
    epoch: word,
    born: fc.nat(now),
    seen: fc.nat(now),
  })
  .map((fields) => Object.assign(new Recognition(), fields));

function sessionOf(fields: Partial<Recognition> = {}): Recognition {
  return Object.assign(new Recognition(), {
    owner: 7,
    sid0: 1,
    sid1: 2,
    sid2: 3,
    sid3: 4,
    epoch: 1,
    born: now,
    seen: now,
    ...fields,
  });
}

function verifyText(ring: TokenRing, text: string, at = now, into = new Recognition()): string {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  return ring.verify(bytes, 1, bytes.length - 1, at, into);
}

const fieldsOf = ({ owner, sid0, sid1, sid2, sid3, epoch, born, seen }: Recognition) => ({
  owner,
  sid0,
  sid1,
  sid2,
  sid3,
  epoch,
  born,
  seen,
});

describe('a token', () => {
  test('ends with 128 bits of the HMAC-SHA-256 of what stands before them', () => {
    fc.assert(
      fc.property(recognition, fc.uint8Array({ minLength: 32, maxLength: 80 }), (made, bytes) => {
        const secret = Buffer.from(bytes);
        const token = Buffer.from(new TokenRing([secret], 'shop', noLimit).sign(made), 'base64url');
        const sum = createHmac('sha256', derive(secret, 'limpet token shop')).update(token.subarray(0, 38)).digest();
        expect(token.subarray(38)).toEqual(sum.subarray(0, 16));
      }),
    );
  });

  test('says what was signed: read anew, from the cache, and by another node', () => {
    const ring = new TokenRing([keyA], 'shop', noLimit);
    const node = new TokenRing([keyA], 'shop', noLimit);
    fc.assert(
      fc.property(recognition, (made) => {
        const text = ring.sign(made);
        expect(text).toMatch(/^[A-Za-z0-9_-]{72}$/);
        for (const reader of [ring, ring, node]) {
          const read = new Recognition();
          expect(verifyText(reader, text, now, read)).toBe('valid');
          expect(fieldsOf(read)).toEqual(fieldsOf(made));
        }
      }),
    );
  });

  test('with any bit changed is refused, before and after the true one was seen', () => {
    const ring = new TokenRing([keyA], 'shop', noLimit);
    const text = ring.sign(sessionOf());
    const raw = Buffer.from(text, 'base64url');
    expect(raw).toHaveLength(54);
    for (const round of ['cold', 'kept']) {
      for (let bit = 0; bit < raw.length * 8; bit++) {
        const forged = Buffer.from(raw);
        forged[bit >> 3]! ^= 1 << (bit & 7);
        // Bytes 1 to 3 name key and pool: of others nobody here can tell whether they are authentic.
        const refused = bit >= 8 && bit < 32 ? 'foreign' : 'invalid';
        expect(`${round} ${bit} ${verifyText(ring, forged.toString('base64url'))}`).toBe(`${round} ${bit} ${refused}`);
      }
      expect(verifyText(ring, text)).toBe('valid');
    }
  });

  test('has one spelling: any other byte at any place is refused', () => {
    const ring = new TokenRing([keyA], 'shop', noLimit);
    const text = ring.sign(sessionOf());
    expect(verifyText(ring, text)).toBe('valid');
    for (let i = 0; i < tokenChars; i++) {
      for (let byte = 0; byte < 256; byte++) {
        const char = String.fromCharCode(byte);
        if (char === text[i]) continue;
        const refused = verifyText(ring, text.slice(0, i) + char + text.slice(i + 1));
        // The characters 1 to 5 hold bits of the bytes that name key and pool.
        if (refused !== 'invalid') expect([i >= 1 && i <= 5, refused]).toEqual([true, 'foreign']);
      }
    }
    for (const other of [
      `${text}=`,
      `${text}A`,
      text.slice(1),
      '',
      `"${text.slice(2)}"`,
      text.replaceAll('-', '+').replaceAll('_', '/'),
    ]) {
      if (other !== text) expect(verifyText(ring, other)).toBe('invalid');
    }
  });

  test('of nothing but one byte is refused by a ring that has seen none', () => {
    const ring = new TokenRing([keyA], 'shop', noLimit);
    for (let byte = 0; byte < 256; byte++)
      expect(verifyText(ring, String.fromCharCode(byte).repeat(tokenChars))).toMatch(/^(?:invalid|foreign)$/);
  });

  test('of another pool or another key is foreign, not forged', () => {
    const text = new TokenRing([keyA], 'shop', noLimit).sign(sessionOf());
    expect(verifyText(new TokenRing([keyA], 'shop', noLimit), text)).toBe('valid');
    expect(verifyText(new TokenRing([keyA], 'shop2', noLimit), text)).toBe('foreign');
    expect(verifyText(new TokenRing([keyB], 'shop', noLimit), text)).toBe('foreign');
    const end = text.endsWith('A') ? 'B' : 'A';
    expect(verifyText(new TokenRing([keyA], 'shop', noLimit), text.slice(0, -1) + end)).toBe('invalid');
  });
});

describe('pools', () => {
  const bytesOf = (text: string) => Buffer.from(text, 'base64url');

  test('a token does not count in a pool whose name happens to share its two bytes, nor when these are changed', () => {
    const shop = new TokenRing([keyA], 'shop', noLimit);
    const text = shop.sign(sessionOf());
    const twoBytes = (pool: string) => bytesOf(new TokenRing([keyA], pool, noLimit).sign(sessionOf())).readUInt16BE(2);
    const twin = 'pool-95709';
    expect(twoBytes(twin)).toBe(twoBytes('shop'));
    expect(verifyText(new TokenRing([keyA], twin, noLimit), text)).toBe('invalid');
    const other = bytesOf(text);
    bytesOf(new TokenRing([keyA], 'bank', noLimit).sign(sessionOf())).copy(other, 2, 2, 4);
    expect(verifyText(new TokenRing([keyA], 'bank', noLimit), other.toString('base64url'))).toBe('invalid');
    expect(verifyText(shop, text)).toBe('valid');
  });
});

describe('keys rotate', () => {
  const before = new TokenRing([keyA], 'shop', noLimit);
  const during = new TokenRing([keyB, keyA], 'shop', noLimit);
  const after = new TokenRing([keyB], 'shop', noLimit);
  const old = before.sign(sessionOf());
  const fresh = during.sign(sessionOf());

  test('all verify, the first signs', () => {
    expect(verifyText(during, old)).toBe('valid');
    expect(verifyText(during, fresh)).toBe('valid');
    expect(verifyText(after, fresh)).toBe('valid');
    expect(verifyText(after, old)).toBe('foreign');
    expect(verifyText(before, fresh)).toBe('foreign');
  });

  test('two keys with the same id are both tried', () => {
    const idOf = (secret: Buffer) => derive(secret, 'limpet key id')[0]!;
    let twin = Buffer.alloc(32);
    for (let n = 1; idOf(twin) !== idOf(keyA); n++) {
      twin = Buffer.alloc(32);
      twin.writeUInt32BE(n);
    }
    const both = new TokenRing([twin, keyA], 'shop', noLimit);
    expect(verifyText(both, old)).toBe('valid');
    expect(verifyText(both, both.sign(sessionOf()))).toBe('valid');
    expect(verifyText(new TokenRing([twin], 'shop', noLimit), old)).toBe('invalid');
  });
});

describe('times', () => {
  const ring = new TokenRing([keyA], 'shop', { idle: 100, absolute: 1000 });
  const at = (born: number, seen: number) =>
    verifyText(ring, ring.sign(sessionOf({ born: now + born, seen: now + seen })));

  test.each([
    [0, 0, 'valid'],
    [-500, -99, 'valid'],
    [-500, -100, 'idle'],
    [-999, 0, 'valid'],
    [-1000, 0, 'old'],
    [-1000, -100, 'old'],
    [60, 60, 'valid'],
    [61, 0, 'ahead'],
    [0, 61, 'ahead'],
  ])('born %i s and seen %i s from now: %s', (born, seen, proof) => {
    expect(at(born, seen)).toBe(proof);
    // From the cache too.
    expect(at(born, seen)).toBe(proof);
  });

  test.each([
    // Of nodes whose clocks differ a little: as they are.
    [60, 60, 'valid', false, 60, 60],
    [61, 0, 'valid', true, 0, 0],
    [0, 61, 'valid', true, 0, 0],
    [600, 600, 'valid', true, 0, 0],
    [-50, 600, 'valid', true, -50, 0],
    [-1000, 600, 'old', true, -1000, 0],
    [601, 0, 'ahead', true, 601, 0],
    [0, 601, 'ahead', true, 0, 601],
  ] as const)(
    'within a skew of 600 s, born %i s and seen %i s from now: %s',
    (born, seen, proof, ahead, asBorn, asSeen) => {
      const wide = new TokenRing([keyA], 'shop', { idle: 100, absolute: 1000 }, 600);
      const text = wide.sign(sessionOf({ born: now + born, seen: now + seen }));
      // From the cache too.
      for (let n = 0; n < 2; n++) {
        const recognition = new Recognition();
        expect(wide.verify(Buffer.from(text), 0, text.length, now, recognition)).toBe(proof);
        expect([recognition.ahead, recognition.born - now, recognition.seen - now]).toEqual([ahead, asBorn, asSeen]);
      }
    },
  );

  test('a kept token grows old like any other', () => {
    const text = ring.sign(sessionOf());
    expect([0, 99, 100].map((later) => verifyText(ring, text, now + later))).toEqual(['valid', 'valid', 'idle']);
    expect(verifyText(ring, text, now)).toBe('valid');
  });

  test('without limits nothing does', () => {
    const timeless = new TokenRing([keyA], 'shop', noLimit);
    expect(verifyText(timeless, timeless.sign(sessionOf({ born: 0, seen: 0 })))).toBe('valid');
  });
});

test('many tokens that share slots of the cache are never taken for each other', () => {
  const ring = new TokenRing([keyA], 'shop', noLimit);
  const tokens = Array.from({ length: 10_000 }, (_, i) => ring.sign(sessionOf({ sid0: i, owner: i + 1 })));
  for (const [i, text] of [...tokens.entries(), ...tokens.entries()]) {
    const read = new Recognition();
    expect(verifyText(ring, text, now, read)).toBe('valid');
    if (read.sid0 !== i || read.owner !== i + 1) expect.fail(`token ${i} was read as ${read.sid0}`);
  }
});

test('rings are kept while keys, pool, times and skew are the same, and somebody has them', () => {
  const rings = new TokenRings();
  const ring = rings.of([keyA], 'shop', noLimit, 600);
  expect(rings.of([Buffer.from(keyA)], 'shop', { ...noLimit }, 600)).toBe(ring);
  const others = [
    rings.of([keyA], 'admin', noLimit, 600),
    rings.of([keyA], 'shop', { idle: 1, absolute: 0 }, 600),
    rings.of([keyA], 'shop', { idle: 0, absolute: 1 }, 600),
    rings.of([keyA], 'shop', noLimit, 601),
    rings.of([keyB], 'shop', noLimit, 600),
    rings.of([keyB, keyA], 'shop', noLimit, 600),
  ];
  expect(new Set([ring, ...others]).size).toBe(7);
  expect(verifyText(others[5]!, ring.sign(sessionOf()))).toBe('valid');
  expect(verifyText(others[4]!, ring.sign(sessionOf()))).toBe('foreign');
});

describe('a token that says how its cookie is', () => {
  const flag = fc.option(fc.boolean());
  const cookie = fc.record({
    tag: word,
    idle: fc.nat(34_560_000),
    persistent: flag,
    sameSite: fc.option(fc.constantFrom('Strict' as const, 'Lax' as const, 'None' as const)),
    secure: flag,
    httpOnly: flag,
    partitioned: fc.boolean(),
    path: fc.stringMatching(/^(?:\/[a-z]{0,100})?$/),
    domain: fc.option(fc.stringMatching(/^[a-z.]{0,150}$/)),
  });
  const plain = {
    tag: 1,
    persistent: null,
    sameSite: null,
    secure: null,
    httpOnly: null,
    partitioned: false,
    path: '',
    domain: null,
  };

  test('says all of it: read anew, from the cache, and by another node; and no other character will do', () => {
    const ring = new TokenRing([keyA], 'shop', noLimit);
    fc.assert(
      fc.property(recognition, cookie, fc.nat(), (made, said, at) => {
        const text = ring.sign(Object.assign(made, { cookie: said, born: now, seen: now }));
        expect(isTokenLength(text.length)).toBe(true);
        for (const reader of [ring, ring, new TokenRing([keyA], 'shop', noLimit)]) {
          const read = new Recognition();
          expect(verifyText(reader, text, now, read)).toBe('valid');
          expect(fieldsOf(read)).toEqual(fieldsOf(made));
          expect(read.cookie).toEqual(said);
        }
        const place = at % text.length;
        const other = text[place] === 'A' ? 'B' : 'A';
        const read = new Recognition();
        const tokenDue = text.slice(0, place) + other + text.slice(place + 1);
        for (const forged of [tokenDue, text.slice(0, tokenChars), `${text}AAAA`, text.slice(0, -1)])
          expect(verifyText(ring, forged, now, read)).toMatch(/^(?:invalid|foreign)$/);
        // And the other way round: what was signed without cannot get any.
        const bare = ring.sign(Object.assign(made, { cookie: null }));
        expect(verifyText(ring, bare, now, read)).toBe('valid');
        expect(read.cookie).toBeNull();
        expect(verifyText(ring, bare + text.slice(tokenChars), now, read)).toBe('invalid');
      }),
    );
  });

  test.each([
    // What the app has asked for counts from when the token could have been dated anew: it is the least.
    [{ idle: 1000, absolute: 0, longestIdle: 100_000 }, 4000, 4999, 5000],
    [{ idle: 1000, absolute: 0, longestIdle: 10_000_000 }, 1_209_600, 1_213_199, 1_213_200],
    [{ idle: 1000, absolute: 0, longestIdle: 2000 }, 4000, 2499, 2500],
    [{ idle: 1000, absolute: 0 }, 4000, 1249, 1250],
    [{ idle: 0, absolute: 0, longestIdle: 10_000 }, 4000, 4999, 5000],
    [{ idle: 1000, absolute: 0, longestIdle: 2000 }, 0, 999, 1000],
    [{ idle: 1000, absolute: 3000, longestIdle: 10_000 }, 4000, 2999, null],
  ])('%j: %i seconds are good for %i', (times, idle, last, over) => {
    const ring = new TokenRing([keyA], 'shop', times);
    const text = ring.sign(sessionOf({ cookie: { ...plain, idle } }));
    expect(verifyText(ring, text, now + last)).toBe('valid');
    expect(verifyText(ring, text, now + (over ?? last + 1))).toBe(over === null ? 'old' : 'idle');
  });
});
