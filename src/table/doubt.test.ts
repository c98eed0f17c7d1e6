import { expect, test } from 'vitest';
import { doubtAll } from './doubt.ts';
import { Entry, SessionTable } from './table.ts';

const now = 1000;

test('every live session is unsure, and no other record', async () => {
  const table = SessionTable.create({ capacity: 20_000 });
  const entry = new Entry();
  const keys = Array.from({ length: 500 }, (_, i) => ({ hi: i * 7_919_113, lo: i }));
  for (const key of keys) table.bind(key, 1, now, entry);
  table.end(keys[3]!, now);
  await doubtAll(table, now);
  for (const [i, key] of keys.entries()) {
    const look = table.find(key, now, entry);
    expect([look, look === 'live' && entry.unsure]).toEqual(i === 3 ? ['ended', false] : ['live', true]);
  }
  expect(table.count(1)).toBe(keys.length - 1);
});
