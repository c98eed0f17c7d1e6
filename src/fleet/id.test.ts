import { expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { idSecret, serverIds } from './id.ts';

const secret = Buffer.alloc(32, 8);

test('an id depends on the name and the secret, and on nothing else', () => {
  const [a, b] = serverIds(['s1', 's2'], secret);
  expect(serverIds(['s2', 's1', 's3'], secret).slice(0, 2)).toEqual([b, a]);
  expect(serverIds(['s1'], Buffer.alloc(32, 9))).not.toEqual([a]);
});

test('a server of the same name in another pool has another id', () => {
  const idIn = (pool: string, key = secret) => serverIds(['s1'], idSecret(pool, key))[0];
  expect(new Set([idIn('a'), idIn('b'), idIn('a', Buffer.alloc(32, 9))]).size).toBe(3);
  expect(idIn('a')).toBe(idIn('a'));
});

test('ids stay the same from release to release: they stand in cookies', () => {
  expect(serverIds(['s1', 'app-2', 'größe'], secret)).toMatchInlineSnapshot(`
    [
      167081087280034,
      3457181411618,
      226124836914910,
    ]
  `);
});

test('ids are 48-bit whole numbers above 0, of all sizes', () => {
  const ids = serverIds(
    Array.from({ length: 1000 }, (_, n) => `server-${n}`),
    secret,
  );
  for (const id of ids) {
    expect(Number.isSafeInteger(id)).toBe(true);
    expect(id).toBeGreaterThan(0);
    expect(id).toBeLessThan(2 ** 48);
  }
  expect(ids.filter((id) => id >= 2 ** 47).length).toBeGreaterThan(400);
  expect(new Set(ids).size).toBe(1000);
});

test('a name given twice is refused', () => {
  expect(() => serverIds(['s1', 's2', 's1'], secret)).toThrow(
    new UsageError('two servers are named "s1": give each its own name'),
  );
});

test('two names with one id are refused, both named', () => {
  // Found by trying 44 million names under this secret.
  const names = ['s1', 's1815816', 's2', 's11479796'];
  expect(() => serverIds(names, secret)).toThrow(UsageError);
  expect(() => serverIds(names, secret)).toThrow(/"s1815816" and "s11479796"/);
});
