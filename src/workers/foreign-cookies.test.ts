import { expect, test } from 'vitest';
import { ForeignCookies } from './foreign-cookies.ts';

test('each is told once: of a pool, a cookie, and a direction', () => {
  const lines: string[] = [];
  const foreign = new ForeignCookies((line) => lines.push(line));
  const one = { pool: 'shop', cookie: 'limpet' };
  for (let i = 0; i < 3; i++) {
    foreign.tell({ ...one, server: null });
    foreign.tell({ ...one, server: i === 0 ? 'inner' : '' });
    foreign.tell({ pool: 'other', cookie: 'limpet', server: '' });
  }
  expect(lines).toEqual([
    expect.stringMatching(/^pool shop: a client came with a token in the cookie limpet that .* \(tokens_foreign\)\./),
    expect.stringMatching(/^pool shop: server inner sets a cookie limpet, .* removed \(cookies_foreign\)\./),
    expect.stringMatching(/^pool other: a server sets a cookie limpet, /),
  ]);
});
