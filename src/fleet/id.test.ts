import { expect, test } from 'vitest';
import { idSecret, serverId } from './id.ts';

const secret = Buffer.alloc(32, 8);

test('an id depends on the name and the secret, and on nothing else', () => {
  const a = serverId('s1', secret);
  expect(serverId('s2', secret)).not.toBe(a);
  expect(serverId('s1', Buffer.alloc(32, 8))).toBe(a);
  expect(serverId('s1', Buffer.alloc(32, 9))).not.toBe(a);
});

test('a server of the same name in another pool has another id', () => {
  const idIn = (pool: string, key = secret) => serverId('s1', idSecret(pool, key));
  expect(new Set([idIn('a'), idIn('b'), idIn('a', Buffer.alloc(32, 9))]).size).toBe(3);
  expect(idIn('a')).toBe(idIn('a'));
});

test('ids stay the same from release to release: they stand in cookies', () => {
  expect(['s1', 'app-2', 'größe'].map((name) => serverId(name, secret))).toMatchInlineSnapshot(`
    [
      167081087280034,
      3457181411618,
      226124836914910,
    ]
  `);
});

test('ids are 48-bit whole numbers above 0, of all sizes', () => {
  const ids = Array.from({ length: 1000 }, (_, n) => serverId(`server-${n}`, secret));
  for (const id of ids) {
    expect(Number.isSafeInteger(id)).toBe(true);
    expect(id).toBeGreaterThan(0);
    expect(id).toBeLessThan(2 ** 48);
  }
  expect(ids.filter((id) => id >= 2 ** 47).length).toBeGreaterThan(400);
  expect(new Set(ids).size).toBe(1000);
});
