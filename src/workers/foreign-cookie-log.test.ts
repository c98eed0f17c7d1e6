import { expect, test } from 'vitest';
import { ForeignCookieLog } from './foreign-cookie-log.ts';

test('each is logged once: of a pool, a cookie, and a direction', () => {
  const lines: string[] = [];
  const foreign = new ForeignCookieLog((line) => lines.push(line));
  const one = { pool: 'shop', cookie: 'limpet' };
  for (let i = 0; i < 3; i++) {
    foreign.report({ ...one, server: null });
    foreign.report({ ...one, server: i === 0 ? 'inner' : '' });
    foreign.report({ pool: 'other', cookie: 'limpet', server: '' });
  }
  expect(lines).toEqual([
    expect.stringMatching(/^pool shop: a client sent a token in the cookie limpet that .* \(tokens_foreign\)\./),
    expect.stringMatching(/^pool shop: server inner sets a cookie limpet, .* removed \(cookies_foreign\)\./),
    expect.stringMatching(/^pool other: a server sets a cookie limpet, /),
  ]);
});
