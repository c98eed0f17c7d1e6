import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseKey } from './keys.ts';

test.each(['hex', 'base64', 'base64url'] as const)('a key in %s', (encoding) => {
  const key = randomBytes(32);
  expect(parseKey(key.toString(encoding))).toEqual(key);
});

test('plain text of 32 bytes, also when it could be shorter hex or base64', () => {
  for (const text of ['correct horse battery staple, twice', 'abcdef0123456789abcdef0123456789', 'ü'.repeat(16)]) {
    expect(parseKey(text)).toEqual(Buffer.from(text));
  }
});

test.each(['', 'short', 'a'.repeat(31)])('%j is too short', (text) => expect(parseKey(text)).toBeNull());
