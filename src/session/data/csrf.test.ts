/** Tokens against forged requests, as data. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SessionData } from './codec.ts';
import { csrfName, dropCsrfSecrets, isCsrfToken, makeCsrfToken, mergeCsrfSecrets } from './csrf.ts';

const tokenOf = (data: SessionData) => makeCsrfToken(data, randomBytes);

test('each token is another text, right in its session only, until the secret is dropped', () => {
  const [mine, other]: SessionData[] = [{}, {}];
  const tokens = [tokenOf(mine!), tokenOf(mine!)];
  expect(new Set(tokens).size).toBe(2);
  expect(JSON.stringify(mine)).not.toContain(tokens[0]);
  for (const token of tokens) expect(isCsrfToken(mine!, token)).toBe(true);
  tokenOf(other!);
  expect(isCsrfToken(other!, tokens[0])).toBe(false);
  expect(isCsrfToken({}, tokens[0])).toBe(false);
  dropCsrfSecrets(mine!);
  const fresh = tokenOf(mine!);
  expect([isCsrfToken(mine!, tokens[0]), isCsrfToken(mine!, fresh)]).toEqual([false, true]);
});

test('whatever is no token is none', () => {
  const data: SessionData = {};
  const token = tokenOf(data);
  const changed = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
  for (const wrong of [undefined, null, '', 0, {}, [token], token.slice(1), `${token}A`, changed, '='.repeat(48)])
    expect(isCsrfToken(data, wrong)).toBe(false);
  for (const kept of ['text', [1], ['short'], null]) expect(isCsrfToken({ [csrfName]: kept }, token)).toBe(false);
});

test('two requests have made the first one: both pages work, and of many the last four', () => {
  const pages = Array.from({ length: 6 }, () => {
    const data: SessionData = {};
    return { token: tokenOf(data), secrets: data[csrfName] };
  });
  let kept: unknown;
  for (const { secrets } of pages) kept = mergeCsrfSecrets(secrets, kept);
  const right = pages.map(({ token }) => isCsrfToken({ [csrfName]: kept }, token));
  expect(right).toEqual([false, false, true, true, true, true]);
  expect(mergeCsrfSecrets(undefined, undefined)).toBeUndefined();
});
