import { expect, test } from 'vitest';
import { census } from './census.ts';
import { sweep } from './expiry.ts';
import { Entry, SessionTable } from './table.ts';

test('live sessions by server, and which of them have a copy', async () => {
  const table = SessionTable.create({ capacity: 20_000, lifetimes: [{ idle: 100, absolute: 0 }] });
  const out = new Entry();
  const keyOf = (n: number) => ({ hi: Math.imul(n, 0x9e3779b1) >>> 0, lo: Math.imul(n, 0x85ebca6b) >>> 0 });
  for (let n = 0; n < 9000; n++) {
    table.bind(keyOf(n), 1 + (n % 3), n % 10 === 0 ? 0 : 1000, out);
    if (n % 2 === 0) table.copy(keyOf(n), 1, 5, 1000);
    if (n % 9 === 8) table.end(keyOf(n), 1000);
  }
  const expected = new Map([1, 2, 3].map((server) => [server, { live: 0, copied: 0 }]));
  for (let n = 0; n < 9000; n++) {
    if (table.find(keyOf(n), 1000, out) !== 'live') continue;
    const count = expected.get(out.server)!;
    count.live++;
    if (out.copied) count.copied++;
  }
  expect(await census(table, 1000)).toEqual(expected);
  // What the table counts as it goes also has the expired sessions that are not swept yet.
  sweep(table, 1_000_000, 1000);
  for (const [server, { live, copied }] of expected) {
    expect([table.count(server), table.countCopied(server)]).toEqual([live, copied]);
  }
});
